"""Virtual time: what is to happen, in order of its instant, then of its scheduling."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from rollouts.kit.instant import Instant

START = Instant.of(1_700_000_000.25)  # not on a whole second, so that cut time stamps show


class Timeline:
    """A clock that jumps from one appointment to the next."""

    def __init__(self) -> None:
        self.now = START
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    @property
    def elapsed_s(self) -> float:
        """Virtual seconds since the start."""
        return self.now.since(START)

    def at(self, due: Instant, happen: Callable[[], None]) -> None:
        """Make an appointment; one that lies in the past happens next."""
        self._count += 1
        heapq.heappush(self._heap, (max(due, self.now).micros, self._count, happen))

    def after(self, seconds: float, happen: Callable[[], None]) -> None:
        """Make an appointment so many seconds from now."""
        self.at(self.now.plus(seconds), happen)

    def next_due(self) -> Instant | None:
        """When the next appointment is."""
        return Instant(self._heap[0][0]) if self._heap else None

    def pop(self) -> Callable[[], None]:
        """The next appointment; the clock stands at its instant from now on."""
        micros, _, happen = heapq.heappop(self._heap)
        self.now = Instant(micros)
        return happen
