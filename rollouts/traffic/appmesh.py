"""AWS App Mesh (retired): weighted targets of a virtual router; the virtual nodes select pods as Services do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollouts.api.routing import AppMeshRouting
from rollouts.kube import object as obj
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.traffic.inplace import Dialect, Get, Reading, share
from rollouts.traffic.route import Split, Traffic
from rollouts.traffic.selector import Place

GROUP = "appmesh.k8s.aws"
SERVICE = Kind(GROUP, "v1beta2", "VirtualService", "virtualservices")
ROUTER = Kind(GROUP, "v1beta2", "VirtualRouter", "virtualrouters")
NODE = Kind(GROUP, "v1beta2", "VirtualNode", "virtualnodes")
_PROTOCOLS = ("httpRoute", "http2Route", "grpcRoute", "tcpRoute")


def refs(settings: AppMeshRouting, traffic: Traffic, get: Get) -> tuple[Ref, ...]:
    """The virtual router to which the virtual service leads; the service itself where that cannot be told."""
    if settings.virtual_service is None:
        return ()
    service = Ref(SERVICE, traffic.namespace, settings.virtual_service.name)
    provider = ((get(service) or {}).get("spec") or {}).get("provider") or {}
    to = (provider.get("virtualRouter") or {}).get("virtualRouterRef") or {}
    return (Ref(ROUTER, to.get("namespace") or traffic.namespace, to["name"]),) if to.get("name") else (service,)


def read(settings: AppMeshRouting, traffic: Traffic, manifest: Manifest) -> Reading:
    """The canary node's share of each route of ours."""
    name, weights = obj.name(manifest), []
    asked = settings.virtual_service.routes if settings.virtual_service else ()
    known = [route.get("name") for route in (manifest.get("spec") or {}).get("routes") or ()]
    for route in asked:
        if route not in known:
            return Reading(refusal=f"route `{route}` is not found in the virtual router `{name}`")
    canary, stable = _nodes(settings)
    for targets in _targets(settings, manifest):
        if len(targets) != 2:
            return Reading(refusal=f"virtual router `{name}`: weightedTargets must be exactly 2, got {len(targets)}")
        given = {_node(target): target.get("weight") for target in targets}
        if not {canary, stable} <= given.keys():
            return Reading(refusal=f"virtual router `{name}` does not share between {stable} and {canary}")
        weights.append(share(given[canary], given[stable], traffic.total))
    return Reading(tuple(weights))


def edit(settings: AppMeshRouting, traffic: Traffic, manifest: dict[str, Any], split: Split) -> dict[str, Any]:
    """The virtual router with the two weights on every route of ours."""
    canary, stable = _nodes(settings)
    for targets in _targets(settings, manifest):
        for target in targets:
            if _node(target) == canary:
                target["weight"] = split.canary
            elif _node(target) == stable:
                target["weight"] = split.stable
    return manifest


def selectors(settings: AppMeshRouting, traffic: Traffic, get: Get) -> tuple[Place, ...]:
    """Where each virtual node says which pods it stands for."""
    canary, stable = _nodes(settings)
    found = []
    for side, name in (("canary", canary), ("stable", stable)):
        ref = Ref(NODE, traffic.namespace, name)
        if name and (manifest := get(ref)) is not None:
            found.append(Place(ref, manifest, side, ("spec", "podSelector", "matchLabels")))
    return tuple(found)


def _nodes(settings: AppMeshRouting) -> tuple[str, str]:
    group = settings.virtual_node_group
    canary = group.canary_virtual_node_ref if group else None
    stable = group.stable_virtual_node_ref if group else None
    return (canary.name if canary else "", stable.name if stable else "")


def _targets(settings: AppMeshRouting, manifest: Manifest) -> list[list[dict[str, Any]]]:
    asked = settings.virtual_service.routes if settings.virtual_service else ()
    found = []
    for route in (manifest.get("spec") or {}).get("routes") or ():
        if asked and route.get("name") not in asked:
            continue
        for protocol in _PROTOCOLS:
            if protocol in route:
                found.append(list((route[protocol].get("action") or {}).get("weightedTargets") or ()))
    return found


def _node(target: Mapping[str, Any]) -> str:
    return str((target.get("virtualNodeRef") or {}).get("name") or "")


DIALECT = Dialect("appMesh", (ROUTER,), refs, read, edit, AppMeshRouting.model_validate)
