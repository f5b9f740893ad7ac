"""The state of the objects under a Rollout, each as icon and word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from rollouts.kube import object as obj
from rollouts.kube.ref import Manifest
from rollouts.view import facts
from rollouts.view.style import State

Health: TypeAlias = tuple[State, str]

_RUN_STATES = {
    "Pending": State.WAITING,
    "Running": State.PROGRESSING,
    "Successful": State.OK,
    "Failed": State.BAD,
    "Error": State.WARNING,
    "Inconclusive": State.UNKNOWN,
}
OVER = frozenset({"Successful", "Failed", "Error", "Inconclusive"})
"""The phases in which an AnalysisRun or an Experiment has ended."""

_POD_STATES = {
    "Running": State.OK,
    "Completed": State.OK,
    "Succeeded": State.OK,
    "Pending": State.PROGRESSING,
    "ContainerCreating": State.PROGRESSING,
    "PodInitializing": State.PROGRESSING,
    "Terminating": State.PROGRESSING,
    "ImagePullBackOff": State.WARNING,
    "ErrImagePull": State.WARNING,
    "RegistryUnavailable": State.WARNING,
    "Unknown": State.UNKNOWN,
}


def of_replica_set(replica_set: Manifest) -> Health:
    """Healthy, Progressing, Degraded or ScaledDown."""
    seen = facts.status(replica_set)
    if obj.generation(replica_set) > facts.whole(seen.get("observedGeneration")):
        return State.PROGRESSING, "Progressing"
    for condition in seen.get("conditions") or ():
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            return State.BAD, "Degraded"
    if facts.replicas(replica_set) == 0 and facts.whole(seen.get("replicas")) == 0:
        return State.NEUTRAL, "ScaledDown"
    if facts.whole(seen.get("availableReplicas")) < facts.replicas(replica_set):
        return State.PROGRESSING, "Progressing"
    return State.OK, "Healthy"


def of_run(run: Manifest) -> Health:
    """The AnalysisRun's phase; one that no controller has touched yet is Pending."""
    phase = str(facts.status(run).get("phase") or "Pending")
    return _RUN_STATES.get(phase, State.UNKNOWN), phase


def of_job(job: Manifest) -> Health:
    """Successful, Failed or Running by the Job's conditions."""
    for condition in facts.status(job).get("conditions") or ():
        if condition.get("status") == "True" and condition.get("type") in ("Complete", "Failed"):
            return (State.OK, "Successful") if condition["type"] == "Complete" else (State.BAD, "Failed")
    return State.PROGRESSING, "Running"


def of_pod(pod: Manifest) -> Health:
    """The word that `kubectl get pods` would show, with its icon."""
    word = _pod_word(pod)
    if word.startswith("Init:") and word[5:6].isdigit():
        return State.PROGRESSING, word
    return _POD_STATES.get(word.removeprefix("Init:"), State.BAD), word


def pod_info(pod: Manifest) -> tuple[int, int, int]:
    """Ready containers, all containers, restarts."""
    statuses = facts.status(pod).get("containerStatuses") or ()
    total = len(facts.spec(pod).get("containers") or ()) or len(statuses)
    restarts = sum(facts.whole(each.get("restartCount")) for each in statuses)
    return sum(1 for each in statuses if each.get("ready")), total, restarts


def _pod_word(pod: Manifest) -> str:
    seen = facts.status(pod)
    if obj.is_deleting(pod):
        return "Unknown" if seen.get("reason") == "NodeLost" else "Terminating"
    begun = seen.get("initContainerStatuses") or ()
    for number, each in enumerate(begun):
        waiting, ended = _part(each, "waiting"), _part(each, "terminated")
        if ended and ended.get("exitCode") == 0:
            continue
        reason = ended.get("reason") or waiting.get("reason")
        return f"Init:{reason}" if reason and reason != "PodInitializing" else f"Init:{number}/{len(begun)}"
    for each in reversed(seen.get("containerStatuses") or ()):
        if reason := _part(each, "waiting").get("reason"):
            return str(reason)
        if ended := _part(each, "terminated"):
            return str(ended.get("reason") or f"ExitCode:{ended.get('exitCode')}")
    return str(seen.get("reason") or seen.get("phase") or "Unknown")


def _part(container: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return (container.get("state") or {}).get(name) or {}
