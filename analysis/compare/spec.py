"""The spec of a comparing metric: read, and what is wrong in it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Any, TypeAlias

from analysis import duration
from analysis.asks import has_slot
from analysis.compare.matchers import Matchers, read_matchers
from analysis.compare.terms import Terms
from analysis.errors import AnalysisError
from analysis.stats import burn, gauge, ratio
from analysis.stats.decision import Absent, AtDeadline, Rules
from analysis.stats.sequential import Setup

Spec: TypeAlias = Mapping[str, Any]


class Kind(Enum):
    """What is compared."""

    ERRORS = "errors"  # bad requests, canary against stable
    LATENCY = "latency"  # histogram buckets: is the canary slower
    GAUGE = "gauge"  # a bounded figure, canary against stable or against a bound
    RATIO = "ratio"  # does the canary get the share of requests that it should
    BURN = "burn"  # how fast the error budget burns: an absolute stop


GUARDS = frozenset({Kind.RATIO, Kind.BURN})  # they stop, and certify nothing


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparing metric, ready to be asked.

    selectors: canary's and stable's series, then, if bad requests are counted apart, those of both.  bad: which series
    are bad ones.  history_s: how far back stable pods are looked at to choose the null.  lag_s: how long a sample may
    take to arrive.  numbers: what a kind needs beside (`low`, `high`, `weight` …).  importance: its share of alpha
    beside the run's other comparing metrics; 0: it has an alpha of its own."""

    kind: Kind
    selectors: tuple[str, ...]
    terms: Terms
    bad: Matchers = ()
    pod_label: str = "pod"
    stratum_label: str = ""
    history_s: float = 600.0
    lag_s: float = 5.0
    lookback_s: float = 300.0
    numbers: Mapping[str, float] = field(default_factory=dict)
    method: str = "evidence"
    importance: float = 1.0


_NUMBERS = {
    "alpha": 0.01, "beta": 0.05, "worseThan": 1.5, "minRequests": 0.0, "absentLooks": 3.0, "importance": 1.0,
}  # fmt: skip
_TOLERATED = {Kind.ERRORS: 1.05, Kind.LATENCY: 1.0, Kind.GAUGE: 0.0, Kind.RATIO: 0.05, Kind.BURN: 0.0}
_DURATIONS = {"warmUp": 0.0, "minTime": 0.0, "maxTime": math.inf, "history": 600.0, "lag": 5.0, "lookback": 300.0}
_OF_KIND: Mapping[Kind, tuple[tuple[str, ...], Mapping[str, float]]] = {
    Kind.ERRORS: ((), {}),
    Kind.LATENCY: ((), {"gate": math.nan}),
    Kind.GAUGE: (("low", "high", "margin"), {"bound": math.nan}),
    Kind.RATIO: (("weight",), {}),
    Kind.BURN: (("slo",), {}),
}
_SELECTORS = ("canary", "stable", "canaryBad", "stableBad")
_SELECTOR = re.compile(r"(?:[A-Za-z_:][A-Za-z0-9_:]*)?(?:\{[^\[\]]*\})?", re.DOTALL)
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
CONNECTION = frozenset({"address", "authentication", "headers", "insecure", "timeout"})
METHODS = ("evidence", "kayenta")
_TEXTS = frozenset({"kind", "method", "bad", "podLabel", "stratumLabel", "absent", "atDeadline"})
HISTORY_S_MAX = 2 * 3600.0
SELECTOR_CHARS_MAX = 4096
IMPORTANCE_MAX = 1000.0


def fields() -> frozenset[str]:
    """Every field that a comparison may have."""
    special = {name for needed, may in _OF_KIND.values() for name in (*needed, *may)}
    return frozenset({*_SELECTORS, *_NUMBERS, "tolerated", *_DURATIONS, *special}) | CONNECTION | _TEXTS


def read_comparison(spec: Any) -> Comparison:
    """The comparison. Raises AnalysisError for the first thing that is wrong."""
    own = {name: value for name, value in spec.items() if name not in CONNECTION} if isinstance(spec, Mapping) else spec
    return _cached(json.dumps(own, sort_keys=True, default=str))


@lru_cache(maxsize=512)
def _cached(text: str) -> Comparison:
    spec = json.loads(text)
    for field_name, text, _ in problems(spec):
        raise AnalysisError(f"comparison{'.' if field_name else ''}{field_name}: {text}")
    return _read(spec)


def problems(spec: Any) -> Iterator[tuple[str, str, str]]:
    """(field, what is wrong, what to write) in a comparison's spec; what still holds {{args.x}} is not judged."""
    if not isinstance(spec, Mapping):
        yield "", "must be an object", "comparison: {canary: …, stable: …, bad: …}"
        return
    for name in sorted(set(spec) - fields()):
        yield name, "unknown field", f"remove it; there are {', '.join(sorted(fields()))}"
    if _is_template(spec):
        return
    if spec.get("kind") not in (None, "", *(kind.value for kind in Kind)):
        yield "kind", f"want {', '.join(kind.value for kind in Kind)}, got {spec['kind']!r}", "kind: errors"
        return
    kind = _kind(spec)
    if spec.get("method") not in (None, "", *METHODS) or (spec.get("method") == "kayenta" and kind is not Kind.ERRORS):
        yield "method", f"want evidence, or kayenta for errors, got {spec['method']!r}", "method: evidence"
    yield from _selector_problems(spec, kind)
    yield from _number_problems(spec, kind)
    for name, choices in (("absent", Absent), ("atDeadline", AtDeadline)):
        values = [each.value for each in choices]
        if spec.get(name) not in (None, "", *values):
            yield name, f"want {', '.join(values)}, got {spec[name]!r}", f"{name}: {values[0]}"
    for name in ("podLabel", "stratumLabel"):
        if spec.get(name) and not _LABEL.fullmatch(str(spec[name])):
            yield name, f"want a label's name, got {spec[name]!r}", f"{name}: pod"


def _selector_problems(spec: Spec, kind: Kind) -> Iterator[tuple[str, str, str]]:
    needs_stable = kind in (Kind.ERRORS, Kind.LATENCY, Kind.RATIO) or (kind is Kind.GAUGE and not spec.get("bound"))
    for name in ("canary", "stable") if needs_stable else ("canary",):
        if not str(spec.get(name) or "").strip():
            yield name, "no selector specified", f'{name}: http_requests_total{{pod=~"web-.*"}}'
    for name in _SELECTORS:
        text = str(spec.get(name) or "").strip()
        if text and (not _SELECTOR.fullmatch(text) or len(text) > SELECTOR_CHARS_MAX):
            told = "want a selector of raw series, name{labels}: no function, no range, no arithmetic"
            yield name, told, f'{name}: http_requests_total{{pod=~"web-.*"}}'
    if kind not in (Kind.ERRORS, Kind.BURN):
        return
    separate = [name for name in ("canaryBad", "stableBad") if spec.get(name)]
    wanted = ["canaryBad", "stableBad"] if spec.get("stable") else ["canaryBad"]
    if bool(separate) == bool(spec.get("bad")):
        yield "bad", "want either bad (label matchers) or selectors of bad requests", 'bad: code=~"5.."'
    elif separate and separate != wanted:
        yield separate[0], f"want {' and '.join(wanted)} together", "give both sides"
    elif spec.get("bad"):
        try:
            read_matchers(str(spec["bad"]))
        except AnalysisError as error:
            yield "bad", str(error), 'bad: code=~"5.."'


def _number_problems(spec: Spec, kind: Kind) -> Iterator[tuple[str, str, str]]:
    needed, may = _OF_KIND[kind]
    for name in (*_NUMBERS, "tolerated", *needed, *may):
        if name in spec and spec[name] not in (None, "") and _number(spec[name]) is None:
            yield name, f"want a number, got {spec[name]!r}", f'{name}: "1"'
            return
    for name in needed:
        if spec.get(name) in (None, ""):
            yield name, f"a comparison of kind {kind.value} needs it", f'{name}: "1"'
            return
    for name in _DURATIONS:
        if spec.get(name):
            try:
                seconds = duration.parse_s(str(spec[name]))
            except AnalysisError as error:
                yield name, str(error), f"{name}: 1m"
                return
            if seconds < 0 or (name in ("history", "lookback", "warmUp", "lag") and seconds > HISTORY_S_MAX):
                yield name, f"want from 0 to {HISTORY_S_MAX / 3600:g}h, got {spec[name]}", f"{name}: 1m"
                return
    if not 0 <= _given(spec, "importance", 1.0) <= IMPORTANCE_MAX:
        yield "importance", f"want 0 to {IMPORTANCE_MAX:g}, got {spec['importance']}", 'importance: "1"'
        return
    try:
        _terms(spec, kind)
        _try_states(spec, kind)
    except ValueError as error:
        yield "", str(error), "see docs/spec/comparison.md"


def _try_states(spec: Spec, kind: Kind) -> None:
    """Raises ValueError where the numbers of a kind make no state."""
    tolerated = _given(spec, "tolerated", _TOLERATED[kind])
    numbers = {name: _given(spec, name, math.nan) for name in ("low", "high", "margin", "bound", "weight", "slo")}
    if kind is Kind.GAUGE:
        bound = None if math.isnan(numbers["bound"]) else numbers["bound"]
        gauge.start(numbers["low"], numbers["high"], tolerance=tolerated, margin=numbers["margin"], bound=bound)
    elif kind is Kind.RATIO:
        ratio.start(tolerated)
        if not 0 <= numbers["weight"] <= 100:
            raise ValueError("weight: want a percentage, 0 to 100")
    elif kind is Kind.BURN:
        burn.start(numbers["slo"], burn.PAGES[0])


def _read(spec: Spec) -> Comparison:
    kind = _kind(spec)
    needed, may = _OF_KIND[kind]
    numbers = {name: _given(spec, name, may.get(name, 0.0)) for name in (*needed, *may)}
    numbers["tolerated"] = _given(spec, "tolerated", _TOLERATED[kind])
    warm_up_s = _seconds(spec, "warmUp")
    return Comparison(
        kind=kind,
        selectors=tuple(str(spec[name]).strip() for name in _SELECTORS if spec.get(name)),
        terms=_terms(spec, kind),
        bad=read_matchers(str(spec["bad"])) if spec.get("bad") else (),
        pod_label=str(spec.get("podLabel") or "pod"),
        stratum_label=str(spec.get("stratumLabel") or ""),
        history_s=_seconds(spec, "history"),
        lag_s=_seconds(spec, "lag"),
        lookback_s=max(_seconds(spec, "lookback"), warm_up_s + 120.0 if warm_up_s else 0.0),
        numbers=numbers,
        method=str(spec.get("method") or "evidence"),
        importance=_given(spec, "importance", 1.0),
    )


def _terms(spec: Spec, kind: Kind) -> Terms:
    numbers = {name: _given(spec, name, default) for name, default in _NUMBERS.items()}
    r0 = _given(spec, "tolerated", _TOLERATED[kind]) if kind is Kind.ERRORS else 1.0
    rules = Rules(
        alpha=numbers["alpha"], beta=numbers["beta"], requests_min=numbers["minRequests"],
        step_s_min=_seconds(spec, "minTime"), step_s_max=_seconds(spec, "maxTime"),
        at_deadline=AtDeadline(spec.get("atDeadline") or "wait"), absent=Absent(spec.get("absent") or "inconclusive"),
        absent_looks=int(numbers["absentLooks"]),
    )  # fmt: skip
    return Terms(Setup(r0=r0, worse_than=numbers["worseThan"]), rules, _seconds(spec, "warmUp"))


def _kind(spec: Spec) -> Kind:
    return Kind(spec.get("kind") or "errors")


def _given(spec: Spec, name: str, default: float) -> float:
    found = _number(spec.get(name))
    return default if found is None else found


def _number(value: Any) -> float | None:
    """A number, or a text that is one; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _seconds(spec: Spec, name: str) -> float:
    return duration.parse_s(str(spec[name])) if spec.get(name) else _DURATIONS[name]


def _is_template(spec: Spec) -> bool:
    own = (value for name, value in spec.items() if name not in CONNECTION and name not in _SELECTORS)
    return any(isinstance(value, str) and ("{{" in value or has_slot(value)) for value in own)
