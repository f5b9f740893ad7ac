"""What breaks or surprises in the setups that people write about, and what is said of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from rollouts.gitops.render import helm
from rollouts.gitops.sync.step import Sync
from rollouts.kube import kinds
from rollouts.kube.ref import Ref
from rollouts.simulation.gitworld import CONTROL, an_application
from tests.cli.cluster import CRDS
from tests.gitops.shop import (
    APP,
    HOOK,
    ONCE,
    WAVE,
    a_world,
    automated,
    config,
    deployment,
    job,
    phase,
    ref,
    refresh,
    rows,
    state,
    status,
    sync,
    sync_status,
)

APPLY_BYTES_MAX = 256 * 1024
TRACKING, MARK = "argocd.argoproj.io/tracking-id", "shop:argoproj.io/Rollout:shop/web"


def secrets_of(version: str) -> dict[str, Any]:
    return {"apiVersion": f"external-secrets.io/{version}", "kind": "ExternalSecret", "metadata": {"name": "s"}}


@pytest.mark.parametrize(
    ("story", "manifests", "spec", "said"),
    [
        ("a version of a kind that is not served any more", [secrets_of("v1beta1")], ONCE, "external-secrets.io/v1 is"),
        ("a kind that nobody serves", [secrets_of("v1")], ONCE, 'no matches for kind "ExternalSecret"'),
        ("a wave that is no number", [config("a", marks={WAVE: "first"})], ONCE, "sync-wave"),
    ],
)
def test_a_sync_that_cannot_be_says_what_to_do(story: str, manifests: list[Any], spec: Any, said: str) -> None:
    world = a_world(*manifests, spec=spec)

    world.run(30)

    told = [each["message"] for each in status(world).get("conditions") or []]
    assert said in f"{told} {state(world).get('message')}"
    assert phase(world) != "Succeeded"


def test_an_application_without_a_project_belongs_to_default() -> None:
    world = a_world(config("a"), spec=automated())
    world.patch(APP, {"spec": {"project": None}})

    world.run(30)

    assert "project" not in (world.get(APP) or {})["spec"]
    assert (sync_status(world), phase(world)) == ("Synced", "Succeeded")


def test_the_definition_does_not_ask_for_a_project() -> None:
    crd = yaml.safe_load((CRDS / "application.yaml").read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]

    assert "project" not in schema["properties"]["spec"].get("required", [])


@pytest.mark.parametrize("path", sorted(CRDS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_definition_is_small_enough_for_a_plain_apply(path: Any) -> None:
    applied = json.dumps(yaml.safe_load(path.read_text()))

    assert len(applied) < APPLY_BYTES_MAX


def test_a_job_in_a_wave_is_made_anew_by_the_second_deploy_if_its_options_say_so() -> None:
    marks = {WAVE: "-1", "argocd.argoproj.io/sync-options": "Replace=true,Force=true"}
    world = a_world(job("migrate", "migrate:1", **marks), deployment("web"), spec=automated())
    world.run(30)
    world.git.push([job("migrate", "migrate:2", **marks), deployment("web", "web:2")])

    refresh(world, wait_s=60)

    live = world.get(ref(kinds.JOB, "migrate")) or {}
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "migrate:2"
    assert (sync_status(world), phase(world)) == ("Synced", "Succeeded")


def test_two_environments_in_one_namespace_do_not_fight() -> None:
    world = a_world(config("settings", of="staging"), spec=automated())
    world.run(20)
    world.git.push([config("settings", of="production")], branch="production")
    source = {"repoURL": "https://git.example/shop.git", "targetRevision": "production"}
    world.bring(an_application("production", {**automated(), "source": source}))

    world.run(300)

    other = status(world, Ref(kinds.APPLICATION, CONTROL, "production"))
    assert (world.get(ref(kinds.CONFIG_MAP, "settings")) or {})["data"] == {"of": "staging"}
    assert "SharedResourceWarning" in {each["type"] for each in other["conditions"]}


def test_a_commit_that_changes_nothing_but_a_hook_waits_for_the_next_sync() -> None:
    world = a_world(job("migrate", "migrate:1", **{HOOK: "PreSync"}), config("a"), spec=automated())
    world.run(30)
    first = state(world)["startedAt"]
    world.git.push([job("migrate", "migrate:2", **{HOOK: "PreSync"}), config("a")])

    refresh(world, wait_s=30)

    assert state(world)["startedAt"] == first
    assert rows(world)["Job/migrate"]["hookPhase"] == "Succeeded"


def test_prunes_take_what_hangs_on_an_object_with_them_without_being_asked() -> None:
    assert Sync("", (), lambda key, found: None).propagation == "foreground"


def test_helm_that_reads_an_argument_of_an_analysis_says_how_to_keep_it_from_that() -> None:
    assert "{{" in helm.hint('function "args" not defined')


def a_rollout(step: dict[str, Any], **marks: str) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    spec = {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": template,
        "strategy": {"canary": {"steps": [{"setWeight": 10}, step]}},
    }
    meta = {"name": "web", "annotations": marks}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": meta, "spec": spec}


def a_template(metric: dict[str, Any], *args: str) -> dict[str, Any]:
    provider = {"prometheus": {"address": "http://prometheus.example:9090", "query": "up"}}
    metrics = [{"name": "success", "successCondition": "result[0] > 0", "provider": provider, **metric}]
    spec = {"metrics": metrics, "args": [{"name": name} for name in args]}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": {"name": "success"},
        "spec": spec,
    }


STEP = {"analysis": {"templates": [{"templateName": "success"}]}}


@pytest.mark.parametrize(
    ("story", "manifests", "said"),
    [
        ("a step of a misspelt kind", [a_rollout({"setWeight": 300})], "spec.strategy.canary.steps[1].setWeight"),
        ("an analysis that would never end", [a_rollout(STEP), a_template({"interval": "30s"})], "runs indefinitely"),
        ("an argument that nobody gives", [a_rollout(STEP), a_template({"count": 1}, "service-name")], "service-name"),
    ],
)
def test_a_rollout_that_its_controller_would_refuse_stops_the_sync_before_anything_is_written(
    story: str, manifests: list[Any], said: str
) -> None:
    world = a_world(config("settings"), *manifests, spec=automated())

    world.run(30)

    told = {each["type"]: each["message"] for each in status(world)["conditions"]}
    assert "Rollout/web: " in told["SyncError"] and said in told["SyncError"]
    assert sync_status(world) == "OutOfSync"
    assert world.get(ref(kinds.CONFIG_MAP, "settings")) is None
    assert [written for verb, written in world.writes if written.kind != kinds.APPLICATION] == []


def test_whoever_syncs_a_refused_rollout_by_hand_hears_why_and_nothing_is_written() -> None:
    world = a_world(config("settings"), a_rollout({"setWeight": 300}))
    world.run(10)

    sync(world)

    assert phase(world) == "Failed"
    assert "steps[1].setWeight" in state(world)["message"]
    assert world.get(ref(kinds.CONFIG_MAP, "settings")) is None


def test_a_mended_commit_is_synced_by_itself() -> None:
    world = a_world(config("settings"), a_rollout({"setWeight": 300}), spec=automated())
    world.run(20)
    world.git.push([config("settings"), a_rollout({"setWeight": 30})])

    refresh(world, wait_s=20)

    assert phase(world) == "Succeeded"
    assert "SyncError" not in {each["type"] for each in status(world).get("conditions") or []}


def test_a_refused_rollout_that_is_in_the_cluster_already_stops_nothing_else() -> None:
    broken = a_rollout({"setWeight": 300})
    world = a_world(config("settings", colour="blue"), broken, spec=automated())
    world.bring({**broken, "metadata": {**broken["metadata"], "namespace": "shop", "annotations": {TRACKING: MARK}}})
    world.run(20)

    live = world.get(ref(kinds.CONFIG_MAP, "settings")) or {}
    assert live["data"] == {"colour": "blue"}
    assert phase(world) == "Succeeded"
