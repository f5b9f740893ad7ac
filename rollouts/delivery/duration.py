"""How long an update takes: when it began, how long people held it, when and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollouts.delivery import bluegreen, history, stages, steps
from rollouts.delivery.latch import Latch
from rollouts.delivery.phase import Event
from rollouts.delivery.seen import DeliverySeen
from rollouts.delivery.turning import Turning
from rollouts.kit.instant import Instant

PROMOTED, FAST_PROMOTED = "Promoted", "FastPromoted"
ROLLED_BACK, FAST_ROLLED_BACK = "RolledBack", "FastRolledBack"
ABORTED = "Aborted"
_HOW_PROMOTED = {
    (False, False): PROMOTED,
    (False, True): FAST_PROMOTED,
    (True, False): ROLLED_BACK,
    (True, True): FAST_ROLLED_BACK,
}
"""(to a version older than the stable one, without all of its steps) → how an update ended."""
_BEGUN, _FINISHED, _HOW = "rolloutStartedAt", "finishedAt", "completionStatus"
_HELD_SINCE, _HELD_S = "manualPauseStartedAt", "totalManualPauseDurationSeconds"


def told(seen: DeliverySeen, latch: Latch, turning: Turning | None, now: Instant) -> dict[str, Any] | None:
    """The field of the status under a latch; it changes only where an update turns or somebody holds it."""
    before = seen.status.get("duration")
    kept = dict(before) if isinstance(before, Mapping) else {}
    if turning is not None:
        kept = _turned(seen, latch, kept, turning.event, now)
    if not kept:
        return None
    is_held = _HOW not in kept and _is_held(seen, latch)
    since = Instant.parse(kept.get(_HELD_SINCE))
    if is_held and since is None:
        kept[_HELD_SINCE] = now.rfc3339()
    elif not is_held and _HELD_SINCE in kept:
        kept[_HELD_S] = _seconds(kept.get(_HELD_S)) + (max(0, int(now.since(since))) if since else 0)
        del kept[_HELD_SINCE]
    return kept


def _turned(seen: DeliverySeen, latch: Latch, kept: dict[str, Any], event: Event, now: Instant) -> dict[str, Any]:
    match event:
        case Event.DEPLOY if latch.is_updating or not latch.stable:
            is_same = latch.current == seen.latch.current and _BEGUN in kept and _HOW not in kept
            return kept if is_same else {_BEGUN: now.rfc3339()}
        case Event.DEPLOY if seen.latch.is_updating and _HOW not in kept:
            return _ended(kept, FAST_ROLLED_BACK, now)
        case Event.ABORT:
            return _ended(kept, ABORTED, now)
        case Event.RETRY:
            return {_BEGUN: now.rfc3339()}
        case Event.PROMOTE_FULL:
            return {key: value for key, value in kept.items() if key not in (_FINISHED, _HOW)}
        case Event.PROMOTE:
            is_return = history.is_return(seen)
            is_spared = seen.blue_green is not None and bluegreen.is_fast_return(seen)
            is_fast = seen.latch.promote_full or history.is_near_return(seen) or (is_return and is_spared)
            return _ended(kept, _HOW_PROMOTED[is_return, is_fast], now)
        case _:
            return kept


def _ended(kept: dict[str, Any], how: str, now: Instant) -> dict[str, Any]:
    return {**kept, _FINISHED: now.rfc3339(), _HOW: how} if kept else kept


def _is_held(seen: DeliverySeen, latch: Latch) -> bool:
    """Whether the update waits for a person, and not for a time."""
    if seen.spec.paused:
        return True
    if not latch.pauses or not latch.is_updating:
        return False
    due = steps.pause_due(seen, latch) if seen.blue_green is None else stages.pause_due(seen, latch)
    return due is None or len(latch.pauses) > 1


def _seconds(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
