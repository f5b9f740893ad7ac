"""Sample-ratio check: does the canary get the share of requests that its weight says?

A mesh that ignores the weight, an ejected pod or retries after crashes shift the split before any error rate moves.
Source: Lindon & Malek (2022), Dirichlet-multinomial e-process; with moving weights, one factor for each weight held.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from analysis.stats.logs import log_beta

CONCENTRATION = 100.0


@dataclass(frozen=True, slots=True)
class RatioState:
    """tolerance: relative deviation of the canary's share that is still fine; closed: log e of weights left behind;
    share, canary, stable: the intended share now and the requests seen under it."""

    tolerance: float
    closed: float
    share: float | None
    canary: float
    stable: float
    at_s: float | None


def start(tolerance: float = 0.05) -> RatioState:
    """The state before the first look.  tolerance in [0, 1)."""
    if not 0 <= tolerance < 1:
        raise ValueError(f"tolerance: want at least 0 and under 1, got {tolerance}")
    return RatioState(tolerance, 0.0, None, 0.0, 0.0, None)


def update(state: RatioState, at_s: float, share: float, requests: tuple[float, float]) -> RatioState:
    """The state after one look.  share: intended canary share in [0, 1]; requests: increments of canary and stable.

    Shares of 0 and 1 split nothing and are no evidence; late looks and looks without requests change nothing."""
    if not math.isfinite(at_s) or (state.at_s is not None and at_s <= state.at_s):
        return state
    state = replace(state, at_s=at_s)
    if not all(math.isfinite(count) and count >= 0 for count in requests) or sum(requests) <= 0 or not 0 < share < 1:
        return state
    if state.share is not None and share != state.share:
        state = replace(state, closed=round(log_e(state), 4), canary=0.0, stable=0.0)
    return replace(state, share=share, canary=state.canary + requests[0], stable=state.stable + requests[1])


def log_e(state: RatioState) -> float:
    """ln of the e-value against "the canary's share is the intended one, give or take the tolerance"."""
    if state.share is None or state.canary + state.stable <= 0:
        return state.closed
    n_c, n_s = state.canary, state.stable
    a, b = CONCENTRATION * state.share, CONCENTRATION * (1 - state.share)
    low, high = state.share * (1 - state.tolerance), min(1 - 1e-9, state.share * (1 + state.tolerance))
    # The null is an interval: its likeliest member is the one to beat.
    null = min(max(n_c / (n_c + n_s), low), high)
    return state.closed + log_beta(a + n_c, b + n_s) - log_beta(a, b) - n_c * math.log(null) - n_s * math.log1p(-null)


def dirichlet_log_e(counts: Sequence[float], shares: Sequence[float], concentration: float = CONCENTRATION) -> float:
    """ln of the e-value against multinomial shares, for any number of arms.

    ln B(alpha + n) / B(alpha) - sum n_i ln theta_i, alpha = concentration * theta.  shares: positive, sum 1."""
    if len(counts) != len(shares) or abs(sum(shares) - 1) > 1e-9 or min(shares) <= 0 or min(counts) < 0:
        raise ValueError("want one count >= 0 for each share > 0, and shares that sum to 1")
    total = sum(counts)
    rising = sum(
        math.lgamma(concentration * share + n) - math.lgamma(concentration * share) - n * math.log(share)
        for n, share in zip(counts, shares, strict=True)
    )
    return math.lgamma(concentration) - math.lgamma(concentration + total) + rising
