"""How updates end, as the watch tells it: durations and the four figures of delivery (DORA).

It looks at the statuses alone, so it says the same whichever controller wrote them, and an update that ended while this
process was away is not counted twice.
Source of the four figures: Forsgren, Humble, Kim, Accelerate (2018), ch. 2.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric

from rollouts.kit.instant import Instant
from rollouts.kit.parts import part
from rollouts.kube import object as obj
from rollouts.kube.kinds import ROLLOUT
from rollouts.kube.ref import Manifest
from rollouts.shell.cache import Change

COMMITTED = "rollout.argoproj.io/commit-time"
"""Annotation of a Rollout or of its pod template: when the change was committed, in RFC 3339."""

GOOD = frozenset({"Promoted", "FastPromoted"})
FAILED = frozenset({"Aborted", "RolledBack", "FastRolledBack"})
FAILURES_MAX = 10_000  # Rollouts whose failure still waits for its mending
_MINUTES_S = (10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400)
_LEAD_S = (600, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800)


class Deliveries:
    """Listens to the cache's changes. Labels are namespaces, never names."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("namespace", "status")
        self._whole = Histogram(
            "rollout_duration_seconds", "From an update's start to its end.", labels, buckets=_MINUTES_S,
            registry=registry,
        )  # fmt: skip
        self._moving = Histogram(
            "rollout_progression_duration_seconds", "The same without the time that people held it.", labels,
            buckets=_MINUTES_S, registry=registry,
        )  # fmt: skip
        self._held = Histogram(
            "rollout_manual_pause_duration_seconds", "How long people held an update.", labels, buckets=_MINUTES_S,
            registry=registry,
        )  # fmt: skip
        self._aborts = Counter("rollout_abort", "Updates aborted, by what did it.", ("reason",), registry=registry)
        self._ends = Counter("rollout_deployments", "Updates that ended, by how.", labels, registry=registry)
        self._lead = Histogram(
            "rollout_lead_time_seconds", f"From the commit ({COMMITTED}) to its promotion.", ("namespace",),
            buckets=_LEAD_S, registry=registry,
        )  # fmt: skip
        self._restore = Histogram(
            "rollout_restore_seconds", "From a failed update to the next good one.", ("namespace",),
            buckets=_MINUTES_S, registry=registry,
        )  # fmt: skip
        self._good: Tally[str] = Tally()
        self._failed: Tally[str] = Tally()
        self._failing: dict[str, Instant] = {}  # uid -> since when

    def see(self, change: Change) -> None:
        """Count what ended between the two states of one object."""
        if change.ref.kind != ROLLOUT or change.after is None:
            if change.ref.kind == ROLLOUT and change.before is not None:
                self._failing.pop(obj.uid(change.before), None)
            return
        if change.before is None:
            return
        before, after = _duration(change.before), _duration(change.after)
        how, finished = after.get("completionStatus"), Instant.parse(after.get("finishedAt"))
        if not isinstance(how, str) or how not in GOOD | FAILED or finished is None:
            return
        if before.get("finishedAt") != after.get("finishedAt"):
            self._ended(change.after, how, after, finished)

    def change_failure(self) -> Metric:
        """Which part of the updates that ended since the start failed."""
        family = GaugeMetricFamily(
            "rollout_change_failure_ratio", "Failed updates over all that ended.", labels=["namespace"]
        )
        for namespace in sorted({*self._good, *self._failed}):
            good, failed = self._good[namespace], self._failed[namespace]
            family.add_metric([namespace], failed / (good + failed))
        return family

    def _ended(self, rollout: Manifest, how: str, told: Mapping[str, Any], finished: Instant) -> None:
        namespace, uid = obj.namespace(rollout), obj.uid(rollout)
        self._ends.labels(namespace, how).inc()
        began = Instant.parse(told.get("rolloutStartedAt"))
        if began is not None:
            whole_s = max(0.0, finished.since(began))
            held_s = float(told.get("totalManualPauseDurationSeconds") or 0)
            self._whole.labels(namespace, how).observe(whole_s)
            self._moving.labels(namespace, how).observe(max(0.0, whole_s - held_s))
            self._held.labels(namespace, how).observe(held_s)
        if how in FAILED:
            self._failed[namespace] += 1
            if len(self._failing) < FAILURES_MAX:
                self._failing.setdefault(uid, finished)
            if how == "Aborted":
                self._aborts.labels(_abort_reason(rollout)).inc()
            return
        self._good[namespace] += 1
        if (since := self._failing.pop(uid, None)) is not None:
            self._restore.labels(namespace).observe(max(0.0, finished.since(since)))
        if (committed := _committed(rollout)) is not None:
            self._lead.labels(namespace).observe(max(0.0, finished.since(committed)))


def _duration(rollout: Manifest) -> Mapping[str, Any]:
    return part(rollout, "status", "duration")


def _committed(rollout: Manifest) -> Instant | None:
    template = ((rollout.get("spec") or {}).get("template") or {}).get("metadata") or {}
    for marks in (obj.annotations(rollout), template.get("annotations") or {}):
        if (found := Instant.parse(marks.get(COMMITTED))) is not None:
            return found
    return None


def _abort_reason(rollout: Manifest) -> str:
    """analysis, deadline or request: what the status says of the abort. Never a text of the user's."""
    status = rollout.get("status") or {}
    message = str(status.get("message", ""))
    if "metric" in message.lower() or "analysis" in message.lower():
        return "analysis"
    if "ProgressDeadlineExceeded" in str(status.get("conditions", "")) or "progress" in message.lower():
        return "deadline"
    return "request"
