"""Pods for tests in which single pods matter: born with the ReplicaSet's template, ready when it says so."""

from __future__ import annotations

from typing import Any

from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Manifest, Ref
from tests.builders import NAMESPACE
from tests.delivery.world import World


def populate(world: World, *, ready: bool = True) -> None:
    """Give each ReplicaSet the pods that it wants, and take from it those that it wants no more."""
    for each in world.of(kinds.REPLICA_SET):
        have = pods_of(world, each)
        for pod in have[each["spec"]["replicas"] :]:
            del world.objects[obj.ref(kinds.POD, pod)]
        for _ in range(each["spec"]["replicas"] - len(have)):
            world.add(_pod(each, world.born_pods, world.now if ready else None))
            world.born_pods += 1


def pods_of(world: World, owner: Manifest) -> list[Manifest]:
    """The pods of a ReplicaSet, the oldest first."""
    found = [pod for pod in world.of(kinds.POD) if obj.controller_uid(pod) == obj.uid(owner)]
    return sorted(found, key=lambda pod: int(obj.name(pod).rpartition("-")[2]))


def make_ready(world: World) -> None:
    """Every pod that is there serves from now on."""
    for pod in world.of(kinds.POD):
        if not pod["status"]["conditions"]:
            world.patch(obj.ref(kinds.POD, pod), {"status": _ready(world.now)})


def remove(world: World, name: str) -> None:
    """The pod is gone."""
    del world.objects[Ref(kinds.POD, NAMESPACE, name)]


def _pod(owner: Manifest, number: int, ready: Instant | None) -> dict[str, Any]:
    template = owner["spec"]["template"]
    reference = {"kind": "ReplicaSet", "name": obj.name(owner), "uid": obj.uid(owner), "controller": True}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **template["metadata"],
            "name": f"{obj.name(owner)}-{number}",
            "namespace": NAMESPACE,
            "ownerReferences": [reference],
        },
        "spec": template["spec"],
        "status": _ready(ready) if ready else {"conditions": []},
    }


def _ready(since: Instant) -> dict[str, Any]:
    return {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": since.rfc3339_whole()}]}
