"""`spec.failFast`: pods of a new version that cannot start abort its update, where the user asks for it."""

from __future__ import annotations

import pytest

from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Ref
from tests.builders import NAMESPACE, a_rollout
from tests.delivery.world import World, deployed

HOLD = ({"setWeight": 40}, {"pause": {}}, {"setWeight": 60}, {"pause": {}})
BACK_OFF = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "shop/web:2"'}


def stuck(world: World, count: int = 1, waiting=BACK_OFF, field: str = "containerStatuses") -> None:
    """The new version's pods do not come up: so many of them wait for what will not happen."""
    found = world.set_named("2")
    world.broken.add(obj.name(found))
    world.set_pods(obj.name(found), 0)
    for number in range(count):
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{obj.name(found)}-{number}",
                "namespace": NAMESPACE,
                "labels": obj.labels(found),
                "ownerReferences": [obj.controller_reference(kinds.REPLICA_SET, found)],
            },
            "status": {"phase": "Pending", field: [{"name": "web", "state": {"waiting": dict(waiting)}}]},
        }
        world.add(pod)


def updating(fail_fast, steps=HOLD, **spec) -> World:
    world = deployed(a_rollout(5, steps=steps, **({"failFast": fail_fast} if fail_fast is not None else {}), **spec))
    world.set_image("shop/web:2")
    world.settle(0.0)
    return world


def test_an_image_that_cannot_be_pulled_aborts_once_its_pod_is_old_enough():
    world = updating({"graceSeconds": 20})
    stuck(world)

    world.settle(19.0)
    assert "abort" not in world.status
    world.settle(2.0)

    assert world.status["abort"] is True
    assert world.status["message"].startswith(
        'RolloutAborted: Rollout aborted update to revision 2: container "web" of pod "web-'
    )
    assert world.status["message"].endswith('waits, ImagePullBackOff: Back-off pulling image "shop/web:2"')


@pytest.mark.parametrize("field", ["containerStatuses", "initContainerStatuses"])
@pytest.mark.parametrize("reason", ["CrashLoopBackOff", "InvalidImageName", "CreateContainerConfigError"])
def test_whatever_keeps_a_container_from_starting_counts(reason, field):
    world = updating({"graceSeconds": 0})
    stuck(world, waiting={"reason": reason}, field=field)

    world.settle(1.0)

    assert world.status["abort"] is True
    assert world.status["message"].endswith(f"waits, {reason}")


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing", "ErrImagePull"])
def test_what_may_still_pass_does_not_count(reason):
    world = updating({"graceSeconds": 0})
    stuck(world, waiting={"reason": reason})

    world.settle(60.0)

    assert "abort" not in world.status


@pytest.mark.parametrize(
    ("pods", "failing", "aborts"), [(2, 1, False), (2, 2, True), ("50%", 1, True), ("100%", 1, False)]
)
def test_fewer_failing_pods_than_are_too_many_do_nothing(pods, failing, aborts):
    world = updating({"pods": pods, "graceSeconds": 0})
    stuck(world, failing)

    world.settle(5.0)

    assert world.status.get("abort", False) is aborts


def test_a_crash_loop_at_a_pause_without_end_aborts():
    """Issues 3765 and 4128 of argoproj/argo-rollouts: a canary that crashed at a pause was left there for ever."""
    world = updating({"graceSeconds": 0})
    world.until("Paused")
    stuck(world, waiting={"reason": "CrashLoopBackOff"})

    world.settle(5.0)

    assert world.status["abort"] is True
    assert world.weight == 0


def test_nobody_who_does_not_ask_is_aborted_and_no_pod_is_read():
    world = updating(None)
    world.knows_pods = False
    stuck(world)

    world.settle(60.0)

    assert "abort" not in world.status


def test_a_pod_of_the_stable_version_aborts_nothing():
    world = updating({"graceSeconds": 0})
    world.until("Paused")
    old = world.set_named("1")
    pod = {"apiVersion": "v1", "kind": "Pod",
           "metadata": {"name": "old", "namespace": NAMESPACE, "labels": obj.labels(old),
                        "ownerReferences": [obj.controller_reference(kinds.REPLICA_SET, old)]},
           "status": {"containerStatuses": [{"name": "web", "state": {"waiting": BACK_OFF}}]}}  # fmt: skip
    world.add(pod)

    world.settle(60.0)

    assert "abort" not in world.status


def test_a_pod_that_comes_up_in_time_aborts_nothing():
    world = updating({"graceSeconds": 20})
    stuck(world)
    world.settle(10.0)

    name = f"{obj.name(world.set_named('2'))}-0"
    ready = [{"type": "Ready", "status": "True", "lastTransitionTime": world.now.rfc3339()}]
    world.patch(Ref(kinds.POD, NAMESPACE, name), {"status": {"containerStatuses": [], "conditions": ready}})
    world.settle(60.0)

    assert "abort" not in world.status


def test_a_retried_update_is_judged_after_another_grace():
    world = updating({"graceSeconds": 20})
    stuck(world)
    world.settle(25.0)
    assert world.status["abort"] is True

    world.command(abort=False)
    world.settle(15.0)
    assert not world.status.get("abort")
    world.settle(10.0)

    assert world.status["abort"] is True


@pytest.mark.parametrize("wrong", [{"pods": "many"}, {"graceSeconds": -1}])
def test_a_limit_that_is_none_is_refused(wrong):
    world = World(a_rollout(2, failFast=wrong))

    world.settle(1.0)

    assert world.status["message"].startswith('InvalidSpec: The Rollout "web" is invalid: spec.failFast.')
