"""Rollouts that another controller left behind go on as if nothing had happened."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.delivery.stephash import step_hash
from rollouts.kube import kinds, podtemplate
from rollouts.kube import object as obj
from rollouts.kube.ref import Ref
from tests.adoption import left
from tests.adoption.left import FOREIGN, Remains
from tests.builders import a_template, a_template_of_analysis
from tests.delivery.world import WEB, World

OURS = {
    tag: podtemplate.template_hash(podtemplate.canonical_bytes(a_template(f"shop/web:{tag}"))) for tag in ("1", "2")
}
NAMED = pytest.mark.parametrize("names", [OURS, FOREIGN], ids=["same-hash", "equal-template"])


def found(remains: Remains, hash_of_steps: str = "") -> World:
    """A world in which somebody else has looked after the Rollout until now."""
    world = World(remains.rollout, ready_s=0.3)
    world.patch(WEB, {"metadata": {"creationTimestamp": "2026-02-01T00:00:00Z"}})
    for each in remains.others(obj.uid(world.rollout)):
        kind = kinds.known(each["apiVersion"], each["kind"])
        assert kind is not None
        ref = obj.ref(kind, each)
        world.objects.pop(ref, None)
        world.add(each)
        if kind == kinds.REPLICA_SET:
            wanted = each["spec"]["replicas"]
            world.patch(ref, {"status": dict.fromkeys(("replicas", "readyReplicas", "availableReplicas"), wanted)})
    generation = obj.generation(world.rollout)
    world.command(**remains.status(generation, hash_of_steps or step_hash(world.rollout)))
    world.writes.clear()
    world.weights.clear()
    return world


def versions(world: World) -> dict[str, tuple[str, int]]:
    """uid of a ReplicaSet → its template as it stands, and how many pods it wants."""
    sets = world.of(kinds.REPLICA_SET)
    return {obj.uid(each): (str(each["spec"]["template"]), each["spec"]["replicas"]) for each in sets}


def deeds(world: World) -> dict[str, int]:
    """What was written but reports."""
    return {kind: count for kind, count in world.writes.items() if kind != "Rollout/status"}


@NAMED
def test_a_healthy_rollout_is_kept_as_it_is(names):
    world = found(left.healthy(names))
    before = versions(world)
    world.settle(120.0)

    assert versions(world) == before
    assert deeds(world) == {}
    assert world.writes["Rollout/status"] <= 1
    assert world.status["phase"] == "Healthy"
    assert world.status["stableRS"] == names["1"]


@NAMED
def test_a_canary_at_a_pause_stays_there_with_its_weight_and_its_pods(names):
    world = found(left.at_the_pause(names))
    before = versions(world)
    world.settle(600.0)

    assert versions(world) == before
    assert deeds(world) == {}
    assert (world.status["phase"], world.status["currentStepIndex"], world.weight) == ("Paused", 1, 25)
    assert world.status["currentPodHash"] == names["2"]


@NAMED
def test_a_canary_at_a_pause_goes_on_when_somebody_promotes(names):
    world = found(left.at_the_pause(names))
    stable, canary = world.set_named("1"), world.set_named("2")
    world.settle(5.0)
    world.command(pauseConditions=None)
    world.settle(5.0)

    assert (world.status["currentStepIndex"], world.weight) == (3, 50)

    world.settle(700.0)

    assert world.status["phase"] == "Healthy"
    assert world.selects("stable") == names["2"]
    assert {obj.uid(each) for each in world.of(kinds.REPLICA_SET)} == {obj.uid(stable), obj.uid(canary)}
    assert 25 not in world.weights  # never back, never twice


@NAMED
def test_a_canary_on_its_way_gets_the_weight_that_it_waited_for(names):
    world = found(left.at_the_weight(names))
    world.settle(5.0)

    assert world.weights == [25]
    assert (world.status["phase"], world.status["currentStepIndex"]) == ("Paused", 1)
    assert world.sizes() == {"1": 4, "2": 1}


def test_a_timed_pause_ends_when_it_would_have_ended_under_the_other_one():
    world = found(left.in_a_timed_pause(OURS))  # since a minute and a quarter of a second
    world.settle(530.0)
    assert world.status["phase"] == "Paused"

    world.settle(20.0)
    assert world.status["phase"] == "Healthy"


@NAMED
def test_an_aborted_update_stays_aborted_and_can_be_retried(names):
    world = found(left.aborted(names))
    before = versions(world)
    world.settle(300.0)

    assert versions(world) == before
    assert deeds(world) == {}
    assert world.status["phase"] == "Degraded"

    world.command(abort=False)
    world.settle(5.0)

    assert (world.status["phase"], world.weight) == ("Paused", 25)


@NAMED
def test_an_abort_under_the_new_controller_gives_the_traffic_back(names):
    world = found(left.in_a_timed_pause(names))
    world.settle(5.0)
    world.command(abort=True)
    world.settle(5.0)

    assert world.weight == 0
    assert world.selects("canary") == names["1"]
    assert world.sizes()["1"] == 4


def test_steps_that_were_hashed_in_another_way_are_the_same_steps():
    world = found(left.in_a_timed_pause(OURS), hash_of_steps="another")
    world.settle(5.0)

    assert (world.status["currentStepIndex"], world.weight) == (3, 50)
    assert world.status["currentStepHash"] == step_hash(world.rollout)
    assert deeds(world) == {}


def test_steps_that_changed_since_they_were_observed_begin_anew():
    world = found(left.in_a_timed_pause(OURS), hash_of_steps="another")
    world.patch(WEB, {"spec": {"strategy": {"canary": {"steps": [{"setWeight": 10}, {"pause": {}}]}}}})
    world.settle(5.0)

    assert (world.status["currentStepIndex"], world.weight) == (1, 10)


def test_steps_that_changed_beside_a_mistake_begin_anew_once_it_is_mended():
    world = found(left.in_a_timed_pause(OURS))
    service = world.objects.pop(Ref(kinds.SERVICE, "shop", "web-canary"))
    world.patch(WEB, {"spec": {"strategy": {"canary": {"steps": [{"setWeight": 10}, {"pause": {}}]}}}})
    world.settle(5.0)
    assert world.status["phase"] == "Degraded"

    world.objects[Ref(kinds.SERVICE, "shop", "web-canary")] = service
    world.settle(25.0)

    assert (world.status["currentStepIndex"], world.weight) == (1, 10)


def test_fields_that_the_api_server_filled_in_make_no_new_version():
    world = found(left.healthy(FOREIGN))
    filled: dict[str, Any] = {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
    }
    world.patch(Ref(kinds.REPLICA_SET, "shop", f"web-{FOREIGN['1']}"), {"spec": {"template": {"spec": filled}}})
    world.writes.clear()
    world.settle(60.0)

    assert len(world.of(kinds.REPLICA_SET)) == 1
    assert deeds(world) == {}


def test_fields_of_a_later_version_of_the_status_survive_an_earlier_one():
    world = found(left.at_the_pause(OURS))
    world.command(fromTheFuture={"kept": True}, canary={"newer": "too"})
    world.writes.clear()
    world.settle(5.0)
    world.command(pauseConditions=None)
    world.settle(700.0)

    assert world.status["phase"] == "Healthy"
    assert world.status["fromTheFuture"] == {"kept": True}
    assert world.status["canary"]["newer"] == "too"


def test_role_metadata_as_another_controller_leaves_it_is_kept_and_restarts_nothing():
    note = '{"labels":{"role":"stable"}}'
    world = found(left.healthy(FOREIGN))
    world.patch(WEB, {"spec": {"strategy": {"canary": {"stableMetadata": {"labels": {"role": "stable"}}}}}})
    borne = {"spec": {"template": {"metadata": {"labels": {"role": "stable"}}}}}
    ref = Ref(kinds.REPLICA_SET, "shop", f"web-{FOREIGN['1']}")
    mark = {"metadata": {"annotations": {"rollout.argoproj.io/ephemeral-metadata": note}}}
    world.patch(ref, {**borne, **mark})
    world.settle(60.0)

    assert world.sizes() == {"1": 4}
    assert world.status["currentPodHash"] == FOREIGN["1"]
    assert world.objects[ref]["spec"]["template"]["metadata"]["labels"]["role"] == "stable"


def test_an_analysis_under_way_is_waited_for_and_not_begun_again():
    judged = [{"setWeight": 25}, {"analysis": {"templates": [{"templateName": "success-rate"}]}}, {"setWeight": 50}]
    world = found(left.at_the_pause(FOREIGN))
    world.add(a_template_of_analysis())
    name = f"web-{FOREIGN['2']}-2-1"
    labels = {left.HASH: FOREIGN["2"], "rollout-type": "Step", "step-index": "1", "app": "web"}
    owner = obj.controller_reference(kinds.ROLLOUT, world.rollout)
    run = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisRun",
        "metadata": {"name": name, "namespace": "shop", "labels": labels, "ownerReferences": [owner]},
        "spec": {"metrics": []},
        "status": {"phase": "Running"},
    }
    world.add(run)
    world.patch(WEB, {"spec": {"strategy": {"canary": {"steps": judged}}}})
    told = {"currentStepAnalysisRunStatus": {"name": name, "status": "Running"}}
    world.command(
        pauseConditions=None,
        controllerPause=None,
        canary=told,
        currentStepHash=step_hash(world.rollout),
        observedGeneration=str(obj.generation(world.rollout)),
    )
    world.settle(60.0)

    assert world.runs() == [name]
    assert (world.status["currentStepIndex"], world.weight) == (1, 25)

    world.finish_run(name, "Successful")
    world.settle(5.0)

    assert world.weights == [50, 100, 0]
    assert world.runs() == [name]
