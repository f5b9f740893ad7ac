"""The kinds of this project, and Applications among the objects of an Application."""

from __future__ import annotations

from collections.abc import Mapping

from rollouts.gitops.health.model import (
    HEALTHY,
    Health,
    Status,
    condition,
    degraded,
    progressing,
    says,
    suspended,
)
from rollouts.kit.mergepatch import without_nulls
from rollouts.kit.parts import part
from rollouts.kube.conditions import observed_generation
from rollouts.kube.object import generation
from rollouts.kube.ref import Manifest

_RUNS: Mapping[str, Status] = {
    "Pending": Status.PROGRESSING,
    "Running": Status.PROGRESSING,
    "Successful": Status.HEALTHY,
    "Failed": Status.DEGRADED,
    "Error": Status.DEGRADED,
    "Inconclusive": Status.UNKNOWN,
}


def rollout(live: Manifest) -> Health:
    """The phase, once the controller has seen the latest spec."""
    status = part(live, "status")
    if condition(live, "InvalidSpec"):
        return degraded(str(condition(live, "InvalidSpec").get("message") or "InvalidSpec"))
    observed = observed_generation(status)
    is_untold = observed is None and status.get("phase")  # by a CRD that keeps neither place for it
    if observed != generation(live) and not is_untold:
        return progressing("Waiting for rollout spec update to be observed")
    said = str(status.get("message") or "")
    match status.get("phase"):
        case "Healthy":
            return Health(Status.HEALTHY, said)
        case "Paused":
            return suspended(said or "Rollout is paused")
        case "Degraded":
            return degraded(said)
        case "Progressing":
            return progressing(said)
    if condition(live, "Progressing").get("reason") in ("RolloutAborted", "ProgressDeadlineExceeded"):
        return degraded(str(condition(live, "Progressing").get("message") or ""))
    return progressing(said)


def run(live: Manifest) -> Health:
    """The verdict of an AnalysisRun or an Experiment."""
    status = part(live, "status")
    phase = str(status.get("phase") or "Pending")
    return Health(_RUNS.get(phase, Status.UNKNOWN), str(status.get("message") or ""))


def application(live: Manifest) -> Health:
    """A child's own health, once it has compared what its spec says now and has nothing left to do about it.

    So a wave of Applications waits for what they bring, not for the objects that describe them.
    """
    spec, status = part(live, "spec"), part(live, "status")
    compared = part(status, "sync", "comparedTo")
    wished = {name: spec[name] for name in ("source", "sources") if spec.get(name)}
    if not compared or without_nulls(wished) != without_nulls({name: compared.get(name) for name in wished}):
        return progressing("waiting for the application to be compared")
    running = part(status, "operationState")
    if "operation" in live or running.get("phase") in ("Running", "Terminating"):
        return progressing("the application is syncing")
    found = part(status, "health")
    word = str(found.get("status") or "")
    if part(status, "sync").get("status") == "OutOfSync" and _syncs_itself(spec):
        if running.get("phase") in ("Failed", "Error"):
            return degraded(str(running.get("message") or "the latest sync failed"))
        return progressing("the application is out of sync")
    try:
        return Health(Status(word), str(found.get("message") or ""))
    except ValueError:
        return progressing("waiting for the application's health")


def _syncs_itself(spec: Mapping[str, object]) -> bool:
    automated = part(spec, "syncPolicy").get("automated")
    return isinstance(automated, Mapping) and automated.get("enabled") is not False


def application_set(live: Manifest) -> Health:
    """Whether the set of Applications is as it should be."""
    if says(live, "ErrorOccurred"):
        return degraded(str(condition(live, "ErrorOccurred").get("message") or ""))
    if says(live, "RolloutProgressing"):
        return progressing(str(condition(live, "RolloutProgressing").get("message") or ""))
    return HEALTHY if says(live, "ResourcesUpToDate") else progressing("waiting for the applications")
