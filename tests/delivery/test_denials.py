"""What the API server refuses is said in its own words, believed by nobody, and heals by itself."""

from __future__ import annotations

from rollouts.core.plan import Create
from rollouts.delivery import gather, reconcile, told_of
from rollouts.kube import kinds
from rollouts.kube.conditions import find
from rollouts.kube.ref import Ref
from tests.builders import NAMESPACE, a_rollout
from tests.delivery.world import WEB, World, deployed

HOLD = ({"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}})
INVALID = 'ReplicaSet.apps "web" is invalid: spec.template.spec.containers[0].image: Required value'
DENIED = 'admission webhook "validate.nginx" denied the request: host is already defined'


def condition(world: World, kind: str) -> tuple[str, str, str]:
    found = find(world.status.get("conditions"), kind)
    return found.get("status"), found.get("reason"), found.get("message")


def without_set() -> World:
    """The second version's ReplicaSet is refused."""
    world = deployed(a_rollout(5, steps=HOLD))
    world.notes.clear()
    world.words = INVALID
    world.refusing = lambda action: isinstance(action, Create) and action.ref.kind == kinds.REPLICA_SET
    world.set_image("shop/web:2")
    world.settle(5.0)
    return world


def without_route() -> World:
    """The Ingress stays at weight 20."""
    world = deployed(a_rollout(5, steps=HOLD))
    world.set_image("shop/web:2")
    world.until("Paused")
    world.notes.clear()
    world.words = DENIED
    world.refusing = lambda action: action.ref.kind == kinds.INGRESS
    world.command(pauseConditions=None)
    world.settle(5.0)
    return world


def test_a_replicaset_that_is_refused_becomes_a_condition_with_the_servers_words():
    world = without_set()
    hash_value = world.status["currentPodHash"]
    words = f'Failed to create new replica set "web-{hash_value}": {INVALID}'

    assert condition(world, "Progressing") == ("False", "ReplicaSetCreateError", words)
    assert condition(world, "ReplicaFailure") == ("True", "FailedCreate", INVALID)
    assert world.status["phase"] == "Progressing"
    assert world.reasons().count("ReplicaSetCreateError") == 1


def test_a_refused_replicaset_heals_by_itself():
    world = without_set()
    world.refusing = lambda action: False
    world.until("Paused")

    assert world.weight == 20
    assert condition(world, "ReplicaFailure") == (None, None, None)
    assert condition(world, "Progressing")[1] == "RolloutPaused"


def test_another_template_heals_a_refused_one():
    world = without_set()
    world.refused_words.clear()  # as with every new generation
    world.refusing = lambda action: False
    world.set_image("shop/web:3")
    world.until("Paused")

    assert sorted(world.sizes()) == ["1", "3"]


def test_a_refused_replicaset_still_runs_into_its_deadline():
    world = without_set()
    world.settle(700.0)

    assert world.status["phase"] == "Degraded"
    assert condition(world, "Progressing")[1] == "ProgressDeadlineExceeded"
    assert condition(world, "ReplicaFailure")[2] == INVALID


def test_a_weight_that_the_router_refuses_is_told_and_not_believed():
    world = without_route()
    world.settle(100.0)

    assert world.weight == 20
    assert world.status["canary"]["weights"]["canary"]["weight"] == 20
    assert world.status["currentStepIndex"] == 2
    assert condition(world, "Progressing") == ("True", "TrafficRoutingError", f'Ingress "web-web-canary": {DENIED}')
    assert world.reasons().count("TrafficRoutingError") == 1
    assert next(note for note in world.notes if note.reason == "TrafficRoutingError").severity == "Warning"


def test_a_refused_weight_heals_by_itself():
    world = without_route()
    world.refusing = lambda action: False
    world.until("Paused")

    assert world.weight == 60


def test_an_abort_is_remembered_though_the_router_refuses_to_give_the_traffic_back():
    world = without_route()
    world.command(abort=True)
    world.settle(5.0)

    assert world.status["phase"] == "Degraded"
    assert world.status["abortedAt"]
    assert world.status["canary"]["weights"]["canary"]["weight"] == 20
    assert world.hash_of("2") == world.selects("canary")  # its pods stay while traffic may reach them

    world.refusing = lambda action: False
    world.settle(60.0)
    assert world.weight == 0


def test_a_reader_that_did_not_hear_the_refusal_finds_it_in_the_conditions():
    world = without_set()
    place = Ref(kinds.REPLICA_SET, NAMESPACE, f"web-{world.status['currentPodHash']}")
    world.refused_words = {place: told_of(world.rollout, place)}
    seen = gather(WEB, world)
    assert seen is not None
    plan = reconcile(seen, world.now)

    assert world.refused_words == {place: INVALID}
    assert plan.status is None
    assert INVALID in plan.rule
