"""What surprises in an analysis template, beyond what makes it invalid: codes L01 to L13, each with its reason.

    for each in lint(manifest["spec"]): print(each.code, each.path, each.text, each.fix)

PromQL is read by its words here, not parsed: a check speaks only where the words leave no doubt.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis import duration
from analysis.check import Severity, Spec, check_spec, provider_of, runs_forever, whole
from analysis.errors import AnalysisError

SCRAPE_S = 15.0
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # of client libraries, seconds
_RANGE = re.compile(r"\[([0-9a-z{}.]+)\]")
_RATE_OF = re.compile(r"\b(?:rate|irate|increase)\s*\(\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*[{\[(]")
_SUM_FIRST = re.compile(r"\b(?:rate|irate|increase)\s*\(\s*(?:sum|avg|min|max)\b")
_AVG_QUANTILE = re.compile(r"\bavg\s*(?:by\s*\([^)]*\)\s*)?\(\s*(?:histogram_quantile\b|[a-z_:]+\{[^}]*quantile=)")
_COUNTER = re.compile(r".*_(?:total|count|sum|bucket|requests|xx)$")
_BOUND = re.compile(r"result\[0\]\s*<=?\s*([0-9.]+)\s*$")
_ARG = re.compile(r"\{\{\s*args\.([A-Za-z0-9_-]+)\s*\}\}")
_AGGREGATES = frozenset({"sum", "avg", "min", "max", "count"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One surprise. path: inside the spec.  insert: a line to add to the metric, where that alone is safe."""

    code: str
    path: str
    text: str
    fix: str
    severity: Severity = "warning"
    insert: str = ""


RULES: Mapping[str, str] = {
    "L01": "what missing data means is left to chance",
    "L02": "one burst is counted several times",
    "L03": "the window does not fit the scrapes or the step",
    "L04": "the query does not tell the canary from stable",
    "L05": "the query gives wrong numbers",
    "L06": "the threshold lies inside the noise",
    "L07": "a ratio without a denominator",
    "L08": "the metric measures once, or for ever",
    "L09": "a measurement between the conditions ends the run",
    "L10": "an argument is missing or unused",
    "L11": "too many healthy canaries would be aborted",
    "L12": "a threshold inside a bucket is interpolated",
    "L13": "the canary alone is looked at",
}


def lint(spec: Spec, scrape_s: float = SCRAPE_S) -> tuple[Finding, ...]:
    """Every surprise of a template's spec, in the order of its metrics. scrape_s: seconds between two samples."""
    found = [*_missing_data(spec), *_arguments(spec)]
    metrics = spec.get("metrics")
    for index, metric in enumerate(metrics if isinstance(metrics, list | tuple) else ()):
        if isinstance(metric, Mapping):
            found += _metric(metric, f"metrics[{index}]", scrape_s)
    return tuple(sorted(found, key=lambda each: (each.path, each.code)))


def _missing_data(spec: Spec) -> Iterator[Finding]:
    for each in check_spec(spec):
        if each.severity == "warning" and "this metric " in each.text:
            yield Finding("L01", each.path, each.text, each.fix, insert="noData: inconclusive")


def _arguments(spec: Spec) -> Iterator[Finding]:
    declared = [str(arg.get("name")) for arg in spec.get("args") or () if isinstance(arg, Mapping)]
    used = set(_ARG.findall(str(spec.get("metrics") or "")))
    for number, name in enumerate(declared):
        if name not in used and not spec.get("templates"):
            yield Finding("L10", f"args[{number}]", f"argument {name} is never used", f"remove {name}", "hint")
    for name in sorted(used - set(declared)):
        yield Finding("L10", "args", f"argument {name} is used and not declared", f"args: [{{name: {name}}}]")


def _metric(metric: Spec, at: str, scrape_s: float) -> Iterator[Finding]:
    provider = provider_of(metric)
    prometheus = provider.get("prometheus") if isinstance(provider, Mapping) else None
    yield from _counting(metric, at)
    if isinstance(prometheus, Mapping):
        query = str(prometheus.get("query") or "")
        place = f"{at}.provider.prometheus.query"
        yield from _windows(metric, query, place, scrape_s)
        yield from _numbers(query, place)
        yield from _comparing(metric, query, at)


def _counting(metric: Spec, at: str) -> Iterator[Finding]:
    if not metric.get("interval") and whole(metric.get("count"), 0) in (0, 1) and "job" not in str(provider_of(metric)):
        yield Finding("L08", at, "measured once: one unlucky moment decides", "interval: 30s and count: 10", "hint")
    has_both = bool(metric.get("successCondition")) and bool(metric.get("failureCondition"))
    if has_both and not runs_forever(metric) and whole(metric.get("inconclusiveLimit"), 0) == 0:
        text = "between successCondition and failureCondition one measurement pauses the rollout for a person"
        yield Finding("L09", f"{at}.inconclusiveLimit", text, "inconclusiveLimit: 3")


def _windows(metric: Spec, query: str, place: str, scrape_s: float) -> Iterator[Finding]:
    windows = [seconds for text in _RANGE.findall(query) if (seconds := _seconds(text))]
    if not windows:
        return
    longest, interval = max(windows), _seconds(metric.get("interval"))
    count, limit = whole(metric.get("count"), 0), whole(metric.get("failureLimit"), 0)
    if interval and limit is not None and limit >= 0 and longest / interval > limit + 1:
        text = (
            f"a window of {longest:g} s looked at each {interval:g} s sees one burst {longest / interval:.0f} times, "
            f"and {limit} failures are borne"
        )
        yield Finding("L02", place, text, f"interval: {longest:g}s, or failureLimit: {longest / interval:.0f}")
    if min(windows) < 4 * scrape_s:
        text = f"a window of {min(windows):g} s holds fewer than four scrapes of {scrape_s:g} s"
        yield Finding("L03", place, text, f"[{math.ceil(4 * scrape_s)}s]", "hint")
    delay = _seconds(metric.get("initialDelay")) or 0.0
    if interval and count and count > 1 and longest > count * interval + delay:
        text = f"a window of {longest:g} s is longer than the metric runs: most of it is from before the canary"
        yield Finding("L03", place, text, f"a window of {interval:g} s to {count * interval:g} s")


def _numbers(query: str, place: str) -> Iterator[Finding]:
    if _SUM_FIRST.search(query):
        yield Finding("L05", place, "rate of a sum: a restart of one pod reads as a fall of all", "sum(rate(…[2m]))")
    for name in _RATE_OF.findall(query):
        if name not in _AGGREGATES and not _COUNTER.match(name) and "{{" not in name:
            text = f"rate of {name}, which does not look like a counter"
            yield Finding("L05", place, text, "deriv() or delta() for a gauge", "hint")
    if "histogram_quantile" in query and re.search(r"\bsum\b", query) and not re.search(r"\bby\s*\([^)]*\ble\b", query):
        yield Finding("L05", place, "histogram_quantile without le", "sum by (le) (rate(…_bucket[2m]))")
    if _AVG_QUANTILE.search(query):
        yield Finding("L05", place, "an average of quantiles is no quantile", "sum the buckets by (le) first")


def _comparing(metric: Spec, query: str, at: str) -> Iterator[Finding]:
    place = f"{at}.provider.prometheus.query"
    if not _ARG.search(query) and re.search(r"\{[^}]*\}", query):
        text = "no argument in the query: it cannot tell the canary from stable"
        yield Finding("L04", place, text, 'pod=~"web-{{args.canary-hash}}-.*"', "hint")
    is_ratio = "/" in query and "rate(" in query
    if is_ratio and not metric.get("noData") and not re.search(r"or\s+vector\(|clamp_min|>\s*0", query):
        text = "without requests the ratio is 0/0, and no condition is true of it"
        yield Finding("L07", place, text, "noData: inconclusive", insert="noData: inconclusive")
    bound = _BOUND.search(str(metric.get("successCondition") or ""))
    if bound and "histogram_quantile" in query and "_seconds" in query and float(bound[1]) not in BOUNDS:
        near = min(BOUNDS, key=lambda each: abs(each - float(bound[1])))
        text = f"{bound[1]} lies inside a bucket of the usual histogram: what is compared is interpolated"
        yield Finding("L12", f"{at}.successCondition", text, f"result[0] <= {near:g}", "hint")
    if is_ratio and re.search(r"5\.\.|\b5xx\b|\"5\"", query) and "{{args.stable" not in query:
        text = "a threshold on the canary alone aborts in an outage that stable shares, and sees nothing below its line"
        yield Finding("L13", place, text, "provider.comparison, see analysis/library", "hint")


def _seconds(text: Any) -> float | None:
    try:
        return duration.parse_s(str(text)) if text else None
    except AnalysisError:
        return None


def mended(lines: Sequence[str], places: Sequence[tuple[int, str]]) -> list[str]:
    """The lines of a YAML file with texts inserted into metrics.

    places: (number of the line at which a metric begins, counted from 1; what to insert)."""
    found = list(lines)
    for number, text in sorted(set(places), reverse=True):
        first = found[number - 1]
        indent = len(first) - len(first.lstrip(" -"))
        if first.lstrip().startswith("-"):
            found.insert(number, " " * indent + text)
    return found
