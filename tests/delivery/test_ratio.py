"""A canary without a router: the share is the ratio of the pods, between maxSurge and maxUnavailable."""

from __future__ import annotations

import pytest

from rollouts.kube import kinds
from rollouts.kube import object as obj
from tests.builders import a_rollout
from tests.delivery.world import WEB, World, deployed

ALONE = {"trafficRouting": None, "stableService": None, "canaryService": None}
HOLD = ({"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}})


def a_plain_rollout(replicas=5, *, steps=HOLD, canary=None, **spec):
    return a_rollout(replicas, steps=steps, canary={**ALONE, **(canary or {})}, **spec)


def test_the_first_version_is_deployed_at_once_and_no_route_is_made():
    world = deployed(a_plain_rollout(3))

    assert world.sizes() == {"1": 3}
    assert [obj.name(each) for each in world.of(kinds.INGRESS)] == ["web"]
    assert "weights" not in world.status["canary"]


def test_the_pods_of_both_versions_stand_in_the_ratio_of_each_step():
    world = deployed(a_plain_rollout(5))

    world.set_image("shop/web:2")
    world.until("Paused")
    assert world.sizes() == {"1": 4, "2": 1}
    world.command(pauseConditions=None)
    world.settle(1.0)
    world.until("Paused")
    assert world.sizes() == {"1": 2, "2": 3}
    world.command(pauseConditions=None)
    world.settle(60.0)

    assert world.sizes() == {"1": 0, "2": 5}
    assert world.status["phase"] == "Healthy"


def test_without_steps_it_is_a_rolling_update():
    world = deployed(a_plain_rollout(10, steps=()))

    world.set_image("shop/web:2")
    world.settle(0.0)
    assert world.sizes() == {"1": 8, "2": 5}
    world.settle(60.0)

    assert world.sizes() == {"1": 0, "2": 10}
    assert world.status["phase"] == "Healthy"


def test_a_third_version_in_the_middle_drains_the_second_first():
    world = deployed(a_plain_rollout(10))
    world.set_image("shop/web:2")
    world.until("Paused")
    world.command(pauseConditions=None)
    world.settle(1.0)
    world.until("Paused")
    assert world.sizes() == {"1": 4, "2": 6}

    world.set_image("shop/web:3")
    world.settle(0.0)
    assert world.sizes()["2"] < 6 and world.sizes()["1"] > 4
    world.until("Paused")
    assert world.sizes() == {"1": 8, "2": 0, "3": 2}
    world.command(pauseConditions=None)
    world.settle(1.0)
    world.until("Paused")
    world.command(pauseConditions=None)
    world.settle(60.0)

    assert world.sizes() == {"1": 0, "2": 0, "3": 10}


def test_an_abort_gives_the_stable_version_its_pods_back_within_the_limits():
    world = deployed(a_plain_rollout(10))
    world.set_image("shop/web:2")
    world.until("Paused")

    world.command(abort=True)
    world.settle(60.0)

    assert world.sizes() == {"1": 10, "2": 0}
    assert world.status["phase"] == "Degraded"


@pytest.mark.parametrize(("surge", "unavailable"), [(0, 1), (1, 0), ("100%", 0), (0, "50%"), (0, 5), ("25%", "25%")])
@pytest.mark.parametrize("replicas", [1, 2, 3, 7])
@pytest.mark.parametrize("services", [False, True])
def test_every_limit_lets_an_update_through(replicas, surge, unavailable, services):
    named = {"stableService": "web-stable", "canaryService": "web-canary"} if services else {}
    limits = {"maxSurge": surge, "maxUnavailable": unavailable}
    world = deployed(
        a_plain_rollout(replicas, steps=({"setWeight": 50}, {"setWeight": 90}), canary={**limits, **named})
    )

    world.set_image("shop/web:2")
    world.settle(60.0)
    world.set_image("shop/web:3")
    world.settle(60.0)

    assert world.status["phase"] == "Healthy", world.status["message"]
    assert world.sizes() == {"1": 0, "2": 0, "3": replicas}
    if services:
        assert world.selects("stable") == world.selects("canary") == world.hash_of("3")


def test_a_stable_version_that_is_broken_does_not_hold_its_successor_up():
    world = deployed(a_plain_rollout(4, steps=()))
    name = obj.name(world.set_named("1"))
    world.broken.add(name)
    world.set_pods(name, 0)

    world.set_image("shop/web:2")
    world.settle(60.0)

    assert world.sizes() == {"1": 0, "2": 4}
    assert world.status["phase"] == "Healthy"


def test_a_broken_canary_takes_no_more_than_the_limits_allow():
    world = deployed(a_plain_rollout(10, steps=()))
    world.set_image("shop/web:2")
    world.settle(0.0)
    world.broken.add(obj.name(world.set_named("2")))

    world.settle(900.0)

    assert world.sizes() == {"1": 8, "2": 5}
    assert world.status["phase"] == "Degraded"
    assert world.status["message"].startswith("ProgressDeadlineExceeded")


def test_replicas_and_template_changed_in_one_write_come_through():
    world = deployed(a_plain_rollout(4))

    world.patch(WEB, {"spec": {"replicas": 8}})
    world.set_image("shop/web:2")
    world.until("Paused")

    assert world.sizes() == {"1": 7, "2": 2}


def test_an_autoscaler_in_the_middle_keeps_the_ratio():
    world = deployed(a_plain_rollout(5))
    world.set_image("shop/web:2")
    world.until("Paused")

    world.patch(WEB, {"spec": {"replicas": 10}})
    world.settle(5.0)
    assert world.sizes() == {"1": 8, "2": 2}
    world.patch(WEB, {"spec": {"replicas": 4}})
    world.settle(5.0)

    assert world.sizes() == {"1": 4, "2": 1}


def test_no_pods_at_all_take_a_new_version_at_once():
    world = deployed(a_plain_rollout(0))

    world.set_image("shop/web:2")
    world.settle(30.0)

    assert world.status["phase"] == "Healthy"
    assert world.status["stableRS"] == world.hash_of("2")


def test_a_scale_to_nothing_in_the_middle_ends_the_update():
    world = deployed(a_plain_rollout(5))
    world.set_image("shop/web:2")
    world.until("Paused")

    world.patch(WEB, {"spec": {"replicas": 0}})
    world.settle(5.0)
    assert set(world.sizes().values()) == {0}
    world.patch(WEB, {"spec": {"replicas": 5}})
    world.settle(5.0)

    assert world.sizes() == {"1": 4, "2": 1}


def test_the_services_of_a_canary_without_a_router_follow_its_versions():
    named = {"stableService": "web-stable", "canaryService": "web-canary"}
    world = deployed(a_plain_rollout(5, canary=named))

    world.set_image("shop/web:2")
    world.until("Paused")
    assert (world.selects("stable"), world.selects("canary")) == (world.hash_of("1"), world.hash_of("2"))
    world.command(abort=True)
    world.settle(30.0)

    assert world.selects("canary") == world.selects("stable") == world.hash_of("1")


@pytest.mark.parametrize("room", [{}, {"maxSurge": 0, "maxUnavailable": 1}], ids=str)
def test_a_step_that_asks_for_all_pods_is_done_although_the_stable_service_selected_the_last_old_one(room):
    services = {"trafficRouting": None, **room}
    world = deployed(a_rollout(5, steps=({"setWeight": 100}, {"pause": {}}), canary=services))
    world.set_image("shop/web:2")
    world.until("Paused")
    assert (world.sizes(), world.selects("stable")) == ({"1": 0, "2": 5}, world.hash_of("2"))
    world.command(abort=True)
    world.settle(60.0)

    assert (world.sizes(), world.selects("stable")) == ({"1": 5, "2": 0}, world.hash_of("1"))


def test_clients_read_that_old_pods_are_on_their_way_out():
    world = World(a_plain_rollout(4, steps=()))
    world.settle(30.0)
    messages = set()
    world.set_image("shop/web:2")
    for _ in range(60):
        plan = world.turn()
        messages.add(world.status.get("message"))
        if not plan.writes:
            world.settle(0.1)

    assert world.status["phase"] == "Healthy"
    assert messages & {"more replicas need to be updated", "updated replicas are still becoming available"}


def test_the_contracts_events_of_an_abort_a_retry_and_a_promotion_come_in_order():
    world = World(a_plain_rollout(1, steps=({"setWeight": 50}, {"pause": {"duration": 3}})))
    world.settle(5.0)
    world.set_image("shop/web:2")
    world.until("Paused")
    world.command(abort=True)
    world.settle(5.0)
    world.command(abort=False)
    world.until("Paused")
    world.settle(30.0)

    assert world.reasons() == [
        "RolloutAddedToInformer", "RolloutUpdated", "NewReplicaSetCreated", "RolloutNotCompleted", "ScalingReplicaSet",
        "RolloutCompleted", "RolloutUpdated", "NewReplicaSetCreated", "RolloutNotCompleted", "ScalingReplicaSet",
        "RolloutStepCompleted", "RolloutPaused", "ScalingReplicaSet", "RolloutAborted", "ScalingReplicaSet",
        "RolloutStepCompleted", "RolloutPaused", "RolloutStepCompleted", "RolloutResumed", "ScalingReplicaSet",
        "RolloutCompleted",
    ]  # fmt: skip


@pytest.mark.parametrize("weight", [20, 60])
def test_a_router_that_is_taken_away_in_mid_update_leaves_the_ratio_in_charge(weight):
    world = deployed(a_rollout(5, steps=({"setWeight": weight}, {"pause": {}})))
    world.set_image("shop/web:2")
    world.until("Paused")

    world.patch(WEB, {"spec": {"strategy": {"canary": {"trafficRouting": None}}}})
    world.settle(10.0)
    assert world.status["currentStepIndex"] == 1
    assert world.sizes() == {"1": 5 - weight // 20, "2": weight // 20}
    world.command(pauseConditions=None)
    world.settle(60.0)

    assert world.sizes() == {"1": 0, "2": 5}
    assert world.selects("stable") == world.selects("canary") == world.hash_of("2")


def test_a_router_that_comes_in_mid_update_finds_the_stable_version_whole():
    named = {"stableService": "web-stable", "canaryService": "web-canary"}
    world = deployed(a_plain_rollout(5, canary=named))
    world.set_image("shop/web:2")
    world.until("Paused")

    routing = {"nginx": {"stableIngress": "web"}}
    world.patch(WEB, {"spec": {"strategy": {"canary": {"trafficRouting": routing}}}})
    world.settle(10.0)
    assert (world.status["currentStepIndex"], world.sizes(), world.weight) == (1, {"1": 5, "2": 1}, 20)
    world.command(promoteFull=True)
    world.settle(60.0)

    assert world.status["phase"] == "Healthy"
    assert world.sizes() == {"1": 0, "2": 5}
