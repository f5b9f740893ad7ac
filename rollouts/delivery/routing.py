"""How a turn gets to know its routers: which Service is on which side, what the routers show, what they lack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rollouts.api.rollout import CanaryStrategy
from rollouts.core.errors import Refusal
from rollouts.core.reader import Reader
from rollouts.delivery import guests
from rollouts.delivery.seen import ServiceSeen
from rollouts.kube import kinds
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.traffic import (
    OLDER,
    Dialect,
    Get,
    Route,
    Router,
    Traffic,
    Unusable,
    headers_of,
    mirrors,
    takes_experiments,
)

AT = "spec.strategy.canary.trafficRouting"
PING, PONG = "ping", "pong"
_FIX = "see docs/reference/routers.md"
_ALWAYS = frozenset({kinds.SERVICE, kinds.INGRESS})


def services_by_side(canary: CanaryStrategy, status: Mapping[str, Any]) -> tuple[str, str]:
    """The names of the canary and of the stable Service; of ping and pong each takes its turn to be the stable one."""
    both = canary.ping_pong
    if both is None:
        return canary.canary_service, canary.stable_service
    told = status.get("canary")
    if isinstance(told, Mapping) and told.get("stablePingPong") == PONG:
        return both.ping_service, both.pong_service
    return both.pong_service, both.ping_service


def other(side: str) -> str:
    """The side that becomes the stable one after this; "" (nothing was deployed yet) counts as ping."""
    return PING if side == PONG else PONG


def looked_up(reader: Reader) -> Get:
    """The cache as routers look at it."""
    return Get(reader.get, lambda kind, namespace: reader.select(kind, namespace, {}))


def not_known(routers: Iterable[Router], reader: Reader) -> tuple[Kind, str] | None:
    """The first kind of the routers that is not watched yet, and why it cannot be, "" while that is not known."""
    for router in routers:
        for kind in router.kinds:
            if kind not in _ALWAYS and (complaint := _complaint(kind, reader)) is not None:
                return kind, complaint
    return None


def _complaint(kind: Kind, reader: Reader) -> str | None:
    """Why no version of a kind is watched, in the words for the newest; None where one is, "" while one may yet be."""
    for each in (kind, *OLDER.get(kind, ())):
        if reader.knows(each):
            return None
        if not reader.complaint(each):
            return ""
    return reader.complaint(kind)


def not_served(kind: Kind, complaint: str) -> Refusal:
    """A router whose kind the cluster does not have, or does not let us read."""
    text = f"the cluster does not serve {kind.plural}.{kind.group} {kind.version}: {complaint}"
    fix = f"install the CRD of {kind.name}, or give the controller the right to list it"
    return Refusal("RouterNotServed", AT, text, fix=fix)


def refused(canary: CanaryStrategy, unusable: Unusable, others: Mapping[str, Dialect]) -> Iterator[Refusal]:
    """Plugins that cannot be used, or not for what the steps ask of them."""
    routing = canary.traffic_routing
    assert routing is not None
    for plugin, why in unusable:
        yield Refusal("PluginUnusable", f"{AT}.plugins", f"{plugin}: {why}", fix=_FIX, got=f'"{plugin}"')
    for step in canary.steps:
        if step.set_header_route and not headers_of(routing, others):
            yield Refusal("RouteUnsupported", f"{AT}.plugins", "a plugin has no header routes", fix=_FIX)
        if step.set_mirror_route and not mirrors(routing, others):
            yield Refusal("RouteUnsupported", f"{AT}.plugins", "a plugin has no mirror routes", fix=_FIX)
        if step.experiment and guests.weights(step.experiment) and not takes_experiments(routing, others):
            yield Refusal("RouteUnsupported", f"{AT}.plugins", "a plugin has no shares for experiments", fix=_FIX)


def refused_routes(
    routers: tuple[tuple[Router, tuple[Route, ...]], ...], traffic: Traffic, reader: Reader
) -> Iterator[Refusal]:
    """Objects of the routers that are missing, or not what they must be."""
    for router, routes in routers:
        at = f"{AT}.{router.name}"
        if lacks := router.lacking(traffic, looked_up(reader)):
            yield Refusal("RouteUnfit", at, lacks, fix="give the router's object what the spec names")
        for route in routes:
            if route.refusal:
                fix = f"look at {route.ref.kind.name} {route.ref.name}"
                yield Refusal("RouteUnfit", at, route.refusal, fix=fix, got=f'"{route.ref.name}"')
        if not routes and not lacks:
            yield Refusal("RouteUnfit", at, "names no object that carries the traffic", fix=_FIX)


def places(routers: tuple[Router, ...], traffic: Traffic, reader: Reader) -> dict[str, list[ServiceSeen]]:
    """Side → places in routers' own objects that say which pods it stands for."""
    found: dict[str, list[ServiceSeen]] = {"canary": [], "stable": []}
    for router in routers:
        for place in router.selectors(traffic, looked_up(reader)):
            found[place.side].append(ServiceSeen(place.ref, place.manifest, place.hash, place.path))
    return found


def marked(reader: Reader, ref: Ref, among: tuple[Kind, ...]) -> Iterator[tuple[Ref, Manifest]]:
    """Objects of routers in the Rollout's namespace, as far as they are watched."""
    for kind in among:
        for manifest in reader.select(kind, ref.namespace, {}):
            yield Ref(kind, ref.namespace, str(manifest["metadata"]["name"])), manifest
