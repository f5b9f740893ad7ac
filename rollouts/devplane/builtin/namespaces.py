"""The namespace controller: what lives in a namespace goes with it."""

from __future__ import annotations

from collections.abc import Iterable

from rollouts.devplane.builtin.world import World
from rollouts.devplane.store import Commit
from rollouts.kit.instant import Instant
from rollouts.kube.kinds import NAMESPACE
from rollouts.kube.object import namespace, ref, uid
from rollouts.kube.ref import Ref


def concerns(world: World, commit: Commit) -> Iterable[Ref]:
    """A namespace that is gone."""
    if commit.kind == NAMESPACE and commit.type == "DELETED":
        yield ref(NAMESPACE, commit.object)


def step(world: World, which: Ref, now: Instant) -> Instant | None:
    """Delete everything in it; what has finalizers stays until they are worked off."""
    if world.store.find(which) is None:
        for definition in world.store.definitions:
            for found in world.store.all(definition.kind):
                if namespace(found) == which.name:
                    world.delete(ref(definition.kind, found), uid(found))
    return None
