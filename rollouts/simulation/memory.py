"""What the auditor remembers of the past: numbers as they changed, and since when something is so."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from rollouts.devplane.store import Commit
from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.kube.object import ref, uid
from rollouts.kube.ref import Ref
from rollouts.simulation.routed import CARRYING
from rollouts.simulation.truth import HASH, Truth, available, weight_of


@dataclass(slots=True)
class Series:
    """A number over time."""

    times: list[Instant] = field(default_factory=list)
    values: list[int] = field(default_factory=list)

    def put(self, at: Instant, value: int) -> None:
        """The number is this from now on."""
        if not self.values or self.values[-1] != value:
            self.times.append(at)
            self.values.append(value)

    def within(self, since: Instant) -> list[int]:
        """Every value that held at some moment since then; [0] where nothing is known."""
        first = max(bisect_left(self.times, since) - 1, 0)  # what changed at `since` itself was not known yet
        return self.values[first:] or [0]


@dataclass(slots=True)
class Memory:
    """Keyed by uid, but for Services, which keep their name and have no version worth telling apart."""

    available: defaultdict[str, Series] = field(default_factory=lambda: defaultdict(Series))
    replicas: defaultdict[str, Series] = field(default_factory=lambda: defaultdict(Series))
    weights: defaultdict[Ref, Series] = field(default_factory=lambda: defaultdict(Series))
    strange: set[Ref] = field(default_factory=set)  # whose weight or version a stranger changed last
    selected: dict[Ref, tuple[str, Instant]] = field(default_factory=dict)  # Service -> hash, since
    left: dict[str, Instant] = field(default_factory=dict)  # hash -> when it last ceased to be the stable one served
    rollouts: set[str] = field(default_factory=set)  # every uid there ever was
    experiments: set[str] = field(default_factory=set)  # likewise
    gone: dict[str, Instant] = field(default_factory=dict)  # uid of an owner -> when it was deleted
    abort_since: dict[str, Instant] = field(default_factory=dict)  # by uid, while it lasts
    abort_flips: dict[str, int] = field(default_factory=dict)  # selector changes of the canary Service since then
    abort_known: dict[str, Instant] = field(default_factory=dict)  # since when an abort has had stable pods enough
    dark_since: dict[str, Instant] = field(default_factory=dict)  # since when the canary has had no weight
    touched: dict[str, Instant] = field(default_factory=dict)  # when a person last wrote the Rollout
    step_since: dict[str, Instant] = field(default_factory=dict)
    step_before: dict[str, Instant] = field(default_factory=dict)  # when the step that was left had been entered
    former_stable: str = ""  # the stable version before the present one
    plugged: set[tuple[str, str, int]] = field(default_factory=set)  # (Rollout, version, step): a plugin is done
    over_since: dict[str, Instant] = field(default_factory=dict)  # AnalysisRun uid -> when its verdict was stored

    def keep(self, commit: Commit, at: Instant, by_person: bool, by_controller: bool) -> None:
        """Take a commit in that concerns no Rollout's totals."""
        thing = ref(commit.kind, commit.object)
        if commit.type == "DELETED" and commit.kind in (kinds.ROLLOUT, kinds.EXPERIMENT):
            self.gone[uid(commit.object)] = at
        if commit.kind == kinds.REPLICA_SET:
            self.available[uid(commit.object)].put(at, 0 if commit.type == "DELETED" else available(commit.object))
        elif commit.kind in (*CARRYING, kinds.SERVICE):
            weight = 0 if commit.type == "DELETED" else weight_of(commit.object)
            if weight != (self.weights[thing].values or [0])[-1]:
                (self.strange.discard if by_controller else self.strange.add)(thing)
            self.weights[thing].put(at, weight)
            if commit.kind == kinds.SERVICE:
                self._service(commit, thing, at, by_controller)
        elif commit.kind == kinds.ROLLOUT:
            self._rollout(commit, at, by_person)
        elif commit.kind == kinds.EXPERIMENT:
            self.experiments.add(uid(commit.object))
        elif commit.kind == kinds.ANALYSIS_RUN and _phase(commit.object) in ("Failed", "Error"):
            self.over_since.setdefault(uid(commit.object), at)

    def settle(self, now: Truth, at: Instant, by_controller: bool) -> None:
        """Take in how a Rollout stands after a commit. A weight that a stranger gives is not our doing."""
        own = uid(now.rollout)
        if now.weight > 0:
            if by_controller and self.strange.isdisjoint(now.weights):
                self.dark_since.pop(own, None)
        else:
            self.dark_since.setdefault(own, at)
        if now.aborted and now.is_updating:
            stable = now.sets.get(now.stable)
            if available(stable) >= now.replicas:
                self.abort_known.setdefault(own, at)
            else:
                self.abort_known.pop(own, None)
        else:
            self.abort_known.pop(own, None)

    def _service(self, commit: Commit, service: Ref, at: Instant, by_controller: bool) -> None:
        hash_value = str((commit.object["spec"].get("selector") or {}).get(HASH) or "")
        before = self.selected.get(service, ("", at))[0]
        if service not in self.selected or before != hash_value:
            (self.strange.discard if by_controller else self.strange.add)(service)
            if before:
                self.left[before] = at
            self.selected[service] = (hash_value, at)

    def _rollout(self, commit: Commit, at: Instant, by_person: bool) -> None:
        own, status = uid(commit.object), commit.object.get("status") or {}
        had: dict[str, Any] = dict((commit.previous or {}).get("status") or {})
        wanted = commit.object["spec"].get("replicas")
        self.rollouts.add(own)
        self.replicas[own].put(at, 1 if wanted is None else wanted)
        if by_person:
            self.touched[own] = at
        if status.get("currentStepIndex") != had.get("currentStepIndex"):
            self.step_before[own] = self.step_since.get(own, at)
            self.step_since[own] = at
        if had.get("stableRS") and had.get("stableRS") != status.get("stableRS"):
            self.former_stable = str(had["stableRS"])
        if status.get("abort") is not True:
            self.abort_since.pop(own, None)
            self.abort_flips.pop(own, None)
        elif own not in self.abort_since:
            self.abort_since[own], self.abort_flips[own] = at, 0


def _phase(run: Any) -> str:
    return str((run.get("status") or {}).get("phase") or "")


def is_selected(memory: Memory, hash_value: str, space: str) -> Instant | None:
    """Since when some Service of a namespace selects this version, None where none does."""
    found = [
        since for service, (own, since) in memory.selected.items() if own == hash_value and service.namespace == space
    ]
    return min(found, default=None)


__all__ = ["Memory", "Series", "is_selected"]
