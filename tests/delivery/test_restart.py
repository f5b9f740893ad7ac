"""A restart without a new version, as the people behind the pods live through it."""

from __future__ import annotations

import pytest

from rollouts.delivery.rules import check
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Ref
from tests.builders import NAMESPACE, a_rollout
from tests.delivery.people import make_ready, pods_of, populate
from tests.delivery.world import WEB, World, deployed


def with_pods(replicas: int, **canary) -> World:
    world = deployed(a_rollout(replicas, canary=canary))
    populate(world)
    world.settle(60.0)
    return world


def restart(world: World, *, in_s: float = 0.0) -> str:
    at = world.now.plus(in_s).rfc3339_whole()
    world.patch(WEB, {"spec": {"restartAt": at}})
    return at


def rounds(world: World) -> list[int]:
    """How many pods leave at a time, until none does any more."""
    told = []
    for _ in range(20):
        before = len(world.evicted)
        world.settle(0.1)
        if len(world.evicted) == before:
            return told
        told.append(len(world.evicted) - before)
        world.settle(0.5)
        populate(world, ready=False)
        world.settle(0.5)
        assert len(world.evicted) == before + told[-1], "the next pod left before the last one was replaced"
        make_ready(world)
    raise AssertionError("the restart does not end")


@pytest.mark.parametrize(
    ("replicas", "canary", "pace"),
    [
        (1, {}, [1]),  # at least one, or nothing would ever be restarted
        (3, {}, [1, 1, 1]),  # 25 % rounded down is none
        (8, {}, [2, 2, 2, 2]),
        (4, {"maxUnavailable": "50%"}, [2, 2]),
        (5, {"maxUnavailable": 2}, [2, 2, 1]),
        (4, {"maxUnavailable": 0}, [1, 1, 1, 1]),
    ],
)
def test_pods_leave_at_the_pace_at_which_they_may_be_missing(replicas, canary, pace):
    world = with_pods(replicas, **canary)
    at = restart(world)

    assert rounds(world) == pace
    assert world.status["restartedAt"] == at
    assert world.status["phase"] == "Healthy"
    assert world.sizes() == {"1": replicas}


def test_a_restart_is_told_while_it_lasts():
    world = with_pods(3)
    restart(world)
    world.settle(0.1)

    assert (world.status["phase"], world.status["message"]) == ("Progressing", "rollout is restarting")
    assert "restartedAt" not in world.status


def test_pods_that_are_younger_than_the_moment_stay():
    world = with_pods(2)
    old = [obj.name(pod) for pod in pods_of(world, world.set_named("1"))]
    world.settle(10.0)
    restart(world)
    world.patch(WEB, {"spec": {"replicas": 3}})
    world.settle(1.0)
    populate(world)
    rounds(world)

    assert world.evicted == old
    assert len(pods_of(world, world.set_named("1"))) == 3


def test_a_restart_in_the_future_waits_for_its_moment():
    world = with_pods(1)
    at = restart(world, in_s=100.0)
    world.settle(95.0)

    assert world.evicted == []
    assert world.status["phase"] == "Healthy"

    world.settle(5.0)

    assert len(world.evicted) == 1
    populate(world)
    world.settle(1.0)
    assert world.status["restartedAt"] == at


def test_what_a_disruption_budget_keeps_is_asked_for_again():
    world = with_pods(4, maxUnavailable=4)
    world.budget = 1
    restart(world)
    world.settle(5.0)

    assert len(world.evicted) == 1

    world.budget = 1000
    world.settle(30.0)

    assert len(world.evicted) == 4


def test_a_pod_that_is_missing_already_counts():
    world = with_pods(4, maxUnavailable=2)
    pod = pods_of(world, world.set_named("1"))[3]
    world.patch(obj.ref(kinds.POD, pod), {"status": {"conditions": [{"type": "Ready", "status": "False"}]}})
    restart(world)
    world.settle(0.1)

    # One that serves, and the one that does not anyway.
    assert len(world.evicted) == 2
    assert obj.name(pod) in world.evicted


def test_a_pod_that_has_not_been_ready_for_long_enough_is_not_counted_on():
    world = deployed(a_rollout(2, minReadySeconds=20, canary={"maxUnavailable": 1}))
    populate(world)
    world.settle(60.0)
    restart(world)
    world.settle(0.1)
    populate(world)
    world.settle(18.0)

    assert len(world.evicted) == 1

    world.settle(3.0 + 30.0)

    assert len(world.evicted) == 2


def test_a_restart_reaches_both_versions_of_an_update_and_the_stable_one_first():
    world = deployed(a_rollout(4, steps=[{"setWeight": 50}, {"pause": {}}]))
    world.set_image("shop/web:2")
    world.until("Paused")
    populate(world)
    world.settle(5.0)
    restart(world)
    world.settle(0.1)

    assert world.evicted == [obj.name(world.set_named("1")) + "-1"]
    assert world.status["phase"] == "Paused"

    populate(world)
    rounds(world)

    assert len(world.evicted) == 6
    assert world.weight == 50


def test_nothing_leaves_while_the_pods_are_not_known():
    world = with_pods(2)
    world.knows_pods = False
    restart(world)
    world.settle(60.0)

    assert world.evicted == []
    assert "restartedAt" not in world.status


def test_a_rollout_without_pods_is_restarted_at_once():
    world = with_pods(0)
    at = restart(world)
    world.settle(1.0)

    assert world.status["restartedAt"] == at


def test_a_restart_that_was_done_is_not_done_again():
    world = with_pods(1)
    restart(world)
    rounds(world)
    world.evicted.clear()
    world.writes.clear()
    world.settle(600.0)

    assert world.evicted == []
    assert not world.writes


def test_a_pod_that_is_leaving_is_left_to_leave():
    world = with_pods(1)
    pod = pods_of(world, world.set_named("1"))[0]
    world.patch(Ref(kinds.POD, NAMESPACE, obj.name(pod)), {"metadata": {"deletionTimestamp": world.now.rfc3339()}})
    restart(world)
    world.settle(60.0)

    assert world.evicted == []


def test_what_a_restart_waits_for_is_said():
    world = with_pods(4, maxUnavailable=4)
    world.budget = 0
    restart(world)
    world.settle(5.0)

    assert world.letters[-1].rule.endswith("a restart is under way: 4 older pods are left, 4 may be missing at a time")


@pytest.mark.parametrize("moment", ["tomorrow", "2026-13-01T00:00:00Z", ""])
def test_a_moment_that_nobody_can_read_is_refused(moment):
    assert [each.reason for each in check(a_rollout(1, restartAt=moment)).refusals] == ["TimeUnreadable"]
