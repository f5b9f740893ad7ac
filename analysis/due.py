"""When a metric is to be measured next."""

from __future__ import annotations

from analysis.model import Metric, MetricState

ERROR_RETRY_S = 10.0


def due_s(metric: Metric, state: MetricState, started_s: float) -> float | None:
    """The moment of the next measurement, seconds since the epoch; None where there will be none.

    started_s: when the run began, from which the initial delay counts.
    """
    if state.is_completed:
        return None
    if state.taken == 0:
        return started_s + metric.initial_delay_s
    last = state.measurements[-1] if state.measurements else None
    finished_s = last.finished_s if last and last.finished_s is not None else started_s
    if state.consecutive_error > 0:
        return finished_s + ERROR_RETRY_S
    return finished_s + (metric.interval_s or 0.0)
