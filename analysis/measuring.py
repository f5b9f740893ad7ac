"""From an answer to a measurement, and from a metric to the question it asks: the two steps a run is made of."""

from __future__ import annotations

from typing import Any

from analysis.asks import Question, shown
from analysis.conditions import assess
from analysis.errors import AnalysisError
from analysis.model import Measurement, Metric
from analysis.phase import Phase
from analysis.providers import PROVIDERS, Surroundings

MESSAGE_CHARS_MAX = 1024
VALUE_CHARS_MAX = 8192


def ask(metric: Metric, around: Surroundings) -> Question:
    """The question that the metric asks now. Raises AnalysisError where none can be asked."""
    return PROVIDERS[metric.provider].ask(metric.query, around)


def measure(metric: Metric, answer: Any, error: str, started_s: float, finished_s: float) -> Measurement:
    """What an answer means. error: why there is none, "" where there is one."""
    if error:
        return failed(error, started_s, finished_s)
    try:
        reading = PROVIDERS[metric.provider].read(answer)
    except AnalysisError as broken:
        return failed(str(broken), started_s, finished_s)
    phase, message = assess(reading.value, metric.judged, finished_s)
    return Measurement(
        phase,
        _cut(reading.text, VALUE_CHARS_MAX),
        _cut(message, MESSAGE_CHARS_MAX),
        started_s,
        finished_s,
        reading.metadata,
    )


def failed(error: str, started_s: float, finished_s: float) -> Measurement:
    """A measurement that could not be taken."""
    return Measurement(Phase.ERROR, "", _cut(shown(error), MESSAGE_CHARS_MAX), started_s, finished_s)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[:limit] + "…"
