"""What clients of the contract count on at the moment when a phase, a condition or an event is told."""

from __future__ import annotations

import pytest

from rollouts.kube import object as obj
from rollouts.kube.conditions import find
from tests.builders import a_rollout, a_template_of_analysis
from tests.delivery.world import WEB, World, deployed

DEADLINE = "scale-down-deadline"
HELD = ({"setWeight": 40}, {"pause": {}}, {"setWeight": 60}, {"pause": {}})
UNROUTED = {"trafficRouting": None, "stableService": None, "canaryService": None}
ENDLESS = a_template_of_analysis(
    metrics=[{"name": "rate", "interval": "1m", "provider": {"prometheus": {"address": "http://x", "query": "up"}}}]
)
JUDGED = {"analysis": {"templates": [{"templateName": "success-rate"}]}}


def until(world: World, phase: str) -> None:
    """Turn by turn, so that nothing happens after the write that tells the phase."""
    for _ in range(400):
        if not world.turn().writes:
            world.settle(0.1)
        if world.status.get("phase") == phase:
            return
    raise AssertionError(f"not seen: {phase}")


def test_at_a_first_pause_the_new_version_and_its_analysis_are_there():
    world = deployed(a_rollout(3, steps=({"pause": {}}, {"setWeight": 40}), canary=JUDGED), ENDLESS)

    world.set_image("shop/web:2")
    until(world, "Paused")

    assert world.sizes() == {"1": 3, "2": 0}
    assert len(world.runs()) == 1


def test_an_analysis_that_begins_with_a_pause_is_there_once_the_pause_is():
    judged = {"analysis": {**JUDGED["analysis"], "startingStep": 1}}
    world = deployed(a_rollout(3, steps=HELD, canary=judged), ENDLESS)

    world.set_image("shop/web:2")
    until(world, "Paused")

    assert world.status["currentStepIndex"] == 1
    assert len(world.runs()) == 1


def test_an_aborted_canary_has_its_deadline_once_the_abort_is_told():
    world = deployed(a_rollout(3, steps=HELD))
    world.set_image("shop/web:2")
    world.until("Paused")

    world.command(abort=True)
    until(world, "Degraded")

    assert obj.annotations(world.set_named("2"))[DEADLINE]


def test_a_step_of_the_ratio_is_done_once_the_old_pods_were_told_to_leave():
    world = deployed(a_rollout(4, steps=({"setWeight": 100}, {"pause": {}}), canary=UNROUTED))
    world.set_image("shop/web:2")
    old = obj.name(world.set_named("1"))
    world.set_image("shop/web:2")
    until(world, "Paused")

    assert (world.status["replicas"], world.status["updatedReplicas"]) == (4, 4)
    assert world.set_named("1")["status"]["replicas"] == 0, old


def test_a_healthy_rollout_that_is_paused_is_still_told_as_progressed():
    world = deployed(a_rollout(3, steps=HELD))
    told = find(world.status["conditions"], "Progressing")

    world.patch(WEB, {"spec": {"paused": True}})
    world.settle(30.0)

    assert (world.status["phase"], world.status["message"]) == ("Paused", "manually paused")
    assert find(world.status["conditions"], "Progressing") == told
    assert find(world.status["conditions"], "Paused")["status"] == "True"


def test_weights_on_the_way_back_are_told_as_those_of_the_version_that_has_them():
    world = deployed(a_rollout(4, steps=({"setWeight": 25}, {"pause": {}}), canary={"dynamicStableScale": True}))
    world.set_image("shop/web:2")
    world.until("Paused")
    world.settle(5.0)
    first, second = world.hash_of("1"), world.hash_of("2")
    assert world.sizes() == {"1": 3, "2": 1}

    world.ready_s = 20.0
    world.set_image("shop/web:1")
    world.settle(5.0)
    weights = world.status["canary"]["weights"]
    assert (weights["canary"]["weight"], weights["canary"]["podTemplateHash"]) == (25, second)
    assert (weights["stable"]["weight"], weights["stable"]["podTemplateHash"]) == (75, first)
    assert world.sizes() == {"1": 4, "2": 1}

    world.settle(60.0)
    weights = world.status["canary"]["weights"]
    assert (weights["canary"]["weight"], weights["canary"]["podTemplateHash"]) == (0, first)
    assert (weights["stable"]["weight"], weights["stable"]["podTemplateHash"]) == (100, first)


def test_why_a_version_was_made_may_be_said_afterwards():
    world = deployed(a_rollout(3, steps=HELD))
    world.set_image("shop/web:2")
    world.until("Paused")

    world.patch(WEB, {"metadata": {"annotations": {"kubernetes.io/change-cause": "a faster basket"}}})
    world.settle(1.0)

    assert obj.annotations(world.set_named("2"))["kubernetes.io/change-cause"] == "a faster basket"
    assert "kubernetes.io/change-cause" not in obj.annotations(world.set_named("1"))


def test_a_third_version_at_a_pause_ends_the_pause_and_leaves_no_completed_version():
    world = deployed(a_rollout(3, steps=HELD, canary=UNROUTED))
    world.set_image("shop/web:2")
    world.until("Paused")
    world.notes.clear()

    world.set_image("shop/web:3")
    world.settle(30.0)

    assert world.reasons()[:4] == ["RolloutUpdated", "RolloutResumed", "NewReplicaSetCreated", "ScalingReplicaSet"]


def test_a_pause_that_somebody_ends_is_told_by_the_step_alone():
    world = deployed(a_rollout(3, steps=HELD))
    world.set_image("shop/web:2")
    world.until("Paused")
    world.notes.clear()

    world.command(pauseConditions=None)
    world.settle(5.0)

    assert world.reasons()[0] == "RolloutStepCompleted"
    assert "RolloutResumed" not in world.reasons()


def test_a_run_that_is_ended_early_says_so_itself():
    world = deployed(a_rollout(3, steps=HELD, canary=JUDGED), ENDLESS)
    world.set_image("shop/web:2")
    world.until("Paused")

    world.command(abort=True)
    world.settle(5.0)

    told = next(note for note in world.notes if note.reason == "AnalysisRunTerminating")
    assert (told.about.kind.name, told.about.name) == ("AnalysisRun", world.runs()[0])


@pytest.mark.parametrize("is_routed", [True, False])
def test_a_return_within_the_window_says_why_it_was_completed(is_routed):
    canary = {} if is_routed else UNROUTED
    steps = ({"setWeight": 40}, {"pause": {"duration": 1}})
    world = deployed(a_rollout(3, steps=steps, canary=canary, rollbackWindow={"revisions": 1}))
    world.set_image("shop/web:2")
    world.settle(60.0)

    world.set_image("shop/web:1")
    world.settle(60.0)

    said = [note.message for note in world.notes if note.reason == "RolloutCompleted"][-1]
    assert said == f"Rollout completed update to revision 3 ({world.hash_of('1')}): Rollback within window"


def test_a_pause_that_is_over_leaves_the_word_to_what_still_holds():
    steps = ({"setWeight": 40}, {"pause": {"duration": 30}}, {"setWeight": 60})
    world = deployed(a_rollout(3, steps=steps, canary=JUDGED), ENDLESS)
    world.set_image("shop/web:2")
    world.until("Paused")
    world.finish_run(world.runs()[0], "Inconclusive")
    world.settle(5.0)
    told = [each["reason"] for each in world.status["pauseConditions"]]
    assert told == ["CanaryPauseStep", "InconclusiveAnalysisRun"]
    assert world.status["message"] == "CanaryPauseStep"

    world.settle(40.0)
    assert (world.status["phase"], world.status["message"]) == ("Paused", "InconclusiveAnalysisRun")
    assert (world.status["currentStepIndex"], world.weight) == (1, 40)

    world.command(pauseConditions=None)
    world.settle(5.0)
    assert world.weight == 60
