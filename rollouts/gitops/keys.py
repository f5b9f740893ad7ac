"""Who an object is to an application: group, kind, namespace and name, whatever version it is written in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollouts.kube.ref import Manifest


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """One object. namespace: "" for a cluster-scoped one."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.group}/{self.kind}/{where}" if self.group else f"{self.kind}/{where}"


def split(api_version: str) -> tuple[str, str]:
    """(group, version) of an apiVersion."""
    group, _, version = api_version.rpartition("/")
    return group, version


def key_of(manifest: Manifest) -> Key:
    """The key of a manifest as it is written."""
    meta = manifest["metadata"]
    group, _ = split(str(manifest.get("apiVersion", "")))
    return Key(group, str(manifest.get("kind", "")), str(meta.get("namespace") or ""), str(meta.get("name") or ""))


def key_from(row: Mapping[str, Any]) -> Key | None:
    """The key in a row of status; None where a row is no row."""
    if not isinstance(row, Mapping) or not row.get("kind") or not row.get("name"):
        return None
    words = (row.get(field) or "" for field in ("group", "kind", "namespace", "name"))
    return Key(*(str(word) for word in words))


def key_row(key: Key, version: str) -> dict[str, Any]:
    """The start of a row of status: empty words are left out."""
    words = {"group": key.group, "version": version, "kind": key.kind, "namespace": key.namespace, "name": key.name}
    return {field: word for field, word in words.items() if word}
