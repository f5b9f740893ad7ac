"""The one reading of the clock: the API server's time, as well as one process can know it.

Pauses and delays are measured from moments that the API server stores, across restarts and changes of leader. So what
counts is the cluster's time, and not that of the machine on which a controller happens to run, which may be wrong, and
which somebody may set in the middle of a pause.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from rollouts.kit.instant import Instant
from rollouts.shell import logs

DATE_FORMAT = "%a, %d %b %Y %H:%M:%S GMT"
SET_RIGHT_TOLD_S = 2.0
_DATE_US = 1_000_000  # how far a Date may be behind the moment that it was written at


def _wall_us() -> int:
    return time.time_ns() // 1000


def _steady_us() -> int:
    return time.monotonic_ns() // 1000


class Clock:
    """Begins with the machine's time and runs on by its steady clock, so that nobody can set it; and each answer of
    the API server bears a Date, which says from when to when that moment can have been. What is outside is set right.

    wall_us, steady_us: microseconds since the epoch, and since anything.
    """

    def __init__(self, wall_us: Callable[[], int] = _wall_us, steady_us: Callable[[], int] = _steady_us) -> None:
        self._steady_us = steady_us
        self._offset_us = wall_us() - steady_us()
        self._date: tuple[bytes, int | None] = (b"", None)

    def now(self) -> Instant:
        """This moment."""
        return Instant(self._steady_us() + self._offset_us)

    def steady_us(self) -> int:
        """A reading of the steady clock, for `heard`."""
        return self._steady_us()

    def heard(self, date: bytes, sent_us: int) -> float:
        """Take in the Date of an answer that has just arrived. sent_us: the steady clock when its request left.

        Returns by how many seconds the clock was set right: 0 where the two agree, or the Date is none.
        """
        since_us = self._read(date)
        if since_us is None:
            return 0.0
        steady_us, offset_us = self._steady_us(), self._offset_us
        now_us = steady_us + offset_us
        until_us = since_us + _DATE_US + (steady_us - sent_us)
        right_us = min(max(now_us, since_us), until_us) - now_us
        self._offset_us = offset_us + right_us  # the Lease's thread hears too: what both correct is corrected once
        return right_us / 1_000_000

    def _read(self, date: bytes) -> int | None:
        known, moment_us = self._date
        if date != known:
            try:
                moment = datetime.strptime(date.decode("ascii"), DATE_FORMAT).replace(tzinfo=UTC)
                moment_us = int(moment.timestamp()) * 1_000_000
            except ValueError:
                moment_us = None
            self._date = (date, moment_us)
        return moment_us


_OF_THIS_PROCESS = Clock()
now = _OF_THIS_PROCESS.now
steady_us = _OF_THIS_PROCESS.steady_us


def heard(date: bytes, sent_us: int) -> None:
    """Take in the Date of an answer that this process has just got; see `Clock.heard`."""
    set_right_s = _OF_THIS_PROCESS.heard(date, sent_us)
    if abs(set_right_s) > SET_RIGHT_TOLD_S:
        logs.info("the API server's clock counts, and this machine's differs", set_right_s=round(set_right_s, 3))
