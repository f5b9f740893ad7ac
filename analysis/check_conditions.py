"""The two conditions of a metric: compiled early, and tried on the absence of data."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

from analysis import language
from analysis.conditions import Conditions, assess, conditions
from analysis.errors import AnalysisError
from analysis.language import nodes
from analysis.phase import Phase

Found: TypeAlias = tuple[str, str, str, Literal["error", "warning", "hint"]]

_VERDICTS = {Phase.SUCCESSFUL: "passes", Phase.FAILED: "fails"}
_LOOKS_AT_SIZE = frozenset({"len", "count", "isNil"})
_ONE_SERIES = re.compile(r"\b(?:sum|avg|min|max|count|scalar|quantile|histogram_quantile|vector|group|stddev)\s*\(")
_BY = re.compile(r"\b(?:by|without)\s*\(\s*(?!le\s*\))")
_NOW_S = 1_700_000_000.0  # any moment: a verdict on missing data that hangs on the time of day is the user's own


def check_conditions(metric: Mapping[str, Any]) -> Iterator[Found]:
    """(field, text, fix, severity) for each condition that does not compile or judges the absence of data."""
    success, failure = (metric.get(name) or "" for name in ("successCondition", "failureCondition"))
    for name, source in (("successCondition", success), ("failureCondition", failure)):
        if not isinstance(source, str):
            yield name, f"{name} must be a string", f'{name}: "result[0] >= 0.95"', "error"
            return
    if "{{" in success or "{{" in failure:
        return
    try:
        judged = conditions(success, failure, str(metric.get("noData") or ""))
    except AnalysisError as error:
        at = "successCondition" if str(error).startswith("success") else "failureCondition"
        yield at, str(error), "see the conditions language in docs/spec/analysis.md", "error"
        return
    if not success and not failure and provider_named(metric, "comparison") is None:
        text = "neither successCondition nor failureCondition is set: every answer passes, also one without data"
        yield "successCondition", text, "successCondition: result[0] >= 0.95", "warning"
        return
    if success or failure:
        yield from _without_data(metric, judged)
    if prometheus := _prometheus(metric):
        yield from _one_of_many(judged, str(prometheus.get("query") or ""))


def _without_data(metric: Mapping[str, Any], judged: Conditions) -> Iterator[Found]:
    if judged.no_data:
        return
    names = frozenset[str]().union(*(program.names for program in (judged.success, judged.failure) if program))
    probes: list[tuple[str, Any, bool]]
    if provider_named(metric, "comparison") is not None:
        return  # no data is no evidence there, and the provider's own policy
    if _prometheus(metric) is not None:
        probes = [
            ("an empty answer ([])", language.Floats(), bool(names & _LOOKS_AT_SIZE)),
            ("NaN (no requests, say)", language.Floats([math.nan]), "isNaN" in names),
        ]
    else:
        probes = [("no value (nil)", None, bool(names & {"isNil", "default"}))]
    at = "successCondition" if judged.success else "failureCondition"
    for called, result, is_meant in probes:
        phase, _ = assess(result, judged, _NOW_S)
        if phase in _VERDICTS and not is_meant:
            text = f"this metric {_VERDICTS[phase]} on {called}"
            yield at, text, "noData: inconclusive, or say in the condition what missing data means", "warning"


def _one_of_many(judged: Conditions, query: str) -> Iterator[Found]:
    for name, program in (("successCondition", judged.success), ("failureCondition", judged.failure)):
        if program is None or program.names & _LOOKS_AT_SIZE or not _looks_at_one(program):
            continue
        if _BY.search(query) or not _ONE_SERIES.search(query):
            text = "result[0] is one of several series if the query gives several"
            yield name, text, "aggregate the query to one series, or add: len(result) == 1 &&", "hint"


def _looks_at_one(program: language.Program) -> bool:
    for node, _ in nodes.walk(program.root):
        match node:
            case nodes.Member(target=nodes.Name(name="result"), key=nodes.Literal(value=int())):
                return True
    return False


def _prometheus(metric: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return provider_named(metric, "prometheus")


def provider_named(metric: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """The metric's provider of that name, or its plugin of that name; None where it has another."""
    provider = metric.get("provider")
    plugin = provider.get("plugin") if isinstance(provider, Mapping) else None
    for place in (provider, plugin):
        spec = place.get(name) if isinstance(place, Mapping) else None
        if isinstance(spec, Mapping):
            return spec
    return None
