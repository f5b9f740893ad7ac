"""The functions of PromQL: over ranges of samples, over single values, over histogram buckets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

Labels: TypeAlias = frozenset[tuple[str, str]]
Vector: TypeAlias = dict[Labels, float]
Samples: TypeAlias = tuple[Sequence[float], Sequence[float]]  # times (seconds, ascending) and values


def _extrapolated(samples: Samples, start_s: float, end_s: float, *, counter: bool, per_second: bool) -> float | None:
    """rate, increase and delta with the extrapolation that Prometheus makes towards the window's ends."""
    times, values = samples
    if len(times) < 2:
        return None
    change = values[-1] - values[0]
    if counter:
        change += sum(before for before, after in pairwise(values) if after < before)
    sampled_s = times[-1] - times[0]
    average_s = sampled_s / (len(times) - 1)
    to_start_s, to_end_s = times[0] - start_s, end_s - times[-1]
    to_start_s = to_start_s if to_start_s < average_s * 1.1 else average_s / 2
    if counter and change > 0 and values[0] >= 0:
        to_start_s = min(to_start_s, sampled_s * values[0] / change)  # a counter was never below zero
    to_end_s = to_end_s if to_end_s < average_s * 1.1 else average_s / 2
    result = change * (sampled_s + to_start_s + to_end_s) / sampled_s
    return result / (end_s - start_s) if per_second else result


def _last_change(samples: Samples, *, per_second: bool) -> float | None:
    times, values = samples
    if len(times) < 2 or times[-1] == times[-2]:
        return None
    change = values[-1] - values[-2]
    if per_second and change < 0:
        change = values[-1]
    return change / (times[-1] - times[-2]) if per_second else change


Over: TypeAlias = Callable[[Samples, float, float], float | None]
# Functions of the samples of a range and of its start and end.
OVER_RANGE: Mapping[str, Over] = {
    "rate": lambda s, a, b: _extrapolated(s, a, b, counter=True, per_second=True),
    "increase": lambda s, a, b: _extrapolated(s, a, b, counter=True, per_second=False),
    "delta": lambda s, a, b: _extrapolated(s, a, b, counter=False, per_second=False),
    "irate": lambda s, _a, _b: _last_change(s, per_second=True),
    "idelta": lambda s, _a, _b: _last_change(s, per_second=False),
    "sum_over_time": lambda s, _a, _b: math.fsum(s[1]),
    "avg_over_time": lambda s, _a, _b: math.fsum(s[1]) / len(s[1]),
    "min_over_time": lambda s, _a, _b: min(s[1]),
    "max_over_time": lambda s, _a, _b: max(s[1]),
    "count_over_time": lambda s, _a, _b: float(len(s[1])),
    "last_over_time": lambda s, _a, _b: s[1][-1],
}
KEEPS_NAME = frozenset({"last_over_time"})


def _round_half_up(value: float, to: float = 1.0) -> float:
    return math.floor(value / to + 0.5) * to


MATH: Mapping[str, Callable[..., float]] = {
    "abs": abs,
    "ceil": lambda x: float(math.ceil(x)) if math.isfinite(x) else x,
    "floor": lambda x: float(math.floor(x)) if math.isfinite(x) else x,
    "exp": lambda x: math.exp(min(x, 709.0)),
    "ln": lambda x: math.log(x) if x > 0 else (-math.inf if x == 0 else math.nan),
    "sqrt": lambda x: math.sqrt(x) if x >= 0 else math.nan,
    "round": lambda x, to=1.0: _round_half_up(x, to) if math.isfinite(x) else x,
    "clamp_min": max,
    "clamp_max": min,
    "clamp": lambda x, low, high: max(low, min(x, high)),
}


def histogram_quantile(quantile: float, vector: Vector) -> Vector:
    """The quantile of each histogram among the `_bucket` series of a vector."""
    groups: dict[Labels, list[tuple[float, float]]] = {}
    for labels, value in vector.items():
        bound = dict(labels).get("le")
        if bound is not None:
            rest = frozenset(pair for pair in labels if pair[0] not in ("le", "__name__"))
            groups.setdefault(rest, []).append((float(bound), value))
    return {labels: _quantile_of(quantile, sorted(buckets)) for labels, buckets in groups.items()}


def _quantile_of(quantile: float, buckets: list[tuple[float, float]]) -> float:
    """Linear interpolation inside the bucket that holds the rank. Source: Prometheus, bucketQuantile."""
    if math.isnan(quantile) or len(buckets) < 2 or buckets[-1][0] != math.inf or buckets[-1][1] == 0:
        return math.nan
    if not 0 <= quantile <= 1:
        return -math.inf if quantile < 0 else math.inf
    rank = quantile * buckets[-1][1]
    index = next((i for i, (_, count) in enumerate(buckets[:-1]) if count >= rank), len(buckets) - 1)
    if index == len(buckets) - 1:
        return buckets[-2][0]
    upper, count = buckets[index]
    if index == 0 and upper <= 0:
        return upper
    lower, below = buckets[index - 1] if index else (0.0, 0.0)
    return lower + (upper - lower) * ((rank - below) / (count - below) if count > below else 1.0)
