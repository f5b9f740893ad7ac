"""Where an update stands, and which turns it may take from there: one table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from rollouts.core.errors import BrokenError
from rollouts.delivery.latch import Latch


class Phase(Enum):
    """Where an update stands. Not the phase that clients read, which `status.py` words from counts as well."""

    NEW = "new"  # nothing is remembered yet
    FIRST = "first"  # the first version is on its way; there is nothing to shift traffic from
    SETTLED = "settled"  # the spec's version is the stable one
    STEPPING = "stepping"
    PAUSED = "paused"
    PROMOTING = "promoting"  # all steps are done
    ABORTED = "aborted"


class Event(Enum):
    """What makes an update turn."""

    COLLIDE = "another object has the name of the new ReplicaSet"
    REHASH = "the hash of the steps is written in another way"
    DEPLOY = "the template or the steps are new"
    ABORT = "somebody, an analysis, a deadline or failing pods abort"
    RETRY = "somebody retries"
    PROMOTE_FULL = "somebody skips what is left"
    RESUME = "somebody, or the time, ends a pause"
    PAUSE = "a pause begins"
    STEP = "a step is done"
    RUN = "an analysis is due"
    CALL = "a step plugin answers, or is to hear of something"
    PROMOTE = "the version carries everything"
    TIDY = "a command has nothing to act on"


def phase_of(latch: Latch, steps: int) -> Phase:
    """The phase of a latch under a spec with so many steps."""
    if not latch.current:
        return Phase.NEW
    if not latch.stable:
        return Phase.FIRST
    if latch.current == latch.stable:
        return Phase.SETTLED
    if latch.aborted:
        return Phase.ABORTED
    if latch.pauses:
        return Phase.PAUSED
    return Phase.STEPPING if latch.step < steps and not latch.promote_full else Phase.PROMOTING


_UNDER_WAY = frozenset({Phase.STEPPING, Phase.PAUSED, Phase.PROMOTING})
_ANY = frozenset(Phase) - {Phase.NEW, Phase.ABORTED}

TRANSITIONS: Mapping[Event, tuple[frozenset[Phase], frozenset[Phase]]] = {
    Event.COLLIDE: (frozenset(Phase), frozenset(Phase)),
    Event.REHASH: (frozenset(Phase), frozenset(Phase)),
    Event.DEPLOY: (frozenset(Phase), _ANY),
    Event.ABORT: (_UNDER_WAY | {Phase.ABORTED}, frozenset({Phase.ABORTED})),
    Event.RETRY: (_UNDER_WAY, _UNDER_WAY),
    Event.PROMOTE_FULL: (_UNDER_WAY | {Phase.ABORTED}, frozenset({Phase.PROMOTING})),
    Event.RESUME: (_UNDER_WAY, _UNDER_WAY),
    Event.PAUSE: (_UNDER_WAY, frozenset({Phase.PAUSED})),
    Event.STEP: (_UNDER_WAY, _UNDER_WAY),
    Event.RUN: (_UNDER_WAY, _UNDER_WAY),
    Event.CALL: (frozenset(Phase), frozenset(Phase)),
    Event.PROMOTE: (frozenset({Phase.FIRST, Phase.PROMOTING}), frozenset({Phase.SETTLED})),
    Event.TIDY: (frozenset({Phase.FIRST, Phase.SETTLED}), frozenset({Phase.FIRST, Phase.SETTLED})),
}
"""Event → (phases in which it may happen, phases to which it may lead)."""


def check(before: Phase, event: Event, after: Phase) -> None:
    """Assert that a turn stands in the table. Raises BrokenError."""
    sources, targets = TRANSITIONS[event]
    if before not in sources or after not in targets:
        raise BrokenError(f"no turn from {before.value} to {after.value} because {event.value}")
