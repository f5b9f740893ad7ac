"""What becomes of a pod, as a table of beats: pure, so that the player only has to keep time.

A pod's story is told by annotations on its template, `player.rollouts.test/<what>`, or for one image tag alone by
`player.rollouts.test/<tag>.<what>`:

    ready         seconds until it is ready (default: the player's), or `never`
    image-error   `true`: its image cannot be pulled (ErrImagePull, then ImagePullBackOff)
    crash-after   seconds until its container ends with exit code 1, again and again (CrashLoopBackOff)
    run           seconds that a pod of a Job runs (default 0.1)
    exit-code     what a pod of a Job ends with (default 0)
    linger        seconds that it goes on serving after its deletion was asked for
    error-percent share of its answers that are 500, where pods really serve
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

PREFIX = "player.rollouts.test/"
CRASHES_MAX = 20
BACK_OFF_S = (0.5, 1.0, 2.0, 4.0)
QUICK_S = 0.5  # a pod that is ready within this time reports once


@dataclass(frozen=True, slots=True)
class Beat:
    """After so many seconds the pod looks like this; `status` is complete."""

    after_s: float
    status: Mapping[str, Any]
    is_ready: bool = False


def tag_of(pod: Mapping[str, Any]) -> str:
    """The tag of the first container's image, `latest` where it has none."""
    name, colon, tag = pod["spec"]["containers"][0]["image"].rpartition("/")[2].partition(":")
    return tag if colon and name else "latest"


def wish(pod: Mapping[str, Any], what: str, default: str) -> str:
    """The annotation that tells `what` of this pod's story."""
    told: Mapping[str, str] = pod["metadata"].get("annotations") or {}
    return told.get(f"{PREFIX}{tag_of(pod)}.{what}", told.get(PREFIX + what, default))


def life(pod: Mapping[str, Any], ip: str, ready_s: float) -> Iterator[Beat]:
    """The beats of one pod from the moment it is bound to its node."""
    if wish(pod, "image-error", "false") == "true":
        for after_s, reason in ((0.0, "ErrImagePull"), (0.5, "ImagePullBackOff")):
            yield Beat(
                after_s, _status(pod, ip, "Pending", {"waiting": {"reason": reason, "message": "no such image"}})
            )
        return
    if pod["spec"].get("restartPolicy", "Always") != "Always":
        yield from _job(pod, ip)
        return
    crash_s = wish(pod, "crash-after", "")
    if crash_s:
        yield from _crashes(pod, ip, float(crash_s))
        return
    wait = wish(pod, "ready", str(ready_s))
    if wait == "never" or float(wait) > QUICK_S:
        yield Beat(0.0, _status(pod, ip, "Running", {"running": {"startedAt": _now()}}))
    if wait != "never":
        yield Beat(float(wait), _status(pod, ip, "Running", {"running": {"startedAt": _now()}}, ready=True), True)


def _job(pod: Mapping[str, Any], ip: str) -> Iterator[Beat]:
    code = int(wish(pod, "exit-code", "0"))
    yield Beat(0.0, _status(pod, ip, "Running", {"running": {"startedAt": _now()}}, ready=True))
    ended = {"exitCode": code, "reason": "Error" if code else "Completed", "finishedAt": _now(), "startedAt": _now()}
    yield Beat(
        float(wish(pod, "run", "0.1")), _status(pod, ip, "Failed" if code else "Succeeded", {"terminated": ended})
    )


def _crashes(pod: Mapping[str, Any], ip: str, crash_s: float) -> Iterator[Beat]:
    for count in range(CRASHES_MAX):
        running = _status(pod, ip, "Running", {"running": {"startedAt": _now()}}, ready=True, restarts=count)
        yield Beat(BACK_OFF_S[min(count, 4) - 1] if count else 0.0, running, True)
        waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}}
        yield Beat(crash_s, _status(pod, ip, "Running", waiting, restarts=count + 1))


def _status(
    pod: Mapping[str, Any],
    ip: str,
    phase: str,
    state: Mapping[str, Any],
    *,
    ready: bool = False,
    restarts: int = 0,
) -> dict[str, Any]:
    now = _now()
    is_running = "running" in state
    shown = {
        "PodScheduled": "True",
        "Initialized": "True",
        "ContainersReady": "True" if ready else "False",
        "Ready": "True" if ready else "False",
    }
    status: dict[str, Any] = {
        "phase": phase,
        "startTime": now,
        "hostIP": "10.244.0.1",
        "hostIPs": [{"ip": "10.244.0.1"}],
        "conditions": [{"type": name, "status": value, "lastTransitionTime": now} for name, value in shown.items()],
        "containerStatuses": [
            {
                "name": container["name"],
                "image": container["image"],
                "imageID": f"played/{container['image']}" if is_running else "",
                "ready": ready,
                "started": is_running,
                "restartCount": restarts,
                "state": state,
            }
            for container in pod["spec"]["containers"]
        ],
    }
    if phase != "Pending":
        status["podIP"], status["podIPs"] = ip, [{"ip": ip}]
    return status


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
