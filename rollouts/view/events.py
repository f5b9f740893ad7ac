"""Events as lines, oldest first, the last ones only."""

from __future__ import annotations

from collections.abc import Iterable

from rollouts.kit.instant import Instant
from rollouts.kube import object as obj
from rollouts.kube.ref import Manifest
from rollouts.view import table
from rollouts.view.age import age
from rollouts.view.style import clean

EVENTS_SHOWN = 10


def lines(events: Iterable[Manifest], now: Instant) -> list[str]:
    """The last events under headings; no lines at all where there are none."""
    told = sorted(events, key=lambda event: (when(event) or Instant(0), obj.name(event)))[-EVENTS_SHOWN:]
    rows = [
        (age(when(event), now), clean(event.get("type", "")), clean(event.get("reason", "")), _sentence(event))
        for event in told
    ]
    return table.lines(("AGE", "TYPE", "REASON", "MESSAGE"), rows) if rows else []


def when(event: Manifest) -> Instant | None:
    """When an Event last happened, whichever of its three clocks its writer has set."""
    series = event.get("series") or {}
    stamps = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return next((moment for moment in map(Instant.parse, stamps) if moment), None) or obj.created(event)


def _sentence(event: Manifest) -> str:
    times = (event.get("series") or {}).get("count") or event.get("count") or 1
    text = clean(event.get("message", ""))
    return f"{text} (x{times})" if isinstance(times, int) and times > 1 else text
