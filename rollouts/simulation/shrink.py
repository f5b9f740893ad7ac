"""The smallest story that still fails: faults are taken away for as long as the same law stays broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from rollouts.simulation.faults import CALM, Fault
from rollouts.simulation.runner import Run, play
from rollouts.simulation.world import Outcome

TRIES_MAX = 400


def shrink(run: Run, outcome: Outcome, attempt: Callable[[Run], Outcome] = play) -> tuple[Run, Outcome]:
    """A run with as few faults (and as fair a weather) as still breaks one of the laws that `outcome` broke."""
    laws = {problem.law for problem in outcome.problems}
    best, result, tries = run, outcome, 0

    def fails(candidate: Run) -> Outcome | None:
        nonlocal tries
        tries += 1
        found = attempt(candidate) if tries <= TRIES_MAX else None
        return found if found and laws & {problem.law for problem in found.problems} else None

    size = max(len(best.faults) // 2, 1)
    while best.faults:
        for start in range(0, len(best.faults), size):
            fewer: tuple[Fault, ...] = best.faults[:start] + best.faults[start + size :]
            if found := fails(replace(best, faults=fewer)):
                best, result = replace(best, faults=fewer), found
                break
        else:
            if size == 1:
                break
            size = max(size // 2, 1)
    for fairer in (CALM, replace(CALM, standby=best.weather.standby), replace(best.weather, lag_s=None)):
        if fairer != best.weather and (found := fails(replace(best, weather=fairer))):
            return replace(best, weather=fairer), found
    return best, result
