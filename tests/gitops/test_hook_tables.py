"""Hooks and farewells, each row a story: every phase, every delete policy, every end; every finalizer, every option."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.kube import kinds
from rollouts.kube.ref import Manifest
from rollouts.simulation.gitworld import GitWorld
from tests.gitops.shop import (
    APP,
    HOOK,
    ONCE,
    OPTIONS,
    POLICY,
    WAVE,
    a_world,
    automated,
    commits,
    config,
    job,
    phase,
    ref,
    rows,
    state,
)

FINALIZER = "resources-finalizer.argocd.argoproj.io"


def a_job(world: GitWorld, name: str = "hook") -> Manifest | None:
    return world.get(ref(kinds.JOB, name))


def failing(name: str, **marks: str) -> dict[str, Any]:
    """A Job that the embedded cluster's Jobs fail."""
    found = job(name, "fail:1", **marks)
    found["spec"]["template"]["metadata"] = {"annotations": {"player.rollouts.test/exit-code": "1"}}
    return found


@pytest.mark.parametrize("when", ["PreSync", "Sync", "PostSync"])
@pytest.mark.parametrize(
    ("policy", "stays"),
    [("", True), ("BeforeHookCreation", True), ("HookSucceeded", False), ("HookFailed", True)],
)
def test_a_hook_that_succeeds_stays_as_its_policy_says(when: str, policy: str, stays: bool) -> None:
    marks = {HOOK: when, **({POLICY: policy} if policy else {})}
    world = a_world(job("hook", **marks), config("a"), spec=automated())

    world.run(60)

    assert phase(world) == "Succeeded"
    assert (a_job(world) is not None) == stays
    assert rows(world)["Job/hook"]["hookPhase"] == "Succeeded"
    assert "argocd.argoproj.io/hook-finalizer" not in str(a_job(world))


@pytest.mark.parametrize("when", ["PreSync", "Sync", "PostSync"])
@pytest.mark.parametrize(
    ("policy", "stays"),
    [("", True), ("BeforeHookCreation", True), ("HookSucceeded", True), ("HookFailed", False)],
)
def test_a_hook_that_fails_stays_as_its_policy_says(when: str, policy: str, stays: bool) -> None:
    marks = {HOOK: when, **({POLICY: policy} if policy else {})}
    world = a_world(failing("hook", **marks), config("a"), spec=ONCE)

    world.run(60)

    assert phase(world) == "Failed"
    assert (a_job(world) is not None) == stays
    assert rows(world)["Job/hook"]["hookPhase"] == "Failed"
    assert (world.get(ref(kinds.CONFIG_MAP, "a")) is None) == (when == "PreSync")


@pytest.mark.parametrize(
    ("when", "runs"), [("SyncFail", False), ("Skip", False), ("PreDelete", False), ("PostDelete", False)]
)
def test_a_hook_of_another_phase_does_not_run_in_a_sync_that_succeeds(when: str, runs: bool) -> None:
    world = a_world(job("hook", **{HOOK: when}), config("a"), spec=automated())

    world.run(60)

    assert phase(world) == "Succeeded"
    assert (a_job(world) is not None) == runs


def test_a_hook_of_two_phases_runs_in_both() -> None:
    world = a_world(job("hook", **{HOOK: "PreSync,PostSync"}), config("a"), spec=automated())

    world.run(90)

    told = state(world)["syncResult"]["resources"]
    assert [row["syncPhase"] for row in told if row["name"] == "hook"] == ["PreSync", "PostSync"]
    assert commits(world, "create", kinds.JOB) == ["hook", "hook"]


@pytest.mark.parametrize(
    ("helm", "when"),
    [("pre-install", "PreSync"), ("pre-upgrade,pre-install", "PreSync"), ("post-install", "PostSync")],
)
def test_a_hook_of_helm_is_a_hook(helm: str, when: str) -> None:
    world = a_world(job("hook", **{"helm.sh/hook": helm}), config("a"), spec=automated())

    world.run(60)

    assert rows(world)["Job/hook"]["hookType"] == when


@pytest.mark.parametrize("helm", ["test", "pre-rollback", "post-rollback"])
def test_a_hook_of_helm_that_no_sync_knows_is_left_out(helm: str) -> None:
    world = a_world(job("hook", **{"helm.sh/hook": helm}), config("a"), spec=automated())

    world.run(60)

    assert (phase(world), a_job(world)) == ("Succeeded", None)


def test_our_annotation_goes_before_those_of_helm() -> None:
    world = a_world(job("hook", **{"helm.sh/hook": "pre-install", HOOK: "PostSync"}), config("a"), spec=automated())

    world.run(60)

    assert rows(world)["Job/hook"]["hookType"] == "PostSync"


# The end of an Application.


def gone(world: GitWorld) -> list[str]:
    """In which order the controller deleted."""
    return [found.name for verb, found in world.writes if verb == "delete"]


@pytest.mark.parametrize(
    ("finalizer", "propagation"),
    [(FINALIZER, "Foreground"), (f"{FINALIZER}/foreground", "Foreground"), (f"{FINALIZER}/background", "Background")],
)
def test_each_finalizer_takes_the_objects_along_in_its_way(finalizer: str, propagation: str) -> None:
    world = a_world(config("a"), spec=automated(), finalizers=[finalizer])
    world.run(30)
    heard: list[str] = []
    send = world.send

    def ear(process: Any, request: Any) -> None:
        if request.verb == "delete":
            heard.append(request.body["propagationPolicy"])
        send(process, request)

    world.send = ear  # type: ignore[method-assign]  # an ear on the wire
    world.remove(APP)
    world.run(60)

    assert heard == [propagation]
    assert world.get(ref(kinds.CONFIG_MAP, "a")) is None
    assert world.get(APP) is None


def test_objects_go_wave_by_wave_the_last_one_first() -> None:
    things = [config(f"w{wave}", marks={WAVE: str(wave)}) for wave in (-1, 0, 2)]
    world = a_world(*things, spec=automated(), finalizers=[FINALIZER])
    world.run(60)

    world.remove(APP)
    world.run(200)

    assert gone(world) == ["w2", "w0", "w-1"]


@pytest.mark.parametrize(
    "marks", [{OPTIONS: "Delete=false"}, {"helm.sh/resource-policy": "keep"}], ids=["Delete=false", "keep"]
)
def test_what_is_to_stay_stays_when_its_application_goes(marks: dict[str, str]) -> None:
    world = a_world(config("a", marks=marks), config("b"), spec=automated(), finalizers=[FINALIZER])
    world.run(30)

    world.remove(APP)
    world.run(60)

    assert gone(world) == ["b"]
    assert world.get(APP) is None


def test_what_must_be_confirmed_waits_for_a_person() -> None:
    world = a_world(config("a", marks={OPTIONS: "Delete=confirm"}), spec=automated(), finalizers=[FINALIZER])
    world.run(30)
    world.remove(APP)
    world.run(60)
    before = world.get(ref(kinds.CONFIG_MAP, "a"))

    approved = world.timeline.now.plus(1).rfc3339_whole()
    world.patch(APP, {"metadata": {"annotations": {"argocd.argoproj.io/deletion-approved": approved}}})
    world.run(60)

    assert before is not None
    assert world.get(ref(kinds.CONFIG_MAP, "a")) is None and world.get(APP) is None


def test_without_a_cluster_that_is_known_the_finalizer_goes_and_the_objects_stay() -> None:
    world = a_world(config("a"), spec=automated(), finalizers=[FINALIZER])
    world.run(30)
    world.patch(APP, {"spec": {"destination": {"server": "https://gone.example", "name": None}}})

    world.remove(APP)
    world.run(60)

    assert world.get(APP) is None
    assert world.get(ref(kinds.CONFIG_MAP, "a")) is not None


def test_definitions_stay_when_their_application_goes() -> None:
    names = {"plural": "things", "kind": "Thing", "singular": "thing", "listKind": "ThingList"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    spec = {"group": "shop.example", "names": names, "scope": "Namespaced", "versions": [version]}
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.shop.example"},
        "spec": spec,
    }
    world = a_world(crd, config("a"), spec=automated(), finalizers=[FINALIZER])
    world.run(60)

    world.remove(APP)
    world.run(60)

    assert gone(world) == ["a"]
    assert world.get(ref(kinds.CRD, "things.shop.example")) is not None


@pytest.mark.parametrize("is_done", [True, False])
def test_hooks_that_are_left_go_with_their_application(is_done: bool) -> None:
    world = a_world(job("before", **{HOOK: "PreSync"}), config("a"), spec=automated(), finalizers=[FINALIZER])
    if not is_done:
        world.run(30, until=lambda: world.get(ref(kinds.JOB, "before")) is not None)
        world.store.patch(ref(kinds.JOB, "before"), {"spec": {"suspend": True}}, "merge")
    world.run(30)
    stood = world.get(ref(kinds.JOB, "before")) is not None

    world.remove(APP)
    world.run(90)

    assert stood
    assert [world.get(each) for each in (ref(kinds.JOB, "before"), ref(kinds.CONFIG_MAP, "a"), APP)] == [None] * 3
