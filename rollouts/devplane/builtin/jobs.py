"""The Job controller: pods one after the other until one succeeds, or more fail than backoffLimit allows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rollouts.devplane.builtin.world import World
from rollouts.devplane.store import Commit
from rollouts.kit.instant import Instant
from rollouts.kube.kinds import JOB, POD
from rollouts.kube.object import controller_reference, is_deleting, name, namespace, ref, uid
from rollouts.kube.ref import Manifest, Ref


def concerns(world: World, commit: Commit) -> Iterable[Ref]:
    """The Job itself, or the one that controls a pod."""
    if commit.kind == JOB:
        yield ref(JOB, commit.object)
    elif commit.kind == POD:
        for owner in commit.object["metadata"].get("ownerReferences") or ():
            if owner.get("controller") and owner.get("kind") == "Job":
                yield Ref(JOB, namespace(commit.object), owner["name"])


def step(world: World, which: Ref, now: Instant) -> Instant | None:
    """Start the next pod if one is needed, then report."""
    job = world.store.find(which)
    if job is None or is_deleting(job) or is_over(job) or job["spec"].get("suspend"):
        return None
    pods = list(world.controlled(POD, uid(job)))
    phases = [pod["status"].get("phase") for pod in pods]
    failed, succeeded = phases.count("Failed"), phases.count("Succeeded")
    active = len(phases) - failed - succeeded
    wanted = job["spec"].get("completions", 1)
    status: dict[str, Any] = {"startTime": (job.get("status") or {}).get("startTime") or now.rfc3339_whole()}
    if succeeded >= wanted:
        status |= _ended("Complete", "CompletionsReached", now) | {"completionTime": now.rfc3339_whole()}
    elif failed > job["spec"].get("backoffLimit", 6):
        status |= _ended("Failed", "BackoffLimitExceeded", now)
    else:
        for _ in range(min(job["spec"].get("parallelism", 1), wanted - succeeded) - active):
            world.create(POD, which.namespace, _pod(job))
            active += 1
    counts = {"active": active, "failed": failed, "succeeded": succeeded}
    had = job.get("status") or {}
    status |= {field: count or None for field, count in counts.items() if count or field in had}
    world.patch(which, {"status": status}, "status")
    return None


def is_over(job: Manifest) -> bool:
    """Whether the Job has ended, well or badly."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(one["type"] in ("Complete", "Failed") and one["status"] == "True" for one in conditions)


def _ended(kind: str, reason: str, now: Instant) -> dict[str, Any]:
    stamp = now.rfc3339_whole()
    message = (
        "Job has reached the specified backoff limit"
        if kind == "Failed"
        else "Reached expected number of succeeded pods"
    )
    condition = {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastProbeTime": stamp,
        "lastTransitionTime": stamp,
    }
    return {"conditions": [condition]}


def _pod(job: Manifest) -> dict[str, Any]:
    template = job["spec"]["template"]
    meta = template.get("metadata") or {}
    return {
        "metadata": {
            **{field: meta[field] for field in ("labels", "annotations") if meta.get(field)},
            "generateName": f"{name(job)}-",
            "ownerReferences": [controller_reference(JOB, job)],
        },
        "spec": template["spec"],
    }
