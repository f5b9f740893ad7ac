"""Judge a recorded run again: the same answers, the same clock, the same verdict."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis import measuring
from analysis.due import due_s
from analysis.errors import AnalysisError
from analysis.model import Measurement, Metric, MetricState, read_metrics
from analysis.verdict import Verdict, judge

TURNS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Recorded:
    """One answer as it came. metric: its name; at_s: seconds since the run's start; answer: the source's JSON."""

    metric: str
    at_s: float
    answer: Any = None
    error: str = ""


def read_record(lines: Sequence[Mapping[str, Any]]) -> tuple[Recorded, ...]:
    """Recorded answers from objects `{metric, at, answer}` or `{metric, at, error}`, in order of time."""
    found = []
    for number, line in enumerate(lines, start=1):
        at = line.get("at")
        if not isinstance(line.get("metric"), str) or isinstance(at, bool) or not isinstance(at, int | float):
            raise AnalysisError(f"record {number}: want {{metric, at, answer or error}}")
        found.append(Recorded(line["metric"], float(at), line.get("answer"), str(line.get("error") or "")))
    return tuple(sorted(found, key=lambda each: each.at_s))


def replay(spec: Mapping[str, Any], recorded: Sequence[Recorded]) -> Verdict:
    """The verdict that a run of this spec comes to with these answers; answers after its end are not looked at."""
    return deque(steps(spec, recorded), maxlen=1)[0][0]


def steps(
    spec: Mapping[str, Any], recorded: Sequence[Recorded]
) -> Iterator[tuple[Verdict, tuple[str, Measurement] | None]]:
    """The verdict at the start and after each answer, with the measurement that led to it."""
    metrics = read_metrics(spec)
    states = {metric.name: MetricState(metric.name) for metric in metrics}
    verdict = judge(metrics, tuple(states.values()))
    yield verdict, None
    for each in recorded[:TURNS_MAX]:
        if verdict.phase.is_completed:
            return
        metric = _named(metrics, each.metric)
        if states[metric.name].is_completed:
            continue
        state = states[metric.name]
        states[metric.name], taken = measuring.taken(metric, state, each.answer, each.error, each.at_s, each.at_s)
        verdict = judge(metrics, tuple(states[metric.name] for metric in metrics))
        states = {state.name: state for state in verdict.states}
        yield verdict, (metric.name, taken)


def next_due_s(metrics: Sequence[Metric], states: Sequence[MetricState], started_s: float) -> float | None:
    """When the first of these metrics is to be measured next; None where all are complete."""
    moments = [due_s(metric, state, started_s) for metric, state in zip(metrics, states, strict=True)]
    return min((moment for moment in moments if moment is not None), default=None)


def _named(metrics: Sequence[Metric], name: str) -> Metric:
    for metric in metrics:
        if metric.name == name:
            return metric
    raise AnalysisError(f"no metric is called {name!r}; there are {', '.join(metric.name for metric in metrics)}")
