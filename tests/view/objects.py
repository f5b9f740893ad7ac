"""The few manifests that the pictures are drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollouts.kit.instant import Instant
from rollouts.view.facts import World

NOW = Instant.parse("2026-05-04T12:10:00Z") or Instant(0)
Manifest = Mapping[str, Any]


def rollout(status: Manifest | None = None, **spec: Any) -> Manifest:
    """A canary of five replicas over nginx with three steps, at its second step unless told otherwise."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "uid": "u-web",
            "generation": 7,
            "resourceVersion": "70",
            "creationTimestamp": "2026-05-01T12:00:00Z",
        },
        "spec": {
            "replicas": 5,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template("web:2"),
            "strategy": {
                "canary": {
                    "trafficRouting": {"nginx": {"stableIngress": "web"}},
                    "steps": [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}],
                }
            },
            **spec,
        },
        "status": {
            "observedGeneration": "7",
            "phase": "Paused",
            "message": "CanaryPauseStep",
            "controllerPause": True,
            "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2026-05-04T12:05:00Z"}],
            "currentStepIndex": 1,
            "currentPodHash": "bb",
            "stableRS": "aa",
            "replicas": 6,
            "updatedReplicas": 1,
            "readyReplicas": 6,
            "availableReplicas": 6,
            "canary": {"weights": {"canary": {"weight": 20}, "stable": {"weight": 80}}},
            **(status or {}),
        },
    }


def template(image: str) -> Manifest:
    """A pod template with one container."""
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}}


def owned(kind: str, name: str, owner: str, **extra: Any) -> dict[str, Any]:
    """An object that `owner` controls."""
    return {
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": f"u-{name}",
            "creationTimestamp": "2026-05-04T12:04:00Z",
            "ownerReferences": [{"controller": True, "uid": owner}],
            **extra,
        },
    }


def replica_set(pod_hash: str, number: int, image: str, count: int = 5, **annotations: str) -> Manifest:
    """A ReplicaSet of the Rollout with all its pods available."""
    marks = {"rollout.argoproj.io/revision": str(number), **annotations}
    labels = {"rollouts-pod-template-hash": pod_hash, "app": "web"}
    return {
        **owned("ReplicaSet", f"web-{pod_hash}", "u-web", labels=labels, annotations=marks, generation=1),
        "spec": {"replicas": count, "template": template(image)},
        "status": {"observedGeneration": 1, "replicas": count, "readyReplicas": count, "availableReplicas": count},
    }


def pod(name: str, pod_hash: str, state: Manifest | None = None, *, ready: bool = True, restarts: int = 0) -> Manifest:
    """A pod of a ReplicaSet; state: its container's state, running by default."""
    container = {"name": "web", "ready": ready, "restartCount": restarts, "state": state or {"running": {}}}
    return {
        **owned("Pod", name, f"u-web-{pod_hash}"),
        "spec": {"containers": [{"name": "web"}]},
        "status": {"phase": "Running", "containerStatuses": [container]},
    }


def run(name: str, phase: str, number: int = 2, **counts: int) -> Manifest:
    """An AnalysisRun with one metric."""
    marks = {"rollout.argoproj.io/revision": str(number)}
    metric = {
        "name": "success-rate",
        "phase": phase,
        "measurements": [{"value": "[0.97]"}, {"value": "[0.93]"}],
        "message": "failed (1) > failureLimit (0)" if phase == "Failed" else "",
        **counts,
    }
    return {
        **owned("AnalysisRun", name, "u-web", annotations=marks),
        "status": {"phase": phase, "metricResults": [metric]},
    }


def event(name: str, reason: str, message: str, at: str, kind: str = "Normal") -> Manifest:
    """A core/v1 Event."""
    meta = {"name": name, "namespace": "shop"}
    return {"metadata": meta, "type": kind, "reason": reason, "message": message, "lastTimestamp": at}


def paused_canary() -> World:
    """A canary at 20 % that waits for a person, its analysis good so far."""
    return World(
        rollout(),
        (replica_set("aa", 1, "web:1"), replica_set("bb", 2, "web:2", 1)),
        (pod("web-aa-1", "aa"), pod("web-aa-2", "aa"), pod("web-bb-1", "bb")),
        (run("web-bb-2-1", "Running", successful=2),),
        events=(
            event("b", "RolloutPaused", "Rollout is paused (CanaryPauseStep)", "2026-05-04T12:05:00Z"),
            event("a", "RolloutStepCompleted", "Rollout step 1/3 completed (setWeight: 20)", "2026-05-04T12:04:30Z"),
        ),
    )


def aborted_canary() -> World:
    """A canary whose analysis failed, its pods kept for a little while."""
    status = {
        "abort": True,
        "phase": "Degraded",
        "message": "RolloutAborted: Rollout aborted update to revision 2",
        "pauseConditions": None,
        "controllerPause": False,
        "currentStepIndex": 0,
        "canary": {"weights": {"canary": {"weight": 0}, "stable": {"weight": 100}}},
    }
    until = {"scale-down-deadline": "2026-05-04T12:10:22Z"}
    crashing = {"waiting": {"reason": "CrashLoopBackOff"}}
    return World(
        rollout(status),
        (replica_set("aa", 1, "web:1"), replica_set("bb", 2, "web:2", 1, **until)),
        (pod("web-aa-1", "aa"), pod("web-bb-1", "bb", crashing, ready=False, restarts=4)),
        (run("web-bb-2", "Failed", successful=1, failed=1, error=2, inconclusive=1),),
    )


def waiting_preview() -> World:
    """A blue-green update whose preview waits for a person; a former version leaves in a minute."""
    status = {
        "message": "BlueGreenPause",
        "pauseConditions": [{"reason": "BlueGreenPause", "startTime": "2026-05-04T12:05:00Z"}],
        "currentStepIndex": None,
        "currentPodHash": "cc",
        "stableRS": "bb",
        "replicas": 11,
        "availableReplicas": 5,
        "canary": None,
        "blueGreen": {"activeSelector": "bb", "previewSelector": "cc"},
    }
    until = {"scale-down-deadline": "2026-05-04T12:11:00Z"}
    blue_green = {"activeService": "web", "previewService": "web-preview", "previewReplicaCount": 1}
    return World(
        rollout(status, strategy={"blueGreen": blue_green}, template=template("web:3")),
        (
            replica_set("aa", 1, "web:1", **until),
            replica_set("bb", 2, "web:2"),
            replica_set("cc", 3, "web:3", 1),
        ),
        (pod("web-bb-1", "bb"), pod("web-cc-1", "cc")),
        (run("web-cc-3-pre", "Successful", 3, successful=3),),
    )


def fresh() -> World:
    """A Rollout that no controller has looked at yet."""
    made = rollout()
    return World({key: value for key, value in made.items() if key != "status"})
