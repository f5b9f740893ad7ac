"""The text at a field path of an object, such as `metadata.labels['app']` or `spec.steps[0].weight`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rollouts.kube.ref import Manifest

_PATH = re.compile(r"\.?([A-Za-z0-9_-]+)|\[(?:'([^']*)'|\"([^\"]*)\"|([0-9]{1,6}))\]")
PATH_PARTS_MAX = 32


def text_at(manifest: Manifest, path: str, *, owner: str) -> str:
    """The text at a path. An absent label or annotation is empty, as in a pod's downward API.

    owner: what to call the object in a message.  Raises ValueError for anything else absent, and for what is no text.
    """
    parts = _parts(path)
    value: Any = manifest
    for part in parts:
        has_it = part in value if isinstance(value, Mapping) else _is_index(part, value)
        if not has_it and len(parts) == 3 and parts[0] == "metadata" and parts[1] in ("labels", "annotations"):
            return ""
        if not has_it:
            raise ValueError(f"the {owner} has no value at {path}")
        value = value[part]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError(f"the value at {path} is neither text nor number")


def _is_index(part: str | int, value: object) -> bool:
    return isinstance(part, int) and isinstance(value, list | tuple) and part < len(value)


def _parts(path: str) -> list[str | int]:
    parts: list[str | int] = []
    at = 0
    while at < len(path):
        found = _PATH.match(path, at)
        if found is None or len(parts) >= PATH_PARTS_MAX:
            raise ValueError(f"{path} is no field path")
        word, single, double, index = found.groups()
        parts.append(int(index) if index is not None else next(p for p in (word, single, double) if p is not None))
        at = found.end()
    return parts
