"""What holds whatever people, pods and crashes do. The world itself checks the traffic after every write."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollouts.delivery import gather, reconcile
from rollouts.kube import kinds
from rollouts.kube import object as obj
from tests.builders import a_rollout
from tests.delivery.world import WEB, World, deployed

STEPS = (
    {"setWeight": 10},
    {"pause": {"duration": 4}},
    {"setWeight": 50},
    {"pause": {"duration": 4}},
    {"setWeight": 30},
    {"setWeight": 90},
    {"pause": {"duration": 4}},
)

ALONE = {"trafficRouting": None, "stableService": None, "canaryService": None}
SCALED = ({"setCanaryScale": {"replicas": 1}}, {"setWeight": 50}, {"setCanaryScale": {"weight": 100}}, *STEPS[1:3],
          {"setCanaryScale": {"matchTrafficWeight": True}}, *STEPS[3:])  # fmt: skip
KINDS = {
    "a router": {},
    "a shrinking stable version": {"dynamicStableScale": True, "minPodsPerReplicaSet": 2},
    "a shrinking stable version with a delay": {"dynamicStableScale": True, "abortScaleDownDelaySeconds": 60},
    "sizes of their own": {"steps": SCALED, "scaleDownDelayRevisionLimit": 1},
    "a threshold": {"replicaProgressThreshold": {"type": "Percent", "value": 60}},
    "no router": ALONE,
    "no router, but services": {"trafficRouting": None, "maxSurge": 0, "maxUnavailable": 1},
    "no router, and room above": {**ALONE, "maxSurge": "50%", "maxUnavailable": 0},
}

OPERATIONS = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([0.0, 0.2, 1.0, 5.0])),
    st.tuples(st.just("image"), st.integers(1, 4)),
    st.tuples(st.just("abort"), st.just(0)),
    st.tuples(st.just("retry"), st.just(0)),
    st.tuples(st.just("promote"), st.just(0)),
    st.tuples(st.just("full"), st.just(0)),
    st.tuples(st.just("scale"), st.integers(0, 7)),
    st.tuples(st.just("pods"), st.integers(0, 6)),
    st.tuples(st.just("pause"), st.booleans()),
    st.tuples(st.just("crash"), st.integers(1, 4)),
)


class Rig:
    """A world under a script. After a crash the plan's remaining writes are lost, as with a killed process."""

    def __init__(self, replicas: int, ready_s: float, kind: str = "a router") -> None:
        self.world = deployed(a_rollout(replicas, steps=STEPS, canary=KINDS[kind]), ready_s=ready_s)
        self.left = 0
        self.world.refusing = self._crashes

    def _crashes(self, action: object) -> bool:
        self.left -= 1
        return self.left == 0

    def run(self, operation: tuple[str, object]) -> None:
        name, value = operation
        world = self.world
        if name == "wait":
            world.settle(value)
        elif name == "image":
            world.set_image(f"shop/web:{value}")
        elif name in ("abort", "retry"):
            world.command(abort=name == "abort")
        elif name == "promote":
            world.command(pauseConditions=None)
        elif name == "full" and world.status.get("currentPodHash") != world.status.get("stableRS"):
            world.command(promoteFull=True)
        elif name == "scale":
            world.patch(WEB, {"spec": {"replicas": value}})
        elif name == "pods":
            for each in world.of(kinds.REPLICA_SET):
                world.set_pods(obj.name(each), min(value, each["spec"]["replicas"]))
        elif name == "pause":
            world.patch(WEB, {"spec": {"paused": value}})
        elif name == "crash":
            self.left = value

    def heal(self) -> None:
        self.left = 0
        self.world.patch(WEB, {"spec": {"paused": False}})
        for each in self.world.of(kinds.REPLICA_SET):
            self.world.set_pods(obj.name(each), each["spec"]["replicas"])


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20, deadline=None)
@given(
    script=st.lists(OPERATIONS, max_size=14), replicas=st.sampled_from([1, 2, 5]), ready_s=st.sampled_from([0.1, 2.0])
)
def test_whatever_happens_the_rollout_comes_to_rest_where_it_should(kind, script, replicas, ready_s):
    rig = Rig(replicas, ready_s, kind)
    for operation in script:
        rig.run(operation)
    rig.heal()
    world = rig.world
    world.settle(900.0)
    settled = world.status["currentPodHash"] == world.status["stableRS"]
    world.writes.clear()
    world.settle(900.0)

    assert not world.writes
    assert world.status["phase"] == ("Healthy" if settled else "Degraded"), world.status
    assert settled or world.status.get("abort") is True
    assert world.weight == 0
    wanted = world.rollout["spec"]["replicas"]
    sizes = {obj.labels(each)["rollouts-pod-template-hash"]: each["spec"]["replicas"] for each in _sets(world)}
    assert {hash_value: size for hash_value, size in sizes.items() if size} == (
        {world.status["stableRS"]: wanted} if wanted else {}
    )
    assert world.selects("stable") == ("" if KINDS[kind] | ALONE == KINDS[kind] else world.status["stableRS"])


@settings(max_examples=30, deadline=None)
@given(st.lists(OPERATIONS, max_size=10))
def test_an_abort_only_ever_lowers_the_weight_until_a_command_or_a_new_spec(script):
    rig = Rig(5, 0.2)
    for operation in script:
        rig.run(operation)
    rig.heal()
    world = rig.world
    world.settle(0.0)  # an abort is about what the controller has seen, not about a template that came with it
    if world.status["currentPodHash"] == world.status["stableRS"]:
        return
    world.command(abort=True)
    world.weights.clear()
    world.settle(300.0)

    assert world.weights == sorted(world.weights, reverse=True)
    assert world.weight == 0
    assert world.status["currentPodHash"] == world.status["stableRS"] or world.status["abort"] is True


@settings(max_examples=30, deadline=None)
@given(st.lists(OPERATIONS, max_size=10))
def test_the_same_things_give_the_same_letter_in_whatever_order_they_are_listed(script):
    rig = Rig(5, 0.2)
    for operation in script:
        rig.run(operation)

    letters = {str(reconcile(gather(WEB, reader), rig.world.now)) for reader in (rig.world, _Backwards(rig.world))}

    assert len(letters) == 1


@pytest.mark.parametrize("position", range(1, 45))
def test_a_crash_before_any_write_of_an_update_ends_the_same(position):
    world = deployed(a_rollout(5, steps=STEPS))
    left = position

    def crashes(action: object) -> bool:
        nonlocal left
        left -= 1
        return left == 0

    world.refusing = crashes
    world.set_image("shop/web:2")
    world.settle(120.0)

    assert world.weights == [0, 10, 50, 30, 90, 100, 0]
    assert world.sizes() == {"1": 0, "2": 5}
    assert world.status["phase"] == "Healthy"


def _sets(world: World):
    return world.of(kinds.REPLICA_SET)


class _Backwards:
    """The same cache, which lists everything the other way round."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.get, self.answer, self.refused, self.parsed = world.get, world.answer, world.refused, world.parsed
        self.known_since, self.knows = world.known_since, world.knows

    def owned_by(self, kind, uid):
        return tuple(reversed(self._world.owned_by(kind, uid)))

    def select(self, kind, namespace, labels):
        return tuple(reversed(self._world.select(kind, namespace, labels)))
