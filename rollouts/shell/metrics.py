"""What Prometheus reads here. Everything is computed when it is scraped, so counting costs the loop nothing."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from rollouts import __version__
from rollouts.core.plan import Plan
from rollouts.kit.instant import Instant
from rollouts.kube.kinds import ANALYSIS_RUN, ROLLOUT
from rollouts.kube.ref import Manifest
from rollouts.shell.loop import Machine
from rollouts.shell.reflector import Reflector
from rollouts.shell.room import Room
from rollouts.shell.tell import Teller

Rows = Sequence[tuple[dict[str, str], float]]
OBJECTS_MAX = 10_000  # series with the name of an object end here, whatever a cluster holds
BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0)
RUN_KINDS = {"Rollout": "rollout", "AnalysisRun": "analysis_run", "Experiment": "experiment"}
_VERBS = {"get": "Get", "create": "Create", "patch": "Patch", "apply": "Patch", "replace": "Update", "delete": "Delete"}


class Numbers(Collector):
    """The machine's counts under the names that dashboards know, and a few of our own."""

    def __init__(self, machine: Machine, reflectors: Iterable[Reflector], teller: Teller) -> None:
        self._machine = machine
        self._reflectors = tuple(reflectors)
        self._teller = teller

    def describe(self) -> Iterator[Metric]:
        """Nothing is known before the first scrape."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """All families, as of now."""
        yield _gauge("argo_rollouts_controller_info", "The running version.", [({"version": __version__}, 1)])
        yield from self._objects()
        yield from self._queue()
        yield from self._wire()
        yield from self._laws()

    def _objects(self) -> Iterator[Metric]:
        rollouts = list(_capped(self._machine, ROLLOUT))
        yield _gauge("rollout_info", "Rollouts by strategy, router and phase.", [(_facts(one), 1) for one in rollouts])
        for suffix, path in (
            ("desired", ("spec", "replicas")),
            ("available", ("status", "availableReplicas")),
            ("unavailable", ("status", "unavailableReplicas")),
            ("updated", ("status", "updatedReplicas")),
        ):
            rows = [(_who(one), _number(one, path, 1 if suffix == "desired" else 0)) for one in rollouts]
            yield _gauge(f"rollout_info_replicas_{suffix}", f"Replicas {suffix}.", rows)
        runs = [
            ({**_who(one), "phase": _text(one, "status", "phase")}, 1) for one in _capped(self._machine, ANALYSIS_RUN)
        ]
        yield _gauge("analysis_run_info", "AnalysisRuns by phase.", runs)
        held = [({"kind": table.kind.name}, table.size) for table in self._machine.cache.tables()]
        yield _gauge("rollouts_cache_objects", "Objects in the cache.", held)

    def _queue(self) -> Iterator[Metric]:
        counts = self._machine.counts
        yield _gauge("workqueue_depth", "Keys that are due.", [({"name": "rollouts"}, counts.due)])
        yield _gauge("rollouts_keys_sleeping", "Keys that wait for an instant.", [({}, counts.sleeping)])
        yield _gauge("rollouts_requests_inflight", "Requests at the API server.", [({}, counts.inflight)])
        yield _counter("workqueue_adds", "Keys that came due.", _by("name", counts.marks))
        yield _counter("workqueue_retries", "Keys put back after a failure.", _by("name", counts.retries))
        for kind, name in RUN_KINDS.items():
            yield _counter(f"{name}_reconcile_error", "Turns whose room raised.", [({}, counts.broken[kind])])

    def _wire(self) -> Iterator[Metric]:
        counts = self._machine.counts
        requests: Tally[tuple[str, str, str]] = Tally()
        for (verb, kind, code), count in counts.requests.items():
            requests[_VERBS[verb], kind, code] += count
        rows = [({"verb": verb, "kind": kind, "status_code": code}, n) for (verb, kind, code), n in requests.items()]
        yield _counter("controller_clientset_k8s_request", "Requests to the API server.", rows)
        events = [({"kind": kind, "type": what}, n) for (kind, what), n in counts.events.items()]
        yield _counter("rollouts_watch_events", "Watch events.", events)
        notes = [
            ({"type": severity, "reason": reason}, n)
            for (kind, severity, reason), n in counts.notes.items()
            if kind == ROLLOUT.name
        ]
        yield _counter("rollout_events", "Facts told about Rollouts.", notes)
        told = self._teller.counts
        outcomes = [("sent", told.sent), ("dropped", told.dropped), ("failed", told.failed)]
        yield _counter("rollouts_events", "Kubernetes Events.", [({"outcome": what}, n) for what, n in outcomes])
        ears = [({"kind": each.interest.kind.name}, each.hearing) for each in self._reflectors]
        yield _counter("rollouts_lists", "Whole lists.", [(who, hearing.lists) for who, hearing in ears])
        yield _counter("rollouts_watches", "Watches begun.", [(who, hearing.watches) for who, hearing in ears])
        yield _counter("rollouts_watch_failures", "Watches lost.", [(who, hearing.failures) for who, hearing in ears])

    def _laws(self) -> Iterator[Metric]:
        counts = self._machine.counts
        yield _counter("rollouts_turns", "Turns in which a room decided.", _by("kind", counts.turns))
        yield _counter("rollouts_turns_quiet", "Turns that wanted nothing.", _by("kind", counts.quiet_turns))
        for name, text, count in (
            ("rollouts_writes_noop", "Writes that changed nothing.", counts.noop_writes),
            ("rollouts_responses_lost", "Requests without an answer.", counts.lost_responses),
            ("rollouts_conflicts", "Writes that somebody else overtook.", counts.conflicts),
            ("rollouts_fences_expired", "Own writes that the watch did not show in time.", counts.fences_expired),
            ("rollouts_confirmations", "Quorum reads before something irreversible.", counts.confirmations),
            ("rollouts_evictions_declined", "Evictions that a disruption budget did not allow.", counts.declined),
            ("rollouts_circling", "Plans held back because they never came to rest.", counts.circling),
            ("rollouts_asks", "Questions put to the world.", counts.asks),
            ("rollouts_answers", "Answers that somebody waited for.", counts.answers),
        ):
            yield _counter(name, text, [({}, count)])
        if (shadow := self._machine.shadow) is not None:
            rows = [({"in": what}, count) for what, count in shadow.counts.items()]
            yield _gauge("rollouts_shadow_differences", "Objects that another controller leaves otherwise.", rows)


def timed(room: Room, registry: CollectorRegistry) -> Room:
    """The room, with the time of its decisions in a histogram (`rollout_reconcile` and its like)."""
    name = f"{RUN_KINDS.get(room.kind.name, room.kind.name.lower())}_reconcile"
    seconds = Histogram(name, "Seconds of one decision.", buckets=BUCKETS_S, registry=registry)
    decide: Callable[[Any, Instant], Plan] = room.reconcile

    def reconcile(seen: Any, now: Instant) -> Plan:
        began_s = time.perf_counter()
        try:
            return decide(seen, now)
        finally:
            seconds.observe(time.perf_counter() - began_s)

    return replace(room, reconcile=reconcile)


def _capped(machine: Machine, kind: Any) -> Iterator[Manifest]:
    count = 0
    for bucket in machine.cache.table(kind).buckets.values():
        for manifest in bucket.values():
            count += 1
            if count > OBJECTS_MAX:
                return
            yield manifest


def _facts(rollout: Manifest) -> dict[str, str]:
    strategy = (rollout.get("spec") or {}).get("strategy") or {}
    name = next((known for known in ("canary", "blueGreen") if strategy.get(known) is not None), "none")
    routing = (strategy.get(name) or {}).get("trafficRouting") or {}
    router = next((key for key in sorted(routing) if isinstance(routing[key], dict)), "")
    phase = _text(rollout, "status", "phase")
    return {**_who(rollout), "strategy": name, "traffic_router": router, "phase": phase}


def _who(manifest: Manifest) -> dict[str, str]:
    meta = manifest["metadata"]
    return {"namespace": str(meta.get("namespace", "")), "name": str(meta["name"])}


def _text(manifest: Manifest, part: str, name: str) -> str:
    value = (manifest.get(part) or {}).get(name)
    return value if isinstance(value, str) else ""


def _number(manifest: Manifest, path: tuple[str, str], default: int) -> float:
    value = (manifest.get(path[0]) or {}).get(path[1])
    return float(value) if isinstance(value, int | float) else default


def _by(label: str, tally: Tally[str]) -> Rows:
    return [({label: name}, count) for name, count in tally.items()]


def _gauge(name: str, text: str, rows: Rows) -> Metric:
    return _filled(GaugeMetricFamily(name, text, labels=_labels(rows)), rows)


def _counter(name: str, text: str, rows: Rows) -> Metric:
    return _filled(CounterMetricFamily(name, text, labels=_labels(rows)), rows)


def _labels(rows: Rows) -> list[str]:
    return list(rows[0][0]) if rows else []


def _filled(family: Any, rows: Rows) -> Metric:
    for labels, value in rows:
        family.add_metric(list(labels.values()), value)
    metric: Metric = family
    return metric
