"""What a threshold does at the traffic that a service has: L06 (inside the noise) and L11 (too many false aborts)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from analysis import duration
from analysis.check import Spec, provider_of, whole
from analysis.errors import AnalysisError
from analysis.lint import Finding

BUDGET = 0.01
RUNS = 2000
_THRESHOLD = re.compile(r"result\[0\]\s*(>=|>|<=|<)\s*([0-9]*\.?[0-9]+)\s*$")
_RANGE = re.compile(r"\[([0-9a-z]+)\]")


@dataclass(frozen=True, slots=True)
class Rates:
    """What a healthy service does. rps: requests a second; weight: the canary's share; errors: bad fraction."""

    rps: float
    weight: float
    errors: float

    def __post_init__(self) -> None:
        if not (self.rps > 0 and 0 < self.weight <= 1 and 0 < self.errors < 1):
            raise ValueError("want rps > 0, 0 < weight <= 100 %, 0 < errors < 100 %")


def lint_rates(spec: Spec, rates: Rates) -> Iterator[Finding]:
    """A finding for each threshold on a ratio of requests that a healthy canary would trip."""
    metrics = spec.get("metrics")
    for index, metric in enumerate(metrics if isinstance(metrics, list | tuple) else ()):
        if isinstance(metric, Mapping) and (read := _threshold(metric)):
            yield from _judged(metric, read, rates, f"metrics[{index}].successCondition")


def _judged(metric: Spec, read: tuple[float, float], rates: Rates, at: str) -> Iterator[Finding]:
    most, window_s = read
    requests = rates.rps * rates.weight * window_s
    spread = math.sqrt(rates.errors * (1 - rates.errors) / requests)
    if abs(most - rates.errors) < 3 * spread:
        text = (
            f"{100 * rates.errors:.3g} % errors in {requests:.0f} requests are {100 * spread:.2g} % give or take: "
            f"a threshold of {100 * most:.3g} % lies inside three of those"
        )
        fix = f"a threshold beyond {100 * (rates.errors + 3 * spread):.2g} % errors, a longer window, or more weight"
        yield Finding("L06", at, text, fix)
    share = false_aborts(metric, most, window_s, rates)
    if share > BUDGET:
        text = f"{100 * share:.2g} % of healthy canaries would be aborted at this traffic, more than {100 * BUDGET:g} %"
        yield Finding("L11", at, text, "provider.comparison, or a higher failureLimit")


def false_aborts(metric: Spec, most: float, window_s: float, rates: Rates) -> float:
    """The share of healthy canaries that fail: runs are played with sliding windows; no requests fail, as NaN does."""
    interval_s = _seconds(metric.get("interval")) or window_s
    count, limit = whole(metric.get("count"), 0) or 1, whole(metric.get("failureLimit"), 0) or 0
    if limit < 0:
        return 0.0
    rng = np.random.default_rng(1)
    count, back = min(count, 500), max(1, round(window_s / interval_s))
    requests = rng.poisson(rates.rps * rates.weight * interval_s, (RUNS, count + back))
    bad = rng.binomial(requests, rates.errors)
    sums = [np.cumsum(each, axis=1)[:, back:] - np.cumsum(each, axis=1)[:, :-back] for each in (requests, bad)]
    failed = (sums[1] > most * sums[0]) | ((sums[0] == 0) & (not metric.get("noData")))
    return float((failed.sum(axis=1) > limit).mean())


def _threshold(metric: Spec) -> tuple[float, float] | None:
    """(the greatest bad fraction that passes, the window in seconds) of a threshold on a ratio; None for others."""
    provider = provider_of(metric)
    prometheus = provider.get("prometheus") if isinstance(provider, Mapping) else None
    query = str(prometheus.get("query") or "") if isinstance(prometheus, Mapping) else ""
    found = _THRESHOLD.search(str(metric.get("successCondition") or ""))
    windows = [seconds for text in _RANGE.findall(query) if (seconds := _seconds(text))]
    if not found or not windows or "/" not in query or "rate(" not in query:
        return None
    value = float(found[2])
    if not 0 <= value <= 1:
        return None
    return (1 - value if found[1].startswith(">") else value), max(windows)


def _seconds(text: object) -> float | None:
    try:
        return duration.parse_s(str(text)) if text else None
    except AnalysisError:
        return None
