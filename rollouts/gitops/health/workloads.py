"""Deployments and their kin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollouts.gitops.health.model import (
    HEALTHY,
    Health,
    condition,
    degraded,
    is_observed,
    number,
    progressing,
    says,
    suspended,
)
from rollouts.kit.parts import part
from rollouts.kube import object as kube
from rollouts.kube.ref import Manifest

_WAITING = "Waiting for rollout to finish"
_UNSEEN = f"{_WAITING}: the controller has not seen the latest spec"
_BROKEN = ("Err", "CrashLoop", "ImagePullBackOff", "InvalidImageName", "CreateContainer", "RunContainerError")
_RUNS_ONCE = "argocd.argoproj.io/ignore-restart-policy"


def deployment(live: Manifest) -> Health:
    """Whether all replicas are of the latest version and available."""
    spec, status = part(live, "spec"), part(live, "status")
    if spec.get("paused") is True:
        return suspended("Deployment is paused")
    if not is_observed(live):
        return progressing(_UNSEEN)
    if condition(live, "Progressing").get("reason") == "ProgressDeadlineExceeded":
        return degraded(f'Deployment "{kube.name(live)}" exceeded its progress deadline')
    wanted, updated = number(spec, "replicas", 1), number(status, "updatedReplicas")
    if updated < wanted:
        return progressing(f"{_WAITING}: {updated} out of {wanted} new replicas have been updated...")
    if (old := number(status, "replicas") - updated) > 0:
        return progressing(f"{_WAITING}: {old} old replicas are pending termination...")
    if (available := number(status, "availableReplicas")) < updated:
        return progressing(f"{_WAITING}: {available} of {updated} updated replicas are available...")
    return HEALTHY


def stateful_set(live: Manifest) -> Health:
    """Whether all replicas are ready, and of the latest version as far as the partition asks for it."""
    spec, status = part(live, "spec"), part(live, "status")
    if not is_observed(live):
        return progressing(_UNSEEN)
    wanted, ready = number(spec, "replicas", 1), number(status, "readyReplicas")
    if ready < wanted:
        return progressing(f"Waiting for {wanted - ready} pods to be ready...")
    strategy = part(spec, "updateStrategy")
    if strategy.get("type") == "OnDelete":
        return HEALTHY
    if partition := number(part(strategy, "rollingUpdate"), "partition"):
        updated = number(status, "updatedReplicas")
        if updated < wanted - partition:
            return progressing(f"{updated} out of {wanted - partition} new pods have been updated...")
        return HEALTHY
    if status.get("updateRevision") != status.get("currentRevision"):
        return progressing(f"{_WAITING}: {number(status, 'updatedReplicas')} pods are of the new revision")
    return HEALTHY


def daemon_set(live: Manifest) -> Health:
    """Whether every node that should has an available pod of the latest version."""
    status = part(live, "status")
    if not is_observed(live):
        return progressing(_UNSEEN)
    if part(live, "spec", "updateStrategy").get("type") == "OnDelete":
        return HEALTHY
    wanted, updated = number(status, "desiredNumberScheduled"), number(status, "updatedNumberScheduled")
    if updated < wanted:
        return progressing(f"{_WAITING}: {updated} out of {wanted} new pods have been updated...")
    if (available := number(status, "numberAvailable")) < wanted:
        return progressing(f"{_WAITING}: {available} of {wanted} updated pods are available...")
    return HEALTHY


def replica_set(live: Manifest) -> Health:
    """Whether all replicas are available."""
    if not is_observed(live):
        return progressing(_UNSEEN)
    if says(live, "ReplicaFailure"):
        return degraded(str(condition(live, "ReplicaFailure").get("message") or ""))
    wanted, available = number(part(live, "spec"), "replicas", 1), number(part(live, "status"), "availableReplicas")
    if available < wanted:
        return progressing(f"{_WAITING}: {available} out of {wanted} new replicas are available...")
    return HEALTHY


def pod(live: Manifest) -> Health:
    """Whether a pod is ready, or has done what it was there for."""
    status = part(live, "status")
    match status.get("phase"):
        case "Pending":
            broken = _first_broken(status)
            return degraded(broken) if broken else progressing(str(status.get("message") or ""))
        case "Succeeded":
            return Health(HEALTHY.status, str(status.get("message") or ""))
        case "Failed":
            return degraded(str(status.get("message") or _first_broken(status) or "the pod failed"))
        case "Running":
            return _running(live, status)
    return Health(progressing().status, "")


def _running(live: Manifest, status: Mapping[str, Any]) -> Health:
    restarts = part(live, "spec").get("restartPolicy", "Always")
    if restarts != "Always" and _RUNS_ONCE not in kube.annotations(live):
        return progressing(str(status.get("message") or ""))
    if broken := _first_broken(status):
        return degraded(broken)
    if says(live, "Ready"):
        return HEALTHY
    return progressing(str(status.get("message") or ""))


def _first_broken(status: Mapping[str, Any]) -> str:
    listed = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    for each in listed:
        waiting = part(each, "state", "waiting")
        reason = str(waiting.get("reason") or "")
        if reason.startswith(_BROKEN) or reason.endswith(("Error", "BackOff")):
            return str(waiting.get("message") or reason)
    return ""
