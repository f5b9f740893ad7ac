"""A thin Deployment controller: one ReplicaSet per template, the newest gets all replicas once its pods are there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import orjson

from rollouts.devplane.builtin.world import World
from rollouts.devplane.store import Commit
from rollouts.kit.instant import Instant
from rollouts.kube.kinds import DEPLOYMENT, REPLICA_SET
from rollouts.kube.object import controller_reference, generation, is_deleting, name, namespace, ref, uid
from rollouts.kube.ref import Manifest, Ref

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"


def concerns(world: World, commit: Commit) -> Iterable[Ref]:
    """The Deployment itself, or the one that controls a ReplicaSet."""
    if commit.kind == DEPLOYMENT:
        yield ref(DEPLOYMENT, commit.object)
    elif commit.kind == REPLICA_SET:
        for owner in commit.object["metadata"].get("ownerReferences") or ():
            if owner.get("controller") and owner.get("kind") == "Deployment":
                yield Ref(DEPLOYMENT, namespace(commit.object), owner["name"])


def step(world: World, which: Ref, now: Instant) -> Instant | None:
    """Surge the newest set to full size, then let the older ones go, then report."""
    found = world.store.find(which)
    if found is None or is_deleting(found):
        return None
    wanted = found["spec"].get("replicas", 1)
    digest = hashlib.sha256(orjson.dumps(found["spec"]["template"], option=orjson.OPT_SORT_KEYS)).hexdigest()[:10]
    newest = Ref(REPLICA_SET, which.namespace, f"{which.name}-{digest}")
    if world.store.find(newest) is None and not found["spec"].get("paused"):
        world.create(REPLICA_SET, which.namespace, _set(found, newest.name, digest, wanted))
    sets = list(world.controlled(REPLICA_SET, uid(found)))
    current = next((one for one in sets if name(one) == newest.name), None)
    if current is not None:
        _number(world, found, current, sets)
        _scale(world, current, wanted)
        if (current.get("status") or {}).get("availableReplicas", 0) >= wanted:
            for old in sets:
                if name(old) != newest.name:
                    _scale(world, old, 0)
    status = _status(found, list(world.controlled(REPLICA_SET, uid(found))), newest.name, now)
    if status != found.get("status"):
        world.patch(which, {"status": status}, "status")
    return None


def _number(world: World, found: Manifest, current: Manifest, sets: list[Manifest]) -> None:
    """Give the newest set, and the Deployment, a revision above all others; the latter with its status, which is no
    new generation."""
    others = max((_revision(one) for one in sets if name(one) != name(current)), default=0)
    revision = max(_revision(current), others + (_revision(current) <= others))
    for kind, one, door in ((REPLICA_SET, current, ""), (DEPLOYMENT, found, "status")):
        if _revision(one) != revision:
            world.patch(ref(kind, one), {"metadata": {"annotations": {REVISION: str(revision)}}}, door)


def _revision(one: Manifest) -> int:
    told = str((one["metadata"].get("annotations") or {}).get(REVISION, ""))
    return int(told) if told.isdecimal() else 0


def _scale(world: World, target: Manifest, replicas: int) -> None:
    if target["spec"].get("replicas") != replicas:
        world.patch(ref(REPLICA_SET, target), {"spec": {"replicas": replicas}})


def _set(owner: Manifest, set_name: str, digest: str, replicas: int) -> dict[str, Any]:
    template, selector = owner["spec"]["template"], owner["spec"]["selector"]
    meta = template.get("metadata") or {}
    labels = {**(meta.get("labels") or {}), HASH_LABEL: digest}
    matched = {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), HASH_LABEL: digest}}
    return {
        "metadata": {
            "name": set_name,
            "labels": labels,
            "ownerReferences": [controller_reference(DEPLOYMENT, owner)],
        },
        "spec": {
            "replicas": replicas,
            "minReadySeconds": owner["spec"].get("minReadySeconds", 0),
            "selector": matched,
            "template": {**template, "metadata": {**meta, "labels": labels}},
        },
    }


def _status(found: Manifest, sets: list[Manifest], newest: str, now: Instant) -> dict[str, Any]:
    def total(field: str, among: list[Manifest]) -> int:
        return sum((one.get("status") or {}).get(field, 0) for one in among)

    available, wanted = total("availableReplicas", sets), found["spec"].get("replicas", 1)
    updated = total("replicas", [one for one in sets if name(one) == newest])
    shown = {"Available": available >= wanted, "Progressing": True}
    had = {one["type"]: one for one in (found.get("status") or {}).get("conditions") or ()}
    conditions = []
    for kind, holds in shown.items():
        value = "True" if holds else "False"
        before = had.get(kind, {})
        moved = before.get("lastTransitionTime") if before.get("status") == value else now.rfc3339_whole()
        conditions.append({"type": kind, "status": value, "lastTransitionTime": moved})
    return {
        "observedGeneration": generation(found),
        "replicas": total("replicas", sets),
        "updatedReplicas": updated,
        "readyReplicas": total("readyReplicas", sets),
        "availableReplicas": available,
        "conditions": conditions,
    }
