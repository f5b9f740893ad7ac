"""The three-way merge of a client-side apply, computed here: what was applied, what is wanted, what is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollouts.gitops.diff.compare import identity, list_keys
from rollouts.kube.managed import Path
from rollouts.kube.ref import Manifest

DEPTH_MAX = 100


def three_way(applied: Manifest, wanted: Manifest, live: Manifest) -> Manifest:
    """The live object with what is wanted in it, and without what was applied and is not wanted any more."""
    group = str(wanted.get("apiVersion", "")).rpartition("/")[0]
    merged: Manifest = _map(applied, wanted, live, (), group)
    return merged


def _map(applied: Any, wanted: Mapping[str, Any], live: Any, path: Path, group: str) -> dict[str, Any]:
    before = applied if isinstance(applied, Mapping) else {}
    there = live if isinstance(live, Mapping) else {}
    kept = {name: inner for name, inner in there.items() if name in wanted or name not in before}
    for name, value in wanted.items():
        kept[name] = _any(before.get(name), value, there.get(name), (*path, name), group)
    return kept


def _any(applied: Any, wanted: Any, live: Any, path: Path, group: str) -> Any:
    if len(path) > DEPTH_MAX:
        return wanted
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        return _map(applied, wanted, live, path, group)
    if isinstance(wanted, list) and isinstance(live, list):
        return _list(applied, wanted, live, path, group)
    return wanted


def _list(applied: Any, wanted: list[Any], live: list[Any], path: Path, group: str) -> list[Any]:
    names = list_keys(group, path, [*wanted, *live])
    if not names:
        return wanted
    before = {identity(item, names): item for item in applied} if isinstance(applied, list) else {}
    there = {identity(item, names): item for item in live}
    mine = {identity(item, names) for item in wanted}
    found = [
        _any(before.get(who), item, there.get(who), (*path, who), group)
        for item in wanted
        for who in (identity(item, names),)
    ]
    # What others added stays; what we added and no longer want goes.
    return found + [item for who, item in there.items() if who not in mine and who not in before]
