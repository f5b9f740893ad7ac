"""Stories that are told behind every router: a newer version overtakes at one step or another, and an abort."""

from __future__ import annotations

from rollouts.simulation.routed import SETTINGS
from rollouts.simulation.scenario import RETURNED, Scenario

_MOMENTS = ("two versions", "paused at step 1", "at step 2", "paused at step 3")
_OVERTAKEN = """when healthy: set image web:2
    when {}: set image web:3
    when healthy on web:3: end"""
_ABORTED = """when healthy: set image web:2
    when paused at step 3: abort
    when aborted, after 5s: retry
    when paused at step 3: abort
    when aborted: end"""

ROUTES: tuple[Scenario, ...] = (
    *(
        Scenario(f"overtaken-{name}", f"Behind {name}: a third version comes when {_MOMENTS[at % 4]}.",
            _OVERTAKEN.format(_MOMENTS[at % 4]), ("healthy on web:3", "weight 0"), router=name)
        for at, name in enumerate(SETTINGS)
    ),
    *(
        Scenario(f"aborted-{name}", f"Behind {name}: aborted at 20 %, tried again, aborted again.",
            _ABORTED, RETURNED, router=name)
        for name in SETTINGS
    ),
)  # fmt: skip
