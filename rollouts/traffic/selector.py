"""Places outside Services that say which pods a side stands for: a subset of a DestinationRule, a virtual node."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from rollouts.kube.podtemplate import HASH_LABEL
from rollouts.kube.ref import Manifest, Ref


@dataclass(frozen=True, slots=True)
class Place:
    """The labels at a path of an object. side: canary or stable.  path: keys, and indexes as text."""

    ref: Ref
    manifest: Manifest
    side: str
    path: tuple[str, ...]

    @property
    def hash(self) -> str:
        """The version that it selects, "" while it tells none apart."""
        value: Any = self.manifest
        for key in self.path:
            if isinstance(value, list):
                value = value[int(key)]
            else:
                value = value.get(key) if isinstance(value, Mapping) else None
        return str((value or {}).get(HASH_LABEL) or "")


def turned(manifest: Manifest, path: tuple[str, ...], hash_value: str) -> dict[str, Any]:
    """The object with another version at the path."""
    changed: dict[str, Any] = deepcopy(dict(manifest))
    value: Any = changed
    for key in path:
        if isinstance(value, list):
            value = value[int(key)]
        else:
            if value.get(key) is None:
                value[key] = {}
            value = value[key]
    value[HASH_LABEL] = hash_value
    return changed


def with_hash(manifest: Manifest, hash_value: str) -> dict[str, Any]:
    """The object with another version at every place of a router's object that has one; "" takes it out."""
    changed = deepcopy(dict(manifest))
    spec = changed.get("spec") or {}
    labels = [subset.get("labels") for subset in spec.get("subsets") or ()]
    labels.append((spec.get("podSelector") or {}).get("matchLabels"))
    for each in labels:
        if isinstance(each, dict) and HASH_LABEL in each:
            del each[HASH_LABEL]
            each |= {HASH_LABEL: hash_value} if hash_value else {}
    return changed
