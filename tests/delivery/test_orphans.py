"""ReplicaSets that a Rollout of the same name left behind: what is exactly ours is taken over, nothing else is."""

from __future__ import annotations

from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Ref
from tests.builders import NAMESPACE, a_rollout
from tests.delivery.world import WEB, World, deployed

INGRESS = Ref(kinds.INGRESS, NAMESPACE, "web-web-canary")
HOLD = ({"setWeight": 20}, {"pause": {}})


def left_behind(world: World, *, is_orphaned: bool = True) -> None:
    """The Rollout goes, as by `kubectl delete --cascade=orphan`, or with the collection of its pods still to come."""
    for kind in (kinds.REPLICA_SET, kinds.INGRESS):
        for each in world.of(kind):
            if is_orphaned:
                world.patch(obj.ref(kind, each), {"metadata": {"ownerReferences": None}})
    del world.objects[WEB]


def owners(world: World) -> dict[str, str]:
    """Image tag → uid of the controller of its ReplicaSet."""
    return {
        each["spec"]["template"]["spec"]["containers"][0]["image"].split(":")[-1]: obj.controller_uid(each)
        for each in world.of(kinds.REPLICA_SET)
    }


def test_pods_that_were_left_on_purpose_are_taken_over_without_a_new_one():
    world = deployed(a_rollout(3, steps=HOLD))
    before = world.set_named("1")
    left_behind(world)

    world.add(a_rollout(3, steps=HOLD))
    world.settle(60.0)

    assert world.status["phase"] == "Healthy"
    assert owners(world) == {"1": obj.uid(world.rollout)}
    assert obj.uid(world.set_named("1")) == obj.uid(before)
    assert obj.controller_uid(world.objects[INGRESS]) == obj.uid(world.rollout)
    assert world.sizes() == {"1": 3}


def test_of_two_versions_that_were_left_only_the_one_that_is_wished_is_taken_over():
    world = deployed(a_rollout(3, steps=HOLD))
    world.set_image("shop/web:2")
    world.until("Paused")
    left_behind(world)

    world.add(a_rollout(3, steps=HOLD))
    world.settle(60.0)

    assert world.status["phase"] == "Healthy"
    assert owners(world) == {"1": obj.uid(world.rollout), "2": ""}
    assert (world.weight, world.selects("stable")) == (0, world.hash_of("1"))


def test_what_somebody_changed_meanwhile_is_not_taken_for_ours():
    world = deployed(a_rollout(3, steps=HOLD))
    left_behind(world)
    name = f"web-{world.hash_of('1')}"
    container = {"name": "web", "image": "shop/other:9"}
    world.patch(Ref(kinds.REPLICA_SET, NAMESPACE, name), {"spec": {"template": {"spec": {"containers": [container]}}}})

    world.add(a_rollout(3, steps=HOLD))
    world.settle(60.0)

    assert world.status["phase"] == "Healthy"
    assert owners(world) == {"9": "", "1": obj.uid(world.rollout)}
    assert obj.name(world.set_named("1")) != name


def test_pods_of_a_former_rollout_are_waited_for_and_not_taken_over():
    world = deployed(a_rollout(3, steps=HOLD))
    former = obj.uid(world.rollout)
    left_behind(world, is_orphaned=False)

    world.add(a_rollout(3, steps=HOLD))
    world.settle(5.0)
    assert owners(world) == {"1": former}
    del world.objects[Ref(kinds.REPLICA_SET, NAMESPACE, f"web-{world.hash_of('1')}")], world.objects[INGRESS]
    world.settle(60.0)

    assert world.status["phase"] == "Healthy"
    assert owners(world) == {"1": obj.uid(world.rollout)}


def test_a_canary_ingress_that_was_left_and_leads_elsewhere_is_not_taken_over():
    world = deployed(a_rollout(3, steps=HOLD))
    left_behind(world)
    world.patch(INGRESS, {"spec": {"rules": []}})

    world.add(a_rollout(3, steps=HOLD))
    world.settle(60.0)

    assert "canary ingress `web-web-canary` controlled by different object" in world.status["message"]
    assert obj.controller_uid(world.objects[INGRESS]) == ""


def test_a_stable_version_that_lost_its_owner_in_mid_update_is_taken_back():
    world = deployed(a_rollout(3, steps=HOLD))
    world.set_image("shop/web:2")
    world.until("Paused")
    stable = Ref(kinds.REPLICA_SET, NAMESPACE, f"web-{world.hash_of('1')}")

    world.patch(stable, {"metadata": {"ownerReferences": None}})
    world.settle(5.0)

    assert owners(world) == {tag: obj.uid(world.rollout) for tag in ("1", "2")}
    assert (world.status["phase"], world.weight, world.sizes()) == ("Paused", 20, {"1": 3, "2": 1})
