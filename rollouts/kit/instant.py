"""A moment in time as a value: seconds since the epoch, UTC.

Time is an argument everywhere in the house; only `rollouts.shell.clock` reads the one on the wall.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, order=True)
class Instant:
    """A point in time. `micros`: microseconds since 1970-01-01T00:00:00Z, exact (no floating point drift)."""

    micros: int

    @classmethod
    def of(cls, seconds: float) -> Instant:
        """An instant from seconds since the epoch."""
        return cls(round(seconds * 1_000_000))

    @classmethod
    def parse(cls, text: object) -> Instant | None:
        """Read an RFC 3339 time stamp; anything else (a hand-edited status, say) is None: unknown, never zero."""
        return _parse(text) if isinstance(text, str) else None

    @property
    def seconds(self) -> float:
        """Seconds since the epoch."""
        return self.micros / 1_000_000

    def plus(self, seconds: float) -> Instant:
        """The instant that many seconds later (earlier if negative)."""
        return Instant(self.micros + round(seconds * 1_000_000))

    def rounded_up(self) -> Instant:
        """This instant if it is a whole second, or else the next that is."""
        return Instant(-(-self.micros // 1_000_000) * 1_000_000)

    def since(self, other: Instant) -> float:
        """Seconds from `other` to this instant; negative if `other` is later."""
        return (self.micros - other.micros) / 1_000_000

    def rfc3339(self) -> str:
        """RFC 3339 in UTC with microseconds only where there are any, so that no pause measured from it ends early."""
        second, part = divmod(self.micros, 1_000_000)
        return f"{_stamp(second)}.{part:06d}Z" if part else f"{_stamp(second)}Z"

    def rfc3339_whole(self) -> str:
        """RFC 3339 cut to whole seconds, the form Kubernetes itself writes for conditions."""
        return f"{_stamp(self.micros // 1_000_000)}Z"

    def __str__(self) -> str:
        return self.rfc3339()


@lru_cache(maxsize=64)  # much is told within one second
def _stamp(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=4096)  # a status is read many times while it stands
def _parse(text: str) -> Instant | None:
    found = _RFC3339.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    fraction, sign, zone_h, zone_m = found.groups()[6:]
    try:
        stamp = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
    micros = (stamp - _EPOCH) // timedelta(microseconds=1) + (1_000_000 if second == 60 else 0)
    if fraction:
        micros += int(fraction[:6].ljust(6, "0"))
    if sign:
        offset = (int(zone_h) * 60 + int(zone_m)) * 60_000_000
        micros += offset if sign == "-" else -offset
    return Instant(micros)
