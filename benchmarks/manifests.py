"""The fleet: N rollouts of one replica, each with two Services and an Ingress of class nginx."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

WEIGHTS = (20, 40, 60, 80)
PAUSE_S = 2.0
SCALE_DOWN_S = 30
ROLLOUTS = "/apis/argoproj.io/v1alpha1/namespaces/{}/rollouts"
REPLICA_SETS = "/apis/apps/v1/namespaces/{}/replicasets"
INGRESSES = "/apis/networking.k8s.io/v1/namespaces/{}/ingresses"
SERVICES = "/api/v1/namespaces/{}/services"
HASH = "rollouts-pod-template-hash"
WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"


@dataclass(frozen=True, slots=True)
class Member:
    """One rollout of the fleet by its names."""

    name: str

    @property
    def stable_service(self) -> str:
        """The Service that the Ingress names."""
        return f"{self.name}-stable"

    @property
    def canary_service(self) -> str:
        """The Service of the new version."""
        return f"{self.name}-canary"

    @property
    def canary_ingress(self) -> str:
        """The Ingress that carries the weight, named as the contract names it."""
        return f"{self.name}-{self.name}-canary"


def fleet(size: int) -> tuple[Member, ...]:
    """That many members."""
    return tuple(Member(f"web-{number:04d}") for number in range(size))


def image_patch(tag: str) -> dict[str, Any]:
    """The merge patch that changes a rollout's image."""
    return {"spec": {"template": {"spec": {"containers": [_container(tag)]}}}}


def _container(tag: str) -> dict[str, Any]:
    return {
        "name": "web",
        "image": f"shop/web:{tag}",
        "ports": [{"containerPort": 8080}],
        "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}},
    }


def pod_template(member: Member, tag: str) -> dict[str, Any]:
    """The pods of a member at a version."""
    return {"metadata": {"labels": {"app": member.name}}, "spec": {"containers": [_container(tag)]}}


def rollout(member: Member, tag: str) -> dict[str, Any]:
    """A canary over the member's Ingress: a weight, a pause, and so on."""
    steps: list[dict[str, Any]] = []
    for weight in WEIGHTS:
        steps += [{"setWeight": weight}, {"pause": {"duration": f"{PAUSE_S:.0f}s"}}]
    canary = {
        "stableService": member.stable_service,
        "canaryService": member.canary_service,
        "scaleDownDelaySeconds": SCALE_DOWN_S,
        "trafficRouting": {"nginx": {"stableIngress": member.name}},
        "steps": steps,
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": member.name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": member.name}},
            "template": pod_template(member, tag),
            "strategy": {"canary": canary},
        },
    }


def services(member: Member) -> tuple[dict[str, Any], ...]:
    """The stable and the canary Service."""
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    return tuple(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"selector": {"app": member.name}, "ports": ports},
        }
        for name in (member.stable_service, member.canary_service)
    )


def ingress(member: Member, name: str = "", service: str = "", weight: int | None = None) -> dict[str, Any]:
    """The stable Ingress, or with a weight the canary one beside it."""
    canary = {} if weight is None else {"nginx.ingress.kubernetes.io/canary": "true", WEIGHT: str(weight)}
    backend = {"service": {"name": service or member.stable_service, "port": {"name": "http"}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name or member.name, "annotations": canary},
        "spec": {
            "ingressClassName": "nginx",
            "rules": [{"host": f"{member.name}.example.com", "http": {"paths": [path]}}],
        },
    }
