"""What every metric source offers: ask and read, both pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from analysis.asks import Question


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a question needs beside the metric's spec.

    now_s: the moment of asking, seconds since the epoch.  prometheus_address: the server where a metric names none.
    """

    now_s: float
    prometheus_address: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """A value as the conditions see it, and as users do (`text`); metadata goes into the measurement."""

    value: Any
    text: str
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Provider:
    """One source of metrics.

    ask: the question that a metric's spec asks now.  read: the value in an answer.  Both raise AnalysisError.
    metadata: what of the spec is worth showing beside the results.
    """

    ask: Callable[[Mapping[str, Any], Surroundings], Question]
    read: Callable[[Any], Reading]
    metadata: Callable[[Mapping[str, Any]], Mapping[str, str]]
