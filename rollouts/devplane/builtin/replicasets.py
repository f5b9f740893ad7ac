"""The ReplicaSet controller: as many pods as wished, and a status that says how many are there, ready, available."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rollouts.devplane.builtin.world import World
from rollouts.devplane.store import Commit
from rollouts.kit.instant import Instant
from rollouts.kube.kinds import POD, REPLICA_SET
from rollouts.kube.object import (
    controller_reference,
    generation,
    is_deleting,
    labels,
    name,
    namespace,
    ref,
    uid,
)
from rollouts.kube.ref import Manifest, Ref

PODS_PER_STEP_MAX = 500


def concerns(world: World, commit: Commit) -> Iterable[Ref]:
    """The set itself, or the set that controls a pod."""
    if commit.kind == REPLICA_SET:
        yield ref(REPLICA_SET, commit.object)
    elif commit.kind == POD:
        for manifest in (commit.object, commit.previous):
            for owner in (manifest or {}).get("metadata", {}).get("ownerReferences") or ():
                if owner.get("controller") and owner.get("kind") == "ReplicaSet":
                    yield Ref(REPLICA_SET, namespace(commit.object), owner["name"])


def step(world: World, which: Ref, now: Instant) -> Instant | None:
    """Create or delete pods until their number is right, then report."""
    found = world.store.find(which)
    if found is None or is_deleting(found):
        return None
    pods = [pod for pod in world.controlled(POD, uid(found)) if is_active(pod)]
    wanted = found["spec"].get("replicas", 1)
    for _ in range(min(wanted - len(pods), PODS_PER_STEP_MAX)):
        world.create(POD, which.namespace, _pod(found))
    for pod in sorted(pods, key=_first_to_go)[: max(len(pods) - wanted, 0)]:
        world.delete(ref(POD, pod), uid(pod))
    pods = [pod for pod in world.controlled(POD, uid(found)) if is_active(pod)]
    status, wake = status_of(found, pods, now)
    if status != found.get("status"):
        cleared = dict.fromkeys(set(found.get("status") or ()) - status.keys() - {"conditions"})
        world.patch(which, {"status": status | cleared}, "status")
    return wake


def is_active(pod: Manifest) -> bool:
    """Whether the pod counts: neither ended nor leaving."""
    return pod["status"].get("phase") not in ("Succeeded", "Failed") and not is_deleting(pod)


def ready_since(pod: Manifest) -> Instant | None:
    """Since when the pod is ready, None where it is not."""
    for condition in pod["status"].get("conditions") or ():
        if condition["type"] == "Ready" and condition["status"] == "True":
            return Instant.parse(condition["lastTransitionTime"])
    return None


def status_of(found: Manifest, pods: list[Manifest], now: Instant) -> tuple[dict[str, Any], Instant | None]:
    """The status of a set with these pods, and when the next of them becomes available."""
    template_labels = (found["spec"]["template"].get("metadata") or {}).get("labels") or {}
    least_s = found["spec"].get("minReadySeconds") or 0
    ready = [since for pod in pods if (since := ready_since(pod)) is not None]
    due = [since.plus(least_s) for since in ready]
    labelled = [pod for pod in pods if template_labels.items() <= labels(pod).items()]
    counts = {
        "fullyLabeledReplicas": len(labelled),
        "readyReplicas": len(ready),
        "availableReplicas": sum(at <= now for at in due),
    }
    status: dict[str, Any] = {"replicas": len(pods)} | {field: count for field, count in counts.items() if count}
    if conditions := (found.get("status") or {}).get("conditions"):
        status["conditions"] = conditions
    later = [at for at in due if at > now]
    return status | {"observedGeneration": generation(found)}, min(later) if later else None


def _pod(owner: Manifest) -> dict[str, Any]:
    template = owner["spec"]["template"]
    meta = template.get("metadata") or {}
    return {
        "metadata": {
            **{field: meta[field] for field in ("labels", "annotations", "finalizers") if meta.get(field)},
            "generateName": f"{name(owner)}-",
            "ownerReferences": [controller_reference(REPLICA_SET, owner)],
        },
        "spec": template["spec"],
    }


def _first_to_go(pod: Manifest) -> tuple[Any, ...]:
    """Unbound before bound, pending before running, unready before ready, young before old."""
    since = ready_since(pod)
    created = Instant.parse(pod["metadata"]["creationTimestamp"])
    return (
        bool(pod["spec"].get("nodeName")),
        pod["status"].get("phase") == "Running",
        since is not None,
        -since.micros if since else 0,
        -created.micros if created else 0,
        name(pod),
    )
