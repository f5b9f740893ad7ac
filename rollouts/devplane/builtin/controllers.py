"""The loop of the built-in controllers: commits mark objects, due objects are looked at, one after the other."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from rollouts.devplane.builtin import deployments, endpoints, events, gc, jobs, namespaces, pods, replicasets
from rollouts.devplane.builtin.world import AS_MANAGER, World
from rollouts.devplane.request import WriteOptions
from rollouts.devplane.store import Commit, Store
from rollouts.kit.instant import Instant
from rollouts.kube.ref import Ref

STEPS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Controller:
    """concerns: the objects to look at after a commit.  step: look at one, return when to look again by itself."""

    name: str
    concerns: Callable[[World, Commit], Iterable[Ref]]
    step: Callable[[World, Ref, Instant], Instant | None]


CONTROLLERS: tuple[Controller, ...] = (
    Controller("replicasets", replicasets.concerns, replicasets.step),
    Controller("deployments", deployments.concerns, deployments.step),
    Controller("pods", pods.concerns, pods.step),
    Controller("endpoints", endpoints.concerns, endpoints.step),
    Controller("jobs", jobs.concerns, jobs.step),
    Controller("gc", gc.concerns, gc.step),
    Controller("namespaces", namespaces.concerns, namespaces.step),
)
EVENTS = Controller("events", events.concerns, events.step)  # for clusters that live for hours


class Builtins:
    """The controllers of one store. `lag_s` delays a controller's look, by its name; without it looks are at once."""

    def __init__(
        self,
        store: Store,
        *,
        controllers: Iterable[Controller] = CONTROLLERS,
        lag_s: Mapping[str, float] | None = None,
        pod_ready_s: float = 0.5,
        options: WriteOptions = AS_MANAGER,
    ) -> None:
        self.world = World(store, pod_ready_s=pod_ready_s, options=options)
        self._controllers = tuple(controllers)
        self.lag_s: Mapping[str, float] = lag_s or {}
        self._due: dict[tuple[int, Ref], Instant] = {}
        self._heap: list[tuple[int, int, int, Ref]] = []
        self._marks = 0
        store.listeners.append(self.hear)

    def hear(self, commit: Commit) -> None:
        """Mark whatever a commit concerns."""
        self.world.dependents.hear(commit)
        now = self.world.store.now()
        for index, controller in enumerate(self._controllers):
            for ref in controller.concerns(self.world, commit):
                self._mark(index, ref, now.plus(self.lag_s.get(controller.name, 0.0)))

    def step(self, now: Instant) -> Instant | None:
        """Look at everything that is due; returns when the next look is due, None where all is quiet."""
        for _ in range(STEPS_MAX):
            if (at := self.next_due()) is None or at > now:
                return at
            _, _, index, ref = heapq.heappop(self._heap)
            del self._due[index, ref]
            if again := self._controllers[index].step(self.world, ref, now):
                self._mark(index, ref, again)
        raise AssertionError(f"the built-in controllers never come to rest: {STEPS_MAX} steps at {now}")

    def next_due(self) -> Instant | None:
        """When the next look is due."""
        while self._heap:
            micros, _, index, ref = self._heap[0]
            if self._due.get((index, ref)) == Instant(micros):
                return Instant(micros)
            heapq.heappop(self._heap)
        return None

    def _mark(self, index: int, ref: Ref, at: Instant) -> None:
        known = self._due.get((index, ref))
        if known is not None and known <= at:
            return
        self._due[index, ref] = at
        self._marks += 1
        heapq.heappush(self._heap, (at.micros, self._marks, index, ref))
