"""One row of the wiring: what the machine must know of a room, and nothing more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rollouts.core.plan import Plan
from rollouts.core.reader import Reader
from rollouts.kit.instant import Instant
from rollouts.kube.ref import Kind, Manifest, Ref


def never(manifest: Manifest) -> bool:
    """No object of this room is urgent."""
    return False


def nobody(ref: Ref, manifest: Manifest) -> Ref | None:
    """No object names a root of this room."""
    return None


@dataclass(frozen=True, slots=True)
class Room:
    """A root kind and the two functions that look after its objects.

    urgent: whether an object goes to the head of the queue (an abort).  fences: the kinds whose unseen writes hold
    back even an urgent key.  reads: the kinds that must have been listed before the room decides anything.
    on_demand: kinds that are watched once a gather asks for them, because few roots need them and they are many.
    is_whole: whether it reads objects of any kind, and all of them: nothing is left out of what it sees.
    names_root: the root that an object of another kind bears the mark of, so that a root which went away while nobody
    looked still gets its last turn.
    """

    kind: Kind
    gather: Callable[[Ref, Reader], Any | None]
    reconcile: Callable[[Any, Instant], Plan]
    urgent: Callable[[Manifest], bool] = never
    fences: frozenset[Kind] = frozenset()
    reads: tuple[Kind, ...] = ()
    on_demand: tuple[Kind, ...] = ()
    names_root: Callable[[Ref, Manifest], Ref | None] = nobody
    is_whole: bool = False
