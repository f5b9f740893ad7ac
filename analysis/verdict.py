"""Metric phases → the run's phase: the worst speaks, one bad metric ends the others, dry runs stand apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from analysis import together
from analysis.model import Metric, MetricState
from analysis.phase import Phase, worst
from analysis.tally import assess, breach, reason

RUN_TERMINATED = "Run Terminated"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run stands.

    summary, dry_run_summary: counts of metrics (count, successful, failed, …), zeros left out.  An outcome counts only
    where something was measured.
    """

    phase: Phase
    message: str
    states: tuple[MetricState, ...]
    summary: Mapping[str, int] = field(default_factory=dict)
    dry_run_summary: Mapping[str, int] = field(default_factory=dict)


def judge(metrics: Sequence[Metric], states: Sequence[MetricState], is_terminated: bool = False) -> Verdict:
    """The verdict on a run: a pure function of what was measured.

    states: one per metric, in the same order.  is_terminated: whether somebody ended the run.
    """
    assert [metric.name for metric in metrics] == [state.name for state in states]
    if not is_terminated and (found := together.reached(metrics, states)):
        place, said = found
        failed = replace(states[place], phase=Phase.FAILED, message=said)
        states = (*states[:place], failed, *states[place + 1 :])
    phases = [assess(metric, state, is_terminated) for metric, state in zip(metrics, states, strict=True)]
    is_ending = is_terminated or any(
        phase.is_bad for metric, phase in zip(metrics, phases, strict=True) if not metric.is_dry_run
    )
    after = tuple(_assessed(metric, state, is_ending) for metric, state in zip(metrics, states, strict=True))
    judged = [(metric, state) for metric, state in zip(metrics, after, strict=True) if not metric.is_dry_run]
    rehearsed = [state for metric, state in zip(metrics, after, strict=True) if metric.is_dry_run]
    phase, message = _of_run(judged, after, is_terminated)
    return Verdict(phase, message, after, _summary([state for _, state in judged]), _summary(rehearsed))


def _assessed(metric: Metric, state: MetricState, is_ending: bool) -> MetricState:
    phase = assess(metric, state, is_ending)
    if phase is state.phase or (phase is Phase.PENDING and state.phase is None):
        return state
    message = state.measurements[-1].message if state.measurements else ""
    if metric.is_dry_run and phase.is_bad:
        message = f"Metric assessed {phase} due to {reason(metric, state)}"
    return replace(state, phase=phase, message=message)


def _of_run(
    judged: Sequence[tuple[Metric, MetricState]], states: Sequence[MetricState], is_terminated: bool
) -> tuple[Phase, str]:
    if not all(state.is_completed for state in states):
        return Phase.RUNNING, ""
    phase = worst(state.phase for _, state in judged if state.phase)
    if phase is Phase.SUCCESSFUL:
        return phase, RUN_TERMINATED if is_terminated else ""
    metric, state = next(pair for pair in judged if pair[1].phase is phase)
    is_shared = phase is Phase.FAILED and metric.alpha_share > 0 and not breach(metric, state)
    due = together.REASON if is_shared else reason(metric, state)
    said = f'Metric "{metric.name}" assessed {phase} due to {due}'
    return phase, _because(said, state.message)


def _because(said: str, message: str) -> str:
    return f'{said}: "Error Message: {message}"' if message else said


def _summary(states: Sequence[MetricState]) -> Mapping[str, int]:
    counts = {"count": len(states)}
    for phase in (Phase.SUCCESSFUL, Phase.FAILED, Phase.INCONCLUSIVE, Phase.ERROR):
        counts[phase.value.lower()] = sum(state.phase is phase and state.taken > 0 for state in states)
    return {name: count for name, count in counts.items() if count}
