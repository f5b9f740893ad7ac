"""How many pods stand beside a router: sizes that steps set, a stable version that shrinks, floors and thresholds.

Numbers behind a # are those of issues of argoproj/argo-rollouts: bugs that a controller of this API has had before.
"""

from __future__ import annotations

import pytest

from rollouts.kit.instant import Instant
from rollouts.kube import object as obj
from tests.builders import a_rollout
from tests.delivery.world import WEB, World, deployed

HOLD = ({"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}})
DYNAMIC = {"dynamicStableScale": True}


def go_on(world: World) -> None:
    """A person ends the pause, and the next one is reached."""
    world.command(pauseConditions=None)
    world.settle(0.0)
    world.until("Paused")


@pytest.mark.parametrize(
    ("scale", "pods"),
    [({"replicas": 3}, 3), ({"weight": 25}, 2), ({"weight": 100}, 5), ({"matchTrafficWeight": True}, 1), ({}, 1)],
)
def test_a_step_sets_the_size_apart_from_the_weight(scale, pods):
    steps = ({"setWeight": 10}, {"setCanaryScale": scale}, {"pause": {}})
    world = deployed(a_rollout(5, steps=steps))

    world.set_image("shop/web:2")
    world.until("Paused")

    assert world.sizes() == {"1": 5, "2": pods}
    assert world.weight == 10


def test_a_canary_may_grow_before_it_gets_any_traffic():
    steps = ({"setCanaryScale": {"replicas": 2}}, {"pause": {}}, {"setWeight": 50}, {"pause": {}})
    world = deployed(a_rollout(5, steps=steps))

    world.set_image("shop/web:2")
    world.until("Paused")
    assert (world.sizes()["2"], world.weight) == (2, 0)
    go_on(world)

    assert (world.sizes()["2"], world.weight) == (2, 50)


def test_a_set_size_ends_where_a_later_step_says_so():
    steps = (
        {"setCanaryScale": {"replicas": 1}},
        {"setWeight": 40},
        {"pause": {}},
        {"setCanaryScale": {"matchTrafficWeight": True}},
        {"pause": {}},
    )
    world = deployed(a_rollout(5, steps=steps))

    world.set_image("shop/web:2")
    world.until("Paused")
    assert (world.sizes()["2"], world.weight) == (1, 40)
    go_on(world)
    assert (world.sizes()["2"], world.weight) == (2, 40)
    world.command(pauseConditions=None)
    world.settle(60.0)

    assert world.sizes() == {"1": 0, "2": 5}


def test_a_smaller_size_takes_pods_but_never_the_last_beneath_the_traffic():
    steps = (
        {"setWeight": 60},
        {"setCanaryScale": {"replicas": 1}},
        {"pause": {}},
        {"setCanaryScale": {"replicas": 0}},
        {"pause": {}},
    )
    world = deployed(a_rollout(5, steps=steps))

    world.set_image("shop/web:2")
    world.until("Paused")
    assert (world.sizes()["2"], world.weight) == (1, 60)
    go_on(world)
    world.settle(5.0)

    assert (world.sizes()["2"], world.weight) == (0, 0)


def test_an_abort_ends_a_set_size():
    world = deployed(a_rollout(5, steps=({"setCanaryScale": {"replicas": 4}}, {"pause": {}})))
    world.set_image("shop/web:2")
    world.until("Paused")

    world.command(abort=True)
    world.settle(60.0)

    assert world.sizes() == {"1": 5, "2": 0}


def test_a_full_promotion_ends_a_set_size():
    world = deployed(a_rollout(5, steps=({"setCanaryScale": {"replicas": 1}}, {"pause": {}})))
    world.set_image("shop/web:2")
    world.until("Paused")

    world.command(promoteFull=True)
    world.settle(60.0)

    assert world.sizes() == {"1": 0, "2": 5}


def test_the_stable_version_shrinks_as_its_traffic_goes():
    world = deployed(a_rollout(10, steps=HOLD, canary=DYNAMIC))

    world.set_image("shop/web:2")
    world.until("Paused")
    world.settle(1.0)
    assert world.sizes() == {"1": 8, "2": 2}
    go_on(world)
    world.settle(1.0)
    assert world.sizes() == {"1": 4, "2": 6}
    world.command(pauseConditions=None)
    world.settle(120.0)

    assert world.sizes() == {"1": 0, "2": 10}
    assert world.status["phase"] == "Healthy"


def test_a_shrunken_stable_version_grows_before_it_gets_its_traffic_back():
    world = deployed(a_rollout(10, steps=HOLD, canary=DYNAMIC), ready_s=2.0)
    world.set_image("shop/web:2")
    world.until("Paused")
    go_on(world)
    world.settle(1.0)
    assert world.sizes() == {"1": 4, "2": 6}

    world.command(abort=True)
    world.settle(0.0)
    assert (world.sizes(), world.weight) == ({"1": 10, "2": 6}, 60)
    world.settle(3.0)
    assert world.weight == 0
    world.settle(60.0)

    assert world.sizes() == {"1": 10, "2": 0}


@pytest.mark.parametrize("delay", [None, 0, 1, 2000])
@pytest.mark.parametrize("dynamic", [True, False])
@pytest.mark.parametrize("after", [4, 6])
def test_an_abort_ends_whatever_the_autoscaler_and_the_delay_say(delay, dynamic, after):
    """#4898, #4919: the abort stood still when the wish changed meanwhile, or when both settings met."""
    canary = {**({"dynamicStableScale": True} if dynamic else {}), "abortScaleDownDelaySeconds": delay}
    if delay is None:
        del canary["abortScaleDownDelaySeconds"]
    world = deployed(a_rollout(5, steps=HOLD, canary=canary))
    world.set_image("shop/web:2")
    world.until("Paused")
    go_on(world)

    world.command(abort=True)
    world.turn()
    world.patch(WEB, {"spec": {"replicas": after}})
    world.settle(10.0)
    assert (world.weight, world.sizes()["1"]) == (0, after)
    kept = world.sizes()["2"]
    world.settle(3000.0)

    assert kept == (3 if delay in (0, 2000) or (delay is None and not dynamic) else 0)
    assert world.sizes()["2"] == (3 if delay == 0 else 0)


def test_a_return_to_an_undersized_stable_version_waits_for_its_pods():
    """#3020, #3372: everything was sent to the few pods that a shrunken stable version had left."""
    world = deployed(a_rollout(10, steps=({"setWeight": 80}, {"pause": {}}), canary=DYNAMIC), ready_s=2.0)
    world.set_image("shop/web:2")
    world.until("Paused")
    world.settle(1.0)
    assert world.sizes() == {"1": 2, "2": 8}

    world.set_image("shop/web:1")
    world.settle(0.0)
    assert (world.weight, world.sizes()["1"]) == (80, 10)
    world.settle(60.0)

    assert (world.weight, world.sizes()) == (0, {"1": 10, "2": 0})
    assert world.status["phase"] == "Healthy"


def test_a_third_version_waits_until_the_stable_one_can_carry_all():
    world = deployed(a_rollout(10, steps=({"setWeight": 80}, {"pause": {}}), canary=DYNAMIC), ready_s=2.0)
    world.set_image("shop/web:2")
    world.until("Paused")
    world.settle(1.0)

    world.set_image("shop/web:3")
    world.settle(0.0)
    assert world.sizes()["1"] == 10
    world.until("Paused")
    world.settle(1.0)

    assert world.sizes() == {"1": 2, "2": 0, "3": 8}
    assert world.weight == 80


def test_a_dynamic_full_promotion_shifts_as_pods_come():
    world = deployed(a_rollout(10, steps=HOLD, canary=DYNAMIC), ready_s=5.0)
    world.set_image("shop/web:2")
    world.until("Paused")
    world.weights.clear()

    world.command(promoteFull=True)
    world.settle(0.0)
    name = obj.name(world.set_named("2"))
    world.set_pods(name, 5)
    world.settle(0.1)
    assert world.weight == 50
    world.settle(120.0)

    assert world.sizes() == {"1": 0, "2": 10}
    assert world.weights == [*sorted(world.weights[:-1]), 0]


def test_a_floor_gives_every_version_that_serves_its_least_pods():
    canary = {"minPodsPerReplicaSet": 2, "dynamicStableScale": True}
    world = deployed(
        a_rollout(10, steps=({"setWeight": 5}, {"pause": {}}, {"setWeight": 95}, {"pause": {}}), canary=canary)
    )

    world.set_image("shop/web:2")
    world.until("Paused")
    assert world.sizes()["2"] == 2
    go_on(world)
    world.settle(1.0)

    assert world.sizes() == {"1": 2, "2": 10}


def test_a_floor_beyond_the_wish_ends_at_the_wish():
    """#4566: minPodsPerReplicaSet above replicas never came to rest."""
    world = deployed(a_rollout(2, steps=({"setWeight": 10}, {"pause": {}}), canary={"minPodsPerReplicaSet": 5}))

    world.set_image("shop/web:2")
    world.until("Paused")
    world.writes.clear()
    world.settle(60.0)

    assert world.sizes() == {"1": 2, "2": 2}
    assert not world.writes


@pytest.mark.parametrize(
    ("threshold", "lost", "goes_on"),
    [
        ({"type": "Percent", "value": 80}, 1, True),
        ({"type": "Percent", "value": 90}, 1, False),
        ({"type": "Pods", "value": 4}, 1, True),
        ({"type": "Pods", "value": 4}, 2, False),
        (None, 1, False),
    ],
)
def test_a_canary_is_ready_enough_at_its_threshold(threshold, lost, goes_on):
    canary = {"replicaProgressThreshold": threshold} if threshold else {}
    world = deployed(a_rollout(5, steps=({"setWeight": 100}, {"pause": {}}), canary=canary))
    world.set_image("shop/web:2")
    world.settle(0.0)
    name = obj.name(world.set_named("2"))
    world.broken.add(name)
    world.set_pods(name, 5 - lost)
    world.settle(30.0)

    assert (world.status["phase"] == "Paused") is goes_on
    assert (world.weight == 100) is goes_on
    if goes_on:
        world.command(pauseConditions=None)
        world.settle(120.0)
        assert world.status["stableRS"] == world.hash_of("2")


def test_only_so_many_former_versions_keep_their_pods():
    canary = {"scaleDownDelaySeconds": 600, "scaleDownDelayRevisionLimit": 1}
    world = deployed(a_rollout(3, steps=(), canary=canary))

    for image in ("2", "3"):
        world.set_image(f"shop/web:{image}")
        world.settle(30.0)

    assert world.sizes() == {"1": 0, "2": 3, "3": 3}


def test_no_former_version_keeps_pods_under_a_limit_of_none():
    canary = {"scaleDownDelaySeconds": 600, "scaleDownDelayRevisionLimit": 0}
    world = deployed(a_rollout(3, steps=(), canary=canary))

    world.set_image("shop/web:2")
    world.settle(30.0)

    assert world.sizes() == {"1": 0, "2": 3}


@pytest.mark.parametrize("aborts", [True, False])
def test_a_missed_deadline_aborts_where_that_is_wished(aborts):
    world = deployed(a_rollout(5, steps=HOLD, progressDeadlineSeconds=60, progressDeadlineAbort=aborts))
    world.set_image("shop/web:2")
    world.settle(0.0)
    world.broken.add(obj.name(world.set_named("2")))
    start = world.now
    world.settle(59.0)
    assert world.status["phase"] == "Progressing"
    world.settle(5.0)

    late = f'ReplicaSet "{obj.name(world.set_named("2"))}" has timed out progressing.'
    assert world.status["phase"] == "Degraded"
    assert world.status.get("abort", False) is aborts
    expected = f"RolloutAborted: Rollout aborted update to revision 2: {late}" if aborts else late
    assert world.status["message"].endswith(expected.removeprefix("ProgressDeadlineExceeded: "))
    if aborts:
        assert Instant.parse(world.status["abortedAt"]).since(start) == pytest.approx(60.0, abs=1.0)


def test_a_pause_never_runs_into_the_deadline():
    world = deployed(a_rollout(5, steps=HOLD, progressDeadlineSeconds=60, progressDeadlineAbort=True))
    world.set_image("shop/web:2")
    world.until("Paused")

    world.settle(900.0)
    assert world.status["phase"] == "Paused"
    go_on(world)

    assert world.status["phase"] == "Paused"


def test_an_abort_that_is_switched_on_late_acts_at_once():
    world = deployed(a_rollout(5, steps=HOLD, progressDeadlineSeconds=60))
    world.set_image("shop/web:2")
    world.settle(0.0)
    world.broken.add(obj.name(world.set_named("2")))
    world.settle(100.0)

    world.patch(WEB, {"spec": {"progressDeadlineAbort": True}})
    world.settle(5.0)

    assert world.status["abort"] is True


def test_a_first_version_that_is_late_has_nothing_to_go_back_to():
    world = World(a_rollout(2, progressDeadlineSeconds=60, progressDeadlineAbort=True))
    world.settle(0.0)
    world.broken.add(obj.name(world.set_named("1")))
    world.set_pods(obj.name(world.set_named("1")), 0)

    world.settle(120.0)

    assert world.status["message"].startswith("ProgressDeadlineExceeded")
    assert "abort" not in world.status


def test_an_autoscaler_at_any_step_never_takes_the_stable_version_away():
    """#1415: a scaling event in the middle of an update set the stable version to nothing."""
    for replicas in (1, 3, 8, 20):
        world = deployed(a_rollout(5, steps=HOLD))
        world.set_image("shop/web:2")
        world.until("Paused")
        world.patch(WEB, {"spec": {"replicas": replicas}})
        world.settle(5.0)
        assert world.sizes() == {"1": replicas, "2": max(1, -(-replicas // 5))}
        world.command(pauseConditions=None)
        world.settle(1.0)
        world.until("Paused")

        assert world.sizes() == {"1": replicas, "2": -(-replicas * 60 // 100)}
        assert world.status["HPAReplicas"] == sum(world.sizes().values())


def test_a_scale_to_nothing_and_back_in_the_middle_walks_on():
    """#3686: no replicas, and a promotion."""
    world = deployed(a_rollout(5, steps=HOLD))
    world.set_image("shop/web:2")
    world.until("Paused")

    world.patch(WEB, {"spec": {"replicas": 0}})
    world.settle(60.0)
    assert (set(world.sizes().values()), world.weight) == ({0}, 0)
    world.command(promoteFull=True)
    world.settle(60.0)

    assert world.status["phase"] == "Healthy"
    assert world.status["stableRS"] == world.hash_of("2")


def test_a_manual_pause_still_follows_the_autoscaler():
    world = deployed(a_rollout(5, steps=HOLD))
    world.set_image("shop/web:2")
    world.until("Paused")

    world.patch(WEB, {"spec": {"paused": True, "replicas": 10}})
    world.settle(5.0)
    assert (world.status["phase"], world.status["message"]) == ("Paused", "manually paused")
    assert world.sizes() == {"1": 10, "2": 2}
    world.command(pauseConditions=None)
    world.settle(60.0)

    assert world.weight == 20


def test_an_abort_that_finds_nothing_in_progress_moves_no_pod():
    """#1292: it scaled the stable version down."""
    world = deployed(a_rollout(5, steps=HOLD, canary=DYNAMIC))

    world.command(abort=True)
    world.settle(60.0)

    assert world.sizes() == {"1": 5}
    assert world.status["phase"] == "Healthy"


def test_pods_that_are_lost_before_the_promotion_keep_the_former_version_whole():
    """#2050, #2235: the stable version shrank while the canary missed pods."""
    world = deployed(a_rollout(5, steps=({"setWeight": 100}, {"pause": {}})))
    world.set_image("shop/web:2")
    world.until("Paused")
    name = obj.name(world.set_named("2"))
    world.broken.add(name)
    world.set_pods(name, 3)

    world.command(pauseConditions=None)
    world.settle(300.0)

    assert world.sizes() == {"1": 5, "2": 5}
    assert world.selects("stable") == world.hash_of("1")


def test_pods_count_as_available_after_their_least_ready_time():
    world = deployed(a_rollout(2, minReadySeconds=7))

    world.patch(WEB, {"spec": {"minReadySeconds": 9}})
    world.settle(5.0)

    assert world.set_named("1")["spec"]["minReadySeconds"] == 9


@pytest.mark.parametrize("dynamic", [True, False])
@pytest.mark.parametrize("pauses", range(5))
def test_a_third_version_at_any_step_of_the_second_is_never_led_to_nobody(pauses, dynamic):
    """#4390, #4560, #4564, #4612, #4639: the weight pointed at the second version's or the third's missing pods."""
    steps = [{"setWeight": 0}, {"pause": {}}]
    for weight in (20, 50, 80, 100):
        steps += [{"setWeight": weight}, {"pause": {}}]
    canary = DYNAMIC if dynamic else {"scaleDownDelaySeconds": 5}
    world = deployed(a_rollout(5, steps=steps, canary=canary), ready_s=1.0)
    world.set_image("shop/web:2")
    world.until("Paused")
    for _ in range(pauses):
        go_on(world)

    world.set_image("shop/web:3")
    world.turn()
    world.until("Paused")
    world.settle(10.0)
    assert (world.weight, world.sizes()["1"], world.sizes()["2"]) == (0, 5, 0)
    world.command(promoteFull=True)
    world.settle(120.0)

    assert world.sizes() == {"1": 0, "2": 0, "3": 5}
    assert world.status["phase"] == "Healthy"


@pytest.mark.parametrize("replicas", [1, 8])
def test_replicas_and_template_in_one_write_are_both_followed(replicas):
    """#2522, #3080, #3272: the update stood still after a change of both."""
    world = deployed(a_rollout(4, steps=HOLD))

    template = {"spec": {"containers": [{"name": "web", "image": "shop/web:2"}]}}
    world.patch(WEB, {"spec": {"replicas": replicas, "template": template}})
    world.until("Paused")
    assert world.sizes() == {"1": replicas, "2": -(-replicas // 5)}
    go_on(world)
    world.command(pauseConditions=None)
    world.settle(120.0)

    assert world.sizes() == {"1": 0, "2": replicas}


def test_a_return_within_the_delay_gives_each_version_its_own_delay():
    """#4787: the return was given what was left of the first delay."""
    world = deployed(a_rollout(3, steps=(), canary={"scaleDownDelaySeconds": 60}))
    world.set_image("shop/web:2")
    world.settle(50.0)
    assert world.sizes() == {"1": 3, "2": 3}

    world.set_image("shop/web:1")
    world.settle(50.0)
    assert world.sizes() == {"1": 3, "2": 3}
    assert world.status["stableRS"] == world.hash_of("1")
    world.settle(60.0)

    assert world.sizes() == {"1": 3, "2": 0}


def test_an_autoscaler_never_brings_an_aborted_canary_back():
    """#4369, #4973: the aborted canary followed the autoscaler."""
    world = deployed(a_rollout(5, steps=HOLD, canary={"abortScaleDownDelaySeconds": 0}))
    world.set_image("shop/web:2")
    world.until("Paused")
    world.command(abort=True)
    world.settle(5.0)

    for replicas in (10, 3, 20):
        world.patch(WEB, {"spec": {"replicas": replicas}})
        world.settle(5.0)
        assert world.sizes() == {"1": replicas, "2": 1}


def test_a_share_of_the_pods_is_of_the_same_whole_as_the_weights():
    routing = {"nginx": {"stableIngress": "web"}, "maxTrafficWeight": 1000}
    steps = ({"setWeight": 10}, {"setCanaryScale": {"weight": 500}}, {"pause": {}})
    world = deployed(a_rollout(4, steps=steps, canary={"trafficRouting": routing}))

    world.set_image("shop/web:2")
    world.until("Paused")

    assert (world.sizes()["2"], world.weight) == (2, 10)
