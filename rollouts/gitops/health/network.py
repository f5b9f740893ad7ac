"""What carries traffic."""

from __future__ import annotations

from rollouts.gitops.health.model import HEALTHY, Health, progressing
from rollouts.kit.parts import part
from rollouts.kube.ref import Manifest


def service(live: Manifest) -> Health:
    """Whether a load balancer was given to a Service that asks for one."""
    if part(live, "spec").get("type") == "LoadBalancer" and not part(live, "status", "loadBalancer").get("ingress"):
        return progressing("waiting for a load balancer")
    return HEALTHY


def ingress(live: Manifest) -> Health:
    """Whether some controller has taken up an Ingress."""
    if part(live, "status", "loadBalancer").get("ingress"):
        return HEALTHY
    return progressing("no controller has reported an address")
