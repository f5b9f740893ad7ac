"""Scheduler and kubelet in one: what becomes of a pod, told by annotations on its template.

`player.rollouts.test/<what>`, or for one image tag alone `player.rollouts.test/<tag>.<what>`:

    ready         seconds until it is ready, or `never`
    image-error   `true`: its image cannot be pulled (ErrImagePull, then ImagePullBackOff)
    crash-after   seconds until its container ends with exit code 1, again and again (CrashLoopBackOff)
    run           seconds that a pod of a Job runs (default 0.1)
    exit-code     what a pod of a Job ends with (default 0)
    unschedulable `true`: no node takes it
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rollouts.devplane.builtin.world import World
from rollouts.devplane.store import Commit
from rollouts.kit.instant import Instant
from rollouts.kube import object as objects
from rollouts.kube.kinds import POD
from rollouts.kube.ref import Manifest, Ref

PREFIX = "player.rollouts.test/"
NODE = "node-1"
BACK_OFF_S = (0.5, 1.0, 2.0, 4.0)
IMAGE_BACK_OFF_S = 0.5


@dataclass(frozen=True, slots=True)
class PodLife:
    """How a pod looks at a moment of its life. until_s: seconds since binding at which it looks different, or None."""

    phase: str
    ready: bool
    state: Mapping[str, Any]
    restarts: int = 0
    until_s: float | None = None


def wish(pod: Manifest, what: str, default: str) -> str:
    """The annotation that tells `what` of this pod's story; the one for its image tag goes before."""
    told = objects.annotations(pod)
    name, colon, tag = str(pod["spec"]["containers"][0]["image"]).rpartition("/")[2].partition(":")
    tag = tag if colon and name else "latest"
    return told.get(f"{PREFIX}{tag}.{what}", told.get(PREFIX + what, default))


def life(pod: Manifest, age_s: float, started: str, ready_s: float) -> PodLife:
    """How the pod looks `age_s` seconds after it was bound. started: the time stamp of its binding."""
    running = {"running": {"startedAt": started}}
    if wish(pod, "image-error", "false") == "true":
        reason = "ErrImagePull" if age_s < IMAGE_BACK_OFF_S else "ImagePullBackOff"
        until_s = IMAGE_BACK_OFF_S if age_s < IMAGE_BACK_OFF_S else None
        return PodLife("Pending", False, {"waiting": {"reason": reason, "message": "no such image"}}, 0, until_s)
    if pod["spec"].get("restartPolicy", "Always") != "Always":
        return _job_life(pod, age_s, started)
    if crash_s := wish(pod, "crash-after", ""):
        return _crash_life(age_s, float(crash_s), running)
    wait = wish(pod, "ready", str(ready_s))
    if wait == "never":
        return PodLife("Running", False, running)
    is_ready = age_s >= float(wait)
    return PodLife("Running", is_ready, running, 0, None if is_ready else float(wait))


def _job_life(pod: Manifest, age_s: float, started: str) -> PodLife:
    run_s = float(wish(pod, "run", "0.1"))
    if age_s < run_s:
        return PodLife("Running", True, {"running": {"startedAt": started}}, 0, run_s)
    code = int(wish(pod, "exit-code", "0"))
    ended = {"exitCode": code, "reason": "Error" if code else "Completed", "startedAt": started, "finishedAt": started}
    return PodLife("Failed" if code else "Succeeded", False, {"terminated": ended})


def _crash_life(age_s: float, crash_s: float, running: Mapping[str, Any]) -> PodLife:
    """Up for `crash_s`, down for a growing while, up again."""
    begun, restarts = 0.0, 0
    while True:
        down = begun + crash_s
        if age_s < down:
            return PodLife("Running", True, running, restarts, down)
        begun = down + max(BACK_OFF_S[min(restarts, len(BACK_OFF_S) - 1)], 0.01)
        restarts += 1
        if age_s < begun:
            waiting = {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}
            return PodLife("Running", False, {"waiting": waiting}, restarts, begun)


def concerns(world: World, commit: Commit) -> Iterable[Ref]:
    """A pod that is new or was changed by somebody."""
    if commit.kind != POD:
        return
    if commit.type == "DELETED":
        world.bound_at.pop(objects.uid(commit.object), None)
    elif commit.type == "ADDED" or commit.object["metadata"].get("annotations") != (commit.previous or {}).get(
        "metadata", {}
    ).get("annotations"):
        yield objects.ref(POD, commit.object)


def step(world: World, which: Ref, now: Instant) -> Instant | None:
    """Bind the pod, then let it look as it should by now."""
    pod = world.store.find(which)
    if pod is None or wish(pod, "unschedulable", "false") == "true":
        return None
    if pod["status"].get("phase") in ("Succeeded", "Failed"):
        return None
    if not pod["spec"].get("nodeName"):
        world.patch(which, {"spec": {"nodeName": NODE}})
    bound = world.bound_at.setdefault(objects.uid(pod), now)
    looks = life(pod, now.since(bound), bound.rfc3339_whole(), world.pod_ready_s)
    address = pod["status"].get("podIP") or world.next_address()
    world.patch(which, {"status": status_of(pod, looks, address, now)}, "status")
    return bound.plus(looks.until_s) if looks.until_s is not None else None


def status_of(pod: Manifest, looks: PodLife, address: str, now: Instant) -> dict[str, Any]:
    """The whole status of a pod that looks like this; transition times move only where a condition turns."""
    had = {one["type"]: one for one in pod["status"].get("conditions") or ()}
    verdict = "True" if looks.ready else "False"
    shown = {"PodScheduled": "True", "Initialized": "True", "ContainersReady": verdict, "Ready": verdict}
    conditions = [
        had[name]
        if had.get(name, {}).get("status") == value
        else {"type": name, "status": value, "lastTransitionTime": now.rfc3339_whole()}
        for name, value in shown.items()
    ]
    is_running = "running" in looks.state
    containers = [
        {
            "name": container["name"],
            "image": container["image"],
            "imageID": f"played/{container['image']}" if is_running else "",
            "ready": looks.ready,
            "started": is_running,
            "restartCount": looks.restarts,
            "state": looks.state,
        }
        for container in pod["spec"]["containers"]
    ]
    placed = {} if looks.phase == "Pending" else {"podIP": address, "podIPs": [{"ip": address}]}
    return {
        "phase": looks.phase,
        "startTime": pod["status"].get("startTime") or now.rfc3339_whole(),
        "hostIP": "10.244.0.1",
        "conditions": conditions,
        "containerStatuses": containers,
        **placed,
    }
