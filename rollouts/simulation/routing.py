"""Stories that are told behind every router: a newer version overtakes at one step or another, and an abort."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollouts.simulation.routed import CANARY, SETTINGS, STABLE
from rollouts.simulation.scenario import RETURNED, Scenario

_OVERTAKEN = """when healthy: set image web:2
    when two versions: set image web:3
    when paused at step 1: set image web:4
    when at step 2: set image web:5
    when paused at step 3: set image web:6
    when healthy on web:6: end"""
_ABORTED = """when healthy: set image web:2
    when paused at step 3: abort
    when aborted, after 5s: retry
    when paused at step 3: abort
    when aborted: end"""
_TURNS = """when healthy: set image web:2
    when paused at step 3: abort
    when aborted, after 5s: retry
    when healthy on web:2, after 5s: set image web:3
    when paused at step 3: set image web:4
    when paused at step 3: abort
    when aborted, after 5s: retry
    when healthy on web:4: end"""
# Named after the sides on which they begin, because the objects of the routers name them so.
_PING_PONG: Mapping[str, Any] = {
    "pingPong": {"pingService": STABLE, "pongService": CANARY},
    "canaryService": None,
    "stableService": None,
}

ROUTES: tuple[Scenario, ...] = (
    *(
        Scenario(f"overtaken-{name or 'nginx'}", f"Behind {name or 'nginx'}: newer versions come at every step.",
            _OVERTAKEN, ("healthy on web:6", "weight 0"), router=name)
        for name in ("", *SETTINGS)
    ),
    *(
        Scenario(f"aborted-{name}", f"Behind {name}: aborted at 20 %, tried again, aborted again.",
            _ABORTED, RETURNED, router=name)
        for name in SETTINGS
    ),
    Scenario("ping-pong", "Two Services take turns to be the stable one, through aborts and a version in between.",
        _TURNS, ("healthy on web:4", "weight 0"), router="istio", extra=_PING_PONG),
)  # fmt: skip
