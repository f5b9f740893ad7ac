"""Parts that other packages bring: found by entry point, loaded once at the start, never downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points

from rollouts.core.errors import BrokenError
from rollouts.shell.asks.steps import Function
from rollouts.traffic import Dialect

ROUTERS_GROUP = "rollouts.routers"
STEPS_GROUP = "rollouts.steps"
PLUGINS_MAX = 50


def routers(group: str = ROUTERS_GROUP) -> Mapping[str, Dialect]:
    """Name under trafficRouting.plugins → the dialect that a package of somebody else's brings.

    Raises BrokenError for an entry point that is no dialect: a controller that lacks a router must not start.
    """
    found: dict[str, Dialect] = {}
    for each in sorted(entry_points(group=group), key=lambda point: point.name)[:PLUGINS_MAX]:
        dialect = each.load()
        if not isinstance(dialect, Dialect):
            raise BrokenError(f"entry point {each.name} of {group} is no Dialect: {each.value}")
        found[each.name] = dialect
    return found


def steps(group: str = STEPS_GROUP) -> Mapping[str, Function]:
    """Name of a step plugin → the function that a package brings for it.

    Raises BrokenError for an entry point that cannot be called.
    """
    found: dict[str, Function] = {}
    for each in sorted(entry_points(group=group), key=lambda point: point.name)[:PLUGINS_MAX]:
        function = each.load()
        if not callable(function):
            raise BrokenError(f"entry point {each.name} of {group} is no function: {each.value}")
        found[each.name] = function
    return found
