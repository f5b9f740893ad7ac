"""Size of an effect: difference and ratio of means, with intervals for one look and for any number of looks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from analysis.stats.logs import NORMAL, t_quantile


@dataclass(frozen=True, slots=True)
class Sample:
    """n values by their moments: mean, and variance with divisor n - 1 (0 for n < 2)."""

    n: float
    mean: float
    variance: float


@dataclass(frozen=True, slots=True)
class Effect:
    """Canary against stable. nan bounds where the data say nothing; inf where one side is unbounded."""

    value: float
    low: float
    high: float


def sample(values: Iterable[float]) -> Sample:
    """The moments of values; what is not finite is left out.  mean is nan for none."""
    kept = [value for value in values if math.isfinite(value)]
    if not kept:
        return Sample(0, math.nan, 0.0)
    mean = math.fsum(kept) / len(kept)
    spread = math.fsum((value - mean) ** 2 for value in kept)
    return Sample(len(kept), mean, spread / (len(kept) - 1) if len(kept) > 1 else 0.0)


def proportion(bad: float, total: float) -> Sample:
    """A fraction as a sample of zeros and ones."""
    if total <= 0:
        return Sample(0, math.nan, 0.0)
    p = bad / total
    return Sample(total, p, p * (1 - p) * total / (total - 1) if total > 1 else 0.0)


def difference(canary: Sample, stable: Sample, level: float = 0.95) -> Effect:
    """Mean of canary minus mean of stable, in their unit, with Welch's interval.  Source: Welch (1947)."""
    value = canary.mean - stable.mean
    if canary.n < 2 or stable.n < 2:
        return Effect(value, math.nan, math.nan)
    parts = canary.variance / canary.n, stable.variance / stable.n
    total = sum(parts)
    if total == 0:
        return Effect(value, value, value)
    df = total**2 / (parts[0] ** 2 / (canary.n - 1) + parts[1] ** 2 / (stable.n - 1))
    reach = t_quantile(0.5 + level / 2, df) * math.sqrt(total)
    return Effect(value, value - reach, value + reach)


def ratio(canary: Sample, stable: Sample, level: float = 0.95) -> Effect:
    """Mean of canary over mean of stable, with Fieller's interval; unbounded while stable's mean may be zero.

    nan where stable's mean is zero.  Source: Fieller (1954)."""
    if not stable.n or not canary.n or stable.mean == 0:
        return Effect(math.nan, math.nan, math.nan)
    value = canary.mean / stable.mean
    if canary.n < 2 or stable.n < 2:
        return Effect(value, math.nan, math.nan)
    z = t_quantile(0.5 + level / 2, canary.n + stable.n - 2)
    v_c, v_s = canary.variance / canary.n, stable.variance / stable.n
    g = z * z * v_s / stable.mean**2
    if g >= 1:
        return Effect(value, -math.inf, math.inf)
    reach = z / abs(stable.mean) * math.sqrt(max(0.0, v_c * (1 - g) + value**2 * v_s))
    return Effect(value, (value - reach) / (1 - g), (value + reach) / (1 - g))


def risk_ratio(canary: tuple[float, float], stable: tuple[float, float], level: float = 0.95) -> Effect:
    """Relative risk from (total, bad) of both sides, one look, on the log scale.  Source: Katz et al. (1978).

    Without a bad request on a side, that bound is open (0 or inf)."""
    (n_c, k_c), (n_s, k_s) = canary, stable
    if n_c <= 0 or n_s <= 0 or k_c + k_s <= 0:
        return Effect(math.nan, 0.0, math.inf)
    if k_c == 0 or k_s == 0:
        return Effect(0.0 if k_c == 0 else math.inf, 0.0, math.inf)
    value = (k_c / n_c) / (k_s / n_s)
    reach = NORMAL.inv_cdf(0.5 + level / 2) * math.sqrt(max(0.0, 1 / k_c - 1 / n_c + 1 / k_s - 1 / n_s))
    return Effect(value, value * math.exp(-reach), value * math.exp(reach))


def anytime_difference(canary: Sample, stable: Sample, alpha: float = 0.05, expected_n: float = 1000.0) -> Effect:
    """Difference of means with an asymptotic confidence sequence: holds at all looks together, for large samples.

    D +- sqrt(V) sqrt(2 (n rho^2 + 1) / (n rho^2) ln(sqrt(n rho^2 + 1) / alpha)), V the variance of D, n the requests of
    both sides; rho makes it tightest near expected_n. Not below about a hundred values a side.
    Source: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024), theorem 2.2."""
    value = canary.mean - stable.mean
    if canary.n < 2 or stable.n < 2:
        return Effect(value, -math.inf, math.inf)
    n = canary.n + stable.n
    rho2 = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / expected_n
    variance = canary.variance / canary.n + stable.variance / stable.n
    widened = (n * rho2 + 1) / (n * rho2)
    reach = math.sqrt(variance * 2 * widened * math.log(math.sqrt(n * rho2 + 1) / alpha))
    return Effect(value, value - reach, value + reach)
