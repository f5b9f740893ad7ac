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
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from analysis.stats.align import Look
from analysis.stats.logs import LOG_MAX, Floats

# 29 steps are a factor of 20, so that steps of the grid are the bets x1.23, 1.5, 2.1, 3.1, 5.2, 9.8 and 20.
STEP = math.log(20.0) / 29
BELOW, ABOVE = 22, 45
LOG_GRID: Floats = np.arange(-BELOW, ABOVE + 1, dtype=np.float64) * np.float64(STEP)  # risks from 0.10 to 104
BET_STEPS = (2, 4, 7, 11, 16, 22, 29)
_FINE = 16  # points between two of the grid, for the integral over pod effects
_PLACES, _STEPS = np.arange(LOG_GRID.size), np.array(BET_STEPS)[:, None]
# Where the bets of each point stand, above it and below. Beyond the grid they are held at its end: still a bet on one
# fixed risk on the right side, or none at all.
_REACHED = np.stack([np.minimum(_PLACES + _STEPS, LOG_GRID.size - 1), np.maximum(_PLACES - _STEPS, 0)], axis=1)


def start() -> tuple[float, ...]:
    """The profile before any look: flat."""
    return (0.0,) * LOG_GRID.size


def add(profile: Sequence[float], looks: Iterable[Look]) -> tuple[float, ...]:
    """The profile after more looks; one without both sides' requests, or without a bad one, adds nothing."""
    return added(profile, sum((gains(look, LOG_GRID) for look in looks), np.zeros_like(LOG_GRID)))


def added(profile: Sequence[float], gained: Floats) -> tuple[float, ...]:
    """The profile after looks that add so much to g at its points, shape of `LOG_GRID`."""
    moved = np.asarray(profile) + gained
    moved = np.maximum(moved - moved.max(), -LOG_MAX)
    fine = moved.round(4)
    return tuple((fine if moved.min() > -100 else np.where(moved > -100, fine, moved.round(2))).tolist())


def gains(look: Look, log_risk: Floats, excess: Floats | None = None) -> Floats:
    """What one look adds to g at ln(risk), nats, shape of log_risk.  excess: risk - 1, if the caller has it already."""
    n_c, n_s = look.canary.total, look.stable.total
    bad = look.canary.bad + look.stable.bad
    if n_c <= 0 or n_s <= 0 or bad <= 0:
        return np.zeros_like(log_risk)
    share = n_c / (n_c + n_s)
    more = np.expm1(log_risk) if excess is None else excess
    gained: Floats = look.canary.bad * log_risk - bad * np.log1p(share * more)
    return gained


def at(profile: Sequence[float], log_risk: Floats) -> Floats:
    """g between the points of the grid, by four-point Lagrange; beyond its ends, the end's value."""
    return _between(np.asarray(profile), *_places(log_risk))


def _places(log_risk: Floats) -> tuple[NDArray[np.int_], tuple[Floats, ...]]:
    """For each risk the point of the grid below it, and what four points around it weigh."""
    x = np.minimum(np.maximum((log_risk - LOG_GRID[0]) / STEP, 0), LOG_GRID.size - 1)
    base = np.minimum(np.maximum(np.floor(x).astype(int), 1), LOG_GRID.size - 3)
    t = x - base
    return base, (
        -t * (t - 1) * (t - 2) / 6, (t + 1) * (t - 1) * (t - 2) / 2, -((t + 1) * t * (t - 2) / 2),
        (t + 1) * t * (t - 1) / 6,
    )  # fmt: skip


def _between(values: Floats, base: NDArray[np.int_], weights: tuple[Floats, ...]) -> Floats:
    found: Floats = (
        weights[0] * values[..., base - 1] + weights[1] * values[..., base]
        + weights[2] * values[..., base + 1] + weights[3] * values[..., base + 2]
    )  # fmt: skip
    return found


_FINE_PLACES = _places(np.arange((LOG_GRID.size - 1) * _FINE + 1) * (STEP / _FINE) + LOG_GRID[0])


def smooth(profile: Sequence[float], spread: float) -> tuple[float, ...]:
    """The profile when each deployment's risk is itself drawn: h(r) = ln of the integral of exp g(r x) over x.

    x is lognormal with mean 1 and log-sd `spread` >= 0 (0: the profile itself). The integral is a Riemann sum on a grid
    sixteen times finer, which is exact to many digits for peaks wider than a hundredth.
    Source: random-effects meta-analysis; the ratio of two such integrals is a Bayes factor, hence an e-process."""
    if spread <= 0:
        return tuple(profile)
    likelihood, top = likelihoods(np.asarray(profile))
    return tuple((np.log(blurred(likelihood, spread)) + top).tolist())


def likelihoods(profiles: Floats) -> tuple[Floats, Floats]:
    """(exp(g) on the fine grid over its greatest value, ln of that), of one profile or of a row each.

    Underflow far from the peak is only a loss of evidence: the floor lifts what the null explains, never the bets."""
    fine = _between(profiles, *_FINE_PLACES)
    top = fine.max(axis=-1, keepdims=True)
    return np.exp(np.maximum(fine - top, -700.0)), top


def blurred(likelihood: Floats, spread: float) -> Floats:
    """A likelihood on the fine grid, averaged over x, on the coarse one."""
    weights = _weights(spread)
    reach = weights.size // 2
    padded = np.concatenate([np.full(reach, likelihood[0]), likelihood, np.full(reach, likelihood[-1])])
    windows = np.lib.stride_tricks.as_strided(
        padded, (LOG_GRID.size, weights.size), (_FINE * padded.itemsize, padded.itemsize), writeable=False
    )
    found: Floats = windows @ weights
    return found


@lru_cache(maxsize=256)
def _weights(spread: float) -> Floats:
    """The density of ln x on the fine grid, from -4 to 4 log-sd at least, summing to 1."""
    fine_step = STEP / _FINE
    reach = max(_FINE, math.ceil(4 * spread / fine_step))
    x = np.arange(-reach, reach + 1) * fine_step
    log_weights = -0.5 * ((x + spread**2 / 2) / spread) ** 2
    weights = np.exp(log_weights - log_weights.max())
    summed: Floats = weights / weights.sum()
    return summed


def log_evidence(profile: Sequence[float], *, above: float | None = None, below: float | None = None) -> float:
    """ln of the mixture e-value against "risk <= above" or against "risk >= below"; exactly one is given."""
    assert (above is None) != (below is None)
    places = _bets_beyond(above if above is not None else below or 1.0, 1 if above is not None else -1)
    points = _between(np.asarray(profile), *places)
    gained = points[1:] - points[0]
    top = max(0.0, float(gained.max()))
    return top + math.log(float(np.exp(gained - top).mean()))


@lru_cache(maxsize=64)
def _bets_beyond(null: float, sign: int) -> tuple[NDArray[np.int_], tuple[Floats, ...]]:
    return _places(math.log(null) + sign * STEP * np.array([0, *BET_STEPS]))


def at_risks(profile: Sequence[float], risks: tuple[float, ...]) -> Floats:
    """g at these risks, which are asked for again and again."""
    return _between(np.asarray(profile), *_places_of(risks))


@lru_cache(maxsize=64)
def _places_of(risks: tuple[float, ...]) -> tuple[NDArray[np.int_], tuple[Floats, ...]]:
    return _places(np.log(risks))


def interval(profile: Sequence[float] | Floats, alpha: float) -> tuple[float, float | None]:
    """(low, high): risks that no look has refuted, valid at any time together.  alpha in (0, 1).

    { r0 : both one-sided mixture e-values at r0 stay under 2 / alpha }, rounded outward to the grid. low is 0 where
    even the smallest risk of the grid stands, high None (no bound) where the largest does.
    Source: inversion of e-processes, Howard, Ramdas, McAuliffe & Sekhon (2021)."""
    values = np.asarray(profile)
    threshold = math.log(2 / alpha)
    below, above = _stay_under(values[_REACHED] - values, threshold)
    stands = below & above
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


def _stay_under(gained: Floats, threshold: float) -> NDArray[np.bool_]:
    """Whether the log of each mean of exp(gained) over the bets, its first axis, is under the threshold."""
    top = gained.max(axis=0)
    found: NDArray[np.bool_] = top < threshold  # a mean is no more than its greatest part, and no less than a share
    open_ones = ~found & (top < threshold + math.log(len(gained)) + 1e-9)
    rest, greatest = gained[:, open_ones], top[open_ones]
    found[open_ones] = greatest + np.log(np.exp(rest - greatest).mean(axis=0)) < threshold
    return found
