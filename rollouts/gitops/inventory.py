"""What an Application has applied, as its status remembers it: pruning's only memory.

An object can be pruned only if it stands here. What a sync is about to write enters the status before it is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rollouts.gitops.keys import Key, key_from
from rollouts.gitops.wanted import Resolve
from rollouts.kit.parts import at
from rollouts.kube.ref import Kind

ITEMS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Item:
    """One object. kind_now: its kind, None where the API server serves it no more."""

    key: Key
    version: str
    kind_now: Kind | None = None

    def kind(self, resolve: Resolve) -> Kind | None:
        """Its kind by the names that are served now."""
        return resolve(f"{self.key.group}/{self.version}" if self.key.group else self.version, self.key.kind)


def read(status: Mapping[str, Any], *, with_hooks: bool = False) -> tuple[Item, ...]:
    """The objects of `status.resources`, and of the latest sync's results; hooks only where they are asked for."""
    found: dict[Key, Item] = {}
    for rows in (status.get("resources"), at(status, "operationState", "syncResult", "resources")):
        for row in rows if isinstance(rows, list) else ():
            key = key_from(row)
            if key is None or key in found:
                continue
            if with_hooks or not (row.get("hook") or row.get("hookType")):
                found[key] = Item(key, str(row.get("version") or "v1"))
    return tuple(found.values())[:ITEMS_MAX]


def placed(items: tuple[Item, ...], resolve: Resolve) -> tuple[Item, ...]:
    """The items with their kinds."""
    return tuple(replace(item, kind_now=item.kind(resolve)) for item in items)
