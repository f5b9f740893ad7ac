"""Measurements → counts per metric → the metric's phase."""

from __future__ import annotations

from dataclasses import replace

from analysis.model import Measurement, Metric, MetricState
from analysis.phase import Phase


def record(state: MetricState, measurement: Measurement, keep: int) -> MetricState:
    """The state after one more measurement, of which the latest `keep` are kept."""
    phase = measurement.phase
    assert phase.is_completed
    is_error = phase is Phase.ERROR
    return replace(
        state,
        count=state.count + (not is_error),
        successful=state.successful + (phase is Phase.SUCCESSFUL),
        failed=state.failed + (phase is Phase.FAILED),
        inconclusive=state.inconclusive + (phase is Phase.INCONCLUSIVE),
        error=state.error + is_error,
        consecutive_error=state.consecutive_error + 1 if is_error else 0,
        consecutive_success=state.consecutive_success + 1 if phase is Phase.SUCCESSFUL else 0,
        measurements=(*state.measurements, measurement)[-max(1, keep) :],
    )


def assess(metric: Metric, state: MetricState, is_terminating: bool) -> Phase:
    """The phase of a metric. A pure function of its counts: a restart cannot change it."""
    if state.is_completed and state.phase:
        return state.phase
    if state.taken == 0:
        return Phase.SUCCESSFUL if is_terminating else Phase.PENDING
    if broken := breach(metric, state):
        return broken[0]
    limit = metric.consecutive_success_limit
    if 0 < limit <= state.consecutive_success:
        return Phase.SUCCESSFUL
    if metric.count is not None and state.count >= metric.count:
        if limit > 0:
            return Phase.FAILED if metric.failure_limit < 0 else Phase.INCONCLUSIVE
        return Phase.SUCCESSFUL
    return Phase.SUCCESSFUL if is_terminating else Phase.RUNNING


def breach(metric: Metric, state: MetricState) -> tuple[Phase, str] | None:
    """The limit that the metric has passed: the phase that follows and the reason; the last that holds speaks."""
    found: tuple[Phase, str] | None = None
    if 0 <= metric.failure_limit < state.failed:
        found = Phase.FAILED, f"failed ({state.failed}) > failureLimit ({metric.failure_limit})"
    if state.inconclusive > metric.inconclusive_limit:
        reason = f"inconclusive ({state.inconclusive}) > inconclusiveLimit ({metric.inconclusive_limit})"
        found = Phase.INCONCLUSIVE, reason
    if state.consecutive_error > metric.consecutive_error_limit:
        limit = metric.consecutive_error_limit
        found = Phase.ERROR, f"consecutiveErrors ({state.consecutive_error}) > consecutiveErrorLimit ({limit})"
    return found


def reason(metric: Metric, state: MetricState) -> str:
    """Why a metric ended badly, in the contract's words."""
    if broken := breach(metric, state):
        return broken[1]
    return (
        f"consecutiveSuccess ({state.consecutive_success}) < consecutiveSuccessLimit "
        f"({metric.consecutive_success_limit}) after count ({state.count})"
    )
