"""The status of an Application, field by field, as scripts, dashboards and other controllers read it."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.gitops.links import urls
from rollouts.kube import kinds
from rollouts.simulation.gitworld import GitWorld
from tests.gitops.shop import (
    APP,
    HOOK,
    OPTIONS,
    WAVE,
    a_world,
    automated,
    config,
    deployment,
    health,
    job,
    phase,
    ref,
    refresh,
    resources,
    rows,
    service,
    state,
    status,
    sync,
    sync_status,
)


def ingress(name: str = "web", host: str = "shop.test", **marks: str) -> dict[str, Any]:
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    spec = {"tls": [{"hosts": [host]}], "rules": [{"host": host, "http": {"paths": paths}}]}
    meta = {"name": name, "annotations": marks}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": meta, "spec": spec}


def a_synced_world(*more: dict[str, Any], **spec: Any) -> GitWorld:
    things = (deployment("web"), service("web"), job("migrate", **{HOOK: "PreSync"}), *more)
    world = a_world(*things, spec=spec or automated())
    world.run(60)
    return world


def test_every_field_that_clients_read_is_there_after_a_sync() -> None:
    world = a_synced_world()
    found = status(world)
    revision = world.git.heads["HEAD"]
    source = world.get(APP)["spec"]["source"]

    assert found["sync"]["status"] == "Synced"
    assert found["sync"]["revision"] == revision
    assert found["sync"]["comparedTo"]["source"] == source
    assert found["sync"]["comparedTo"]["destination"] == world.get(APP)["spec"]["destination"]
    assert set(found["health"]) == {"status", "lastTransitionTime"}
    assert found["sourceType"] == "Directory"
    assert found["summary"] == {"images": ["web:1"]}
    assert found["controllerNamespace"] == "argocd"
    assert found["reconciledAt"] >= found["observedAt"]
    assert found.get("conditions", []) == []


def test_the_operation_and_its_results_are_told_as_clients_read_them() -> None:
    world = a_synced_world()
    found = state(world)

    assert found["phase"] == "Succeeded"
    assert found["message"] == "successfully synced (no more tasks)"
    assert found["startedAt"] <= found["finishedAt"] < status(world)["reconciledAt"]
    assert found["operation"]["initiatedBy"] == {"automated": True}
    assert found["operation"]["retry"] == {"limit": 5}
    assert found["operation"]["sync"]["revision"] == found["syncResult"]["revision"] == world.git.heads["HEAD"]
    assert found["syncResult"]["source"] == world.get(APP)["spec"]["source"]
    assert rows(world)["Deployment/web"] == {
        "group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop", "name": "web",
        "status": "Synced", "hookPhase": "Succeeded", "syncPhase": "Sync", "message": "healthy", "images": ["web:1"],
    }  # fmt: skip
    hook = rows(world)["Job/migrate"]
    assert (hook["hookType"], hook["hookPhase"], hook["syncPhase"]) == ("PreSync", "Succeeded", "PreSync")
    assert (hook["status"], hook["images"]) == ("Synced", ["migrate:1"])


def test_the_history_names_commit_source_times_and_who_began_it() -> None:
    world = a_synced_world()
    world.git.push([deployment("web", "web:2"), service("web")])
    refresh(world, wait_s=60)
    first, second = status(world)["history"]

    assert (first["id"], second["id"]) == (0, 1)
    assert second["revision"] == world.git.heads["HEAD"]
    assert second["source"] == world.get(APP)["spec"]["source"]
    assert second["deployStartedAt"] <= second["deployedAt"]
    assert second["initiatedBy"] == {"automated": True}


def test_the_history_keeps_as_many_as_the_spec_says() -> None:
    world = a_world(config("a", at="0"), spec={**automated(), "revisionHistoryLimit": 2})
    for number in range(4):
        world.git.push([config("a", at=str(number))])
        refresh(world, wait_s=30)

    assert [each["id"] for each in status(world)["history"]] == [2, 3]


def test_the_rows_of_the_objects_name_health_wave_and_what_is_to_go() -> None:
    world = a_world(
        deployment("web", **{WAVE: "3"}),
        config("old", marks={OPTIONS: "Prune=confirm"}),
        spec={"syncPolicy": {}},
    )
    world.run(10)
    sync(world)
    world.git.push([deployment("web", **{WAVE: "3"})])
    refresh(world, wait_s=10)
    found = resources(world)

    assert found["Deployment/web"]["health"]["status"] == "Healthy"
    assert (found["Deployment/web"]["status"], found["Deployment/web"]["syncWave"]) == ("Synced", 3)
    assert found["ConfigMap/old"]["status"] == "OutOfSync"
    assert found["ConfigMap/old"]["requiresPruning"] is True
    assert found["ConfigMap/old"]["requiresDeletionConfirmation"] is True


def test_an_object_whose_deletion_must_be_confirmed_says_so() -> None:
    world = a_world(config("a", marks={OPTIONS: "Delete=confirm"}), config("b"), spec=automated())
    world.run(30)

    assert resources(world)["ConfigMap/a"]["requiresDeletionConfirmation"] is True
    assert "requiresDeletionConfirmation" not in resources(world)["ConfigMap/b"]


def test_several_sources_are_told_in_the_plural() -> None:
    source = {"repoURL": "https://git.example/shop.git", "path": "."}
    world = a_world(config("a"), spec=automated())
    world.patch(APP, {"spec": {"source": None, "sources": [source, {**source, "path": "more"}]}})
    world.run(60)
    found = status(world)

    assert len(found["sync"]["revisions"]) == len(found["sourceTypes"]) == 2
    assert "revision" not in found["sync"]
    assert found["sync"]["comparedTo"]["sources"] == world.get(APP)["spec"]["sources"]
    assert len(found["history"][0]["revisions"]) == len(state(world)["syncResult"]["revisions"]) == 2


def test_a_client_that_polls_never_sees_the_new_commit_well_before_it_is() -> None:
    world = a_synced_world()
    before = world.git.heads["HEAD"]
    world.git.push([deployment("web", "web:2"), service("web")])
    wanted = world.git.heads["HEAD"]
    seen: list[tuple[str, str, str]] = []

    def look() -> bool:
        found = status(world)
        live = world.get(ref(kinds.DEPLOYMENT, "web")) or {}
        done = live.get("status", {}).get("observedGeneration") == live["metadata"]["generation"]
        is_new = live["spec"]["template"]["spec"]["containers"][0]["image"] == "web:2"
        is_told = (sync_status(world), health(world)) == ("Synced", "Healthy")
        if found["sync"]["revision"] == wanted and is_told and phase(world) == "Succeeded":
            assert is_new and done, seen
            return bool(found["reconciledAt"] > state(world)["finishedAt"])
        seen.append((sync_status(world), health(world), phase(world)))
        return False

    world.patch(APP, {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}})

    assert world.run(120, until=look)
    assert before != wanted


def test_addresses_of_ingresses_and_links_are_told() -> None:
    link = {"link.argocd.argoproj.io/board": "Board|https://grafana.test/d/1"}
    world = a_world(ingress(), config("a", marks=link), spec=automated())
    world.run(30)

    assert status(world)["summary"]["externalURLs"] == ["Board|https://grafana.test/d/1", "https://shop.test/"]


@pytest.mark.parametrize(
    "value",
    [
        "javascript:alert(1)",
        "x|javascript:alert(1)",
        "data:text/html,<script>",
        "https://shop.test/\njavascript:alert(1)",
        'https://shop.test/"onclick=alert(1)',
        "<b>x</b>|ftp://shop.test",
        "https://" + "a" * 5000,
        "",
    ],
)
def test_cve_2024_28175_and_2026_45738_a_link_that_is_no_web_address_is_not_told(value: str) -> None:
    assert urls([config("a", marks={"link.argocd.argoproj.io/x": value})]) == []


def test_an_ingress_may_keep_its_addresses_to_itself() -> None:
    assert urls([ingress(**{"argocd.argoproj.io/ignore-default-links": "true"})]) == []
    assert urls([ingress(host="*.shop.test")]) == []
    assert urls([{"kind": "Ingress", "metadata": {"name": "x"}, "spec": {"rules": "nonsense", "tls": 5}}]) == []
