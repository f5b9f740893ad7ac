"""What extends the API server, scales, or hands over secrets and certificates."""

from __future__ import annotations

from rollouts.gitops.health.model import HEALTHY, Health, condition, degraded, progressing, says
from rollouts.kit.parts import at, objects
from rollouts.kube.ref import Manifest


def custom_resource_definition(live: Manifest) -> Health:
    """Whether the kind is served."""
    if says(live, "Terminating"):
        return progressing("the CRD is terminating")
    if says(live, "NamesAccepted", "False"):
        return degraded(f"names not accepted: {condition(live, 'NamesAccepted').get('message')}")
    if says(live, "NonStructuralSchema"):
        return degraded(f"schema violations: {condition(live, 'NonStructuralSchema').get('message')}")
    if says(live, "Established"):
        return HEALTHY
    return progressing("waiting to be established")


def api_service(live: Manifest) -> Health:
    """Whether an aggregated API answers."""
    found = condition(live, "Available")
    if found.get("status") == "True":
        return HEALTHY
    return progressing(str(found.get("message") or "waiting to be available"))


def autoscaler(live: Manifest) -> Health:
    """Whether an autoscaler can measure and scale."""
    for each in objects(live, "status", "conditions"):
        reason = str(each.get("reason") or "")
        if reason.startswith(("FailedGet", "FailedCompute", "FailedUpdate", "Invalid", "FailedConvert")):
            return degraded(str(each.get("message") or reason))
    if says(live, "ScalingActive") or says(live, "AbleToScale"):
        return HEALTHY
    return progressing("waiting to autoscale") if at(live, "status", "conditions") is None else HEALTHY


def ready(live: Manifest) -> Health:
    """Kinds with a condition Ready: secrets from elsewhere, certificates, sources."""
    return _by(live, "Ready")


def synced(live: Manifest) -> Health:
    """Kinds with a condition Synced."""
    return _by(live, "Synced")


def _by(live: Manifest, name: str) -> Health:
    found = condition(live, name)
    said = str(found.get("message") or "")
    match found.get("status"):
        case "True":
            return Health(HEALTHY.status, said)
        case "False":
            return degraded(said)
    return progressing(said or f"waiting for the condition {name}")
