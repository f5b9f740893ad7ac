"""ingress-nginx: a second Ingress with canary annotations beside each stable one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rollouts.api.routing import NginxRouting
from rollouts.core.plan import Action, Create, Patch, Stage
from rollouts.kit import mergepatch
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.owners import is_controlled_by, is_orphan
from rollouts.kube.ref import Manifest, Ref
from rollouts.traffic.route import Route, Split, Traffic

PREFIX = "nginx.ingress.kubernetes.io"
CLASS_ANNOTATION = "kubernetes.io/ingress.class"
NAME_MAX = 253
_SUFFIX = "-canary"


def canary_name(rollout: str, ingress: str) -> str:
    """The name of the canary Ingress that belongs to a stable one."""
    return f"{rollout}-{ingress}"[: NAME_MAX - len(_SUFFIX)] + _SUFFIX


def routes(settings: NginxRouting, traffic: Traffic, get: Callable[[Ref], Manifest | None]) -> tuple[Route, ...]:
    """One route per stable Ingress that exists."""
    found = []
    for name in settings.ingresses:
        main = get(Ref(kinds.INGRESS, traffic.namespace, name))
        ref = Ref(kinds.INGRESS, traffic.namespace, canary_name(traffic.name, name))
        target = get(ref)
        if main is None:
            continue
        foreign = target is not None and not _is_ours(settings, traffic, main, target)
        refusal = f"canary ingress `{ref.name}` controlled by different object" if foreign else ""
        found.append(Route(ref, main, target, 0 if foreign else _weight(settings, target, traffic.total), refusal))
    return tuple(found)


def plan(settings: NginxRouting, traffic: Traffic, route: Route, split: Split) -> Action | None:
    """The write that makes the canary Ingress carry the split; None where it does already."""
    annotations = _annotations(settings, traffic, route.main, split)
    spec = _spec(route.main, traffic)
    if route.target is None:
        return Create(route.ref, _new(traffic, route.ref, annotations, spec), traffic.owner_uid, Stage.SHIFT)
    body: dict[str, Any] = {}
    present = obj.annotations(route.target)
    if changed := {key: value for key, value in annotations.items() if present.get(key) != value}:
        body["metadata"] = {"annotations": changed}
    if is_orphan(route.target):
        kept = route.target["metadata"].get("ownerReferences") or ()
        body["metadata"] = {**body.get("metadata", {}), "ownerReferences": [*kept, dict(traffic.owner)]}
    if changed_spec := mergepatch.derive(route.target.get("spec") or {}, spec):
        body["spec"] = changed_spec
    if not body:
        return None
    return Patch(route.ref, body, obj.uid(route.target), obj.version(route.target), Stage.SHIFT)


def verify(settings: NginxRouting, route: Route, split: Split) -> bool:
    """Whether the split has been read back from the API server."""
    return route.target is not None and _weight(settings, route.target, split.total) == split.canary


def _is_ours(settings: NginxRouting, traffic: Traffic, main: Manifest, target: Manifest) -> bool:
    """Whether this Rollout controls it, or one of its name left it behind as we would make it (`--cascade=orphan`)."""
    if not is_orphan(target):
        return is_controlled_by(target, traffic.owner_uid)
    mark = f"{settings.annotation_prefix or PREFIX}/canary"
    return obj.annotations(target).get(mark) == "true" and target.get("spec") == _spec(main, traffic)


def _weight(settings: NginxRouting, target: Manifest | None, total: int) -> int:
    """The share that the Ingress gives to the canary. An annotation that nobody can read counts as none."""
    if target is None:
        return 0
    prefix, present = settings.annotation_prefix or PREFIX, obj.annotations(target)
    text = present.get(f"{prefix}/canary-weight", "")
    if present.get(f"{prefix}/canary") != "true" or not (text.isascii() and text.isdecimal()):
        return 0
    return min(int(text[:10]), total)


def _annotations(settings: NginxRouting, traffic: Traffic, main: Manifest, split: Split) -> dict[str, str | None]:
    prefix = settings.annotation_prefix or PREFIX
    wanted: dict[str, str | None] = {}
    if CLASS_ANNOTATION in obj.annotations(main):
        wanted[CLASS_ANNOTATION] = obj.annotations(main)[CLASS_ANNOTATION]
    wanted.update(settings.canary_ingress_annotations)
    for key, value in settings.additional_ingress_annotations.items():
        wanted[key if key.startswith(prefix) else f"{prefix}/{key}"] = value
    wanted[f"{prefix}/canary"] = "true"
    wanted[f"{prefix}/canary-weight"] = str(split.canary)
    wanted[f"{prefix}/canary-weight-total"] = None if traffic.weight_max is None else str(traffic.weight_max)
    return wanted


def _spec(main: Manifest, traffic: Traffic) -> dict[str, Any]:
    """The stable Ingress's spec with the paths that lead to the stable Service, and no others, led to the canary."""
    given = main.get("spec") or {}
    spec = {key: given[key] for key in ("ingressClassName", "tls") if given.get(key)}
    rules = []
    for rule in given.get("rules") or ():
        http = rule.get("http") or {}
        paths = [_led(path, traffic) for path in http.get("paths") or () if _backend(path) == traffic.stable_service]
        if paths:
            rules.append({**rule, "http": {**http, "paths": paths}})
    return {**spec, "rules": rules}


def _backend(path: Mapping[str, Any]) -> str:
    backend = path.get("backend") or {}
    return str((backend.get("service") or {}).get("name") or "")


def _led(path: Mapping[str, Any], traffic: Traffic) -> dict[str, Any]:
    backend = path["backend"]
    return {**path, "backend": {**backend, "service": {**backend["service"], "name": traffic.canary_service}}}


def _new(traffic: Traffic, ref: Ref, annotations: Mapping[str, str | None], spec: Mapping[str, Any]) -> Manifest:
    return {
        "apiVersion": kinds.INGRESS.api_version,
        "kind": kinds.INGRESS.name,
        "metadata": {
            "name": ref.name,
            "namespace": ref.namespace,
            "annotations": {key: value for key, value in annotations.items() if value is not None},
            "ownerReferences": [dict(traffic.owner)],
        },
        "spec": dict(spec),
    }
