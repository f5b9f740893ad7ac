"""Frozen values: what is to be measured, what was measured, and how far a run is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analysis import args as arguments
from analysis import duration, together
from analysis.asks import has_slot, json_text
from analysis.check import COMPARISON, INTERVAL_S_MIN, Spec, matches, provider_of, runs_forever, spec_errors, whole
from analysis.compare.spec import GUARDS
from analysis.conditions import Conditions, conditions
from analysis.errors import AnalysisError
from analysis.phase import Phase
from analysis.providers import job

MEASUREMENTS_KEPT = 10
METRICS_MAX = 200
ANY_NUMBER = 2**31 - 1
_GUARDS = frozenset(kind.value for kind in GUARDS)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, its arguments filled in.

    count: how many measurements make it complete, None for one that is measured until the run ends.
    provider, query: where the value comes from and what to ask there (the provider's part of the spec).
    alpha_share: of a comparing metric that is weighed with others, its part of their alpha; 0 for any other.
    """

    name: str
    provider: str
    query: Mapping[str, Any]
    judged: Conditions = field(default_factory=Conditions)
    interval_s: float | None = None
    initial_delay_s: float = 0.0
    count: int | None = 1
    failure_limit: int = 0
    inconclusive_limit: int = 0
    consecutive_error_limit: int = 4
    consecutive_success_limit: int = 0
    is_dry_run: bool = False
    alpha_share: float = 0.0
    keep: int = MEASUREMENTS_KEPT


@dataclass(frozen=True, slots=True)
class Measurement:
    """One answer and what it means. Times are seconds since the epoch; value is the text that users see."""

    phase: Phase
    value: str = ""
    message: str = ""
    started_s: float | None = None
    finished_s: float | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MetricState:
    """What is known of a metric: counts of all its measurements, and the latest of them.

    count: measurements without Error.  phase: None until it was measured once.
    """

    name: str
    phase: Phase | None = None
    message: str = ""
    count: int = 0
    successful: int = 0
    failed: int = 0
    inconclusive: int = 0
    error: int = 0
    consecutive_error: int = 0
    consecutive_success: int = 0
    measurements: tuple[Measurement, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def taken(self) -> int:
        """How many measurements were taken, errors included."""
        return self.count + self.error

    @property
    def is_completed(self) -> bool:
        """Whether its phase is final."""
        return self.phase is not None and self.phase.is_completed


def read_metrics(spec: Spec) -> tuple[Metric, ...]:
    """The metrics of a run. Raises AnalysisError with the message that the run's status carries."""
    metrics = spec.get("metrics") or ()
    if not isinstance(metrics, list | tuple):
        raise AnalysisError("Analysis spec invalid: no metrics specified")
    if len(metrics) > METRICS_MAX:
        raise AnalysisError(f"Analysis spec invalid: more than {METRICS_MAX} metrics")
    try:
        known = arguments.values(_objects(spec.get("args")))
        resolved = arguments.resolve(list(metrics), known)
    except AnalysisError as error:
        raise AnalysisError(f"Unable to resolve metric arguments: {error}") from None
    whole_spec = {**spec, "metrics": resolved, "templates": ()}
    if found := spec_errors(whole_spec):
        raise AnalysisError(f"Analysis spec invalid: {found[0].text}")
    return together.shared([_metric(index, metric, whole_spec) for index, metric in enumerate(resolved)])


def _metric(index: int, metric: Mapping[str, Any], spec: Spec) -> Metric:
    name = str(metric["name"])
    for field_name in ("name", "successCondition", "failureCondition", "interval", "initialDelay", "count"):
        if has_slot(str(metric.get(field_name) or "")):
            raise AnalysisError(f"Analysis spec invalid: metrics[{index}]: {field_name} may not use a secret argument")
    providers = provider_of(metric)
    provider = next(key for key, value in providers.items() if value is not None)
    if provider == job.WHO and has_slot(json_text(providers[provider])):
        told = "provider.job may not use a secret argument: name the Secret in the Job, with valueFrom.secretKeyRef"
        raise AnalysisError(f"Analysis spec invalid: metrics[{index}]: {told}")
    is_comparison = provider == COMPARISON
    numbers = {each: whole(metric.get(each), 0) or 0 for each in ("count", "failureLimit", "inconclusiveLimit")}
    errors, successes = whole(metric.get("consecutiveErrorLimit"), 4), whole(metric.get("consecutiveSuccessLimit"), 0)
    interval = metric.get("interval")
    is_guard = is_comparison and providers[provider].get("kind") in _GUARDS
    if is_comparison and not is_guard and _unset(metric, "consecutiveSuccessLimit") and not runs_forever(metric):
        successes = 1  # a certificate ends it
    return Metric(
        name=name,
        provider=provider,
        query=providers[provider],
        judged=conditions(
            metric.get("successCondition") or "", metric.get("failureCondition") or "", metric.get("noData") or ""
        ),
        interval_s=max(INTERVAL_S_MIN, duration.parse_s(interval)) if interval else None,
        initial_delay_s=duration.parse_s(metric["initialDelay"]) if metric.get("initialDelay") else 0.0,
        count=None if runs_forever(metric) else numbers["count"] or 1,
        failure_limit=numbers["failureLimit"],
        # A comparison that has not decided yet looks again: only its count, or the user, ends it as Inconclusive.
        inconclusive_limit=ANY_NUMBER
        if is_comparison and _unset(metric, "inconclusiveLimit")
        else numbers["inconclusiveLimit"],
        consecutive_error_limit=4 if errors is None else errors,
        consecutive_success_limit=successes or 0,
        is_dry_run=any(matches(str(rule.get("metricName") or ""), name) for rule in _objects(spec.get("dryRun"))),
        keep=_kept(name, _objects(spec.get("measurementRetention"))),
    )


def _unset(metric: Mapping[str, Any], name: str) -> bool:
    return metric.get(name) in (None, "")


def _kept(name: str, rules: Sequence[Mapping[str, Any]]) -> int:
    kept = MEASUREMENTS_KEPT
    for rule in rules:
        if matches(str(rule.get("metricName") or ""), name):
            limit = whole(rule.get("limit"), 0) or 0
            kept = limit if limit > 0 else MEASUREMENTS_KEPT
    return kept


def _objects(value: Any) -> list[Mapping[str, Any]]:
    """A list of a manifest, its entries that are objects."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list | tuple) else []
