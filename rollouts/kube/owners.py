"""Who controls whom, and how to become a controller."""

from __future__ import annotations

from typing import Any

from rollouts.kube.object import controller_reference, controller_uid
from rollouts.kube.ref import Kind, Manifest


def is_controlled_by(manifest: Manifest, uid: str) -> bool:
    """Whether the object's controller is the one with that uid; names say nothing."""
    return bool(uid) and controller_uid(manifest) == uid


def is_orphan(manifest: Manifest) -> bool:
    """Whether nobody controls the object."""
    return not controller_uid(manifest)


def with_controller(manifest: Manifest, kind: Kind, owner: Manifest) -> list[dict[str, Any]]:
    """The ownerReferences of an orphan with `owner` as its controller."""
    kept = [dict(each) for each in manifest["metadata"].get("ownerReferences") or ()]
    return [*kept, controller_reference(kind, owner)]
