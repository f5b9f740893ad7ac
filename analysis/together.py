"""The comparing metrics of a run weighed together: one chance of a false abort for all of them, not one for each.

An average of e-processes is an e-process, whatever depends on what (Vovk & Wang 2021). A metric's share of alpha is its
importance over that of all; the run is aborted once the evidence, each metric's times its share of alpha, adds up to 1.
A metric whose own evidence would do that alone says so itself: its alpha is its share.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from analysis.compare.spec import Kind, read_comparison
from analysis.errors import AnalysisError

if TYPE_CHECKING:
    from analysis.model import Metric, MetricState

EVIDENCE = "evidence"  # under this name a metric's metadata keeps its newest e-value
REASON = "the comparing metrics' evidence together"


def shared(metrics: Sequence[Metric]) -> tuple[Metric, ...]:
    """The metrics with their shares of alpha; a comparing metric that is alone keeps all of it.

    Weighed are those that decide by evidence: no dry run, no conditions of their own, no failureLimit that never fails,
    no error budget, no ranks."""
    weights = {metric.name: weight for metric in metrics if (weight := _importance(metric)) > 0}
    if len(weights) < 2:
        return tuple(metrics)
    whole = math.fsum(weights.values())
    return tuple(
        _with_share(metric, weights[metric.name] / whole) if metric.name in weights else metric for metric in metrics
    )


def reached(metrics: Sequence[Metric], states: Sequence[MetricState]) -> tuple[int, str] | None:
    """The metric that brought most, and what is said of it, once the evidence together is enough; None before."""
    parts = list(_parts(metrics, states))
    total = math.fsum(part for _, part, _ in parts)
    open_ones = [each for each in parts if not states[each[0]].is_completed]
    if total < 1 or len(parts) < 2 or not open_ones:
        return None
    place, _, _ = max(open_ones, key=lambda each: each[1])
    told = ", ".join(f"{metrics[index].name} {e:.4g} of {e / part:.4g}" for index, part, e in parts if part > 0)
    return place, f"evidence together {total:.3g} times what is needed: {told}"


def _parts(metrics: Sequence[Metric], states: Sequence[MetricState]) -> Iterator[tuple[int, float, float]]:
    """(place, evidence times its share of alpha, evidence) of every metric that is weighed."""
    for place, (metric, state) in enumerate(zip(metrics, states, strict=True)):
        if metric.alpha_share > 0:
            try:
                e = float(state.metadata.get(EVIDENCE, "1"))
            except ValueError:
                e = 1.0
            e = e if math.isfinite(e) and e >= 0 else 1.0
            yield place, float(f"{e * metric.alpha_share:.6g}"), e


def _importance(metric: Metric) -> float:
    if metric.provider != "comparison" or metric.is_dry_run or metric.failure_limit < 0:
        return 0.0
    if metric.judged.success or metric.judged.failure:
        return 0.0
    try:
        asked = read_comparison(metric.query)
    except AnalysisError:
        return 0.0
    return asked.importance if asked.kind is not Kind.BURN and asked.method == "evidence" else 0.0


def _with_share(metric: Metric, share: float) -> Metric:
    alpha = float(f"{read_comparison(metric.query).terms.rules.alpha * share:.6g}")
    return replace(metric, query={**metric.query, "alpha": alpha}, alpha_share=alpha)
