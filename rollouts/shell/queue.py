"""Keys that are due: deduplicated, delayed and pressable, the urgent ones first. Order depends on calls alone."""

from __future__ import annotations

import heapq
from collections import deque

from rollouts.kit.instant import Instant
from rollouts.kube.ref import Ref


class Queue:
    """A set of keys in order of arrival, and a heap of keys that come due later."""

    def __init__(self) -> None:
        self._urgent: deque[Ref] = deque()
        self._ready: deque[Ref] = deque()
        self._marked: dict[Ref, bool] = {}  # key -> whether it stands in the urgent line
        self._later: list[tuple[int, int, Ref]] = []
        self._alarm: dict[Ref, int] = {}  # the earliest instant at which a key is due; later heap entries are void
        self._count = 0

    def __len__(self) -> int:
        return len(self._marked)

    @property
    def has_urgent(self) -> bool:
        """Whether an urgent key is due."""
        return any(self._marked.get(key) for key in self._urgent)

    @property
    def sleeping(self) -> int:
        """How many keys wait for an instant."""
        return len(self._alarm)

    def mark(self, key: Ref, *, urgent: bool = False) -> bool:
        """Make a key due now; False if it already was. An urgent mark lifts a key that stands in line."""
        line = self._marked.get(key)
        if line is not None and (line or not urgent):
            return False
        self._marked[key] = urgent
        (self._urgent if urgent else self._ready).append(key)
        return line is None

    def at(self, key: Ref, due: Instant) -> None:
        """Make a key due at an instant; the earliest of several wins."""
        known = self._alarm.get(key)
        if known is not None and known <= due.micros:
            return
        self._alarm[key] = due.micros
        self._count += 1
        heapq.heappush(self._later, (due.micros, self._count, key))

    def calm(self, key: Ref) -> None:
        """Drop the instant at which a key would come due; whoever looks at it now sets the next one."""
        self._alarm.pop(key, None)

    def forget(self, key: Ref) -> None:
        """Drop a key, due or asleep."""
        self._alarm.pop(key, None)
        self._marked.pop(key, None)

    def advance(self, now: Instant) -> None:
        """Mark every key whose instant has come."""
        while self._later and (self._later[0][0] <= now.micros or self._is_void(self._later[0])):
            entry = heapq.heappop(self._later)
            if not self._is_void(entry):
                del self._alarm[entry[2]]
                self.mark(entry[2])

    def pop(self, *, urgent_only: bool = False) -> Ref | None:
        """The next due key, or None."""
        for line, is_urgent in ((self._urgent, True), (self._ready, False)):
            if urgent_only and not is_urgent:
                return None
            while line:
                key = line.popleft()
                if self._marked.get(key) is is_urgent:  # else: lifted to the other line, or forgotten
                    del self._marked[key]
                    return key
        return None

    def next_due(self) -> Instant | None:
        """When the next sleeping key comes due."""
        while self._later and self._is_void(self._later[0]):
            heapq.heappop(self._later)
        return Instant(self._later[0][0]) if self._later else None

    def _is_void(self, entry: tuple[int, int, Ref]) -> bool:
        return self._alarm.get(entry[2]) != entry[0]
