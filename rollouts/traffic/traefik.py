"""Traefik: weights of a weighted TraefikService. Stickiness is the user's own `spec.weighted.sticky`, left as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollouts.api.routing import TraefikRouting
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.traffic.inplace import Dialect, Get, Reading, share
from rollouts.traffic.route import Split, Traffic

TRAEFIK_SERVICE = Kind("traefik.io", "v1alpha1", "TraefikService", "traefikservices", has_status=False)


def refs(settings: TraefikRouting, traffic: Traffic, get: Get) -> tuple[Ref, ...]:
    """The one TraefikService of the settings."""
    return (Ref(TRAEFIK_SERVICE, traffic.namespace, settings.weighted_traefik_service_name),)


def read(settings: TraefikRouting, traffic: Traffic, manifest: Manifest) -> Reading:
    """The canary's share; a service without a weight has 1."""
    weights = {
        name: 1 if each.get("weight") is None else each["weight"]
        for each in _services(manifest)
        for name in (traffic.canary_service, traffic.stable_service)
        if _is(each, name, traffic)
    }
    if len(weights) < 2:
        return Reading()
    return Reading((share(weights[traffic.canary_service], weights[traffic.stable_service], traffic.total),))


def edit(settings: TraefikRouting, traffic: Traffic, manifest: dict[str, Any], split: Split) -> dict[str, Any]:
    """The TraefikService with the two weights."""
    for each in _services(manifest):
        if _is(each, traffic.canary_service, traffic):
            each["weight"] = split.canary
        elif _is(each, traffic.stable_service, traffic):
            each["weight"] = split.stable
    return manifest


def _services(manifest: Manifest) -> list[dict[str, Any]]:
    weighted = (manifest.get("spec") or {}).get("weighted") or {}
    return [each for each in weighted.get("services") or () if isinstance(each, dict)]


def _is(each: Mapping[str, Any], name: str, traffic: Traffic) -> bool:
    is_service = (each.get("kind") or "Service") == "Service"
    return is_service and each.get("name") == name and (each.get("namespace") or traffic.namespace) == traffic.namespace


DIALECT = Dialect("traefik", (TRAEFIK_SERVICE,), refs, read, edit, TraefikRouting.model_validate)
