"""What keeps data."""

from __future__ import annotations

from rollouts.gitops.health.model import HEALTHY, Health, Status, degraded, progressing
from rollouts.kit.parts import part
from rollouts.kube.ref import Manifest


def claim(live: Manifest) -> Health:
    """Whether a volume was bound to a claim."""
    match part(live, "status").get("phase"):
        case "Bound":
            return HEALTHY
        case "Pending":
            return progressing("waiting for a volume; one that waits for its first consumer binds with the pod")
        case "Lost":
            return degraded("the volume is lost")
        case None:
            return progressing()
    return Health(Status.UNKNOWN)
