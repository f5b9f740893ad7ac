"""A Rollout that runs the template of a Deployment, and what becomes of the Deployment's own pods."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.delivery.rules import check
from rollouts.kit import mergepatch
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Ref
from tests.builders import APP, NAMESPACE, a_rollout, a_template
from tests.delivery.world import WEB, World

DEPLOYMENT = Ref(kinds.DEPLOYMENT, NAMESPACE, "old")
BEFORE = "rollout.argoproj.io/replicas-before"
FINALIZER = "rollout.argoproj.io/restore-workload"
STEPS = ({"setWeight": 20}, {"pause": {}})


class WorkloadWorld(World):
    """A world whose Deployments have their pods at once, and whose watches may not have begun yet."""

    listed = True
    stuck = False  # the Deployment's pods do not become available

    def knows(self, kind: Any) -> bool:
        return self.listed

    def _touched(self, ref: Ref) -> None:
        super()._touched(ref)
        if ref.kind == kinds.DEPLOYMENT and not self.stuck:
            status = {"availableReplicas": self.objects[ref]["spec"]["replicas"]}
            self.objects[ref] = mergepatch.apply(self.objects[ref], {"status": status})

    @property
    def size(self) -> int:
        return int(self.objects[DEPLOYMENT]["spec"]["replicas"])

    def set_workload_image(self, image: str) -> None:
        self.patch(DEPLOYMENT, {"spec": {"template": a_template(image)}})


def a_deployment(replicas: int = 4, **extra: Any) -> dict[str, Any]:
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": APP}}, "template": a_template()}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "old", "namespace": NAMESPACE},
        "spec": {**spec, **extra},
    }


def a_reference(scale_down: str | None = None, kind: str = "Deployment", **spec: Any) -> dict[str, Any]:
    version = "v1" if kind == "PodTemplate" else "apps/v1"
    given = {"apiVersion": version, "kind": kind, "name": "old"}
    given |= {"scaleDown": scale_down} if scale_down else {}
    return a_rollout(4, steps=STEPS, template=None, selector=None, workloadRef=given, **spec)


def a_world(scale_down: str | None = None, **extra: Any) -> WorkloadWorld:
    world = WorkloadWorld(a_deployment(**extra), a_reference(scale_down))
    world.settle(60.0)
    assert world.status["phase"] == "Healthy", world.status
    return world


def test_the_template_and_the_selector_are_the_workloads():
    world = a_world()

    assert world.sizes() == {"1": 4}
    assert world.status["selector"] == f"app={APP}"
    assert world.set_named("1")["spec"]["selector"]["matchLabels"]["app"] == APP
    assert "template" not in world.rollout["spec"] and "selector" not in world.rollout["spec"]
    assert world.size == 4


def test_the_generation_of_the_workload_is_told_as_clients_compare_it():
    world = a_world()
    world.set_workload_image("shop/web:2")
    world.settle(10.0)
    told = obj.annotations(world.rollout)["rollout.argoproj.io/workload-generation"]

    assert told == world.status["workloadObservedGeneration"] == str(obj.generation(world.objects[DEPLOYMENT])) == "2"


def test_a_changed_workload_begins_an_update_and_another_change_begins_anew():
    world = a_world()
    world.set_workload_image("shop/web:2")
    world.settle(10.0)

    assert (world.weight, world.status["phase"]) == (20, "Paused")
    world.set_workload_image("shop/web:3")
    world.settle(10.0)
    assert world.selects("canary") == world.hash_of("3")
    assert world.sizes() == {"1": 4, "2": 0, "3": 1}


def test_never_leaves_the_workloads_pods_alone():
    assert a_world("never").size == 4


def test_onsuccess_takes_them_once_the_first_version_is_whole_and_again_whenever_they_come_back():
    world = WorkloadWorld(a_deployment(), a_reference("onsuccess"), ready_s=20.0)
    world.settle(10.0)

    assert (world.size, world.status["phase"]) == (4, "Progressing")
    world.settle(60.0)
    assert world.size == 0
    assert obj.annotations(world.objects[DEPLOYMENT])[BEFORE] == "4"
    world.patch(DEPLOYMENT, {"spec": {"replicas": 6}})
    world.settle(10.0)
    assert world.size == 0
    assert obj.annotations(world.objects[DEPLOYMENT])[BEFORE] == "6"


def test_progressively_takes_as_many_as_there_are_new_ones():
    world = WorkloadWorld(a_deployment(6), a_reference("progressively"), ready_s=3600.0)
    world.settle(10.0)

    assert world.size == 6
    world.set_pods(obj.name(world.set_named("1")), 1)
    world.settle(10.0)
    assert world.size == 5
    world.set_pods(obj.name(world.set_named("1")), 3)
    world.settle(10.0)
    assert world.size == 3
    world.set_pods(obj.name(world.set_named("1")), 4)
    world.settle(10.0)
    assert world.size == 0


def test_a_finalizer_is_there_before_the_first_pod_leaves():
    world = WorkloadWorld(a_deployment(), a_reference("onsuccess"))
    sizes = []
    for _ in range(60):
        world.settle(0.1)
        sizes.append((FINALIZER in (world.rollout["metadata"].get("finalizers") or ()), world.size))

    assert (False, 0) not in sizes
    assert sizes[-1] == (True, 0)


def test_a_workload_that_is_gone_in_mid_update_freezes_everything():
    world = a_world()
    world.set_workload_image("shop/web:2")
    world.settle(10.0)
    del world.objects[DEPLOYMENT]
    world.settle(600.0)

    assert world.status["message"].endswith(
        'is invalid: spec.workloadRef.name: Invalid value: "old": deployments.apps "old" not found'
    )
    assert (world.weight, world.sizes()) == (20, {"1": 4, "2": 1})
    world.add(a_deployment(template=a_template("shop/web:2")))
    world.settle(10.0)
    assert world.status["phase"] == "Paused"


def test_nothing_is_decided_before_the_workloads_are_listed():
    world = WorkloadWorld(a_deployment(), a_reference())
    world.listed = False
    world.settle(60.0)

    assert world.sizes() == {} and world.status == {}


def test_a_rollout_that_is_deleted_waits_until_the_workload_has_its_pods_back():
    world = a_world("onsuccess")
    world.stuck = True
    world.patch(WEB, {"metadata": {"deletionTimestamp": world.now.rfc3339_whole()}})
    world.settle(30.0)

    assert world.size == 4
    assert world.rollout["metadata"]["finalizers"] == [FINALIZER]
    assert world.selects("stable") == world.hash_of("1")
    world.patch(DEPLOYMENT, {"status": {"availableReplicas": 4}})
    world.settle(1.0)
    assert world.rollout["metadata"]["finalizers"] == []
    assert world.selects("stable") == ""
    assert not obj.annotations(world.objects[DEPLOYMENT]).get(BEFORE)


def test_a_rollout_whose_workload_never_gets_its_pods_back_goes_in_the_end():
    world = a_world("onsuccess")
    world.stuck = True
    world.patch(WEB, {"metadata": {"deletionTimestamp": world.now.rfc3339_whole()}})
    world.settle(601.0)

    assert world.rollout["metadata"]["finalizers"] == []


@pytest.mark.parametrize("kind", ["ReplicaSet", "PodTemplate"])
def test_other_kinds_give_their_templates_too(kind: str):
    other = {"apiVersion": "apps/v1" if kind == "ReplicaSet" else "v1", "kind": kind}
    other |= {"metadata": {"name": "old", "namespace": NAMESPACE}}
    template = a_template("shop/web:1", **{"pod-template-hash": "abc"})
    selector = {"matchLabels": {"app": APP, "pod-template-hash": "abc"}}
    if kind == "ReplicaSet":
        other["spec"] = {"replicas": 0, "selector": selector, "template": template}
        rollout = a_reference(kind=kind)
    else:
        other["template"] = template
        rollout = a_reference(kind=kind)
        rollout["spec"]["selector"] = {"matchLabels": {"app": APP}}
    world = WorkloadWorld(other, rollout)
    world.settle(60.0)

    assert world.status["phase"] == "Healthy"
    ours = next(each for each in world.of(kinds.REPLICA_SET) if obj.controller_uid(each))
    assert "pod-template-hash" not in ours["spec"]["template"]["metadata"]["labels"]


def test_a_pod_template_without_a_selector_beside_it_is_refused():
    template = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "old", "namespace": NAMESPACE}}
    world = WorkloadWorld({**template, "template": a_template()}, a_reference(kind="PodTemplate"))
    world.settle(10.0)

    assert "Rollout has missing field '.spec.selector'" in world.status["message"]


@pytest.mark.parametrize(
    ("story", "workload", "reason"),
    [
        ("another kind", {"kind": "StatefulSet"}, "WorkloadUnsupported"),
        ("a Rollout, itself say", {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"}, "WorkloadUnsupported"),
        ("another version", {"apiVersion": "apps/v1beta1"}, "WorkloadUnsupported"),
        ("no name", {"name": ""}, "WorkloadNameless"),
        ("a word that nobody knows", {"scaleDown": "later"}, "ScaleDownUnknown"),
    ],
)
def test_a_reference_that_cannot_work_is_refused(story: str, workload: dict[str, Any], reason: str):
    rollout = a_reference()
    rollout["spec"]["workloadRef"] |= workload

    assert [each.reason for each in check(rollout).refusals] == [reason]


@pytest.mark.parametrize("nothing", [{}, {"metadata": {"creationTimestamp": None}, "spec": {"containers": None}}])
def test_a_template_that_says_nothing_is_as_good_as_none(nothing: dict[str, Any]):
    rollout = a_reference()
    rollout["spec"]["template"] = nothing
    world = WorkloadWorld(a_deployment(), rollout)
    world.settle(60.0)

    assert world.status["phase"] == "Healthy"
    assert world.status["currentPodHash"] == a_world().status["currentPodHash"]


def test_a_template_beside_a_reference_is_refused():
    rollout = a_reference()
    rollout["spec"]["template"] = {"spec": a_template()["spec"]}

    assert [each.reason for each in check(rollout).refusals] == ["TemplateAndWorkload"]


def test_a_rollout_moves_its_template_to_a_deployment_and_gives_way_to_it_without_an_update():
    world = WorkloadWorld(a_rollout(4, steps=STEPS))
    world.settle(60.0)
    before = world.status["currentPodHash"]
    world.add(a_deployment())
    given = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "old", "scaleDown": "onsuccess"}
    world.patch(WEB, {"spec": {"template": None, "workloadRef": given}})
    world.settle(60.0)

    assert (world.status["phase"], world.status["currentPodHash"]) == ("Healthy", before)
    assert (world.size, world.rollout["metadata"]["finalizers"]) == (0, [FINALIZER])
    world.patch(WEB, {"metadata": {"deletionTimestamp": world.now.rfc3339_whole()}})
    world.settle(10.0)
    assert (world.size, world.rollout["metadata"]["finalizers"]) == (4, [])
