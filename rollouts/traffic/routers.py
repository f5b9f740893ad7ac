"""The routers by name: one literal table. A router of somebody else comes in beside it, under its plugin name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from rollouts.api.common import aliases
from rollouts.api.routing import TrafficRouting, first_error
from rollouts.core.plan import Action
from rollouts.kube import kinds
from rollouts.kube.ref import Kind
from rollouts.traffic import (
    alb,
    ambassador,
    apisix,
    appmesh,
    contour,
    gateway,
    haproxy,
    inplace,
    istio,
    made,
    nginx,
    smi,
    traefik,
)
from rollouts.traffic.inplace import Dialect, Get
from rollouts.traffic.made import MadeDialect
from rollouts.traffic.route import Route, Split, Traffic
from rollouts.traffic.selector import Place

_EVERY_WAY = frozenset({"exact", "prefix", "regex"})
_NOBODY: Mapping[str, Dialect] = {}


def _nowhere(traffic: Traffic, get: Get) -> tuple[Place, ...]:
    return ()


def _nothing(traffic: Traffic, get: Get) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Router:
    """One dialect with its settings: pure functions from objects to writes.

    find: the objects that carry a split.  write: the one write that brings an object to a split, None where it is
    there.  kinds: what it looks at.  selectors: places beside the Services that say which pods a side stands for.
    lacking: what keeps it from its work beside the routes themselves.
    """

    name: str
    find: Callable[[Traffic, Get], tuple[Route, ...]]
    write: Callable[[Traffic, Route, Split], Action | None]
    kinds: tuple[Kind, ...] = ()
    selectors: Callable[[Traffic, Get], tuple[Place, ...]] = _nowhere
    lacking: Callable[[Traffic, Get], str] = _nothing


def in_place(dialect: Dialect, settings: Any) -> Router:
    """The router of a dialect that changes an object of the user's."""
    return Router(
        dialect.name,
        find=lambda traffic, get: inplace.find(dialect, settings, traffic, get),
        write=lambda traffic, route, split: inplace.write(dialect, settings, traffic, route, split),
        kinds=dialect.needs(settings) if dialect.needs else dialect.kinds,
    )


def made_beside(dialect: MadeDialect, settings: Any) -> Router:
    """The router of a dialect that makes an object of its own."""
    return Router(
        dialect.name,
        find=lambda traffic, get: made.find(dialect, settings, traffic, get),
        write=lambda traffic, route, split: made.write(dialect, settings, traffic, route, split),
        kinds=dialect.kinds,
    )


def _nginx(settings: Any) -> Router:
    return Router(
        "nginx",
        find=lambda traffic, get: nginx.routes(settings, traffic, get),
        write=lambda traffic, route, split: nginx.plan(settings, traffic, route, split),
        kinds=(kinds.INGRESS,),
    )


def _istio(settings: Any) -> Router:
    plain = in_place(istio.DIALECT, settings)
    if settings.destination_rule is None:
        return plain
    return Router(
        plain.name,
        plain.find,
        plain.write,
        (*plain.kinds, istio.DESTINATION_RULE),
        selectors=lambda traffic, get: istio.selectors(settings, traffic, get),
        lacking=lambda traffic, get: istio.lacking(settings, traffic, get),
    )


def _app_mesh(settings: Any) -> Router:
    plain = in_place(appmesh.DIALECT, settings)
    return Router(
        plain.name,
        plain.find,
        plain.write,
        (appmesh.SERVICE, appmesh.ROUTER, appmesh.NODE),
        selectors=lambda traffic, get: appmesh.selectors(settings, traffic, get),
    )


ROUTERS: Mapping[str, Callable[[Any], Router]] = {
    "nginx": _nginx,
    "istio": _istio,
    "alb": lambda settings: in_place(alb.DIALECT, settings),
    "smi": lambda settings: made_beside(smi.DIALECT, settings),
    "ambassador": lambda settings: made_beside(ambassador.DIALECT, settings),
    "appMesh": _app_mesh,
    "traefik": lambda settings: in_place(traefik.DIALECT, settings),
    "apisix": lambda settings: in_place(apisix.DIALECT, settings),
    "gatewayAPI": lambda settings: in_place(gateway.DIALECT, gateway.native(settings)),
    "contour": lambda settings: in_place(contour.DIALECT, settings),
    "haproxy": lambda settings: in_place(haproxy.DIALECT, settings),
}
"""Field of trafficRouting → its router."""

DIALECTS: Mapping[str, Dialect] = {
    each.name: each
    for each in (
        istio.DIALECT,
        alb.DIALECT,
        appmesh.DIALECT,
        traefik.DIALECT,
        apisix.DIALECT,
        gateway.DIALECT,
        contour.DIALECT,
        haproxy.DIALECT,
    )
}
"""Field of trafficRouting → its dialect, where that changes objects of the user's."""

PLUGINS: Mapping[str, str] = {gateway.PLUGIN: gateway.DIALECT.name, contour.PLUGIN: contour.DIALECT.name}
"""Names under trafficRouting.plugins that mean a router of the table: → its field."""

KINDS: tuple[Kind, ...] = tuple(
    dict.fromkeys(
        (
            *(kind for dialect in DIALECTS.values() for kind in dialect.kinds),
            *smi.DIALECT.kinds,
            *ambassador.DIALECT.kinds,
            istio.DESTINATION_RULE,
            appmesh.SERVICE,
            appmesh.NODE,
        )
    )
)
"""Every kind that some router of the table looks at."""

RETIRED: Mapping[str, str] = {
    "smi": "the Service Mesh Interface was archived in 2023; use gatewayAPI",
    "appMesh": "AWS ends App Mesh on 2026-09-30; use gatewayAPI with Amazon VPC Lattice, or alb",
}
"""Field of trafficRouting → why it has no future."""


Unusable: TypeAlias = tuple[tuple[str, str], ...]
"""(plugin name, why) of each plugin that cannot be used."""


def routers_of(routing: TrafficRouting, others: Mapping[str, Dialect] = _NOBODY) -> tuple[tuple[Router, ...], Unusable]:
    """The routers that a spec names, in the order of the table, and what it names that cannot be used.

    others: routers of somebody else by plugin name.
    """
    found = tuple(_named(routing, others))
    return tuple(router for router, _ in found if router), tuple(why for _, why in found if why)


def fields_of(routing: TrafficRouting) -> tuple[str, ...]:
    """The routers of the table that a spec names, under their own field or under a plugin's name."""
    given = [name for name in ROUTERS if _settings(routing, name) is not None]
    return (*given, *(PLUGINS[plugin] for plugin in routing.plugins if plugin in PLUGINS))


def headers_of(routing: TrafficRouting, others: Mapping[str, Dialect] = _NOBODY) -> frozenset[str]:
    """The ways in which every router of a spec can compare headers; empty where one of them cannot at all.

    A plugin that is not among `others` is taken at its word.
    """
    ways = [dialect.headers if dialect else frozenset[str]() for dialect in _dialects(routing, others)]
    return frozenset.intersection(*ways) if ways else _EVERY_WAY


def mirrors(routing: TrafficRouting, others: Mapping[str, Dialect] = _NOBODY) -> bool:
    """Whether every router of a spec can send copies."""
    return all(dialect is not None and dialect.mirrors for dialect in _dialects(routing, others))


def takes_experiments(routing: TrafficRouting, others: Mapping[str, Dialect] = _NOBODY) -> bool:
    """Whether every router of a spec can give the Services of an experiment a share."""
    made = ("smi",) if _settings(routing, "smi") is not None else ()
    dialects = list(_dialects(routing, others))
    if not dialects:
        return bool(routing.plugins)  # one that is not among `others` is taken at its word
    missing = sum(dialect is None or not dialect.experiments for dialect in dialects)
    return missing == len(made)


_ATTRIBUTES = {name: aliases(TrafficRouting)[name] for name in ROUTERS}


def _settings(routing: TrafficRouting, name: str) -> Any:
    return getattr(routing, _ATTRIBUTES[name])


def _named(
    routing: TrafficRouting, others: Mapping[str, Dialect]
) -> Iterator[tuple[Router | None, tuple[str, str] | None]]:
    for name, make in ROUTERS.items():
        if (settings := _settings(routing, name)) is not None:
            yield make(settings), None
    for plugin, given in sorted(routing.plugins.items()):
        dialect = others.get(plugin) or DIALECTS.get(PLUGINS.get(plugin, ""))
        if dialect is None:
            yield None, (plugin, f"no router is installed under the name {plugin}")
            continue
        try:
            settings = dialect.settings(given if isinstance(given, Mapping) else {})
        except ValueError as error:
            yield None, (plugin, first_error(error))
        else:
            yield in_place(dialect, settings), None


def _dialects(routing: TrafficRouting, others: Mapping[str, Dialect]) -> Iterator[Dialect | None]:
    for name in ROUTERS:
        if _settings(routing, name) is not None:
            yield DIALECTS.get(name)
    for plugin in routing.plugins:
        if plugin in others or plugin in PLUGINS:
            yield others.get(plugin) or DIALECTS[PLUGINS[plugin]]
