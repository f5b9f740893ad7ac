"""Bounded gauges (CPU saturation, queue fill, Apdex): betting on a mean, against a bound or against stable.

Nothing is assumed but the range: K = prod(1 + (f / m)(x - m)) is a nonnegative supermartingale if each value's mean,
given the past, is at most m. Source: Waudby-Smith & Ramdas (2024), "Estimating means of bounded random variables".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from analysis.stats import purse as bank
from analysis.stats.logs import log_sum_exp, round_down
from analysis.stats.sequential import FRACTIONS, stake

SLOTS = 6


@dataclass(frozen=True, slots=True)
class GaugeState:
    """low, high: the range, in the gauge's unit; tolerance: by how much the canary's mean may exceed stable's (or
    `bound`) and still be fine; margin: the excess that a certificate rules out. bound: None compares with stable."""

    low: float
    high: float
    tolerance: float
    margin: float
    bound: float | None
    at_s: float | None
    restarted_at_s: float | None
    mark: int
    looks: int
    excess_sum: float
    purse: bank.Purse
    ok: tuple[float, ...]


def start(low: float, high: float, *, tolerance: float = 0.0, margin: float, bound: float | None = None) -> GaugeState:
    """The state before the first look. Raises ValueError unless low < high and 0 <= tolerance < margin < high - low,
    with bound + margin inside the range."""
    width = high - low
    inside = bound is None or (low < bound + tolerance and bound + margin < high)
    if not (math.isfinite(width) and width > 0 and 0 <= tolerance < margin < width and inside):
        raise ValueError("want low < high, 0 <= tolerance < margin < high - low, bound + margin < high")
    purse = bank.fill(FRACTIONS.size, SLOTS)
    return GaugeState(
        low, high, tolerance, margin, bound, None, None, 0, 0, 0.0, purse, (0.0,) * FRACTIONS.size
    )  # fmt: skip


def update(state: GaugeState, at_s: float, canary: float, stable: float | None = None, mark: int = 0) -> GaugeState:
    """The state after one reading of each side (gauge's unit; higher is worse); readings outside are cut to the range.

    NaN, a missing side, or a late look is no evidence."""
    if not math.isfinite(at_s) or (state.at_s is not None and at_s <= state.at_s):
        return state
    began = state.restarted_at_s
    due = began is not None and (mark != state.mark or at_s - began >= 60.0)
    purse = bank.restart(state.purse) if due else state.purse
    state = replace(state, at_s=at_s, mark=mark, purse=purse, restarted_at_s=at_s if due or began is None else began)
    reference = stable if state.bound is None else state.bound
    if not math.isfinite(canary) or reference is None or not math.isfinite(reference):
        return state
    width = state.high - state.low
    excess = min(max(canary, state.low), state.high) - min(max(reference, state.low), state.high)
    if state.bound is None:  # a difference of two values in [0, 1], moved into [0, 1]
        seen, fine, worse = (0.5 + 0.5 * value / width for value in (excess, state.tolerance, state.margin))
    else:
        base = state.bound - state.low
        seen, fine, worse = ((base + value) / width for value in (excess, state.tolerance, state.margin))
    seen = min(max(seen, 0.0), 1.0)
    return replace(
        state,
        looks=state.looks + 1,
        excess_sum=round(state.excess_sum + excess, 9),
        purse=bank.grow(state.purse, stake(seen, fine)),
        ok=round_down(np.asarray(state.ok) + stake(1 - seen, 1 - worse)),
    )


def log_above(state: GaugeState) -> float:
    """ln of the e-value against "the canary's mean exceeds the reference by tolerance at most"."""
    return bank.log_worth(state.purse)


def log_ok(state: GaugeState) -> float:
    """ln of the e-value against "the canary's mean exceeds the reference by margin or more"."""
    return log_sum_exp(state.ok) - math.log(len(state.ok))


def excess(state: GaugeState) -> float | None:
    """The mean excess so far, in the gauge's unit; None before any reading."""
    return state.excess_sum / state.looks if state.looks else None
