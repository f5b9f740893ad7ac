"""Garbage collection: what has no owner left goes; foreground and orphan deletions are worked off."""

from __future__ import annotations

from collections.abc import Iterable

from rollouts.devplane.admission import FOREGROUND, ORPHAN
from rollouts.devplane.builtin.world import World, owner_uids
from rollouts.devplane.store import Commit
from rollouts.kit.instant import Instant
from rollouts.kube.object import namespace, ref, uid
from rollouts.kube.ref import Manifest, Ref


def concerns(world: World, commit: Commit) -> Iterable[Ref]:
    """Who depended on an object that is gone, an object with owners, an object whose deletion waits for dependents."""
    if commit.type == "DELETED":
        yield from world.dependents.of(uid(commit.object))
        for owner in commit.object["metadata"].get("ownerReferences") or ():
            if owner.get("blockOwnerDeletion") and (target := _target(world, commit.object, owner)) is not None:
                yield target
        return
    meta = commit.object["metadata"]
    is_waiting = meta.get("deletionTimestamp") and {FOREGROUND, ORPHAN} & set(meta.get("finalizers") or ())
    if is_waiting or (meta.get("ownerReferences") and commit.previous is None):
        yield ref(commit.kind, commit.object)


def step(world: World, which: Ref, now: Instant) -> Instant | None:
    """Delete the object if every owner is gone; finish its deletion if that waits for its dependents."""
    found = world.store.find(which)
    if found is None:
        return None
    meta = found["metadata"]
    finalizers = meta.get("finalizers") or []
    if meta.get("deletionTimestamp"):
        if ORPHAN in finalizers:
            _orphan(world, uid(found))
            world.patch(which, {"metadata": {"finalizers": [one for one in finalizers if one != ORPHAN]}})
        elif FOREGROUND in finalizers:
            for dependent in world.dependents.of(uid(found)):
                if (body := world.store.find(dependent)) is not None:
                    world.delete(dependent, uid(body))
            if not any(world.store.find(dependent) for dependent in world.dependents.of(uid(found))):
                world.patch(which, {"metadata": {"finalizers": [one for one in finalizers if one != FOREGROUND]}})
        return None
    owners = meta.get("ownerReferences") or ()
    if owners and all(_is_gone(world, found, owner) for owner in owners):
        world.delete(which, uid(found))
    return None


def _target(world: World, dependent: Manifest, owner: Manifest) -> Ref | None:
    """Where the owner would stand; None for a kind that was never served."""
    for definition in world.store.known.values():
        kind = definition.kind
        if (kind.api_version, kind.name) == (owner.get("apiVersion"), owner.get("kind")):
            return Ref(kind, namespace(dependent) if kind.namespaced else "", owner.get("name", ""))
    return None


def _is_gone(world: World, dependent: Manifest, owner: Manifest) -> bool:
    """Whether the owner with the uid of the reference is no more; of unknown kinds nobody can say so."""
    target = _target(world, dependent, owner)
    if target is None:
        return False
    body = world.store.find(target)
    return body is None or uid(body) != owner.get("uid")


def _orphan(world: World, owner_uid: str) -> None:
    for dependent in world.dependents.of(owner_uid):
        if (body := world.store.find(dependent)) is not None and owner_uid in owner_uids(body):
            kept = [one for one in body["metadata"]["ownerReferences"] if one.get("uid") != owner_uid]
            world.patch(dependent, {"metadata": {"ownerReferences": kept}})
