"""What Prometheus reads here. Everything is computed when it is scraped, so counting costs the loop nothing."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, UnknownMetricFamily
from prometheus_client.registry import Collector

from rollouts import __version__
from rollouts.core.plan import Plan
from rollouts.kit.instant import Instant
from rollouts.kube.kinds import ANALYSIS_RUN, ANALYSIS_TEMPLATE, CLUSTER_ANALYSIS_TEMPLATE, EXPERIMENT, ROLLOUT
from rollouts.kube.ref import Kind, Manifest
from rollouts.shell import figures
from rollouts.shell.deliveries import Deliveries
from rollouts.shell.figures import Figure, Rows, by_label
from rollouts.shell.loop import Machine
from rollouts.shell.reflector import Reflector
from rollouts.shell.room import Room
from rollouts.shell.tell import Teller

OBJECTS_MAX = 10_000  # series with the name of an object end here, whatever a cluster holds
SERIES_MAX = 6 * OBJECTS_MAX  # of a family: one for each phase, or so many metrics of runs
LABEL_CHARACTERS_MAX = 253  # a name of Kubernetes fits; others are whatever somebody wrote
BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0)
RUN_KINDS = {"Rollout": "rollout", "AnalysisRun": "analysis_run", "Experiment": "experiment"}
_FIGURES: tuple[tuple[tuple[Kind, ...], Callable[[Iterable[Manifest]], Iterator[Figure]]], ...] = (
    ((ROLLOUT,), figures.of_rollouts),
    ((ANALYSIS_RUN,), figures.of_runs),
    ((ANALYSIS_TEMPLATE, CLUSTER_ANALYSIS_TEMPLATE), figures.of_templates),
    ((EXPERIMENT,), figures.of_experiments),
)
_VERBS = {"get": "Get", "create": "Create", "patch": "Patch", "apply": "Patch", "replace": "Update", "delete": "Delete"}


class Numbers(Collector):
    """The machine's counts under the names that dashboards know, and a few of our own."""

    def __init__(
        self, machine: Machine, reflectors: Iterable[Reflector], teller: Teller, deliveries: Deliveries
    ) -> None:
        self._machine = machine
        self._reflectors = reflectors
        self._teller = teller
        self._deliveries = deliveries

    def describe(self) -> Iterator[Metric]:
        """Nothing is known before the first scrape."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """All families, as of now."""
        yield _gauge("argo_rollouts_controller_info", "The running version.", [({"version": __version__}, 1)])
        yield _gauge("build_info", "The running version.", [({"version": __version__, "language": "python"}, 1)])
        yield _gauge("rollouts_leader", "Whether this process leads.", [({}, float(self._machine.is_leading))])
        yield from self._objects()
        yield from self._queue()
        yield from self._wire()
        yield from self._laws()

    def _objects(self) -> Iterator[Metric]:
        for kinds, figures_of in _FIGURES:
            for figure in figures_of(chain.from_iterable(_capped(self._machine, kind) for kind in kinds)):
                yield _gauge(figure.name, figure.text, bounded(figure.rows))
        yield self._deliveries.change_failure()
        held = [({"kind": table.kind.name}, table.size) for table in self._machine.cache.tables()]
        yield _gauge("rollouts_cache_objects", "Objects in the cache.", held)

    def _queue(self) -> Iterator[Metric]:
        counts = self._machine.counts
        yield _gauge("workqueue_depth", "Keys that are due.", [({"name": "rollouts"}, counts.due)])
        yield _gauge("rollouts_keys_sleeping", "Keys that wait for an instant.", [({}, counts.sleeping)])
        yield _gauge("rollouts_requests_inflight", "Requests at the API server.", [({}, counts.inflight)])
        yield _counter("workqueue_adds", "Keys that came due.", by_label("name", counts.marks))
        yield _counter("workqueue_retries", "Keys put back after a failure.", by_label("name", counts.retries))
        for kind, name in RUN_KINDS.items():
            # Of the contract without `_total`, which a counter of this library always gets: so it is of no type.
            text = "Turns whose room raised."
            yield _filled(UnknownMetricFamily(f"{name}_reconcile_error", text, labels=[]), [({}, counts.broken[kind])])

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
        yield _counter("rollouts_turns", "Turns in which a room decided.", by_label("kind", counts.turns))
        yield _counter("rollouts_turns_quiet", "Turns that wanted nothing.", by_label("kind", counts.quiet_turns))
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


def bounded(rows: Rows) -> Rows:
    """Rows of which there are not too many, none of them longer than a name, and no two alike: that breaks a scrape."""
    found: dict[tuple[str, ...], tuple[dict[str, str], float]] = {}
    for labels, value in rows:
        cut = {key: text[:LABEL_CHARACTERS_MAX] for key, text in labels.items()}
        found.setdefault(tuple(cut.values()), (cut, value))
        if len(found) == SERIES_MAX:
            break
    return list(found.values())


def _capped(machine: Machine, kind: Kind) -> Iterator[Manifest]:
    return islice(machine.cache.table(kind), OBJECTS_MAX)


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
