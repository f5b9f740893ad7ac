"""How a difference is shown: values as short JSON, those of Secrets as hashes that tell equal from different."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from rollouts.gitops.diff.compare import ABSENT, LAST_APPLIED, Change
from rollouts.gitops.keys import Key

SHOWN_MAX = 200
CHANGES_SHOWN_MAX = 20


def row(key: Key, uid: str, change: Change) -> dict[str, Any]:
    """One difference as status tells it: path, git, live, manager, time."""
    hides = is_hidden(key, change)
    found = {"path": change.pointer, "git": _shown(change.git, hides, uid), "live": _shown(change.live, hides, uid)}
    if change.manager:
        found |= {"manager": change.manager}
    if change.time:
        found |= {"time": change.time}
    return found


def rows(key: Key, uid: str, changes: Iterable[Change]) -> list[dict[str, Any]]:
    """The first differences of an object."""
    return [row(key, uid, change) for change in tuple(changes)[:CHANGES_SHOWN_MAX]]


def is_hidden(key: Key, change: Change) -> bool:
    """Whether the values at a place are secret: all of a Secret but its metadata and type, and what was applied."""
    if change.path[:3] == ("metadata", "annotations", LAST_APPLIED):
        return True
    if (key.group, key.kind) != ("", "Secret"):
        return False
    return change.path[0] not in ("type", "immutable") and change.path[:2] != ("metadata", "labels")


def masked(value: Any, salt: str) -> Any:
    """A value with each text in it as a hash. salt: so that hashes of two objects cannot be compared."""
    if isinstance(value, Mapping):
        return {name: masked(inner, salt) for name, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner, salt) for inner in value]
    digest = hashlib.sha256(f"{salt}\0{json.dumps(value, default=str)}".encode()).hexdigest()
    return f"sha256:{digest[:12]}"


def _shown(value: Any, hides: bool, salt: str) -> str:
    if value is ABSENT:
        return ""
    text = json.dumps(masked(value, salt) if hides else value, ensure_ascii=False, sort_keys=True, default=str)
    return text if len(text) <= SHOWN_MAX else text[:SHOWN_MAX] + "…"
