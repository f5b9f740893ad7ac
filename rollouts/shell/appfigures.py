"""Applications in figures, under the names that dashboards know, on a port of their own (:8082)."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from typing import Any, TypeAlias

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from rollouts.gitops.destination import IN_CLUSTER_NAME, IN_CLUSTER_SERVER
from rollouts.gitops.source.address import shown
from rollouts.kit.instant import Instant
from rollouts.kit.parts import part
from rollouts.kube import object as obj
from rollouts.kube.kinds import APPLICATION
from rollouts.kube.ref import Manifest
from rollouts.shell.cache import Change

Place: TypeAlias = tuple[str, str, str, str]
"""Namespace, name, project and server of an Application."""
ENDED = frozenset({"Succeeded", "Failed", "Error"})
APPLICATIONS_MAX = 20_000
REPOSITORIES_MAX = 1000
_RECONCILE_S = (0.25, 0.5, 1, 2, 4, 8, 16)
_GIT_S = (0.1, 0.25, 0.5, 1, 2, 4, 10, 20)
_COUNT = re.compile(r"[0-9]+")
_WHO = ("namespace", "name", "project")
_INFO = (
    "namespace", "name", "project", "autosync_enabled", "repo", "dest_server", "dest_namespace", "sync_status",
    "health_status", "operation",
)  # fmt: skip


class AppFigures(Collector):
    """Gauges of the Applications in the cache; counters of what ended, as the watch tells it."""

    def __init__(self, registry: CollectorRegistry, applications: Callable[[], Iterable[Manifest]]) -> None:
        self._applications = applications
        self.kube_version = ""
        self._syncs = Counter(
            "argocd_app_sync", "Syncs that ended, by phase.",
            ("namespace", "name", "project", "dest_server", "phase", "dry_run"), registry=registry,
        )  # fmt: skip
        self._seconds = Counter(
            "argocd_app_sync_duration_seconds", "Time spent in syncs.",
            ("namespace", "name", "project", "dest_server"), registry=registry,
        )  # fmt: skip
        self._reconcile = Histogram(
            "argocd_app_reconcile", "From a refresh to its comparison, in seconds.", ("namespace", "dest_server"),
            buckets=_RECONCILE_S, registry=registry,
        )  # fmt: skip
        self._git = Counter("argocd_git_request", "Questions to git.", ("repo", "request_type"), registry=registry)
        self._git_s = Histogram(
            "argocd_git_request_duration_seconds", "How long git took.", ("repo", "request_type"), buckets=_GIT_S,
            registry=registry,
        )  # fmt: skip
        self._fetch_fails = Counter("argocd_git_fetch_fail", "Fetches that failed.", ("repo",), registry=registry)
        self._list_fails = Counter("argocd_git_lsremote_fail", "Listings that failed.", ("repo",), registry=registry)
        self._repositories: set[str] = set()
        registry.register(self)

    def describe(self) -> Iterator[Metric]:
        """Nothing is known before the first scrape."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """The gauges, as of now."""
        info = GaugeMetricFamily("argocd_app_info", "Applications by sync and health.", labels=_INFO)
        labels = ("namespace", "name", "condition")
        held = GaugeMetricFamily("argocd_app_condition", "Conditions of Applications.", labels=labels)
        orphans = GaugeMetricFamily(
            "argocd_app_orphaned_resources_count", "Objects beside an Application that nobody tracks.", labels=_WHO
        )
        for _, app in zip(range(APPLICATIONS_MAX), self._applications(), strict=False):
            info.add_metric(_info(app), 1)
            for condition in (app.get("status") or {}).get("conditions") or ():
                kind = str(condition.get("type") or "")
                held.add_metric([obj.namespace(app), obj.name(app), kind], 1)
                if kind == "OrphanedResourceWarning" and (count := _COUNT.search(str(condition.get("message")))):
                    orphans.add_metric([obj.namespace(app), obj.name(app), _project(app)], float(count[0]))
        yield info
        yield held
        yield orphans
        yield from _cluster(self.kube_version)

    def git(self, repository: str, what: str, took_s: float, ok: bool) -> None:
        """One question to git was answered, or was not."""
        if repository not in self._repositories:
            if len(self._repositories) >= REPOSITORIES_MAX:
                repository = "(more)"
            self._repositories.add(repository)
        self._git.labels(repository, what).inc()
        self._git_s.labels(repository, what).observe(took_s)
        for fails in (self._list_fails, self._fetch_fails):
            fails.labels(repository)  # the first failure is one more than none only where none was told
        if not ok:
            (self._list_fails if what == "ls-remote" else self._fetch_fails).labels(repository).inc()

    def see(self, change: Change) -> None:
        """Count an operation that ended, and a comparison that was made, between two states of an Application."""
        if change.ref.kind != APPLICATION or change.before is None:
            return
        if change.after is None or _place(change.before) != _place(change.after):
            self._forget(_place(change.before))
        if change.after is None:
            return
        before, after = _state(change.before), _state(change.after)
        place = _place(change.after)
        if after.get("phase") == "Running":
            for phase in ENDED:
                self._syncs.labels(*place, phase, "false")
        ended = str(after.get("phase")) in ENDED and after.get("finishedAt")
        if ended and (before.get("phase"), before.get("startedAt")) != (after.get("phase"), after.get("startedAt")):
            sync = (after.get("operation") or {}).get("sync") or {}
            self._syncs.labels(*place, str(after["phase"]), str(bool(sync.get("dryRun"))).lower()).inc()
            if (took_s := _seconds(after)) is not None:
                self._seconds.labels(*place).inc(took_s)
        then, now = part(change.before, "status"), part(change.after, "status")
        if now.get("reconciledAt") and now.get("reconciledAt") != then.get("reconciledAt"):
            took_s = _between(now.get("observedAt"), now.get("reconciledAt"))
            self._reconcile.labels(place[0], place[3]).observe(took_s or 0.0)

    def _forget(self, place: Place) -> None:
        """Tell no more of what is gone: where Applications come and go, every scrape would be longer than the last."""
        with contextlib.suppress(KeyError):
            self._seconds.remove(*place)
        for phase, is_dry in product(ENDED, ("false", "true")):
            with contextlib.suppress(KeyError):
                self._syncs.remove(*place, phase, is_dry)


def _cluster(kube_version: str) -> Iterator[Metric]:
    """The one cluster that is known: that it is there is what its being asked says."""
    words = {"server": IN_CLUSTER_SERVER, "k8s_version": kube_version.removeprefix("v")}
    info = GaugeMetricFamily("argocd_cluster_info", "Clusters.", labels=(*words, "name"))
    info.add_metric([*words.values(), IN_CLUSTER_NAME], 1)
    yield info
    answers = GaugeMetricFamily("argocd_cluster_connection_status", "1: it answers.", labels=tuple(words))
    answers.add_metric(list(words.values()), 1)
    yield answers


def _info(app: Manifest) -> list[str]:
    spec, status = app.get("spec") or {}, part(app, "status")
    sources = spec.get("sources") or [spec.get("source") or {}]
    automated = (spec.get("syncPolicy") or {}).get("automated")
    is_automated = isinstance(automated, Mapping) and automated.get("enabled") is not False
    destination = spec.get("destination") or {}
    return [
        obj.namespace(app),
        obj.name(app),
        _project(app),
        str(is_automated).lower(),
        shown(str(sources[0].get("repoURL") or "")) if sources else "",
        _server(app),
        str(destination.get("namespace") or ""),
        str((status.get("sync") or {}).get("status") or "Unknown"),
        str((status.get("health") or {}).get("status") or "Unknown"),
        _under_way(app),
    ]


def _under_way(app: Manifest) -> str:
    if obj.is_deleting(app):
        return "delete"
    return "sync" if app.get("operation") or _state(app).get("phase") == "Running" else ""


def _state(app: Manifest) -> Mapping[str, Any]:
    return part(app, "status", "operationState")


def _place(app: Manifest) -> Place:
    return obj.namespace(app), obj.name(app), _project(app), _server(app)


def _project(app: Manifest) -> str:
    return str((app.get("spec") or {}).get("project") or "default")


def _server(app: Manifest) -> str:
    destination = (app.get("spec") or {}).get("destination") or {}
    name = destination.get("name")
    return str(destination.get("server") or (IN_CLUSTER_SERVER if name == IN_CLUSTER_NAME else name) or "")


def _seconds(state: Mapping[str, Any]) -> float | None:
    return _between(state.get("startedAt"), state.get("finishedAt"))


def _between(begin: object, end: object) -> float | None:
    since, until = Instant.parse(str(begin or "")), Instant.parse(str(end or ""))
    return max(0.0, until.since(since)) if since is not None and until is not None else None
