"""The routers by name: one literal table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rollouts.api.routing import TrafficRouting
from rollouts.core.plan import Action
from rollouts.kube.ref import Manifest, Ref
from rollouts.traffic import nginx
from rollouts.traffic.route import Route, Split, Traffic


@dataclass(frozen=True, slots=True)
class Router:
    """One dialect with its settings: pure functions from objects to writes.

    find: the objects that carry a split.  write: the one write that brings an object to a split, None where it is
    there.  verify: whether the split was read back.
    """

    name: str
    find: Callable[[Traffic, Callable[[Ref], Manifest | None]], tuple[Route, ...]]
    write: Callable[[Traffic, Route, Split], Action | None]
    verify: Callable[[Route, Split], bool]


def _nginx(settings: Any) -> Router:
    return Router(
        "nginx",
        find=lambda traffic, get: nginx.routes(settings, traffic, get),
        write=lambda traffic, route, split: nginx.plan(settings, traffic, route, split),
        verify=lambda route, split: nginx.verify(settings, route, split),
    )


ROUTERS: dict[str, Callable[[Any], Router]] = {"nginx": _nginx}
"""Field of trafficRouting → its router."""


def routers_of(routing: TrafficRouting) -> tuple[Router, ...]:
    """The routers that a spec names, in the order of the table."""
    given = ((make, getattr(routing, name)) for name, make in ROUTERS.items())
    return tuple(make(settings) for make, settings in given if settings is not None)
