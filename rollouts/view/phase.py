"""The phase of a Rollout as a client must read it: what the controller wrote, unless it has not yet seen the spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollouts.kit.instant import Instant
from rollouts.kube import object as obj
from rollouts.kube.conditions import observed_generation
from rollouts.kube.ref import Manifest
from rollouts.view.style import State

WORKLOAD_GENERATION = "rollout.argoproj.io/workload-generation"

_STATES = {
    "Healthy": State.OK,
    "Progressing": State.PROGRESSING,
    "Paused": State.PAUSED,
    "Degraded": State.BAD,
    "Unknown": State.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase and the reason for it, "" where there is nothing to say."""

    name: str
    message: str = ""

    @property
    def state(self) -> State:
        """The icon that goes with it."""
        return _STATES.get(self.name, State.UNKNOWN)

    @property
    def is_final(self) -> bool:
        """Whether a watch for the end of an update may stop here."""
        return self.name in ("Healthy", "Degraded")

    def __str__(self) -> str:
        return f"{self.name} - {self.message}" if self.message else self.name


def phase_of(rollout: Manifest) -> Phase:
    """The phase that every client of the contract computes."""
    spec, status = rollout.get("spec") or {}, rollout.get("status") or {}
    if not is_observed(rollout):
        return Phase("Progressing", "waiting for rollout spec update to be observed")
    if status.get("controllerPause") and not status.get("pauseConditions"):
        return Phase("Progressing", "waiting for rollout to unpause")
    seen_workload = str(status.get("workloadObservedGeneration") or "")
    if spec.get("workloadRef") and obj.annotations(rollout).get(WORKLOAD_GENERATION, "") != seen_workload:
        return Phase("Progressing", "waiting for rollout spec update to be observed for the reference workload")
    if status.get("phase"):
        return Phase(str(status["phase"]), str(status.get("message") or ""))
    return _computed(spec, status)


def is_observed(rollout: Manifest) -> bool:
    """Whether the status speaks of the present spec; an absent or unreadable observedGeneration counts as yes."""
    observed = observed_generation(rollout.get("status"))
    return observed is None or observed >= obj.generation(rollout)


def _computed(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Phase:
    """The phase from conditions and counts, for a status that carries none."""
    for condition in status.get("conditions") or ():
        reason, message = condition.get("reason", ""), condition.get("message", "")
        if condition.get("type") == "InvalidSpec":
            return Phase("Degraded", f"InvalidSpec: {message}")
        if condition.get("type") == "Progressing" and reason in ("RolloutAborted", "ProgressDeadlineExceeded"):
            return Phase("Degraded", f"{reason}: {message}")
    if spec.get("paused"):
        return Phase("Paused", "manually paused")
    for pause in status.get("pauseConditions") or ():
        return Phase("Paused", str(pause.get("reason", "")))
    message = _unfinished(spec, status)
    return Phase("Progressing", message) if message else Phase("Healthy")


def _unfinished(spec: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    """What an update still waits for, in the contract's order; "" when it waits for nothing."""
    desired = 1 if spec.get("replicas") is None else int(spec["replicas"])
    updated, available = int(status.get("updatedReplicas") or 0), int(status.get("availableReplicas") or 0)
    current, stable = status.get("currentPodHash") or "", status.get("stableRS") or ""
    strategy = spec.get("strategy") or {}
    wanted, restarted = Instant.parse(spec.get("restartAt")), Instant.parse(status.get("restartedAt"))
    if wanted is not None and restarted is not None and restarted < wanted:
        return "rollout is restarting"
    if updated < desired:
        return "more replicas need to be updated"
    if available < updated:
        return "updated replicas are still becoming available"
    if strategy.get("blueGreen") is not None:
        active = (status.get("blueGreen") or {}).get("activeSelector") or ""
        if not active or active != current:
            return "active service cutover pending"
        return "" if stable == current else "waiting for analysis to complete"
    canary = strategy.get("canary") or {}
    if not canary.get("trafficRouting") and int(status.get("replicas") or 0) > updated:
        return "old replicas are pending termination"
    return "" if stable and stable == current else "waiting for all steps to complete"
