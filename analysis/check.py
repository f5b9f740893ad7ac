"""What is wrong, or worth a second look, in the spec of an analysis template or run.

One validator for lint, for the rules of delivery and for runs: errors in the contract's order with the contract's
texts; after them warnings about verdicts that surprise when there is no data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from analysis import duration
from analysis.check_conditions import check_conditions
from analysis.compare.spec import problems
from analysis.errors import AnalysisError
from analysis.language import regex
from analysis.providers import PROVIDERS as ASKED
from analysis.providers import Surroundings, job

Spec: TypeAlias = Mapping[str, Any]
Severity: TypeAlias = Literal["error", "warning", "hint"]

INTERVAL_S_MIN = 1.0
RULES_MAX = 100  # of each sort: each is a regular expression, held against every metric
REMEMBERED_MAX = 512
PROVIDERS = (
    "prometheus", "comparison", "kayenta", "web", "datadog", "wavefront", "newRelic", "job", "cloudWatch", "graphite",
    "influxdb", "skywalking", "plugin",
)  # fmt: skip
_PROVIDERS_PAGE = "see docs/reference/providers.md"
COMPARISON = "comparison"  # a provider of ours, and the name of the plugin where a CRD prunes it
PROVIDERS_SERVED = frozenset(ASKED)
NO_DATA = ("inconclusive", "fail", "pass")
_INT = re.compile(r"-?[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend. path: inside the spec (`metrics[0].count`).  text: the contract's message.

    fix: what to write instead, one line.  Only severity "error" makes a spec invalid.
    """

    path: str
    text: str
    fix: str = ""
    severity: Severity = "error"


def check_spec(spec: Spec, *, allow_nested: bool = True) -> tuple[Finding, ...]:
    """Every finding, errors in the contract's order first.

    spec: of an AnalysisTemplate (allow_nested: it may consist of other templates only) or of a run.  Texts that still
    hold `{{args.x}}` are not judged.
    """
    metrics = spec.get("metrics") or ()
    if not isinstance(metrics, list | tuple) or (not metrics and not (allow_nested and spec.get("templates"))):
        return (Finding("metrics", "no metrics specified", "add a metric with a provider"),)
    found = [*_all_metrics(metrics)]
    found += [*_rules(spec, "dryRun", metrics), *_rules(spec, "measurementRetention", metrics)]
    return tuple(sorted(found, key=lambda finding: finding.severity != "error"))


def spec_errors(spec: Spec) -> tuple[Finding, ...]:
    """The findings that make a run's spec invalid. A controller asks at every turn: equal specs are judged once."""
    return _errors(json.dumps(spec, ensure_ascii=False))


@lru_cache(maxsize=REMEMBERED_MAX)
def _errors(spec: str) -> tuple[Finding, ...]:
    return tuple(found for found in check_spec(json.loads(spec), allow_nested=False) if found.severity == "error")


def runs_forever(metric: Spec) -> bool:
    """Whether the metric is measured until something else ends the run: an interval, and no count."""
    return bool(metric.get("interval")) and whole(metric.get("count"), 0) == 0


def runs_forever_text(template: str, metric: Spec) -> str:
    """The refusal of such a metric where an end is needed (an inline step)."""
    count = metric.get("count")
    return (
        f"AnalysisTemplate {template} has metric {metric.get('name', '')} which runs indefinitely. "
        f"Invalid value for count: {'<nil>' if count is None else count}"
    )


def whole(value: object, default: int) -> int | None:
    """An IntOrString as a number: `default` where it is absent, None where it is not a number (or not yet)."""
    if value is None or value == "":
        return default
    if isinstance(value, bool):
        return None
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    return int(value) if isinstance(value, str) and _INT.fullmatch(value) else None


def matches(pattern: str, name: str) -> bool:
    """Whether a dryRun or measurementRetention rule means that metric: an unanchored RE2 expression.

    Raises AnalysisError for a pattern that does not compile.
    """
    return regex.searches(pattern, name)


def _all_metrics(metrics: Sequence[Any]) -> Iterator[Finding]:
    names: set[str] = set()
    for index, metric in enumerate(metrics):
        at = f"metrics[{index}]"
        if not isinstance(metric, Mapping):
            yield Finding(at, f"{at}: must be an object")
            continue
        name = str(metric.get("name") or "")
        if not name:
            yield Finding(f"{at}.name", f"{at}: name must be specified", "give the metric a name")
        elif name in names:
            yield Finding(f"{at}.name", f"{at}: duplicate name '{name}'", "give each metric a name of its own")
        names.add(name)
        for finding in _metric(metric):
            path = f"{at}.{finding.path}" if finding.path else at
            text = f"{at}{'.' if finding.text.startswith('provider.') else ': '}{finding.text}"
            yield Finding(path, text, finding.fix, finding.severity)


def _metric(metric: Spec) -> Iterator[Finding]:
    yield from _numbers(metric)
    yield from _limits(metric)
    yield from _times(metric)
    yield from _provider(metric)
    if metric.get("noData") not in (None, "", *NO_DATA):
        yield Finding("noData", f"noData must be one of {', '.join(NO_DATA)}", "noData: inconclusive")
    yield from (Finding(*finding) for finding in check_conditions(metric))


_LIMITS = {
    "count": 0,
    "failureLimit": 0,
    "inconclusiveLimit": 0,
    "consecutiveErrorLimit": 4,
    "consecutiveSuccessLimit": 0,
}


def _numbers(metric: Spec) -> Iterator[Finding]:
    for name, default in _LIMITS.items():
        value = metric.get(name)
        if whole(value, default) is None and not _is_template(value):
            yield Finding(name, f"{name} must be a whole number, got {value!r}", f"{name}: {default}")


def _limits(metric: Spec) -> Iterator[Finding]:
    """The limits in the contract's order; one that is still an argument cannot be judged."""
    read = {name: whole(metric.get(name), default) for name, default in _LIMITS.items()}
    count, failure, successes = read["count"], read["failureLimit"], read["consecutiveSuccessLimit"]
    inconclusive, errors = read["inconclusiveLimit"], read["consecutiveErrorLimit"]
    if successes is not None and successes < 0:
        yield Finding("consecutiveSuccessLimit", "consecutiveSuccessLimit must be >= 0", "consecutiveSuccessLimit: 0")
    if failure is not None and failure < -1:
        yield Finding("failureLimit", "failureLimit must be >= 0, or -1 to be disabled", "failureLimit: 0")
    if failure == -1 and successes == 0:
        yield Finding(
            "failureLimit",
            "failureLimit and consecutiveSuccessLimit cannot both be disabled",
            "set one of failureLimit >= 0, consecutiveSuccessLimit >= 1",
        )
    if inconclusive is not None and inconclusive < 0:
        yield Finding("inconclusiveLimit", "inconclusiveLimit must be >= 0", "inconclusiveLimit: 0")
    if errors is not None and errors < 0:
        yield Finding("consecutiveErrorLimit", "consecutiveErrorLimit must be >= 0", "consecutiveErrorLimit: 4")
    if count is None:
        return
    if count < 0:
        yield Finding("count", f"count must be >= 0, got {count}", "leave count out to measure until the run ends")
    if count <= 0:
        return
    if successes is not None and count < successes:
        yield Finding("count", "count must be >= consecutiveSuccessLimit", f"count: {successes}")
    if inconclusive is not None and count < inconclusive:
        yield Finding("count", "count must be >= inconclusiveLimit", f"count: {inconclusive}")
    if failure is not None and successes is not None and min(failure, successes) >= 0 and count < failure + successes:
        yield _count_below_sum(count, failure, successes)


def _count_below_sum(count: int, failure: int, successes: int) -> Finding:
    text = f"count ({count}) must be >= failureLimit + consecutiveSuccessLimit ({failure} + {successes}) if both >= 0"
    return Finding("count", text, f"count: {failure + successes}, or a lower limit")


def _times(metric: Spec) -> Iterator[Finding]:
    count, interval = whole(metric.get("count"), 0), metric.get("interval")
    if count is not None and count > 1 and not interval:
        yield Finding("interval", "interval must be specified when count > 1", "interval: 1m")
    if interval and not _is_template(interval):
        yield from _duration("interval", "invalid interval string", interval)
        if _seconds(interval) is not None and 0 <= (_seconds(interval) or 0) < INTERVAL_S_MIN:
            text = f"interval {interval} is shorter than {INTERVAL_S_MIN:g}s, which is used instead"
            yield Finding("interval", text, "interval: 1s", "warning")
    delay = metric.get("initialDelay")
    if delay and not _is_template(delay):
        yield from _duration("initialDelay", "invalid startDelay string", delay)


def _duration(name: str, called: str, value: object) -> Iterator[Finding]:
    try:
        if duration.parse_s(str(value)) < 0:
            yield Finding(name, f"{called}: {value} is negative", f"{name}: 1m")
    except AnalysisError as error:
        yield Finding(name, f"{called}: {error}", f"{name}: 1m30s (units: h, m, s, ms)")


def _seconds(value: object) -> float | None:
    try:
        return duration.parse_s(str(value))
    except AnalysisError:
        return None


def provider_of(metric: Spec) -> Any:
    """The provider part of a metric; a plugin called comparison is the provider of that name."""
    provider = metric.get("provider")
    plugin = provider.get("plugin") if isinstance(provider, Mapping) else None
    if isinstance(plugin, Mapping) and list(plugin) == [COMPARISON] and isinstance(provider, Mapping):
        return {**{name: value for name, value in provider.items() if name != "plugin"}, COMPARISON: plugin[COMPARISON]}
    return provider


def _provider(metric: Spec) -> Iterator[Finding]:
    provider = provider_of(metric)
    named = [name for name, value in provider.items() if value is not None] if isinstance(provider, Mapping) else []
    if not named:
        yield Finding("provider", "no provider specified", "provider: {prometheus: {address: …, query: …}}")
    elif len(named) > 1:
        yield Finding("provider", "multiple providers specified", f"keep one of {', '.join(sorted(named))}")
    elif named[0] not in PROVIDERS:
        yield Finding(f"provider.{named[0]}", "no provider specified", f"use one of {', '.join(PROVIDERS)}")
    elif named[0] not in PROVIDERS_SERVED:
        text = f"provider.{named[0]}: this provider is not supported by this version"
        yield Finding(f"provider.{named[0]}", text, "use provider.prometheus")
    elif named[0] == COMPARISON:
        yield from _comparison(provider[COMPARISON])
    elif named[0] == "prometheus":
        yield from _prometheus(provider[named[0]])
    elif named[0] == job.WHO:
        yield from _job(provider[named[0]])
    else:
        yield from _asked(named[0], provider[named[0]])


def _comparison(spec: Any) -> Iterator[Finding]:
    at = f"provider.{COMPARISON}"
    for field, text, fix in problems(spec):
        path = f"{at}.{field}" if field else at
        yield Finding(path, f"{path}: {text}", fix)


def _job(spec: Any) -> Iterator[Finding]:
    if not isinstance(spec, Mapping):
        yield Finding("provider.job", "provider.job: must be an object")
        return
    for field, text, fix in job.problems(spec):
        yield Finding(f"provider.job.{field}", f"provider.job.{field}: {text}", fix)


def _asked(name: str, spec: Any) -> Iterator[Finding]:
    """Whether a question can be made of the spec, as far as it has no arguments."""
    at = f"provider.{name}"
    if not isinstance(spec, Mapping):
        yield Finding(at, f"{at}: must be an object")
    elif not _holds_template(spec) and (said := _refusal(name, spec, Surroundings(0.0))):
        # A plugin is installed where the controller runs, which need not be here.
        yield Finding(at, f"{at}: {said}", _PROVIDERS_PAGE, "warning" if name == "plugin" else "error")


def _refusal(name: str, spec: Spec, around: Surroundings) -> str:
    """Why no question can be made of the spec, "" if one can."""
    try:
        ASKED[name].ask(spec, around)
    except AnalysisError as error:
        return str(error)
    except (AttributeError, KeyError, TypeError, ValueError):  # of a file that no schema has seen yet
        return "a field is of the wrong type"
    return ""


def _holds_template(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_template, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_holds_template, value))
    return isinstance(value, str) and "{{" in value


def _prometheus(spec: Any) -> Iterator[Finding]:
    if not isinstance(spec, Mapping):
        yield Finding("provider.prometheus", "provider.prometheus: must be an object")
        return
    if not spec.get("query"):
        yield Finding("provider.prometheus.query", "provider.prometheus.query: no query specified", "query: up")
        return
    plain = {"query": "up", **{name: value for name, value in spec.items() if not _holds_template(value)}}
    # A range may depend on the moment: what is wrong at both ends of time is wrong.
    said = {_refusal("prometheus", plain, Surroundings(moment_s, "http://prometheus")) for moment_s in (0.0, 4e9)}
    if len(said) == 1 and said != {""}:
        # No error: it is the contract's that such a metric is measured as Error, and a dry run then decides nothing.
        yield Finding("provider.prometheus", f"provider.prometheus: {said.pop()}", _PROVIDERS_PAGE, "warning")


def _rules(spec: Spec, field: str, metrics: Sequence[Any]) -> Iterator[Finding]:
    """dryRun and measurementRetention rules, each of which must mean some metric."""
    names = [str(metric.get("name") or "") for metric in metrics if isinstance(metric, Mapping)]
    is_whole = not spec.get("templates")  # the metrics of nested templates are not at hand here
    rules = spec.get(field) or ()
    if len(rules) > RULES_MAX:
        yield Finding(field, f"{field}: more than {RULES_MAX} rules", "let one expression name several metrics")
        return
    for index, rule in enumerate(rules):
        at, pattern = f"{field}[{index}]", str(rule.get("metricName") or "") if isinstance(rule, Mapping) else ""
        if _is_template(pattern):
            continue
        try:
            if is_whole and not any(matches(pattern, name) for name in names):
                text = f"{at}: Rule didn't match any metric name(s)"
                yield Finding(f"{at}.metricName", text, f"metricName: {names[0] if names else '.*'}")
        except AnalysisError as error:
            yield Finding(f"{at}.metricName", f"{at}: {error}", "metricName: .*")
        if field == "measurementRetention" and whole(rule.get("limit"), 0) is None:
            yield Finding(f"{at}.limit", f"{at}: limit must be a whole number", "limit: 10")


def _is_template(value: object) -> bool:
    return isinstance(value, str) and "{{" in value
