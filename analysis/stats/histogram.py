"""Cumulative buckets: quantiles, and evidence that the canary is stochastically slower.

At each bound b two tables are bet on: requests slower than b (canary more of them) and requests within b (canary fewer
of them), each by the conditional-binomial likelihood ratio of `profile.py`. The mean over all bounds and bets is an
e-process whatever depends on what, and uses the bucket counts alone: no interpolation, no quantile.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from analysis.stats import purse as bank
from analysis.stats.logs import Floats, log_sum_exp, round_down

BETS_SLOW: Floats = np.array([1.1, 1.25, 1.5, 2.0, 4.0])
BETS_FAST: Floats = np.array([0.95, 0.8, 0.5])
BETS_OK: Floats = np.array([1.0, 0.8, 0.6])
BOUNDS_MAX = 32
CAPITALS_MAX = 520  # log capitals in one state: 8 kB of JSON or less


@dataclass(frozen=True, slots=True)
class Buckets:
    """Increments of one side between two looks. counts[i]: requests within bounds[i] (cumulative, as in Prometheus);
    requests: all of them, the +Inf bucket."""

    bounds: tuple[float, ...]
    counts: tuple[float, ...]
    requests: float

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in pairwise(self.bounds))
        if len(self.bounds) != len(self.counts) or not rising or not all(map(math.isfinite, self.bounds)):
            raise ValueError("bounds: want finite, rising, one for each count")
        steps = (0.0, *self.counts, self.requests)
        if not all(math.isfinite(count) for count in steps) or any(a > b for a, b in pairwise(steps)):
            raise ValueError(f"counts: want numbers that never fall from 0 to all requests, got {steps[1:]}")


@dataclass(frozen=True, slots=True)
class SlownessState:
    """What one latency metric remembers. r0: relative slow tail that is still fine; worse_than: relative slow tail
    that a certificate rules out, at each of `gates`."""

    r0: float
    worse_than: float
    gates: tuple[float, ...]
    restart_every_s: float
    at_s: float | None
    restarted_at_s: float | None
    mark: int
    requests: tuple[float, float]
    bounds: tuple[float, ...]
    purse: bank.Purse
    ok: tuple[tuple[float, ...], ...]


def start(
    bounds: Sequence[float],
    gates: Sequence[float] = (),
    *,
    r0: float = 1.0,
    worse_than: float = 1.5,
    restart_s: float = 60.0,
) -> SlownessState:
    """The state before the first look. bounds: `le` without +Inf, thinned evenly to 32; gates: the bounds to certify.

    Raises ValueError for gates that are not bounds, or r0 < 1 or worse_than <= 1."""
    rising = sorted({float(bound) for bound in bounds if math.isfinite(bound)})
    if not rising or r0 < 1 or worse_than <= 1 or not set(gates) <= set(rising):
        raise ValueError("want at least one finite bound, gates among the bounds, r0 >= 1 and worse_than > 1")
    places = np.unique(np.linspace(0, len(rising) - 1, min(BOUNDS_MAX, len(rising))).round().astype(int))
    kept = tuple(sorted({rising[place] for place in places} | set(gates)))
    # The fast table has no deadband of its own: with one, the slow tails alone are bet on.
    bets = BETS_SLOW.size + (BETS_FAST.size if r0 == 1 else 0)
    size = len(kept) * bets
    slots = min(4, max(0, CAPITALS_MAX // size - 1))
    return SlownessState(
        r0, worse_than, tuple(float(gate) for gate in gates), restart_s, None, None, 0, (0.0, 0.0), kept,
        bank.fill(size, slots), ((0.0,) * BETS_OK.size,) * len(gates),
    )  # fmt: skip


def update(state: SlownessState, at_s: float, canary: Buckets, stable: Buckets, mark: int = 0) -> SlownessState:
    """The state after one look at disjoint increments; unchanged by a late or doubled look.

    Raises ValueError if a side lacks one of the state's bounds (another bucket layout cannot be compared)."""
    if not math.isfinite(at_s) or (state.at_s is not None and at_s <= state.at_s):
        return state
    began = state.restarted_at_s
    due = began is not None and (mark != state.mark or at_s - began >= state.restart_every_s)
    purse = bank.restart(state.purse) if due else state.purse
    state = replace(state, at_s=at_s, mark=mark, purse=purse, restarted_at_s=at_s if due or began is None else began)
    if canary.requests <= 0 or stable.requests <= 0:
        return state
    within_c, within_s = _within(canary, state.bounds), _within(stable, state.bounds)
    slow_c, slow_s = canary.requests - within_c, stable.requests - within_s
    sides = (canary.requests, stable.requests)
    parts = [_gains(slow_c, slow_s, sides, (state.r0, state.r0 * BETS_SLOW))]
    if state.r0 == 1:
        parts.append(_gains(within_c, within_s, sides, (1.0, BETS_FAST)))
    gated = [state.bounds.index(gate) for gate in state.gates]
    bets_ok = np.minimum(BETS_OK, state.worse_than**0.5)
    earned = _gains(slow_c[gated], slow_s[gated], sides, (state.worse_than, bets_ok))
    return replace(
        state,
        requests=(state.requests[0] + canary.requests, state.requests[1] + stable.requests),
        purse=bank.grow(state.purse, np.concatenate([part.ravel() for part in parts])),
        ok=tuple(round_down(np.asarray(row) + more) for row, more in zip(state.ok, earned, strict=True)),
    )


def log_slower(state: SlownessState) -> float:
    """ln of the e-value against "the canary is nowhere slower than r0 times stable's tail"."""
    return bank.log_worth(state.purse)


def log_ok(state: SlownessState) -> float:
    """ln of the weakest certificate over the gates, against "the tail is at least worse_than times stable's".

    Without gates 0: nothing is certified."""
    return min((log_sum_exp(row) - math.log(BETS_OK.size) for row in state.ok), default=0.0)


def quantile(buckets: Buckets, p: float) -> float:
    """The p-quantile as Prometheus reads it: linear inside a bucket, the first from 0, the highest bound beyond it.

    nan without requests or bounds.  p in [0, 1].  Source: histogram_quantile of Prometheus."""
    if not 0 <= p <= 1:
        raise ValueError(f"p: want between 0 and 1, got {p}")
    if buckets.requests <= 0 or not buckets.bounds:
        return math.nan
    rank = p * buckets.requests
    place = int(np.searchsorted(np.asarray(buckets.counts), rank, side="left"))
    if place == len(buckets.bounds):
        return buckets.bounds[-1]
    top, below = buckets.bounds[place], buckets.counts[place - 1] if place else 0.0
    if place == 0 and top <= 0:
        return top
    bottom = buckets.bounds[place - 1] if place else 0.0
    inside = buckets.counts[place] - below
    return bottom + (top - bottom) * ((rank - below) / inside if inside > 0 else 1.0)


def gates_of(typical: Buckets, quantiles: Sequence[float] = (0.5, 0.95)) -> tuple[float, ...]:
    """The bounds nearest above typical quantiles of stable: what a certificate should hold at."""
    if typical.requests <= 0:
        return ()
    share = np.asarray(typical.counts) / typical.requests
    places = {min(int(np.searchsorted(share, p)), len(share) - 1) for p in quantiles} if share.size else set()
    return tuple(typical.bounds[place] for place in sorted(places))


def _within(side: Buckets, bounds: tuple[float, ...]) -> Floats:
    known = dict(zip(side.bounds, side.counts, strict=True))
    missing = [bound for bound in bounds if bound not in known]
    if missing:
        raise ValueError(f"bucket le={missing[0]:g} is missing: the layout changed")
    return np.array([known[bound] for bound in bounds])


def _gains(canary: Floats, stable: Floats, sides: tuple[float, float], bets: tuple[float, Floats]) -> Floats:
    """Log likelihood ratios of each bound and bet.  canary, stable: shape (bounds,).  Returns: (bounds, bets)."""
    null, risks = bets
    share = sides[0] / (sides[0] + sides[1])
    both = (canary + stable)[:, None]
    relative = np.log1p(share * (risks - 1)) - math.log1p(share * (null - 1))
    found: Floats = canary[:, None] * np.log(risks / null) - both * relative
    return found
