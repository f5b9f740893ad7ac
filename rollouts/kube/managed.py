"""Who owns which field, read from metadata.managedFields without trust: whatever is malformed owns nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from rollouts.kit.parts import objects, part, text
from rollouts.kube.ref import Manifest

Step: TypeAlias = str | int | tuple[tuple[str, Any], ...]
"""A field's name, an index, or the merge key of a list's item as sorted pairs."""
Path: TypeAlias = tuple[Step, ...]

DEPTH_MAX = 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One owner. fields: the tree of `fieldsV1`."""

    manager: str
    operation: str
    subresource: str
    time: str
    fields: Mapping[str, Any]

    def owns(self, path: Path) -> bool:
        """Whether the field at a path, or one above or below it, is this owner's."""
        node: Any = self.fields
        for step in path:
            if not isinstance(node, Mapping):
                return False
            if not node or list(node) == ["."]:
                return True  # owned whole
            node = _below(node, step)
        return isinstance(node, Mapping)

    def leaves(self) -> Iterator[Path]:
        """The path of every field that this owner set itself."""
        yield from _leaves(self.fields, (), 0)


def entries(manifest: Manifest) -> tuple[Entry, ...]:
    """The owners of an object's fields, as they stand."""
    return tuple(
        Entry(
            manager=text(each, "manager"),
            operation=text(each, "operation"),
            subresource=text(each, "subresource"),
            time=text(each, "time"),
            fields=part(each, "fieldsV1"),
        )
        for each in objects(manifest, "metadata", "managedFields")
    )


def last_owner(owners: Sequence[Entry], path: Path) -> Entry | None:
    """Who wrote a field last, None where nobody is known to."""
    found = [each for each in owners if each.owns(path)]
    return max(found, key=lambda each: each.time, default=None)


def merge_keys(owners: Sequence[Entry], path: Path) -> tuple[str, ...]:
    """The names of the fields by which the API server merges the list at a path; empty where nothing tells."""
    for each in owners:
        node: Any = each.fields
        for step in path:
            node = _below(node, step) if isinstance(node, Mapping) else None
        for name in node if isinstance(node, Mapping) else ():
            if key := _item_key(name):
                return tuple(part for part, _ in key)
    return ()


def is_set(owners: Sequence[Entry], path: Path) -> bool:
    """Whether the API server merges the list at a path as a set."""
    return any(set_items(each, path) for each in owners)


def set_items(owner: Entry, path: Path) -> tuple[Any, ...]:
    """What an owner put into the list at a path, where the API server merges that as a set."""
    node: Any = owner.fields
    for step in path:
        node = _below(node, step) if isinstance(node, Mapping) else None
    texts = [name[2:] for name in node if name.startswith("v:")] if isinstance(node, Mapping) else []
    try:
        return tuple(json.loads(text) for text in texts)
    except ValueError:
        return ()


def _below(node: Mapping[str, Any], step: Step) -> Any:
    if isinstance(step, str):
        return node.get(f"f:{step}")
    if isinstance(step, int):
        return node.get(f"i:{step}")
    for name, inner in node.items():
        if _item_key(name) == step:
            return inner
    return None


def _item_key(name: str) -> tuple[tuple[str, Any], ...]:
    if not name.startswith("k:"):
        return ()
    try:
        found = json.loads(name[2:])
    except ValueError:
        return ()
    return tuple(sorted(found.items())) if isinstance(found, dict) else ()


def _leaves(node: Mapping[str, Any], at: Path, depth: int) -> Iterator[Path]:
    if depth > DEPTH_MAX:
        return
    for name, inner in node.items():
        if name.startswith("f:"):
            step: Step = name[2:]
        elif key := _item_key(name):
            step = key
        else:
            continue
        if not isinstance(inner, Mapping) or not any(each[:2] in ("f:", "k:") for each in inner):
            yield (*at, step)
        else:
            yield from _leaves(inner, (*at, step), depth + 1)
