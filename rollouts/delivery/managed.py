"""Header and mirror routes: which of them the steps have asked for, and when the routers have done so."""

from __future__ import annotations

from rollouts.api.rollout import CanaryStep, SetHeaderRoute, SetMirrorRoute, StringMatch
from rollouts.delivery.phase import Phase
from rollouts.delivery.seen import DeliverySeen
from rollouts.traffic import ManagedRoute, Match, Request, Split

_UNDER_WAY = (Phase.STEPPING, Phase.PAUSED, Phase.PROMOTING)
PERCENT_DEFAULT = 100


def asked(seen: DeliverySeen, phase: Phase) -> tuple[ManagedRoute, ...]:
    """What the steps up to the current one have set and not removed, the route with precedence first."""
    if phase not in _UNDER_WAY or not seen.replicas:
        return ()
    found: dict[str, ManagedRoute] = {}
    for step in seen.canary.steps[: seen.latch.step + 1]:
        route = _route(step)
        if route is not None and route.requests:
            found[route.name] = route
        elif route is not None:
            found.pop(route.name, None)
    return tuple(found[name] for name in seen.traffic.managed if name in found)


def wanted(seen: DeliverySeen, phase: Phase, canary_hash: str) -> tuple[ManagedRoute, ...]:
    """What may stand in the routers now: nothing unless the canary Service selects pods of this very update.

    canary_hash: what the canary Service selects once this plan's switch is made.
    """
    carrier = seen.set_of(canary_hash)
    if canary_hash != seen.latch.current or carrier is None or carrier.usable == 0:
        return ()
    return asked(seen, phase)


def is_set(step: CanaryStep) -> bool:
    """Whether a step is about such a route."""
    return step.set_header_route is not None or step.set_mirror_route is not None


def is_done(seen: DeliverySeen, weight: int) -> bool:
    """Whether every router holds the routes of the present step; a canary that is to have no pods waits for none."""
    if seen.current is not None and seen.current.wanted == 0 and not seen.carries:
        return True
    routes = wanted(seen, Phase.STEPPING, seen.canary_service.hash)
    return routes == asked(seen, Phase.STEPPING) and agree(seen, weight, routes)


def agree(seen: DeliverySeen, weight: int, routes: tuple[ManagedRoute, ...]) -> bool:
    """Whether every object of every router was read back with this split, and no router's controller denies it."""
    split = Split(weight, seen.traffic.total, routes)
    return all(
        route.verified is not False and router.write(seen.traffic, route, split) is None
        for router, found in seen.routers
        for route in found
    )


def text(step: CanaryStep) -> str:
    """The step as events print it."""
    route = step.set_header_route or step.set_mirror_route
    assert route is not None
    called = "setHeaderRoute" if step.set_header_route else "setMirrorRoute"
    return f"{called}: {route.name}" + ("" if route.match else " removed")


def _route(step: CanaryStep) -> ManagedRoute | None:
    if step.set_header_route:
        return _header_route(step.set_header_route)
    return _mirror_route(step.set_mirror_route) if step.set_mirror_route else None


def _header_route(given: SetHeaderRoute) -> ManagedRoute:
    headers = {each.header_name: _match(each.header_value) for each in given.match if each.header_value}
    return ManagedRoute(given.name, (Request(headers),) if headers else ())


def _mirror_route(given: SetMirrorRoute) -> ManagedRoute:
    requests = tuple(
        Request(
            {name: _match(value) for name, value in each.headers.items()},
            _match(each.method) if each.method else None,
            _match(each.path) if each.path else None,
        )
        for each in given.match
    )
    return ManagedRoute(given.name, requests, PERCENT_DEFAULT if given.percentage is None else given.percentage)


def _match(value: StringMatch) -> Match:
    if value.exact:
        return Match("exact", value.exact)
    return Match("prefix", value.prefix) if value.prefix else Match("regex", value.regex)
