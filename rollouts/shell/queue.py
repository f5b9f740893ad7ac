"""Keys that are due: deduplicated, delayed and pressable. Order depends on calls alone.

Three lines: what is urgent goes first, and what was begun goes before what only wants to begin. Under load that keeps
few updates in mid-flight, each at its own pace, instead of many that all wait for one another.
"""

from __future__ import annotations

import heapq
from collections import deque
from enum import IntEnum

from rollouts.kit.instant import Instant
from rollouts.kube.ref import Ref

FRESH_EVERY = 8  # one in so many keys is of the last line, however long the others are: nobody waits for ever
VOID_FREE_MAX = 1024  # entries of the heap that mean nothing any more, beside as many as there are sleeping keys


class Line(IntEnum):
    """Where a key stands; the lower the sooner."""

    URGENT = 0
    BEGUN = 1
    FRESH = 2


class Queue:
    """A set of keys in order of arrival, and a heap of keys that come due later."""

    def __init__(self) -> None:
        self._lines: tuple[deque[Ref], ...] = tuple(deque() for _ in Line)
        self._marked: dict[Ref, Line] = {}
        self._later: list[tuple[int, int, Ref]] = []
        self._alarm: dict[Ref, int] = {}  # the earliest instant at which a key is due; later heap entries are void
        self._count = 0
        self._popped = 0

    def __len__(self) -> int:
        return len(self._marked)

    @property
    def has_urgent(self) -> bool:
        """Whether an urgent key is due."""
        return any(self._marked.get(key) is Line.URGENT for key in self._lines[Line.URGENT])

    @property
    def sleeping(self) -> int:
        """How many keys wait for an instant."""
        return len(self._alarm)

    def mark(self, key: Ref, line: Line = Line.BEGUN) -> bool:
        """Make a key due now; False if it already was. A mark for a line further ahead lifts it there."""
        standing = self._marked.get(key)
        if standing is not None and standing <= line:
            return False
        self._marked[key] = line
        self._lines[line].append(key)
        return standing is None

    def at(self, key: Ref, due: Instant) -> None:
        """Make a key due at an instant; the earliest of several wins."""
        known = self._alarm.get(key)
        if known is not None and known <= due.micros:
            return
        self._alarm[key] = due.micros
        self._count += 1
        heapq.heappush(self._later, (due.micros, self._count, key))
        if len(self._later) > VOID_FREE_MAX + 2 * len(self._alarm):  # keys that are often looked at before they are due
            alarms = enumerate(self._alarm.items())
            self._later = [(micros, number, each) for number, (each, micros) in alarms]
            heapq.heapify(self._later)

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
        if urgent_only:
            return self._first(Line.URGENT)
        self._popped += 1
        order = (Line.URGENT, Line.BEGUN, Line.FRESH)
        if self._popped % FRESH_EVERY == 0:
            order = (Line.URGENT, Line.FRESH, Line.BEGUN)
        return next((key for line in order if (key := self._first(line)) is not None), None)

    def _first(self, line: Line) -> Ref | None:
        waiting = self._lines[line]
        while waiting:
            key = waiting.popleft()
            if self._marked.get(key) is line:  # else: lifted to another line, or forgotten
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
