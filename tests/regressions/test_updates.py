"""Bugs that a controller of this API has had before: each test is named after what its users saw.

Numbers behind a # are those of issues of argoproj/argo-rollouts. Those about sizes are in delivery/test_sizes.py, those
about header and mirror routes in delivery/test_routers.py.
"""

from __future__ import annotations

import copy

import pytest

from rollouts.delivery import gather, reconcile
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Ref
from tests.builders import NAMESPACE, a_rollout, a_template, a_template_of_analysis
from tests.delivery.test_workload import WorkloadWorld, a_deployment, a_reference
from tests.delivery.world import WEB, World, deployed

HOLD = ({"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}})
ANALYSIS = {"analysis": {"templates": [{"templateName": "success-rate"}]}}
CANARY_INGRESS = Ref(kinds.INGRESS, NAMESPACE, "web-web-canary")


def held(replicas: int = 5, steps=HOLD, *objects, **rollout) -> World:
    """A second version at its first pause."""
    world = deployed(a_rollout(replicas, steps=steps, **rollout), *objects)
    world.set_image("shop/web:2")
    world.until("Paused")
    return world


def ingresses(world: World) -> list[object]:
    """Every Ingress without what the API server counts."""
    counted = ("resourceVersion", "generation")
    return [
        {**each, "metadata": {key: value for key, value in each["metadata"].items() if key not in counted}}
        for each in world.of(kinds.INGRESS)
    ]


def test_the_ingress_is_left_as_it_was_however_an_update_ends():
    """#2526, #4307, #4831: what an update had put into the router stayed there."""
    world = deployed(a_rollout(5, steps=HOLD, nginx={"additionalIngressAnnotations": {"canary-by-header": "x"}}))
    before = ingresses(world)

    world.set_image("shop/web:2")
    world.until("Paused")
    world.command(abort=True)
    world.settle(60.0)
    assert ingresses(world) == before
    world.set_image("shop/web:1")
    world.settle(60.0)
    assert ingresses(world) == before
    world.set_image("shop/web:3")
    world.until("Paused")
    world.set_image("shop/web:4")
    world.settle(2.0)
    world.command(promoteFull=True)
    world.settle(120.0)

    assert (world.status["phase"], world.status["stableRS"]) == ("Healthy", world.hash_of("4"))
    assert ingresses(world) == before


def test_a_promotion_at_an_open_verdict_skips_that_analysis_and_not_the_next():
    """#1203, #3015, #3220: of two analyses in a row the second was skipped, or the first was run again."""
    steps = ({"setWeight": 20}, ANALYSIS, ANALYSIS, {"pause": {}})
    world = deployed(a_rollout(5, steps=steps), a_template_of_analysis())
    world.set_image("shop/web:2")
    world.settle(3.0)
    first = f"web-{world.hash_of('2')}-2-1"
    world.finish_run(first, "Inconclusive")
    world.settle(3.0)
    assert world.status["message"] == "InconclusiveAnalysisRun"

    world.command(pauseConditions=None, controllerPause=False, currentStepIndex=2)
    world.settle(3.0)
    second = f"web-{world.hash_of('2')}-2-2"
    assert (world.runs(), world.status["currentStepIndex"]) == ([first, second], 2)
    world.settle(600.0)
    assert world.status["currentStepIndex"] == 2
    world.finish_run(second, "Successful")
    world.settle(3.0)

    assert (world.status["currentStepIndex"], world.status["message"]) == (3, "CanaryPauseStep")
    assert world.runs() == [first, second]


@pytest.mark.parametrize("left", [0, 1])
def test_the_fix_of_a_broken_stable_version_can_be_shipped(left):
    """#1377, #1774: while stable pods were missing no update went on, not even the one that would have mended them."""
    world = deployed(a_rollout(4, steps=({"setWeight": 25}, {"setWeight": 50})))
    broken = obj.name(world.set_named("1"))
    world.broken.add(broken)
    world.set_pods(broken, left)

    world.set_image("shop/web:2")
    world.settle(120.0)

    assert world.status["phase"] == "Healthy"
    assert world.sizes() == {"1": 0, "2": 4}


def test_two_pauses_in_a_row_each_last_their_time_and_only_once():
    """#720: a pause that was over was begun again."""
    steps = ({"setWeight": 20}, {"pause": {"duration": 10}}, {"pause": {"duration": 10}}, {"setWeight": 60})
    world = deployed(a_rollout(5, steps=steps))
    world.set_image("shop/web:2")
    world.until("Paused")
    world.notes.clear()

    world.settle(19.0)
    assert (world.weight, world.status["currentStepIndex"]) == (20, 2)
    world.settle(2.0)

    assert world.status["currentStepIndex"] in (3, 4)
    assert world.reasons()[:5] == [
        "RolloutStepCompleted", "RolloutResumed", "RolloutPaused", "RolloutStepCompleted", "RolloutResumed",
    ]  # fmt: skip


def test_a_canary_that_lost_some_pods_gets_no_more_traffic():
    """#3765, #4128: a canary whose pods crashed went up to the next weight."""
    world = held()
    name = obj.name(world.set_named("2"))
    world.broken.add(name)
    world.set_pods(name, 0)
    world.settle(1.0)
    assert world.weight == 0

    world.command(pauseConditions=None)
    world.settle(60.0)
    world.set_pods(name, 2)
    world.settle(60.0)

    assert world.weight <= 40
    assert world.status["stableRS"] == world.hash_of("1")


@pytest.mark.parametrize("times", [1, 3, 7])
def test_old_pods_whose_removal_was_refused_go_at_the_next_try(times):
    """An error while older ReplicaSets shrank was swallowed, and nobody tried again."""
    world = held()
    left = times

    def refuses(action) -> bool:
        nonlocal left
        is_shrinking = action.ref == Ref(kinds.REPLICA_SET, NAMESPACE, f"web-{world.hash_of('2')}")
        left -= is_shrinking and left > 0
        return is_shrinking and left > 0

    world.refusing = refuses
    world.set_image("shop/web:3")
    for _ in range(10):
        world.settle(5.0)

    assert world.sizes() == {"1": 5, "2": 0, "3": 1}


def test_a_workload_that_is_not_there_is_told_and_heals():
    """#4208: a reference to nothing stopped the controller."""
    world = WorkloadWorld(a_reference())
    world.settle(60.0)
    assert world.status["message"].endswith('"old": deployments.apps "old" not found')
    assert set(world.writes) == {"Rollout/status"}

    world.add(a_deployment())
    world.settle(60.0)

    assert world.status["phase"] == "Healthy"


@pytest.mark.parametrize("rule", ["requiredDuringSchedulingIgnoredDuringExecution"])
@pytest.mark.parametrize("term", [{"operator": "Exists"}, {"operator": "In", "values": []}, {"operator": "In"}])
def test_an_anti_affinity_without_values_stops_nothing(rule, term):
    """#4832: an expression without values in the template's own anti-affinity stopped the controller."""
    expression = {"key": "rollouts-pod-template-hash", **term}
    own = {"labelSelector": {"matchExpressions": [expression]}, "topologyKey": "kubernetes.io/hostname"}
    template = a_template()
    template["spec"]["affinity"] = {"podAntiAffinity": {rule: [own]}}
    world = deployed(a_rollout(2, steps=HOLD, canary={"antiAffinity": {rule: {}}}, template=template))

    world.set_image("shop/web:2")
    world.until("Paused")

    assert world.weight == 20


def test_looking_at_a_rollout_changes_none_of_its_objects():
    """#4844: what was told of an object was written into it."""
    world = held(5, HOLD, canary={"canaryMetadata": {"labels": {"role": "canary"}}})
    world.command(abort=True)
    before = copy.deepcopy(world.objects)

    seen = gather(WEB, world)
    assert seen is not None
    reconcile(seen, world.now)

    assert world.objects == before


def test_a_count_that_comes_late_promotes_nothing_and_stops_nothing():
    """#2689, #3200, #3316, #3354, #3988: after an old ReplicaSet status the update stood still, or went too far."""
    world = held()
    name = obj.name(world.set_named("2"))
    world.broken.add(name)
    world.set_pods(name, 0)
    world.settle(1.0)
    assert (world.weight, world.status["currentStepIndex"]) == (0, 1)
    world.broken.clear()
    world.set_pods(name, 1)
    world.settle(1.0)
    assert (world.weight, world.status["currentStepIndex"]) == (20, 1)

    world.command(promoteFull=True)
    world.settle(120.0)

    assert world.status["phase"] == "Healthy"


@pytest.mark.parametrize("jump_s", [-3600.0, 3600.0])
def test_a_clock_that_jumps_promotes_nobody_at_a_pause_without_end(jump_s):
    world = held()

    world.now = world.now.plus(jump_s)
    world.settle(60.0)

    assert (world.weight, world.status["phase"], world.status["currentStepIndex"]) == (20, "Paused", 1)


def test_a_clock_that_goes_back_makes_no_pause_shorter():
    world = deployed(a_rollout(5, steps=({"setWeight": 20}, {"pause": {"duration": 600}}, {"pause": {}})))
    world.set_image("shop/web:2")
    world.until("Paused")
    world.settle(300.0)

    world.now = world.now.plus(-3600.0)
    world.settle(599.0)
    assert world.status["currentStepIndex"] == 1
    world.settle(3600.0)

    assert world.status["currentStepIndex"] == 2


def test_a_clock_that_goes_back_does_not_silence_the_status():
    world = held()
    name = obj.name(world.set_named("1"))

    world.now = world.now.plus(-3600.0)
    world.settle(5.0)
    world.broken.add(name)
    world.set_pods(name, 4)
    world.settle(5.0)

    assert world.status["availableReplicas"] == 5


def test_an_autoscaler_that_scales_a_replicaset_itself_moves_no_traffic():
    """Two autoscalers on one ReplicaSet: its size is set back, and neither weight nor step follows the dispute."""
    world = held()
    ref = Ref(kinds.REPLICA_SET, NAMESPACE, obj.name(world.set_named("1")))
    world.weights.clear()
    world.writes.clear()

    for size in (9, 3, 7, 1):
        world.patch(ref, {"spec": {"replicas": size}})
        world.settle(2.0)
        assert world.sizes() == {"1": 5, "2": 1}

    assert (world.weights, world.status["currentStepIndex"]) == ([], 1)
    assert world.writes["ReplicaSet"] == 4


@pytest.mark.parametrize(
    ("replicas", "weight", "canary", "stable"),
    [(2, 75, 2, 2), (3, 50, 2, 3), (5, 1, 1, 5), (10, 25, 3, 10), (10, 99, 10, 10)],
)
def test_beside_a_router_the_stable_version_keeps_every_pod(replicas, weight, canary, stable):
    """The contract's vectors: full capacity stays for whoever may have to come back."""
    world = held(replicas, ({"setWeight": weight}, {"pause": {}}))

    assert world.sizes() == {"1": stable, "2": canary}
    assert world.weight == weight


def test_a_stable_ingress_that_is_edited_in_mid_update_loses_nothing():
    """The Ingress of the stable side belongs to its user, whatever the update does beside it."""
    world = held()
    stable = Ref(kinds.INGRESS, NAMESPACE, "web")
    world.patch(stable, {"metadata": {"annotations": {"team": "pay"}}, "spec": {"tls": [{"hosts": ["shop.example"]}]}})
    world.settle(2.0)
    assert world.objects[CANARY_INGRESS]["spec"]["tls"] == [{"hosts": ["shop.example"]}]
    world.command(promoteFull=True)
    world.settle(120.0)

    assert obj.annotations(world.objects[stable]) == {"team": "pay"}
    assert world.objects[stable]["spec"]["tls"] == [{"hosts": ["shop.example"]}]


UNROUTED = {"trafficRouting": None, "stableService": None, "canaryService": None}
CAREFUL = {**UNROUTED, "maxSurge": 1, "maxUnavailable": 0}


def break_version(world: World, tag: str) -> None:
    """Its pods never become ready."""
    name = obj.name(world.set_named(tag))
    world.broken.add(name)
    world.set_pods(name, 0)


def test_a_second_bad_version_takes_the_place_of_the_first_bad_one_alone():
    world = deployed(a_rollout(4, steps=(), canary=CAREFUL, progressDeadlineSeconds=10))
    world.set_image("shop/web:2")
    world.settle(0.0)
    break_version(world, "2")
    world.until("Degraded")
    assert world.sizes() == {"1": 4, "2": 1}

    world.set_image("shop/web:3")
    world.settle(0.0)
    break_version(world, "3")
    world.until("Degraded")
    world.settle(30.0)

    assert world.sizes() == {"1": 4, "2": 0, "3": 1}


@pytest.mark.parametrize("steps", [(), ({"setWeight": 50},), ({"setWeight": 50}, {"pause": {"duration": 5}})])
@pytest.mark.parametrize("is_routed", [True, False])
def test_a_first_version_that_never_worked_is_followed_by_one_that_does(steps, is_routed):
    """#1377, #1774: a broken stable version waited for itself to become ready before it made way."""
    canary = {} if is_routed else CAREFUL
    world = World(a_rollout(4, steps=steps, canary=canary, progressDeadlineSeconds=10))
    world.settle(0.0)
    break_version(world, "1")
    world.until("Degraded")

    world.set_image("shop/web:2")
    world.settle(180.0)

    assert world.status["phase"] == "Healthy", world.status["message"]
    assert world.sizes() == {"1": 0, "2": 4}


def test_two_bad_versions_in_a_row_keep_within_the_limits():
    world = World(a_rollout(4, steps=(), canary=CAREFUL, progressDeadlineSeconds=10))
    world.settle(0.0)
    break_version(world, "1")
    world.until("Degraded")

    world.set_image("shop/web:2")
    world.settle(0.0)
    break_version(world, "2")
    world.settle(60.0)

    assert world.status["phase"] == "Degraded"
    assert sum(world.sizes().values()) <= 5
