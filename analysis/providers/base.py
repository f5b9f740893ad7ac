"""What every metric source offers: ask and read, both pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from analysis.asks import Question
from analysis.phase import Phase


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a question needs beside the metric's spec.

    now_s: the moment of asking, seconds since the epoch.  prometheus_address: the server where a metric names none.
    memory: what the metric's provider kept from the measurement before, "" at the first.  began_s: when the run began,
    None where nobody knows.  interval_s: the metric's, None where it has none.
    """

    now_s: float
    prometheus_address: str = ""
    memory: str = ""
    began_s: float | None = None
    interval_s: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A value as the conditions see it, and as users do (`text`); metadata goes into the measurement."""

    value: Any
    text: str
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judged:
    """A reading that is a verdict already, unless the metric has conditions of its own.

    phase, message: the verdict and its reason.  memory: what the next measurement needs, kept once per metric.
    evidence: the e-value against "the canary is fine"."""

    reading: Reading
    phase: Phase
    message: str
    memory: str
    evidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Provider:
    """One source of metrics.

    ask: the question that a metric's spec asks now.  read: the value in an answer to that spec's question.  Both
    raise AnalysisError.
    metadata: what of the spec is worth showing beside the results.  judge: for a source that compares and remembers,
    in place of read: (spec, answer, memory, moment of asking) -> verdict.
    """

    ask: Callable[[Mapping[str, Any], Surroundings], Question]
    read: Callable[[Any, Mapping[str, Any]], Reading]
    metadata: Callable[[Mapping[str, Any]], Mapping[str, str]]
    judge: Callable[[Mapping[str, Any], Any, str, float], Judged] | None = None
