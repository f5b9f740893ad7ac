"""What `argocd-cm` and `argocd-cmd-params-cm` say to every Application, and as whom a project has objects written."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.api.project import DestinationServiceAccount
from rollouts.gitops.destination import IN_CLUSTER
from rollouts.gitops.identity import account
from rollouts.kube import kinds
from rollouts.simulation.gitworld import CONTROL, GitWorld
from tests.gitops.shop import (
    APP,
    HOOK,
    a_world,
    automated,
    conditions,
    config,
    deployment,
    health,
    job,
    phase,
    project,
    ref,
    refresh,
    state,
    sync,
    sync_status,
)

ACCOUNTS = [{"server": "https://kubernetes.default.svc", "namespace": "shop*", "defaultServiceAccount": "deployer"}]


def settings(name: str = "argocd-cm", **data: str) -> dict[str, Any]:
    return config(name, CONTROL, **data)


def test_a_difference_that_the_settings_ignore_counts_for_no_application() -> None:
    world = a_world(deployment("web"), spec=automated())
    key = "resource.customizations.ignoreDifferences.apps_Deployment"
    world.bring(settings(**{key: "jsonPointers: [/spec/replicas]\n"}))
    world.run(30)

    world.patch(ref(kinds.DEPLOYMENT, "web"), {"spec": {"replicas": 7}})
    world.run(30)

    assert (world.get(ref(kinds.DEPLOYMENT, "web")) or {})["spec"]["replicas"] == 7
    assert sync_status(world) == "Synced"


def test_a_setting_that_says_nothing_known_is_told() -> None:
    world = a_world(config("a"), spec=automated())
    world.bring(settings(**{"resource.customizations.ignoreDifferences.all": "- no object\n"}))

    world.run(30)

    assert "ignoreDifferences.all" in conditions(world)["UnknownError"]
    assert phase(world) == "Succeeded"


@pytest.mark.parametrize(
    "words",
    [
        {"resource.exclusions": '- apiGroups: [""]\n  kinds: [ConfigMap]\n'},
        {"resource.inclusions": "- apiGroups: [apps]\n  kinds: [Deployment]\n"},
    ],
    ids=str,
)
def test_a_kind_that_the_settings_exclude_is_left_alone_and_told(words: dict[str, str]) -> None:
    world = a_world(config("a"), deployment("web"), spec=automated())
    world.bring(settings(**words))

    world.run(30)

    assert world.get(ref(kinds.CONFIG_MAP, "a")) is None
    assert world.get(ref(kinds.DEPLOYMENT, "web")) is not None
    assert "ConfigMap/shop/a is excluded" in conditions(world)["ExcludedResourceWarning"]
    assert sync_status(world) == "Synced"


def test_an_exclusion_for_another_cluster_is_none_of_ours() -> None:
    world = a_world(config("a"), spec=automated())
    entry = "- apiGroups: ['*']\n  kinds: ['*']\n  clusters: [https://other.example]\n"
    world.bring(settings(**{"resource.exclusions": entry}))

    world.run(30)

    assert world.get(ref(kinds.CONFIG_MAP, "a")) is not None


def test_a_hook_that_never_ends_is_ended_by_the_time_that_a_sync_may_take() -> None:
    endless = job("migrate", **{HOOK: "PreSync"})
    endless["spec"]["template"]["spec"]["containers"][0]["image"] = "wait:1"
    endless["spec"]["suspend"] = True
    world = a_world(endless, config("a"))
    world.bring(settings("argocd-cmd-params-cm", **{"controller.sync.timeout.seconds": "90"}))
    world.run(10)

    sync(world, wait_s=400)

    assert phase(world) == "Failed"
    assert "took longer than 90 s" in state(world)["message"]
    assert world.get(ref(kinds.JOB, "migrate")) is None
    assert world.get(ref(kinds.CONFIG_MAP, "a")) is None


def test_a_rule_in_lua_decides_about_the_health_of_its_kind() -> None:
    script = "hs = {}\nif obj.data.state == 'bad' then hs.status = 'Degraded' else hs.status = 'Healthy' end\nreturn hs"
    world = a_world(config("a", state="bad"), spec=automated())
    world.bring(settings(**{"resource.customizations.health.ConfigMap": script}))
    world.run(30)
    before = health(world)
    world.git.push([config("a", state="good")])

    refresh(world, wait_s=30)

    assert (before, health(world)) == ("Degraded", "Healthy")


# As whom objects are written.


def users(world: GitWorld) -> set[tuple[str, str]]:
    """(kind, user) of every write from now on."""
    found: set[tuple[str, str]] = set()
    send = world.send

    def heard(process: Any, request: Any) -> None:
        if request.is_write:
            found.add((request.ref.kind.name, request.user))
        send(process, request)

    world.send = heard  # type: ignore[method-assign]  # an ear on the wire
    return found


def test_objects_are_written_as_the_account_of_their_project_and_the_status_as_ourselves() -> None:
    world = a_world(config("a"), job("migrate", **{HOOK: "PreSync"}), spec={**automated(), "project": "shop"})
    world.bring(project("shop", destinationServiceAccounts=ACCOUNTS))
    world.bring(settings(**{"application.sync.impersonation.enabled": "true"}))
    heard = users(world)

    world.run(60)

    user = "system:serviceaccount:shop:deployer"
    assert phase(world) == "Succeeded"
    assert heard == {("Application", ""), ("ConfigMap", user), ("Job", user)}


def test_nobody_writes_where_no_account_is_named() -> None:
    elsewhere = [{**ACCOUNTS[0], "namespace": "other"}]
    world = a_world(config("a"), spec={**automated(), "project": "shop"})
    world.bring(project("shop", destinationServiceAccounts=elsewhere))
    world.bring(settings(**{"application.sync.impersonation.enabled": "true"}))

    world.run(60)

    assert "no matching service account" in conditions(world)["InvalidSpecError"]
    assert world.get(ref(kinds.CONFIG_MAP, "a")) is None


def test_nothing_is_deleted_by_nobody() -> None:
    finalizers = ["resources-finalizer.argocd.argoproj.io"]
    world = a_world(config("a"), spec={**automated(), "project": "shop"}, finalizers=finalizers)
    world.bring(project("shop"))
    world.run(30)
    world.bring(settings(**{"application.sync.impersonation.enabled": "true"}))

    world.remove(APP)
    world.run(120)

    assert world.get(ref(kinds.CONFIG_MAP, "a")) is not None
    assert "no matching service account" in conditions(world)["DeletionError"]


def test_without_the_setting_the_controller_writes_itself() -> None:
    world = a_world(config("a"), spec={**automated(), "project": "shop"})
    world.bring(project("shop", destinationServiceAccounts=ACCOUNTS))
    heard = users(world)

    world.run(30)

    assert ("ConfigMap", "") in heard and phase(world) == "Succeeded"


@pytest.mark.parametrize(
    ("named", "user"),
    [
        ("deployer", "system:serviceaccount:shop:deployer"),
        ("tools:deployer", "system:serviceaccount:tools:deployer"),
        ("", ""),
        (":", ""),
        ("tools:", ""),
        ("Admin", ""),
        ("system:serviceaccount:x", ""),
        ("a\r\nImpersonate-Group: system:masters", ""),
    ],
)
def test_an_identity_is_whole_or_it_is_nobodys(named: str, user: str) -> None:
    one = DestinationServiceAccount.model_validate({"server": "*", "namespace": "*", "defaultServiceAccount": named})

    found, why = account((one,), IN_CLUSTER, "shop")

    assert (found, bool(why)) == (user, not user)


def labels(world: GitWorld) -> dict[str, str]:
    live = world.get(ref(kinds.CONFIG_MAP, "a")) or {}
    return dict(live["metadata"].get("labels") or {})


def test_objects_bear_a_label_too_where_the_settings_ask_for_it() -> None:
    world = a_world(config("a"), spec=automated())
    words = {"application.resourceTrackingMethod": "annotation+label", "application.instanceLabelKey": "shop.test/app"}
    world.bring(settings(**words))

    world.run(30)

    assert labels(world) == {"shop.test/app": "shop"}
    assert sync_status(world) == "Synced"


def test_where_labels_are_asked_for_objects_bear_them_and_the_annotation_still_says_whose_they_are() -> None:
    world = a_world(config("a"), spec=automated())
    world.bring(settings(**{"application.resourceTrackingMethod": "label"}))

    world.run(30)

    assert labels(world) == {"app.kubernetes.io/instance": "shop"}
    assert (phase(world), conditions(world)) == ("Succeeded", {})


@pytest.mark.parametrize("value", ["", "|", "x:y:z", "9" * 400, "a,b,,c", "\u0000", "confirm", "2026-99-99T99:99:99Z"])
def test_cve_2026_40886_an_annotation_of_nonsense_stops_nobody(value: str) -> None:
    names = ("tracking-id", "sync-options", "compare-options", "ignore-healthcheck", "deletion-approved", "refresh")
    marks = {f"argocd.argoproj.io/{name}": value for name in names}
    world = a_world(config("a", marks=marks), deployment("web"), spec=automated(), annotations=marks)
    world.bring(config("stranger", "shop", marks=marks))

    world.run(60)

    assert world.get(ref(kinds.DEPLOYMENT, "web")) is not None or conditions(world)
    assert not [note for note in world.notes if "raised" in note.message.lower()]


@pytest.mark.parametrize("value", ["", "5x", "-1s", "1e999s", "9" * 50 + "h", "\u0663s"])
def test_cve_2022_39272_a_duration_of_nonsense_is_as_if_it_were_not_given(value: str) -> None:
    retry = {"limit": 1, "backoff": {"duration": value, "maxDuration": value, "factor": 2}}
    broken = {"apiVersion": "shop.example/v1", "kind": "Unheard", "metadata": {"name": "x"}}
    world = a_world(broken, spec=automated(retry=retry))

    world.run(900)

    assert conditions(world)
