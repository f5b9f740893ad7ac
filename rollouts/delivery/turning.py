"""One turn of an update: the latch after it, why, and what is told."""

from __future__ import annotations

from dataclasses import dataclass

from rollouts.core.plan import Note
from rollouts.delivery.latch import Latch
from rollouts.delivery.phase import Event


@dataclass(frozen=True, slots=True)
class Turning:
    """A decision to remember. rule: the sentence for `explain`.  message: the reason of an abort."""

    latch: Latch
    event: Event
    rule: str
    notes: tuple[Note, ...] = ()
    message: str = ""
