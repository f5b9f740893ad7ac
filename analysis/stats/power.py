"""The information floor: how long a step must last before any test can know, and what ours can see.

I = w kl(p_c || p_0) + (1 - w) kl(p_s || p_0), p_0 = w p_c + (1 - w) p_s, is what one request tells about which arm
fails more (the mutual information of arm and outcome). A rule that aborts healthy canaries with probability alpha or
less and surely aborts this one needs ln(1 / alpha) / I requests on average. Source: Wald (1945); Lorden (1971).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from analysis.stats.logs import NORMAL


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a service gets. rps: requests a second, both sides; weight: the canary's share in (0, 1); base_rate: the
    stable side's bad fraction in (0, 1)."""

    rps: float
    weight: float
    base_rate: float

    def __post_init__(self) -> None:
        if not (self.rps > 0 and 0 < self.weight < 1 and 0 < self.base_rate < 1):
            raise ValueError("want rps > 0, 0 < weight < 1 and 0 < base_rate < 1")

    def canary_rate(self, relative: float) -> float:
        """The canary's bad fraction at a relative risk, capped at 1.  relative > 0."""
        if relative <= 0:
            raise ValueError(f"relative: want above 0, got {relative}")
        return min(1.0, relative * self.base_rate)


def kl(p: float, q: float) -> float:
    """Kullback-Leibler divergence of Bernoulli(p) from Bernoulli(q), nats; inf where q excludes what p allows."""
    total = 0.0
    for a, b in ((p, q), (1 - p, 1 - q)):
        if a > 0:
            total += a * math.log(a / b) if b > 0 else math.inf
    return max(0.0, total)


def information(traffic: Traffic, relative: float) -> float:
    """Nats that one request (of either side) tells about a canary `relative` times as bad."""
    p_c, p_s, w = traffic.canary_rate(relative), traffic.base_rate, traffic.weight
    pooled = w * p_c + (1 - w) * p_s
    return w * kl(p_c, pooled) + (1 - w) * kl(p_s, pooled)


def floor_s(traffic: Traffic, relative: float, alpha: float = 0.01) -> float:
    """Seconds that no valid rule beats on average before aborting; inf at relative risk 1."""
    told = information(traffic, relative)
    return math.log(1 / alpha) / told / traffic.rps if told > 0 else math.inf


def floor_excess(traffic: Traffic, relative: float, alpha: float = 0.01) -> float:
    """Bad requests beyond the healthy canary's that no valid rule avoids on average; free of rps."""
    delta = traffic.canary_rate(relative) - traffic.base_rate
    return traffic.rps * traffic.weight * delta * floor_s(traffic, relative, alpha)


def certificate_bad(weight: float, worse_than: float, beta: float = 0.05) -> float:
    """Bad requests, both sides, that a healthy canary needs for "not worse than": ln(1/beta) / kl(q(1) || q(r))."""
    if not (0 < weight < 1 and worse_than > 1):
        raise ValueError("want 0 < weight < 1 and worse_than > 1")
    weighted = worse_than * weight
    return math.log(1 / beta) / kl(weight, weighted / (weighted + 1 - weight))


def certificate_s(traffic: Traffic, worse_than: float, beta: float = 0.05) -> float:
    """Seconds before a healthy canary can be certified, on average and at best."""
    return certificate_bad(traffic.weight, worse_than, beta) / (traffic.rps * traffic.base_rate)


def fixed_power(traffic: Traffic, relative: float, after_s: float, alpha: float = 0.01) -> float:
    """The most that a single look after `after_s` seconds can detect (Neyman-Pearson, normal approximation)."""
    p_c, p_s, w = traffic.canary_rate(relative), traffic.base_rate, traffic.weight
    pooled = w * p_c + (1 - w) * p_s
    requests = traffic.rps * after_s
    shift = math.sqrt(w * (1 - w) * requests) * (p_c - p_s) / math.sqrt(pooled * (1 - pooled)) if pooled < 1 else 1e9
    return NORMAL.cdf(shift - NORMAL.inv_cdf(1 - alpha))


def smallest_relative(traffic: Traffic, step_s: float, alpha: float = 0.01, slack: float = 1.5) -> float | None:
    """The least relative risk that a step of `step_s` seconds sees typically: its floor times `slack` fits in.

    slack: how far a sequential test stays above the floor (1.5 for ours). None if even a total outage does not fit."""
    low, high = 1.0, 1 / traffic.base_rate
    if slack * floor_s(traffic, high, alpha) > step_s:
        return None
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if slack * floor_s(traffic, middle, alpha) <= step_s else (middle, high)
    return high


def advise(traffic: Traffic, step_s: float, alpha: float = 0.01) -> str:
    """One sentence: what a step of this length can see, and what would let it see a doubling."""
    seen = smallest_relative(traffic, step_s, alpha)
    told = f"{traffic.rps:g} rps at {100 * traffic.weight:g} % weight and {100 * traffic.base_rate:g} % errors"
    need_s = 1.5 * floor_s(traffic, min(2.0, 1 / traffic.base_rate), alpha)
    if seen is None:
        return f"{told}: a step of {step_s:g} s cannot see even a total outage; a doubling needs {need_s:.0f} s"
    if seen <= 2:
        return f"{told}: a step of {step_s:g} s sees {seen:.2g} times the errors and more"
    return (
        f"{told}: a step of {step_s:g} s sees no less than {seen:.2g} times the errors; a doubling needs {need_s:.0f} s"
    )
