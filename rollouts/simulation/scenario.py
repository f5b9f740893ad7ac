"""One story: what is given, what people do and when, and how it must end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rollouts.delivery import StatusCompat
from rollouts.devplane.builtin import PREFIX
from rollouts.kube import kinds
from rollouts.kube.ref import Kind, Manifest
from rollouts.simulation.routed import SETTINGS

NAMESPACE = "shop"
INGRESS_CLASS = {"metadata": {"name": "nginx"}, "spec": {"controller": "k8s.io/ingress-nginx"}}
NAME = "web"
OLD = "old"  # the Deployment whose template a Rollout may take
LABELS = {"app": NAME}
CONTAINER = {"name": "web", "image": "web:1", "ports": [{"name": "http", "containerPort": 8080}]}
LATEST_HASH = {"name": "hash", "valueFrom": {"podTemplateHashValue": "Latest"}}
STEPS: tuple[Mapping[str, Any], ...] = (
    {"setWeight": 5},
    {"pause": {"duration": "10s"}},
    {"setWeight": 20},
    {"pause": {"duration": 10}},
    {"setWeight": 50},
    {"pause": {"duration": "10s"}},
)
JUDGED: tuple[Mapping[str, Any], ...] = (
    {"setWeight": 20},
    {"pause": {"duration": "5s"}},
    {"analysis": {"templates": [{"templateName": "success"}], "args": [LATEST_HASH]}},
    {"setWeight": 50},
    {"pause": {"duration": "5s"}},
)  # fmt: skip
LONG_JUDGED: tuple[Mapping[str, Any], ...] = (
    {"setWeight": 20},
    {"analysis": {"templates": [{"templateName": "patient"}], "args": [LATEST_HASH]}},
    {"setWeight": 50},
)
DOUBTED: tuple[Mapping[str, Any], ...] = (
    {"setWeight": 20},
    {"analysis": {"templates": [{"templateName": "doubt"}], "args": [LATEST_HASH]}},
    {"setWeight": 50},
)
HELD: tuple[Mapping[str, Any], ...] = (
    {"setWeight": 20},
    {"pause": {}},
    {"setWeight": 60},
    {"pause": {"duration": "5s"}},
)
SWITCHED: Mapping[str, Any] = {"activeService": "web-active", "previewService": "web-preview"}
STEPPED: Mapping[str, Any] = {
    "canaryService": "web-canary",
    "stableService": "web-stable",
    "trafficRouting": {"nginx": {"stableIngress": "web"}},
    "steps": list(STEPS),
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """One story. ends: conditions of the script's language that must hold at the end.

    metrics: what Prometheus says by image: a number, NaN, empty, error or hang.  absent: props that are not there at
    first.  extra: fields of spec.strategy.canary.  blue_green: those of spec.strategy.blueGreen, in place of a canary.
    workload: scaleDown of the Deployment that gives the template.
    trial: spec of an Experiment that the script can bring in.
    more: fields of spec.  router: a set-up of routed.py in the place of nginx.
    compat: for which readers the statuses are written.  plugin: what a step plugin says, a word for each call.
    """

    name: str
    story: str
    script: str
    ends: tuple[str, ...]
    steps: tuple[Mapping[str, Any], ...] = STEPS
    replicas: int | None = 4
    metrics: Mapping[str, str] = field(default_factory=dict)
    background: bool = False
    absent: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    blue_green: Mapping[str, Any] | None = None
    workload: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    pods: Mapping[str, str] = field(default_factory=dict)
    ingresses: tuple[str, ...] = ("web",)
    router: str = ""
    trial: Mapping[str, Any] | None = None
    compat: StatusCompat = "argo"
    plugin: str = ""

    @property
    def props(self) -> dict[str, tuple[Kind, Manifest]]:
        """Every object that the script can bring in, by the name that the script uses, in order of creation."""
        setting = SETTINGS.get(self.router)
        return {
            "class": (kinds.INGRESS_CLASS, INGRESS_CLASS),
            "stable": (kinds.SERVICE, _service("web-stable")),
            "canary": (kinds.SERVICE, _service("web-canary")),
            "active": (kinds.SERVICE, _service("web-active")),
            "preview": (kinds.SERVICE, _service("web-preview")),
            **{f"ingress-{name}": (kinds.INGRESS, _ingress(name)) for name in self.ingresses},
            **{f"route-{at}": each for at, each in enumerate(setting.objects if setting else ())},
            "success": (kinds.ANALYSIS_TEMPLATE, _template("success", count=3)),
            "watch": (kinds.ANALYSIS_TEMPLATE, _template("watch")),
            "patient": (kinds.ANALYSIS_TEMPLATE, _template("patient", count=20)),
            "enduring": (kinds.ANALYSIS_TEMPLATE, _template("enduring", count=200)),
            "doubt": (kinds.ANALYSIS_TEMPLATE, _template("doubt", count=1, failureCondition="result[0] < 0.5")),
            **({} if self.workload is None else {"deployment": (kinds.DEPLOYMENT, self._deployment())}),
            "rollout": (kinds.ROLLOUT, {"metadata": {"name": NAME}, "spec": {**self._spec(), **self.more}}),
            "run": (kinds.ANALYSIS_RUN, _run()),
            "trial": (kinds.EXPERIMENT, {"metadata": {"name": "trial"}, "spec": dict(self.trial or {})}),
        }

    def _canary(self) -> dict[str, Any]:
        nginx: dict[str, Any] = (
            {"stableIngress": "web"} if len(self.ingresses) == 1 else {"stableIngresses": list(self.ingresses)}
        )
        canary: dict[str, Any] = {
            "canaryService": "web-canary",
            "stableService": "web-stable",
            "trafficRouting": {"nginx": nginx},
            "steps": list(self.steps),
            **self.extra,
        }
        setting = SETTINGS.get(self.router)
        if setting is not None:
            canary |= {"trafficRouting": {self.router.partition("-")[0]: dict(setting.settings)}, **setting.extra}
        canary = {key: value for key, value in canary.items() if value is not None}
        if self.background:
            canary["analysis"] = {
                "templates": [{"templateName": "watch"}],
                "args": [LATEST_HASH],
            }
        return canary

    def _spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = {"strategy": {"canary": self._canary()}}
        if self.blue_green is not None:
            spec["strategy"] = {"blueGreen": {**SWITCHED, **self.blue_green}}
        if self.workload is None:
            spec |= {"selector": {"matchLabels": LABELS}, "template": self._pod_template()}
        else:
            named = {"apiVersion": "apps/v1", "kind": "Deployment", "name": OLD, "scaleDown": self.workload}
            spec["workloadRef"] = named
        return spec if self.replicas is None else {**spec, "replicas": self.replicas}

    def _deployment(self) -> dict[str, Any]:
        spec = {"replicas": self.replicas, "selector": {"matchLabels": LABELS}, "template": self._pod_template()}
        return {"metadata": {"name": OLD}, "spec": spec}

    def _pod_template(self) -> dict[str, Any]:
        annotations = {f"{PREFIX}{what}": value for what, value in self.pods.items()}
        return {
            "metadata": {"labels": LABELS, **({"annotations": annotations} if annotations else {})},
            "spec": {"containers": [CONTAINER]},
        }


def _service(name: str) -> dict[str, Any]:
    port = {"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}
    return {"metadata": {"name": name}, "spec": {"selector": LABELS, "ports": [port]}}


def _ingress(name: str) -> dict[str, Any]:
    backend = {"service": {"name": "web-stable", "port": {"name": "http"}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    rule = {"host": f"{name}.example.com", "http": {"paths": [path]}}
    return {"metadata": {"name": name}, "spec": {"ingressClassName": "nginx", "rules": [rule]}}


def _metric(query: str, count: int | None, **more: Any) -> dict[str, Any]:
    metric: dict[str, Any] = {
        "name": "success",
        "interval": "3s",
        "successCondition": "result[0] >= 0.95",
        "failureLimit": 1,
        "provider": {"prometheus": {"address": "http://prometheus.example:9090", "query": query}},
    }
    return metric | more | ({"count": count} if count else {})


def _template(name: str, count: int | None = None, **more: Any) -> dict[str, Any]:
    spec = {"args": [{"name": "hash"}], "metrics": [_metric('success{hash="{{args.hash}}"}', count, **more)]}
    return {"metadata": {"name": name}, "spec": spec}


def _run() -> dict[str, Any]:
    return {"metadata": {"name": "alone"}, "spec": {"metrics": [_metric("alone", 3)]}}


PROMOTED = ("healthy on web:2", "weight 0")
RETURNED = ("aborted", "weight 0")
