"""Events live for an hour, as an API server keeps them unless told otherwise."""

from __future__ import annotations

from collections.abc import Iterable

from rollouts.devplane.builtin.world import World
from rollouts.devplane.store import Commit
from rollouts.kit.instant import Instant
from rollouts.kube.kinds import EVENT
from rollouts.kube.object import ref, uid
from rollouts.kube.ref import Ref

EVENT_S = 3600.0


def concerns(world: World, commit: Commit) -> Iterable[Ref]:
    """An Event that was written."""
    if commit.kind == EVENT and commit.type != "DELETED":
        yield ref(EVENT, commit.object)


def step(world: World, which: Ref, now: Instant) -> Instant | None:
    """Delete it in its time, an hour after its last write."""
    found = world.store.find(which)
    if found is None:
        return None
    last = Instant.parse(found.get("lastTimestamp")) or Instant.parse(found["metadata"]["creationTimestamp"]) or now
    if (end := last.plus(EVENT_S)) > now:
        return end
    world.delete(which, uid(found))
    return None
