"""Parts that other packages bring: found by entry point, loaded once at the start, never downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points

from rollouts.core.errors import BrokenError
from rollouts.traffic import Dialect

ROUTERS_GROUP = "rollouts.routers"
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
