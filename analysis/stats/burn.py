"""Error-budget burn over several windows: the absolute stop beside the comparison.

A shared outage is not the canary's fault, but may still mean "stop": this rule knows no stable side.
Source: Google SRE Workbook, ch. 5, "Multiwindow, multi-burn-rate alerts".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

BINS = 60


@dataclass(frozen=True, slots=True)
class Window:
    """Fires when both windows burn at `rate` or more times what the SLO allows. short_s <= long_s, seconds."""

    long_s: float
    short_s: float
    rate: float


PAGES = (Window(3600, 300, 14.4), Window(21600, 1800, 6.0))
TICKET = Window(259200, 21600, 1.0)


@dataclass(frozen=True, slots=True)
class BurnState:
    """Requests and bad ones in bins of long_s / 60, newest last: (bin number, total, bad). One state a window."""

    slo: float
    long_s: float
    short_s: float
    rate: float
    at_s: float | None
    bins: tuple[tuple[int, float, float], ...]


@dataclass(frozen=True, slots=True)
class Burn:
    """Multiples of the allowed error rate; nan where nothing was requested. fires: both are at the window's rate."""

    long: float
    short: float
    fires: bool


def start(slo: float, window: Window) -> BurnState:
    """The state before the first look.  slo: fraction good, in (0, 1).  Raises ValueError for windows out of order."""
    if not (0 < slo < 1 and 0 < window.short_s <= window.long_s and window.rate > 0):
        raise ValueError("want 0 < slo < 1, 0 < short_s <= long_s and rate > 0")
    return BurnState(slo, window.long_s, window.short_s, window.rate, None, ())


def update(state: BurnState, at_s: float, total: float, bad: float) -> BurnState:
    """The state after one look at disjoint increments; late looks and no numbers change nothing."""
    if not math.isfinite(at_s) or (state.at_s is not None and at_s <= state.at_s):
        return state
    state = replace(state, at_s=at_s)
    if not (math.isfinite(total) and math.isfinite(bad) and 0 <= bad <= total):
        return state
    number = math.ceil(at_s / (state.long_s / BINS))
    bins = [entry for entry in state.bins if number - BINS < entry[0]]
    if bins and bins[-1][0] == number:
        _, before, worse = bins.pop()
        total, bad = total + before, bad + worse
    return replace(state, bins=(*bins, (number, total, bad)))


def burn(state: BurnState) -> Burn:
    """How fast the budget burns at the last look; the short window is rounded up to whole bins."""
    if state.at_s is None:
        return Burn(math.nan, math.nan, fires=False)
    width = state.long_s / BINS
    now = math.ceil(state.at_s / width)
    long = _rate(state, now - BINS)
    short = _rate(state, now - max(1, math.ceil(state.short_s / width)))
    return Burn(long, short, fires=long >= state.rate and short >= state.rate)


def burn_rate(total: Sequence[float], bad: Sequence[float], slo: float) -> float:
    """Multiples of the allowed error rate over a window, >= 0; nan if nothing was requested.

    total, bad: counts per step, shape (n,), same grid.  slo: fraction good, in (0, 1)."""
    requests = math.fsum(total)
    return math.fsum(bad) / requests / (1 - slo) if requests > 0 else math.nan


def _rate(state: BurnState, after: int) -> float:
    kept = [entry for entry in state.bins if entry[0] > after]
    return burn_rate([entry[1] for entry in kept], [entry[2] for entry in kept], state.slo)
