"""What an Application has applied, as its status remembers it: pruning's only memory.

An object can be pruned only if it stands here. What a sync is about to write enters the status before it is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rollouts.core.reader import Reader
from rollouts.gitops import tracking
from rollouts.gitops.keys import Key, key_from
from rollouts.gitops.wanted import Resolve
from rollouts.kit.parts import objects
from rollouts.kube.ref import Kind, Ref

ITEMS_MAX = 20_000
HOOKS_MAX = 1000  # so many hooks without a delete policy are remembered


@dataclass(frozen=True, slots=True)
class Item:
    """One object. kind_now: its kind, None where the API server serves it no more.  is_hook: whether a sync ran it."""

    key: Key
    version: str
    kind_now: Kind | None = None
    is_hook: bool = False

    def kind(self, resolve: Resolve) -> Kind | None:
        """Its kind by the names that are served now."""
        return resolve(f"{self.key.group}/{self.version}" if self.key.group else self.version, self.key.kind)


def read(status: Mapping[str, Any]) -> tuple[Item, ...]:
    """The objects of `status.resources`, and of the latest sync's results, hooks among them."""
    found: dict[Key, Item] = {}
    for row in (*objects(status, "resources"), *objects(status, "operationState", "syncResult", "resources")):
        key = key_from(row)
        if key is None or key in found:
            continue
        is_hook = bool(row.get("hook") or row.get("hookType"))
        found[key] = Item(key, str(row.get("version") or "v1"), is_hook=is_hook)
    return tuple(found.values())[:ITEMS_MAX]


def left_hooks(items: Iterable[Item], app: str, reader: Reader) -> tuple[Item, ...]:
    """The hooks of all syncs that are still there; a kind that nobody can tell about is no reason to forget one."""
    found = []
    for item in items:
        if not item.is_hook:
            continue
        if item.kind_now is None or not reader.knows(item.kind_now):
            found.append(item)
        elif live := reader.get(Ref(item.kind_now, item.key.namespace, item.key.name)):
            found += [item] if tracking.owner(live, item.key) == app else []
    return tuple(found[-HOOKS_MAX:])


def placed(items: tuple[Item, ...], resolve: Resolve) -> tuple[Item, ...]:
    """The items with their kinds."""
    return tuple(replace(item, kind_now=item.kind(resolve)) for item in items)
