"""From an answer to a measurement, and from a metric to the question it asks: the two steps a run is made of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from analysis.asks import Question, shown
from analysis.conditions import assess
from analysis.errors import AnalysisError
from analysis.model import Measurement, Metric, MetricState
from analysis.phase import Phase
from analysis.providers import PROVIDERS, Surroundings
from analysis.tally import record
from analysis.together import EVIDENCE

MESSAGE_CHARS_MAX = 1024
VALUE_CHARS_MAX = 8192
_ODD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)  # AnalysisError among them
MEMORY = "memory"  # under this name a metric's metadata keeps what its provider remembers


def ask(metric: Metric, around: Surroundings) -> Question:
    """The question that the metric asks now. Raises AnalysisError where none can be asked."""
    return PROVIDERS[metric.provider].ask(metric.query, replace(around, interval_s=metric.interval_s))


def measure(metric: Metric, answer: Any, error: str, started_s: float, finished_s: float) -> Measurement:
    """What an answer means. error: why there is none, "" where there is one."""
    if error:
        return failed(error, started_s, finished_s)
    try:
        reading = PROVIDERS[metric.provider].read(answer, metric.query)
    except _ODD as broken:
        return failed(_told(broken), started_s, finished_s)
    phase, message = assess(reading.value, metric.judged, finished_s)
    return Measurement(
        phase,
        _cut(reading.text, VALUE_CHARS_MAX),
        _cut(message, MESSAGE_CHARS_MAX),
        started_s,
        finished_s,
        reading.metadata,
    )


def taken(
    metric: Metric, state: MetricState, answer: Any, error: str, started_s: float, finished_s: float
) -> tuple[MetricState, Measurement]:
    """The state after an answer, and the measurement. What the provider remembers is kept in the state's metadata."""
    memory = state.metadata.get(MEMORY, "")
    judge = PROVIDERS[metric.provider].judge
    if judge is None or error:
        return _recorded(metric, state, measure(metric, answer, error, started_s, finished_s), memory)
    try:
        judged = judge(metric.query, answer, memory, started_s)
    except _ODD as broken:
        return _recorded(metric, state, failed(_told(broken), started_s, finished_s), memory)
    phase, message = judged.phase, judged.message
    if metric.judged.success or metric.judged.failure:
        phase, said = assess(judged.reading.value, metric.judged, finished_s)
        message = said or message
    measured = Measurement(
        phase, _cut(judged.reading.text, VALUE_CHARS_MAX), _cut(message, MESSAGE_CHARS_MAX), started_s, finished_s
    )
    return _recorded(metric, state, measured, judged.memory, f"{judged.evidence:.6g}")


def recorded(metric: Metric, state: MetricState, measured: Measurement) -> MetricState:
    """The state after a measurement that no answer led to."""
    return _recorded(metric, state, measured, state.metadata.get(MEMORY, ""))[0]


def _recorded(
    metric: Metric, state: MetricState, measured: Measurement, memory: str, evidence: str = ""
) -> tuple[MetricState, Measurement]:
    shown = dict(PROVIDERS[metric.provider].metadata(metric.query))
    if memory:
        shown[MEMORY] = memory
    if metric.alpha_share > 0 and (evidence := evidence or state.metadata.get(EVIDENCE, "")):
        shown[EVIDENCE] = evidence
    return replace(record(state, measured, metric.keep), metadata=shown), measured


def failed(error: str, started_s: float, finished_s: float) -> Measurement:
    """A measurement that could not be taken."""
    return Measurement(Phase.ERROR, "", _cut(shown(error), MESSAGE_CHARS_MAX), started_s, finished_s)


def _told(broken: Exception) -> str:
    """Why an answer could not be read: what nobody foresaw of a server or a plugin must not hold the run for ever."""
    return str(broken) if isinstance(broken, AnalysisError) else f"bad_response: {type(broken).__name__} as it was read"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[:limit] + "…"
