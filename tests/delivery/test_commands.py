"""Commands at any moment: abort, retry, promote, a new version, a return to the old one, a new size."""

from __future__ import annotations

import pytest

from rollouts.delivery import marks, urgent
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Ref
from tests.builders import STEPS, a_rollout
from tests.delivery.world import WEB, World, deployed

HOLD = ({"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}})


def paused_at(weight: int, replicas: int = 5, **spec) -> World:
    world = deployed(a_rollout(replicas, steps=HOLD, **spec))
    world.set_image("shop/web:2")
    world.until("Paused")
    if weight == 60:
        world.command(pauseConditions=None)
        world.settle(3.0)
    assert (world.weight, world.status["phase"]) == (weight, "Paused")
    world.letters.clear()
    world.notes.clear()
    world.weights.clear()
    return world


def test_an_abort_gives_all_traffic_back_before_anything_else_is_written():
    world = paused_at(60)

    world.command(abort=True)
    first = world.turn()

    assert [action.ref.kind.name for action in first.writes] == ["Ingress"]
    assert world.weights == [0]


def test_an_abort_does_not_wait_for_the_canary():
    world = paused_at(60)
    world.set_pods(f"web-{world.hash_of('2')}", 1)

    world.command(abort=True)
    world.settle(1.0)

    assert world.weight == 0


def test_an_aborted_update_says_so():
    world = paused_at(20)

    world.command(abort=True)
    world.settle(1.0)

    assert world.status["phase"] == "Degraded"
    assert world.status["message"] == "RolloutAborted: Rollout aborted update to revision 2"
    assert world.status["currentStepIndex"] == 0
    assert world.status["abortedAt"]
    assert "pauseConditions" not in world.status
    assert world.reasons().count("RolloutAborted") == 1


def test_after_an_abort_the_canary_service_turns_once_and_the_pods_leave_after_the_delay():
    """#4973: its selector went back and forth in each pass, until the canary was gone."""
    world = paused_at(60)

    world.command(abort=True)
    world.settle(25.0)
    assert world.sizes() == {"1": 5, "2": 3}
    world.settle(60.0)

    assert world.sizes() == {"1": 5, "2": 0}
    assert world.reasons().count("SwitchService") == 1
    assert world.selects("canary") == world.hash_of("1")


@pytest.mark.parametrize(("delay", "left"), [(0, 3), (1800, 3), (5, 0)])
def test_the_delay_after_an_abort_is_the_users_and_nought_means_for_good(delay, left):
    """With a delay of 900 s or more another controller of this API took the canary away at once."""
    world = paused_at(60, canary={"abortScaleDownDelaySeconds": delay})

    world.command(abort=True)
    world.settle(1000.0)

    assert world.sizes()["2"] == left


def test_a_retry_begins_the_steps_anew():
    world = paused_at(60)
    world.command(abort=True)
    world.settle(10.0)

    world.command(abort=False)
    world.until("Paused")

    assert world.weight == 20
    assert "abortedAt" not in world.status and "abort" not in world.status
    assert "scale-down-deadline" not in obj.annotations(world.set_named("2"))


def test_a_second_abort_keeps_the_canary_for_the_whole_delay_again():
    world = paused_at(20)
    world.command(abort=True)
    world.settle(20.0)
    world.command(abort=False)
    world.until("Paused")
    world.command(abort=True)

    world.settle(25.0)
    assert world.sizes()["2"] > 0
    world.settle(10.0)

    assert world.sizes()["2"] == 0


def test_a_deadline_that_an_earlier_abort_left_behind_takes_no_pods():
    world = paused_at(20)
    world.command(abort=True)
    canary = Ref(kinds.REPLICA_SET, obj.namespace(world.rollout), obj.name(world.set_named("2")))
    long_ago = {marks.DEADLINE: world.now.plus(-60).rfc3339()}
    world.patch(canary, {"metadata": {"annotations": long_ago}})

    world.settle(25.0)
    assert world.sizes()["2"] > 0
    world.settle(10.0)

    assert world.sizes()["2"] == 0


@pytest.mark.parametrize("status", [{"abort": True}, {"promoteFull": True}, {"controllerPause": True}])
def test_a_command_with_nothing_in_progress_changes_nothing(status):
    world = deployed(a_rollout(3))
    before = world.sizes(), world.weights[:]

    world.command(**status)
    world.settle(60.0)

    assert (world.sizes(), world.weights) == before
    assert world.status["phase"] == "Healthy"
    assert not set(status) & set(world.status)


def test_an_abort_during_the_first_deploy_is_nothing_to_go_back_from():
    world = World(a_rollout(2), ready_s=5.0)
    world.settle(1.0)

    world.command(abort=True)
    world.settle(30.0)

    assert world.status["phase"] == "Healthy"


def test_an_endless_pause_waits_for_a_person():
    world = paused_at(20)

    world.settle(10_000.0)
    assert world.status["currentStepIndex"] == 1
    world.command(pauseConditions=None)
    world.settle(5.0)

    assert world.weight == 60
    assert world.reasons()[:2] == ["RolloutStepCompleted", "ScalingReplicaSet"]


def test_promoting_out_of_a_step_that_waits_goes_to_the_next_one():
    world = deployed(a_rollout(5, steps=[{"setWeight": 20}, {"setWeight": 60}, {"pause": {}}]))
    world.broken.add("web-" + _hash_after(world, "2"))
    world.set_image("shop/web:2")
    world.settle(3.0)
    assert world.status["currentStepIndex"] == 0

    world.command(pauseConditions=None, currentStepIndex=1)
    world.settle(3.0)

    assert world.status["currentStepIndex"] == 1
    assert world.weight == 0
    assert world.sizes() == {"1": 5, "2": 3}


def _hash_after(world: World, tag: str) -> str:
    trial = deployed(world.rollout)
    trial.set_image(f"shop/web:{tag}")
    trial.settle(1.0)
    return trial.hash_of(tag)


def test_a_full_promotion_holds_the_weight_until_every_pod_is_there():
    world = paused_at(20)
    world.ready_s = 8.0

    world.command(promoteFull=True)
    world.settle(5.0)
    assert (world.weight, world.sizes()["2"]) == (20, 5)
    world.settle(60.0)

    assert world.sizes() == {"1": 0, "2": 5}
    assert "promoteFull" not in world.status
    assert any(note.message.endswith("Full promotion requested") for note in world.notes)


def test_an_abort_takes_a_full_promotion_back():
    world = paused_at(20)
    world.ready_s = 8.0
    world.command(promoteFull=True)
    world.settle(1.0)

    world.command(abort=True)
    world.settle(1.0)
    world.command(abort=False)
    world.until("Paused")

    assert world.weight == 20


def test_a_rollout_paused_by_its_spec_promotes_nothing_and_goes_on_when_released():
    world = deployed(a_rollout(2, steps=[{"setWeight": 50}, {"pause": {"duration": 5}}]))
    world.patch(WEB, {"spec": {"paused": True}})
    world.set_image("shop/web:2")
    world.settle(120.0)
    assert (world.status["phase"], world.status["message"]) == ("Paused", "manually paused")
    assert world.status["currentStepIndex"] == 0

    world.patch(WEB, {"spec": {"paused": False}})
    world.settle(120.0)

    assert world.status["phase"] == "Healthy"
    assert world.sizes() == {"1": 0, "2": 2}


@pytest.mark.parametrize("weight", [20, 60])
def test_a_third_version_takes_the_weight_from_the_second_before_it_gets_any(weight):
    world = paused_at(weight)
    world.ready_s = 3.0

    world.set_image("shop/web:3")
    world.settle(1.0)
    assert world.weights == [0]
    world.settle(60.0)

    assert world.weights == [0, 20]
    assert world.sizes() == {"1": 5, "2": 0, "3": 1}
    assert world.selects("canary") == world.hash_of("3")


def test_a_return_to_the_stable_version_skips_the_steps():
    world = paused_at(60)

    world.set_image("shop/web:1")
    world.settle(1.0)

    assert world.weight == 0
    assert world.status["currentStepIndex"] == len(HOLD)
    assert "SkipSteps" in world.reasons()
    assert obj.annotations(world.rollout)["rollout.argoproj.io/revision"] == "3"
    assert obj.annotations(world.set_named("1"))["rollout.argoproj.io/revision-history"] == "1"
    world.settle(60.0)
    assert world.sizes() == {"1": 5, "2": 0}


def test_a_new_version_supersedes_an_aborted_one():
    world = paused_at(60)
    world.command(abort=True)
    world.settle(5.0)

    world.set_image("shop/web:3")
    world.until("Paused")

    assert world.weight == 20
    assert "abort" not in world.status


def test_new_steps_begin_from_the_first():
    world = paused_at(60)

    world.patch(WEB, {"spec": {"strategy": {"canary": {"steps": [{"setWeight": 40}, {"pause": {}}]}}}})
    world.settle(5.0)

    assert (world.weight, world.status["currentStepIndex"]) == (40, 1)


@pytest.mark.parametrize("replicas", [1, 3, 10, 40])
def test_a_new_size_in_the_middle_moves_pods_and_freezes_nothing(replicas):
    world = paused_at(20)

    world.patch(WEB, {"spec": {"replicas": replicas}})
    world.settle(5.0)
    assert world.sizes() == {"1": replicas, "2": -(-replicas * 20 // 100)}
    world.command(pauseConditions=None)
    world.settle(5.0)

    assert world.weight == 60
    assert obj.annotations(world.set_named("1"))["rollout.argoproj.io/desired-replicas"] == str(replicas)


def test_scaling_to_nothing_and_back_in_the_middle_loses_nothing():
    world = paused_at(60)

    world.patch(WEB, {"spec": {"replicas": 0}})
    world.settle(5.0)
    assert world.weight == 0
    world.patch(WEB, {"spec": {"replicas": 5}})
    world.settle(5.0)

    assert world.weight == 60
    assert world.status["currentStepIndex"] == 3


def test_a_canary_that_lost_every_pod_loses_its_traffic_and_gets_it_back():
    world = paused_at(60)
    name = f"web-{world.hash_of('2')}"
    world.broken.add(name)

    world.set_pods(name, 0)
    world.settle(1.0)
    assert world.weight == 0
    world.set_pods(name, 3)
    world.settle(1.0)

    assert world.weight == 60


def test_an_abort_returns_no_more_than_the_stable_pods_can_carry():
    world = paused_at(60)
    name = f"web-{world.hash_of('1')}"
    world.broken.add(name)
    world.set_pods(name, 3)

    world.command(abort=True)
    world.settle(1.0)
    assert world.weight == 40
    world.set_pods(name, 5)
    world.settle(1.0)

    assert world.weight == 0


def test_a_stable_service_turns_only_when_every_pod_is_there():
    world = deployed(a_rollout(5, steps=[]))
    world.refusing = lambda action: action.ref.name == "web-stable"
    world.set_image("shop/web:2")
    world.settle(5.0)
    assert world.status["stableRS"] == world.hash_of("2")
    world.set_pods(f"web-{world.hash_of('2')}", 4)
    world.broken.add(f"web-{world.hash_of('2')}")
    world.refusing = lambda action: False

    world.settle(100.0)
    assert world.selects("stable") == world.hash_of("1")
    assert (world.weight, world.sizes()) == (100, {"1": 5, "2": 5})
    world.set_pods(f"web-{world.hash_of('2')}", 5)
    world.settle(1.0)

    assert world.selects("stable") == world.hash_of("2")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, False),
        ({"abort": True}, True),
        ({"abort": True, "abortedAt": "2026-03-01T12:00:00Z"}, False),
        ({"abort": True, "abortedAt": "x", "canary": {"weights": {"canary": {"weight": 20}}}}, True),
    ],
)
def test_an_abort_is_urgent_until_its_traffic_is_back(status, expected):
    assert urgent({"status": status}) is expected


def test_a_deadline_is_missed_exactly_when_it_is_due_and_forgiven_on_progress():
    world = deployed(a_rollout(5, progressDeadlineSeconds=30))
    world.ready_s = 40.0
    world.set_image("shop/web:2")
    world.settle(29.0)
    assert world.status["phase"] == "Progressing"
    world.settle(3.0)
    assert world.status["phase"] == "Degraded"
    assert world.status["message"].startswith('ProgressDeadlineExceeded: ReplicaSet "web-')
    assert world.status["message"].endswith("has timed out progressing.")

    world.settle(12.0)

    assert world.status["phase"] == "Paused"


def test_a_pause_does_not_use_up_the_deadline():
    world = deployed(a_rollout(1, steps=[*STEPS[:1], {"pause": {"duration": 100}}], progressDeadlineSeconds=30))

    world.set_image("shop/web:2")
    world.settle(99.0)
    assert world.status["phase"] == "Paused"
    world.settle(60.0)

    assert world.status["phase"] == "Healthy"


def test_abort_retry_and_promotion_tell_the_contracts_events_in_order():
    world = deployed(a_rollout(1, steps=[{"setWeight": 50}, {"pause": {"duration": 3}}]))
    world.notes.clear()

    world.set_image("shop/web:2")
    world.until("Paused")
    world.command(abort=True)
    world.settle(40.0)
    world.command(abort=False)
    world.settle(60.0)

    about_traffic = {"PatchingCanaryIngress", "TrafficWeightUpdated", "SwitchService"}
    assert [reason for reason in world.reasons() if reason not in about_traffic] == [
        "RolloutUpdated",
        "NewReplicaSetCreated",
        "RolloutNotCompleted",
        "ScalingReplicaSet",
        "RolloutStepCompleted",
        "RolloutPaused",
        "RolloutAborted",
        "ScalingReplicaSet",
        "ScalingReplicaSet",
        "RolloutStepCompleted",
        "RolloutPaused",
        "RolloutStepCompleted",
        "RolloutResumed",
        "RolloutCompleted",
        "ScalingReplicaSet",
    ]
