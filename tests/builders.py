"""The only way tests make objects: plain manifests, complete enough for an API server.

`a_rollout(replicas=5)` is a canary over one nginx Ingress with the Services `web-stable` and `web-canary`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

NAMESPACE = "shop"
APP = "web"

STEPS = (
    {"setWeight": 20},
    {"pause": {"duration": 10}},
    {"setWeight": 40},
    {"pause": {"duration": 10}},
    {"setWeight": 60},
    {"pause": {"duration": 10}},
    {"setWeight": 80},
    {"pause": {"duration": 10}},
)


def a_template(image: str = "shop/web:1", **labels: str) -> dict[str, Any]:
    """A pod template with one container."""
    return {
        "metadata": {"labels": {"app": APP, **labels}},
        "spec": {"containers": [{"name": "web", "image": image, "ports": [{"containerPort": 8080}]}]},
    }


def a_rollout(
    replicas: int | None = 1,
    *,
    image: str = "shop/web:1",
    steps: Sequence[Mapping[str, Any]] = STEPS,
    canary: Mapping[str, Any] | None = None,
    nginx: Mapping[str, Any] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """A Rollout. canary, nginx, spec: fields beside, or in place of, the usual ones; a None leaves a field out."""
    strategy = {
        "canaryService": f"{APP}-canary",
        "stableService": f"{APP}-stable",
        "trafficRouting": {"nginx": {"stableIngress": APP, **(nginx or {})}},
        "steps": [dict(step) for step in steps],
        **(canary or {}),
    }
    body = {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": APP}},
        "template": a_template(image),
        "strategy": {"canary": {key: value for key, value in strategy.items() if value is not None}},
        **spec,
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": APP, "namespace": NAMESPACE},
        "spec": {key: value for key, value in body.items() if value is not None},
    }


def a_service(name: str, **selector: str) -> dict[str, Any]:
    """A Service in front of the Rollout's pods."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"selector": {"app": APP, **selector}, "ports": [{"port": 80, "targetPort": 8080}]},
    }


def an_ingress(name: str = APP, service: str = f"{APP}-stable", **annotations: str) -> dict[str, Any]:
    """An Ingress with one host whose only path leads to a Service."""
    path = {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": service, "port": {"number": 80}}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": NAMESPACE, "annotations": annotations},
        "spec": {"ingressClassName": "nginx", "rules": [{"host": "shop.example", "http": {"paths": [path]}}]},
    }


def a_template_of_analysis(name: str = "success-rate", **spec: Any) -> dict[str, Any]:
    """An AnalysisTemplate with one metric that is measured once."""
    metric = {
        "name": "success-rate",
        "successCondition": "result[0] >= 0.99",
        "provider": {"prometheus": {"address": "http://prometheus.example:9090", "query": "up"}},
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"metrics": [metric], **spec},
    }


def the_usual() -> list[dict[str, Any]]:
    """What stands beside `a_rollout()`: its two Services and its Ingress."""
    return [a_service(f"{APP}-stable"), a_service(f"{APP}-canary"), an_ingress()]


def a_blue_green(
    replicas: int | None = 2,
    *,
    image: str = "shop/web:1",
    blue_green: Mapping[str, Any] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """A blue-green Rollout with the Services `web-active` and `web-preview`. blue_green: fields beside the usual."""
    given = {"activeService": f"{APP}-active", "previewService": f"{APP}-preview", **(blue_green or {})}
    strategy = {"blueGreen": {key: value for key, value in given.items() if value is not None}}
    rollout = a_rollout(replicas, image=image, **spec)
    rollout["spec"]["strategy"] = strategy
    return rollout
