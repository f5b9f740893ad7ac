"""AWS load balancer controller: a forward action in an annotation of the Ingress, and one more per header route."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from rollouts.api.routing import AlbRouting
from rollouts.kit.parts import objects
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Manifest, Ref
from rollouts.traffic.inplace import Dialect, Get, Reading, guests, share
from rollouts.traffic.route import Beside, ManagedRoute, Split, Traffic

PREFIX = "alb.ingress.kubernetes.io"
MANAGED = "rollouts.argoproj.io/managed-alb-annotations"
USE_ANNOTATION = "use-annotation"


def refs(settings: AlbRouting, traffic: Traffic, get: Get) -> tuple[Ref, ...]:
    """Every Ingress of the settings."""
    names = settings.ingresses or ((settings.ingress,) if settings.ingress else ())
    return tuple(Ref(kinds.INGRESS, traffic.namespace, name) for name in names)


def read(settings: AlbRouting, traffic: Traffic, manifest: Manifest) -> Reading:
    """The canary's share as the action says it. Without an action all traffic goes to the stable Service or nowhere."""
    root = _root(settings, traffic)
    if not any(_backend(path) == root for _, path in _paths(manifest)):
        return Reading(refusal=f"ingress `{obj.name(manifest)}` has no rules using service {root} backend")
    weights = _weights(obj.annotations(manifest).get(_action(settings, root), ""))
    canary, stable = weights.get(traffic.canary_service, 0), weights.get(traffic.stable_service, 0)
    names = {_backend(path) for _, path in _paths(manifest)}
    managed = tuple(name for name in traffic.managed if name in names)
    beside = guests(weights, traffic)
    others = stable + sum(each.weight for each in beside)
    return Reading((share(canary, others, traffic.total),), managed, beside=beside)


def edit(settings: AlbRouting, traffic: Traffic, manifest: dict[str, Any], split: Split) -> dict[str, Any]:
    """The Ingress with its action, and a path with action and conditions for each header route."""
    root = _root(settings, traffic)
    meta = dict(manifest["metadata"])
    annotations = dict(meta.get("annotations") or {})
    wanted = {_action(settings, root): _forward(settings, _shares(traffic, split))}
    for route in split.managed:
        wanted[_action(settings, route.name)] = _forward(settings, (Beside(traffic.canary_service, 100),))
        wanted[f"{_prefix(settings)}/conditions.{route.name}"] = _conditions(route)
    for name in traffic.managed:
        for what in ("actions", "conditions"):
            annotations.pop(f"{_prefix(settings)}/{what}.{name}", None)
    for key, text in wanted.items():
        if _said(annotations.get(key, "")) != _said(text):
            annotations[key] = text
    manifest["metadata"] = {**meta, "annotations": _listed(annotations, traffic.name, list(wanted))}
    return _with_paths(manifest, root, traffic, [route.name for route in split.managed])


def _listed(annotations: dict[str, str], rollout: str, keys: list[str]) -> dict[str, str]:
    """The annotations with the list of those that are ours, as the contract keeps it."""
    try:
        lists = json.loads(annotations.get(MANAGED) or "{}")
    except ValueError:
        lists = {}
    lists = {**lists, rollout: keys} if isinstance(lists, dict) else {rollout: keys}
    if _said(annotations.get(MANAGED, "")) != lists:
        annotations[MANAGED] = _text(lists)
    return annotations


def _with_paths(manifest: dict[str, Any], root: str, traffic: Traffic, routes: list[str]) -> dict[str, Any]:
    for rule in (manifest.get("spec") or {}).get("rules") or ():
        http = rule.get("http") or {}
        paths = [path for path in http.get("paths") or () if _backend(path) not in traffic.managed]
        ours = next((path for path in paths if _backend(path) == root), None)
        if ours is None:
            continue
        made = []
        for name in routes:
            path = deepcopy(ours)
            path["backend"] = {"service": {"name": name, "port": {"name": USE_ANNOTATION}}}
            made.append(path)
        http["paths"] = [*made, *paths]
    return manifest


def _root(settings: AlbRouting, traffic: Traffic) -> str:
    return settings.root_service or traffic.stable_service


def _prefix(settings: AlbRouting) -> str:
    return settings.annotation_prefix or PREFIX


def _action(settings: AlbRouting, service: str) -> str:
    return f"{_prefix(settings)}/actions.{service}"


def _shares(traffic: Traffic, split: Split) -> tuple[Beside, ...]:
    """Every Service with its weight, those of experiments between the two."""
    return Beside(traffic.canary_service, split.canary), *split.beside, Beside(traffic.stable_service, split.stable)


def _forward(settings: AlbRouting, shares: tuple[Beside, ...]) -> str:
    groups = [
        {"ServiceName": each.service, "ServicePort": str(each.port(settings.service_port)), "Weight": each.weight}
        for each in shares
    ]
    config: dict[str, Any] = {"TargetGroups": groups}
    sticky = settings.stickiness_config
    if sticky and sticky.enabled:
        config["TargetGroupStickinessConfig"] = {"Enabled": True, "DurationSeconds": sticky.duration_seconds}
    return _text({"Type": "forward", "ForwardConfig": config})


def _conditions(route: ManagedRoute) -> str:
    return _text(
        [
            {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": name, "Values": [match.text]}}
            for request in route.requests
            for name, match in request.headers.items()
        ]
    )


def _weights(text: str) -> dict[str, int]:
    """Service → weight of an action; what nobody can read gives nothing to anybody."""
    return {
        str(each.get("ServiceName")): each["Weight"]
        for each in objects(_said(text), "ForwardConfig", "TargetGroups")
        if isinstance(each.get("Weight"), int)
    }


def _paths(manifest: Manifest) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for rule in (manifest.get("spec") or {}).get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            yield rule, path


def _backend(path: Mapping[str, Any]) -> str:
    return str(((path.get("backend") or {}).get("service") or {}).get("name") or "")


def _said(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


DIALECT = Dialect(
    "alb", (kinds.INGRESS,), refs, read, edit, AlbRouting.model_validate, headers=frozenset({"exact"}), experiments=True
)
