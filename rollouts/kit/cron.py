"""When a schedule fires: five fields of cron in a time zone, right where clocks are set forward and back.

Source: the Go package robfig/cron, as Argo CD reads the schedules of sync windows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from rollouts.kit.instant import Instant

_NAMES = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
FIRINGS_MAX = 10_000
SCHEDULE_CHARS_MAX = 256
_STEPS_FROM = re.compile(r"(?<![^,])(\w+)/")


class CronError(ValueError):
    """A schedule or a time zone that nobody can read."""


def check(schedule: str, zone: str = "") -> None:
    """Raises CronError where the schedule or the zone cannot be read."""
    _zone(zone)
    _sim(schedule, datetime(2024, 1, 1, tzinfo=UTC))


def after(schedule: str, zone: str, moment: Instant) -> Iterator[Instant]:
    """The firings after a moment, earliest first; at most FIRINGS_MAX of them."""
    yield from _firings(schedule, _local(moment, zone), reverse=False)


def until(schedule: str, zone: str, moment: Instant) -> Iterator[Instant]:
    """The firings at or before a moment, latest first; at most FIRINGS_MAX of them."""
    # The search backwards leaves its start out, so it starts a minute later, on a whole one.
    start = Instant((moment.micros // 60_000_000 + 1) * 60_000_000)
    yield from _firings(schedule, _local(start, zone), reverse=True)


def _firings(schedule: str, start: datetime, *, reverse: bool) -> Iterator[Instant]:
    sim = _sim(schedule, start, reverse=reverse)
    for _ in range(FIRINGS_MAX):
        try:
            found = next(sim)
        except StopIteration:
            return
        yield Instant.of(found.timestamp())


def _sim(schedule: str, start: datetime, *, reverse: bool = False) -> CronSim:
    text = " ".join(schedule.split())
    fields = _NAMES.get(text, text).replace("?", "*").split(" ")
    if len(fields) != 5 or len(schedule) > SCHEDULE_CHARS_MAX:
        raise CronError(f"{schedule[:SCHEDULE_CHARS_MAX]!r} is no schedule of five fields")
    fields[4] = _STEPS_FROM.sub(r"\1-6/", fields[4])  # a day and all after it: the week ends with Saturday
    try:
        sim = CronSim(" ".join(fields), start, reverse=reverse)
    except CronSimError as error:
        raise CronError(f"{schedule!r}: {error}") from None
    sim.day_and = any(part in ("*", "*/1") for field in (fields[2], fields[4]) for part in field.split(","))
    return sim


def _local(moment: Instant, zone: str) -> datetime:
    return datetime.fromtimestamp(moment.micros // 1_000_000, tz=_zone(zone))


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, OSError, ValueError) as error:
        raise CronError(f"{name!r} is no time zone") from error
