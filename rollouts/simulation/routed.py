"""Stories behind every router, their objects, and what those say: written apart from the routers themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from rollouts import traffic
from rollouts.kube import kinds
from rollouts.kube import object as objects
from rollouts.kube.ref import Kind, Manifest, Ref

HASH = "rollouts-pod-template-hash"
ASTRAY = -1  # the weight of an object whose shares do not add up
CANARY, STABLE = "web-canary", "web-stable"
ACTION = "alb.ingress.kubernetes.io/actions.web-stable"
ACL = "haproxy.org/route-acl"
_KINDS = {(kind.group, kind.name): kind for kind in traffic.KINDS}
_SHARED = ({"name": STABLE, "port": 80, "weight": 100}, {"name": CANARY, "port": 80, "weight": 0})
_PATH = {
    "path": "/",
    "pathType": "Prefix",
    "backend": {"service": {"name": STABLE, "port": {"name": "use-annotation"}}},
}
_SUBSETS = ({"name": "canary", "labels": {"app": "web"}}, {"name": "stable", "labels": {"app": "web"}})
_TARGETS = ({"virtualNodeRef": {"name": STABLE}, "weight": 100}, {"virtualNodeRef": {"name": CANARY}, "weight": 0})
_MESH, _NGINX = "appmesh.k8s.aws", "nginx.ingress.kubernetes.io"


@dataclass(frozen=True, slots=True)
class Setting:
    """A router as a user has set it up. carrier: the object that shows the weight.  objects: what the user made."""

    settings: Mapping[str, Any]
    carrier: Ref
    objects: tuple[tuple[Kind, Manifest], ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


def _kind(group: str, name: str) -> Kind:
    return _KINDS[group, name]


def _of(group: str, name: str, spec: Mapping[str, Any], called: str = "web") -> tuple[Kind, Manifest]:
    return _kind(group, name), {"metadata": {"name": called}, "spec": deepcopy(dict(spec))}


def _ref(group: str, name: str, called: str = "web") -> Ref:
    return Ref(_kind(group, name), "shop", called)


def _gateway(name: str) -> tuple[tuple[Kind, Manifest], ...]:
    rules = [{"backendRefs": [{"name": "api"}]}, {"backendRefs": list(_SHARED), "matches": [{}]}]
    return (_of("gateway.networking.k8s.io", name, {"hostnames": ["a.example"], "rules": rules}),)


def _virtual_service(*destinations: Mapping[str, Any]) -> tuple[Kind, Manifest]:
    route = [{"destination": to, "weight": weight} for to, weight in zip(destinations, (100, 0), strict=True)]
    return _of("networking.istio.io", "VirtualService", {"http": [{"name": "primary", "route": route}]})


SETTINGS: Mapping[str, Setting] = {
    "gatewayAPI": Setting({"httpRoute": "web"}, _ref("gateway.networking.k8s.io", "HTTPRoute"), _gateway("HTTPRoute")),
    "istio": Setting(
        {"virtualService": {"name": "web"}},
        _ref("networking.istio.io", "VirtualService"),
        (_virtual_service({"host": STABLE}, {"host": CANARY}),),
    ),
    "istio-subsets": Setting(
        {
            "virtualService": {"name": "web"},
            "destinationRule": {"name": "web", "canarySubsetName": "canary", "stableSubsetName": "stable"},
        },
        _ref("networking.istio.io", "VirtualService"),
        (
            _virtual_service({"host": "web", "subset": "stable"}, {"host": "web", "subset": "canary"}),
            _of("networking.istio.io", "DestinationRule", {"host": "web", "subsets": list(_SUBSETS)}),
        ),
        {"canaryService": None, "stableService": None},
    ),
    "traefik": Setting(
        {"weightedTraefikServiceName": "web"},
        _ref("traefik.io", "TraefikService"),
        (_of("traefik.io", "TraefikService", {"weighted": {"services": list(_SHARED), "sticky": {"cookie": {}}}}),),
    ),
    "alb": Setting(
        {"ingress": "alb", "servicePort": 80},
        Ref(kinds.INGRESS, "shop", "alb"),
        ((kinds.INGRESS, {"metadata": {"name": "alb"}, "spec": {"rules": [{"http": {"paths": [_PATH]}}]}}),),
    ),
    "apisix": Setting(
        {"route": {"name": "web"}},
        _ref("apisix.apache.org", "ApisixRoute"),
        (
            _of(
                "apisix.apache.org",
                "ApisixRoute",
                {"http": [{"name": "a", "backends": [{**each, "serviceName": each["name"]} for each in _SHARED]}]},
            ),
        ),
    ),
    "contour": Setting(
        {"httpProxy": "web"},
        _ref("projectcontour.io", "HTTPProxy"),
        (_of("projectcontour.io", "HTTPProxy", {"routes": [{"services": list(_SHARED)}]}),),
    ),
    "smi": Setting({"rootService": "web"}, _ref("split.smi-spec.io", "TrafficSplit")),
    "ambassador": Setting(
        {"mappings": ["web"]},
        _ref("getambassador.io", "Mapping", "web-canary"),
        (_of("getambassador.io", "Mapping", {"prefix": "/", "service": f"{STABLE}:80"}),),
    ),
    "appMesh": Setting(
        {
            "virtualService": {"name": "web"},
            "virtualNodeGroup": {
                "canaryVirtualNodeRef": {"name": CANARY},
                "stableVirtualNodeRef": {"name": STABLE},
            },
        },
        _ref(_MESH, "VirtualRouter"),
        (
            _of(_MESH, "VirtualService", {"provider": {"virtualRouter": {"virtualRouterRef": {"name": "web"}}}}),
            _of(
                _MESH,
                "VirtualRouter",
                {"routes": [{"name": "a", "httpRoute": {"action": {"weightedTargets": list(_TARGETS)}}}]},
            ),
            _of(_MESH, "VirtualNode", {"podSelector": {"matchLabels": {"app": "web"}}}, CANARY),
            _of(_MESH, "VirtualNode", {"podSelector": {"matchLabels": {"app": "web"}}}, STABLE),
        ),
    ),
    "haproxy": Setting({}, Ref(kinds.SERVICE, "shop", CANARY)),
}
"""Story of a router → its set-up; `istio-subsets` is a second set-up of istio."""

SELECTING = (kinds.SERVICE, _kind("networking.istio.io", "DestinationRule"), _kind(_MESH, "VirtualNode"))
"""Kinds whose objects say which pods a side stands for."""
CARRYING = tuple(
    kind
    for kind in dict.fromkeys((kinds.INGRESS, *(setting.carrier.kind for setting in SETTINGS.values())))
    if kind != kinds.SERVICE
)
"""Kinds whose objects carry a weight."""


def carriers(routing: Mapping[str, Any]) -> tuple[Ref, ...]:
    """The objects that carry the weight of the routers of a spec, but for nginx."""
    found = []
    for name, setting in SETTINGS.items():
        given = routing.get(name.partition("-")[0])
        if given is not None and ("destinationRule" in given) == (name == "istio-subsets"):
            found.append(setting.carrier)
    return tuple(found)


def weight_of(manifest: Manifest) -> int | None:
    """The canary's share that an object of a router shows, None for one that shows none."""
    told = objects.annotations(manifest)
    if ACTION in told:
        groups = json.loads(told[ACTION])["ForwardConfig"]["TargetGroups"]
        if sum(int(each["Weight"]) for each in groups) != 100:
            return ASTRAY
        return next(int(each["Weight"]) for each in groups if each["ServiceName"] == CANARY)
    if ACL in told:
        return int(told[ACL].rpartition(" ")[2])
    spec = manifest.get("spec") or {}
    if str(spec.get("service") or "").startswith(CANARY):  # an Ambassador Mapping
        return int(spec.get("weight") or 0)
    shares = [share for entries in _lists(spec) if (share := _share(entries)) is not None]
    return None if not shares else ASTRAY if ASTRAY in shares else max(shares)


def counts_to(manifest: Manifest) -> int | None:
    """The weight that a canary Ingress of nginx takes for all traffic, None where nginx sees no canary in it."""
    told = objects.annotations(manifest)
    if told.get(f"{_NGINX}/canary") != "true":
        return None
    text = told.get(f"{_NGINX}/canary-weight-total", "100")
    return int(text) if text.isdigit() else 100


def guests_of(manifest: Manifest) -> dict[str, int]:
    """What an object of a router gives to others than the two sides where it shares between them: name → weight."""
    told = objects.annotations(manifest)
    if ACTION in told:
        shares = [
            (each["ServiceName"], each["Weight"]) for each in json.loads(told[ACTION])["ForwardConfig"]["TargetGroups"]
        ]
        return {name: int(weight) for name, weight in shares if name not in (CANARY, STABLE)}
    found: dict[str, int] = {}
    for entries in _lists(manifest.get("spec") or {}):
        if _share(entries) is not None:
            shares = [(_side(each), int(each.get("weight", 0))) for each in entries]
            found |= {name: weight for name, weight in shares if name not in ("canary", "stable")}
    return found


def selected(manifest: Manifest, side: str) -> str:
    """The version that a DestinationRule's subset or a virtual node stands for."""
    spec = manifest.get("spec") or {}
    if "podSelector" in spec:
        return str((spec["podSelector"].get("matchLabels") or {}).get(HASH) or "")
    none: Mapping[str, Any] = {}
    subset = next((each for each in spec.get("subsets") or () if each["name"] == side), none)
    return str((subset.get("labels") or {}).get(HASH) or "")


def foreign(manifest: Manifest) -> Any:
    """An object without what a router may write: weights, versions, our annotations."""
    kept = {key: value for key, value in objects.annotations(manifest).items() if key.startswith("example.org/")}
    return {"annotations": kept, "labels": objects.labels(manifest), "spec": _stripped(manifest.get("spec"))}


def _stripped(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _stripped(inner) for key, inner in value.items() if key not in ("weight", HASH)}
    if not isinstance(value, list):
        return value
    is_shared = _share(value) is not None
    # What an experiment of the Rollout has beside the two sides comes and goes.
    return [_stripped(each) for each in value if not (is_shared and _side(each).startswith("web-"))]


def _lists(value: Any) -> Iterator[list[Any]]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _lists(inner)
    elif isinstance(value, list):
        yield value
        for inner in value:
            yield from _lists(inner)


def _share(entries: list[Any]) -> int | None:
    """The canary's weight in a list that names both sides; all in it must add up."""
    found = {_side(each): each.get("weight", 0) for each in entries if isinstance(each, Mapping)}
    if not {"canary", "stable"} <= found.keys():
        return None
    return int(found["canary"]) if sum(found.values()) == 100 else ASTRAY


def _side(entry: Mapping[str, Any]) -> str:
    to = entry.get("destination") or {}
    named = to.get("subset") or to.get("host") or (entry.get("virtualNodeRef") or {}).get("name")
    named = named or entry.get("name") or entry.get("service")
    return {CANARY: "canary", STABLE: "stable"}.get(str(named), str(named))
