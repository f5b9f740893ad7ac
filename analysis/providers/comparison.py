"""Canary against stable: raw counters of both sides out of Prometheus, one verdict a look, one memory a metric."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from analysis.asks import PromQueries, shown
from analysis.compare import looking
from analysis.compare.spec import CONNECTION, GUARDS, Comparison, read_comparison
from analysis.compare.terms import Finding, Side
from analysis.errors import AnalysisError
from analysis.phase import Phase
from analysis.providers import prometheus
from analysis.providers.base import Judged, Provider, Reading, Surroundings
from analysis.stats.decision import Verdict

_PHASES = {
    Verdict.ABORT: Phase.FAILED,
    Verdict.PROMOTE: Phase.SUCCESSFUL,
    Verdict.INCONCLUSIVE: Phase.INCONCLUSIVE,
}
WINDOW_S_MAX = 6 * 3600  # a look asks for no more, however long the server was away


def ask(spec: Mapping[str, Any], around: Surroundings) -> PromQueries:
    """The selectors' raw samples since the look before, and a little before that."""
    asked = read_comparison(spec)
    seconds = math.ceil(min(WINDOW_S_MAX, looking.window_s(asked, around.memory, around.now_s)))
    queries = [f"{selector}[{seconds}s]" for selector in asked.selectors]
    first = prometheus.ask({**_where(spec), "query": queries[0]}, around)  # the same server is checked once
    return PromQueries((first, *(replace(first, query=query) for query in queries[1:])))


def judge(spec: Mapping[str, Any], answer: Any, memory: str, at_s: float) -> Judged:
    """The verdict of this look. Raises AnalysisError for answers that are none; then nothing is lost."""
    asked = read_comparison(spec)
    if not isinstance(answer, list | tuple) or len(answer) != len(asked.selectors):
        raise AnalysisError(f"bad_response: want {len(asked.selectors)} answers")
    found = [looking.samples(prometheus.data_of(each)) for each in answer]
    text, finding = looking.look(asked, found, memory, at_s)
    value = value_of(asked, finding)
    said = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    phase = _PHASES[finding.verdict]
    if asked.kind in GUARDS and finding.verdict is Verdict.INCONCLUSIVE:
        phase = Phase.SUCCESSFUL  # a guard certifies nothing: it passes until it stops
    return Judged(Reading(value, said), phase, finding.why, text, finding.bad)


def value_of(asked: Comparison, finding: Finding) -> dict[str, Any]:
    """What conditions see as `result`, and users as the measurement's value."""
    return {
        "verdict": finding.verdict.value, "eBad": finding.bad, "eOk": finding.ok, "rr": finding.rr,
        "low": finding.low, "high": finding.high, "null": finding.null,
        "canary": _side(finding.canary), "stable": _side(finding.stable),
    }  # fmt: skip


def read(answer: Any, spec: Mapping[str, Any]) -> Reading:
    """Never asked for: a comparison is judged with its memory."""
    raise AnalysisError(f"a comparison of {type(answer).__name__} needs its memory")


def metadata(spec: Mapping[str, Any]) -> Mapping[str, str]:
    """The selectors as they were asked for, secrets as asterisks."""
    sides = {name: shown(str(spec.get(name) or "")) for name in ("canary", "stable", "canaryBad", "stableBad")}
    return {f"Resolved{name[0].upper()}{name[1:]}": text for name, text in sides.items() if text}


PROVIDER = Provider(ask, read, metadata, judge)


def _where(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {name: spec[name] for name in CONNECTION if name in spec}


def _side(side: Side) -> dict[str, float]:
    return {"requests": side.requests, "bad": side.bad, "pods": side.pods}
