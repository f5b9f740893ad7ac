"""The log-likelihood of the relative risk, kept on one grid: interval, estimate and the pod-effect null read from it.

Given K = k_c + k_s bad requests of a look, k_c is close to Binomial(K, q(r)), q(r) = r n_c / (r n_c + n_s), where r is
the canary's error probability over the stable one's. The base rate, and how it moves, cancels. The profile is
g(r) = sum over looks of  k_c ln r - K ln((r n_c + n_s) / (n_c + n_s)),  kept less its maximum. For any two risks
exp(g(r1) - g(r0)) is a likelihood ratio: an e-process while the canary is at most r0 < r1 times as bad
(proof without identical requests or rare errors: docs/decisions/0007-judgement.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from analysis.stats.align import Look
from analysis.stats.logs import LOG_MAX, Floats

# 29 steps are a factor of 20, so that steps of the grid are the bets x1.23, 1.5, 2.1, 3.1, 5.2, 9.8 and 20.
STEP = math.log(20.0) / 29
BELOW, ABOVE = 22, 45
LOG_GRID: Floats = np.arange(-BELOW, ABOVE + 1, dtype=np.float64) * np.float64(STEP)  # risks from 0.10 to 104
BET_STEPS = (2, 4, 7, 11, 16, 22, 29)
_FINE = 16  # points between two of the grid, for the integral over pod effects


def start() -> tuple[float, ...]:
    """The profile before any look: flat."""
    return (0.0,) * LOG_GRID.size


def add(profile: Sequence[float], looks: Iterable[Look]) -> tuple[float, ...]:
    """The profile after more looks; one without both sides' requests, or without a bad one, adds nothing."""
    moved = np.asarray(profile)
    for look in looks:
        moved = moved + gains(look, LOG_GRID)
    moved = np.maximum(moved - moved.max(), -LOG_MAX)
    return tuple(np.where(moved > -100, np.round(moved, 4), np.round(moved, 2)).tolist())


def gains(look: Look, log_risk: Floats) -> Floats:
    """What one look adds to g at ln(risk), nats, shape of log_risk."""
    n_c, n_s = look.canary.total, look.stable.total
    bad = look.canary.bad + look.stable.bad
    if n_c <= 0 or n_s <= 0 or bad <= 0:
        return np.zeros_like(log_risk)
    share = n_c / (n_c + n_s)
    gained: Floats = look.canary.bad * log_risk - bad * np.log1p(share * np.expm1(log_risk))
    return gained


def at(profile: Sequence[float], log_risk: Floats) -> Floats:
    """g between the points of the grid, by four-point Lagrange; beyond its ends, the end's value."""
    values = np.asarray(profile)
    x = np.clip((log_risk - LOG_GRID[0]) / STEP, 0, values.size - 1)
    base = np.clip(np.floor(x).astype(int), 1, values.size - 3)
    t = x - base
    found: Floats = (
        -t * (t - 1) * (t - 2) / 6 * values[base - 1]
        + (t + 1) * (t - 1) * (t - 2) / 2 * values[base]
        - (t + 1) * t * (t - 2) / 2 * values[base + 1]
        + (t + 1) * t * (t - 1) / 6 * values[base + 2]
    )
    return found


def smooth(profile: Sequence[float], spread: float) -> tuple[float, ...]:
    """The profile when each deployment's risk is itself drawn: h(r) = ln of the integral of exp g(r x) over x.

    x is lognormal with mean 1 and log-sd `spread` >= 0 (0: the profile itself). The integral is a Riemann sum on a grid
    sixteen times finer, which is exact to many digits for peaks wider than a hundredth.
    Source: random-effects meta-analysis; the ratio of two such integrals is a Bayes factor, hence an e-process."""
    if spread <= 0:
        return tuple(profile)
    fine_step = STEP / _FINE
    fine = at(profile, np.arange((LOG_GRID.size - 1) * _FINE + 1) * fine_step + LOG_GRID[0])
    reach = max(_FINE, math.ceil(4 * spread / fine_step))
    x = np.arange(-reach, reach + 1) * fine_step
    log_weights = -0.5 * ((x + spread**2 / 2) / spread) ** 2
    weights = np.exp(log_weights - log_weights.max())
    padded = np.concatenate([np.full(reach, fine[0]), fine, np.full(reach, fine[-1])])
    top = float(padded.max())
    # Underflow far from the peak is only a loss of evidence: the floor lifts what the null explains, never the bets.
    likelihood = np.exp(np.maximum(padded - top, -700.0))
    windows = np.lib.stride_tricks.sliding_window_view(likelihood, weights.size)[::_FINE]
    blurred = windows @ (weights / weights.sum())
    return tuple((np.log(blurred) + top).tolist())


def log_evidence(profile: Sequence[float], *, above: float | None = None, below: float | None = None) -> float:
    """ln of the mixture e-value against "risk <= above" or against "risk >= below"; exactly one is given."""
    assert (above is None) != (below is None)
    null = math.log(above if above is not None else below or 1.0)
    sign = 1.0 if above is not None else -1.0
    points = at(profile, np.array([null, *(null + sign * STEP * step for step in BET_STEPS)]))
    gained = points[1:] - points[0]
    top = max(0.0, float(gained.max()))
    return top + math.log(float(np.exp(gained - top).mean()))


def interval(profile: Sequence[float], alpha: float) -> tuple[float, float | None]:
    """(low, high): risks that no look has refuted, valid at any time together.  alpha in (0, 1).

    { r0 : both one-sided mixture e-values at r0 stay under 2 / alpha }, rounded outward to the grid. low is 0 where
    even the smallest risk of the grid stands, high None (no bound) where the largest does.
    Source: inversion of e-processes, Howard, Ramdas, McAuliffe & Sekhon (2021)."""
    values = np.asarray(profile)
    threshold = math.log(2 / alpha)
    steps = np.array(BET_STEPS)
    places = np.arange(values.size)
    # Bets beyond the grid are held at its end: still a bet on one fixed risk on the right side, or none at all.
    up = values[np.minimum(places[:, None] + steps, values.size - 1)] - values[:, None]
    down = values[np.maximum(places[:, None] - steps, 0)] - values[:, None]
    stands = (_log_mean(up) < threshold) & (_log_mean(down) < threshold)
    if not stands.any():  # between two points of the grid: take the best point and its neighbours
        stands[int(values.argmax())] = True
    first, last = int(stands.argmax()), values.size - 1 - int(stands[::-1].argmax())
    low = 0.0 if first == 0 else math.exp(LOG_GRID[first - 1])
    high = None if last == values.size - 1 else math.exp(LOG_GRID[last + 1])
    return low, high


def estimate(profile: Sequence[float]) -> float | None:
    """The likeliest relative risk, by a parabola through the top of the grid; None if the profile is flat.

    At an end of the grid (one side without a bad request) the end itself: 0.1 or 104."""
    values = np.asarray(profile)
    if not values.any():
        return None
    top = int(values.argmax())
    if top in (0, values.size - 1):
        return math.exp(LOG_GRID[top])
    before, here, after = values[top - 1 : top + 2]
    bend = before - 2 * here + after
    shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return math.exp(LOG_GRID[top] + shift * STEP)


def _log_mean(gained: Floats) -> Floats:
    top = gained.max(axis=1)
    found: Floats = top + np.log(np.exp(gained - top[:, None]).mean(axis=1))
    return found
