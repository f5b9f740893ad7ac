"""Specs and statuses that cannot be: nothing is touched, everything heals, nothing is promoted by accident."""

from __future__ import annotations

import pytest

from rollouts.kube import kinds
from rollouts.kube.ref import Ref
from tests.builders import NAMESPACE, a_rollout, a_service, a_template_of_analysis
from tests.delivery.world import WEB, World, deployed

HOLD = ({"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}})


def test_a_refused_rollout_has_one_condition_and_nothing_else_is_written():
    world = World(a_rollout(2, steps=[{"setWeight": 101}]))

    world.settle(60.0)

    assert set(world.writes) == {"Rollout/status"} and world.writes["Rollout/status"] == 1
    conditions = world.status["conditions"]
    assert [(each["type"], each["status"]) for each in conditions] == [("InvalidSpec", "True")]
    assert conditions[0]["message"].startswith('The Rollout "web" is invalid: spec.strategy.')
    assert world.status["phase"] == "Degraded"
    assert world.status["message"] == f"InvalidSpec: {conditions[0]['message']}"
    assert world.reasons() == ["InvalidSpec"]


def test_a_refused_rollout_is_looked_at_again_within_twenty_seconds():
    world = World(a_rollout(steps=[{"setWeight": 101}]))

    plan = world.turn()

    assert plan.wake is not None and plan.wake.since(world.now) <= 20


def test_what_is_missing_heals_the_rollout_when_it_appears():
    step = {"analysis": {"templates": [{"templateName": "success-rate"}]}}
    world = World(a_rollout(2, steps=[{"setWeight": 50}, step]))
    world.settle(5.0)
    assert "AnalysisTemplate 'success-rate' not found" in world.status["message"]

    world.add(a_template_of_analysis())
    world.settle(30.0)

    assert world.status["phase"] == "Healthy"
    assert all(each["type"] != "InvalidSpec" for each in world.status["conditions"])


def test_a_spec_that_goes_bad_in_the_middle_stops_everything_where_it_stands():
    world = deployed(a_rollout(5, steps=HOLD))
    world.set_image("shop/web:2")
    world.until("Paused")
    before = world.sizes(), world.weight

    world.patch(WEB, {"spec": {"progressDeadlineSeconds": 0, "minReadySeconds": 5}})
    world.settle(60.0)
    assert (world.sizes(), world.weight) == before
    assert world.status["phase"] == "Degraded"
    world.patch(WEB, {"spec": {"progressDeadlineSeconds": None, "minReadySeconds": 0}})
    world.settle(60.0)

    assert (world.status["phase"], world.weight) == ("Paused", 20)


def test_a_service_that_vanishes_in_the_middle_is_told_and_heals():
    world = deployed(a_rollout(5, steps=HOLD))
    world.set_image("shop/web:2")
    world.until("Paused")

    del world.objects[Ref(kinds.SERVICE, NAMESPACE, "web-canary")]
    world.settle(5.0)
    assert 'service "web-canary" not found' in world.status["message"]
    world.add(a_service("web-canary"))
    world.settle(5.0)

    assert world.status["phase"] == "Paused"
    assert world.selects("canary") == world.hash_of("2")


def test_a_canary_ingress_of_somebody_else_is_left_alone():
    taken = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "web-web-canary", "namespace": NAMESPACE, "annotations": {}},
        "spec": {},
    }
    world = World(taken, a_rollout())

    world.settle(30.0)

    assert "canary ingress `web-web-canary` controlled by different object" in world.status["message"]
    assert set(world.writes) == {"Rollout/status"}


@pytest.mark.parametrize(
    "edit",
    [
        {"currentStepIndex": 99},
        {"currentStepIndex": -1},
        {"currentStepIndex": "x"},
        {"stableRS": "nonsense"},
        {"currentPodHash": "nonsense"},
        {"pauseConditions": "x"},
        {"pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "x"}]},
        {"pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2126-01-01T00:00:00Z"}]},
        {"pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "1970-01-01T00:00:00Z"}]},
        {"conditions": "garbage"},
        {"canary": "garbage"},
        {"collisionCount": "x"},
        {"abortedAt": "x"},
        {"currentStepHash": None},
    ],
)
def test_a_status_edited_by_hand_promotes_nothing(edit):
    world = deployed(a_rollout(5, steps=HOLD))
    world.set_image("shop/web:2")
    world.until("Paused")

    world.command(**edit)
    world.settle(100.0)

    assert world.status["stableRS"] == world.hash_of("1")
    assert (world.weight, world.status["phase"], world.status["currentStepIndex"]) == (20, "Paused", 1)
    assert world.sizes() == {"1": 5, "2": 1}


@pytest.mark.parametrize("start", ["2126-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "x", None])
def test_a_pause_that_began_at_no_possible_time_begins_now(start):
    world = deployed(a_rollout(1, steps=[{"setWeight": 20}, {"pause": {"duration": 60}}, {"pause": {}}]))
    world.set_image("shop/web:2")
    world.until("Paused")

    world.command(pauseConditions=[{"reason": "CanaryPauseStep", "startTime": start}])
    world.settle(59.0)
    assert world.status["currentStepIndex"] == 1
    world.settle(2.0)

    assert world.status["currentStepIndex"] == 2


def test_a_lost_status_is_told_from_what_the_services_select():
    world = deployed(a_rollout(5, steps=HOLD))
    world.set_image("shop/web:2")
    world.until("Paused")
    rollout = dict(world.rollout)
    del rollout["status"]
    world.objects[WEB] = rollout

    world.settle(5.0)

    assert world.status["stableRS"] == world.hash_of("1")
    assert (world.status["phase"], world.weight) == ("Paused", 20)


def test_a_deadline_annotation_that_nobody_can_read_counts_as_none():
    world = deployed(a_rollout(2, steps=[]))
    world.set_image("shop/web:2")
    world.settle(5.0)
    old = Ref(kinds.REPLICA_SET, NAMESPACE, f"web-{world.hash_of('1')}")

    world.patch(old, {"metadata": {"annotations": {"scale-down-deadline": "x"}}})
    world.settle(25.0)
    assert world.sizes() == {"1": 2, "2": 2}
    world.settle(10.0)

    assert world.sizes() == {"1": 0, "2": 2}
