"""Sets of fields as managedFields holds them: paths of `f:name`, `k:{"key":"value"}` and `v:"value"`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import orjson

from rollouts.devplane.definitions import Definition
from rollouts.devplane.patches import SETS, merge_keys

Path: TypeAlias = tuple[str, ...]
FieldSet: TypeAlias = frozenset[Path]
Names: TypeAlias = tuple[str, ...]

WHOLE: tuple[str, ...] = ()
SET: tuple[str, ...] = ("",)
_WHOLE_MAPS = frozenset({"selector"})
_STRING_MAPS = frozenset({"labels", "annotations", "data", "binaryData", "stringData", "nodeSelector"})
_UNMANAGED_ROOTS = frozenset({"f:apiVersion", "f:kind"})
_UNMANAGED_META = frozenset(
    f"f:{name}"
    for name in (
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "generateName",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "managedFields",
        "selfLink",
    )
)


class Shape:
    """How the lists and maps of a kind merge: by its schema if it has one, else by the table of known names."""

    def __init__(self, definition: Definition) -> None:
        self._schema = definition.schema if definition.is_custom else None

    def keys(self, names: Names) -> tuple[str, ...]:
        """How the list at a path of names merges: by these keys, as a SET, or as one (WHOLE)."""
        if self._schema is None or names[0] == "metadata":
            return SET if names[-1] in SETS else merge_keys(names)
        at = self._at(names)
        kind = at.get("x-kubernetes-list-type")
        return tuple(at.get("x-kubernetes-list-map-keys") or ()) if kind == "map" else SET if kind == "set" else WHOLE

    def is_whole(self, names: Names) -> bool:
        """Whether the map at a path of names is owned as one."""
        if not names or names[0] == "metadata":
            return False
        if self._schema is None:
            return names[-1] in _WHOLE_MAPS and names[0] == "spec"
        return self._at(names).get("x-kubernetes-map-type") == "atomic"

    def may_be_absent(self, names: Names) -> bool:
        """Whether the map at a path of names may be missing: built-in structs never are, their string maps may be."""
        if names == ("metadata",):
            return False
        return names[-1] in _STRING_MAPS if self._schema is None or names[0] == "metadata" else True

    def _at(self, names: Names) -> Mapping[str, Any]:
        at: Any = self._schema
        for name in names:
            at = at.get("items", at) if at.get("type") == "array" else at
            at = (at.get("properties") or {}).get(name) or at.get("additionalProperties") or {}
            if not isinstance(at, Mapping):
                return {}
        return at if isinstance(at, Mapping) else {}


def item_key(item: Any, keys: tuple[str, ...]) -> str:
    """The path element of a list item: `k:{…}` in a list map, `v:…` in a set."""
    if keys == SET:
        return "v:" + orjson.dumps(item).decode()
    identity = {key: item.get(key, "TCP" if key == "protocol" else None) for key in sorted(keys)}
    return "k:" + orjson.dumps(identity).decode()


def fields_of(value: Mapping[str, Any], shape: Shape) -> dict[Path, Any]:
    """Every leaf of an object by its path, and every keyed list item under its own path; without the unmanaged."""
    found: dict[Path, Any] = {}
    _collect(value, (), (), shape, found)
    return {path: leaf for path, leaf in found.items() if not _is_unmanaged(path)}


def maps_of(value: Mapping[str, Any], shape: Shape) -> FieldSet:
    """The maps of an object that exist or not by themselves, which whoever brings them in owns as such."""
    found: set[Path] = set()
    stack: list[tuple[Path, Names, Any]] = [((f"f:{name}",), (name,), inner) for name, inner in value.items()]
    while stack:
        path, names, node = stack.pop()
        if isinstance(node, Mapping) and not shape.is_whole(names):
            if shape.may_be_absent(names):
                found.add(path)
            stack += [((*path, f"f:{name}"), (*names, name), inner) for name, inner in node.items()]
    return frozenset(path for path in found if not _is_unmanaged(path))


def _is_unmanaged(path: Path) -> bool:
    return path[0] in _UNMANAGED_ROOTS or (path[0] == "f:metadata" and len(path) > 1 and path[1] in _UNMANAGED_META)


def _collect(value: Any, path: Path, names: Names, shape: Shape, found: dict[Path, Any]) -> None:
    if isinstance(value, Mapping) and value and not shape.is_whole(names):
        for name, inner in value.items():
            _collect(inner, (*path, f"f:{name}"), (*names, name), shape, found)
    elif isinstance(value, list) and value and (keys := shape.keys(names)):
        for item in value:
            here = (*path, item_key(item, keys))
            found[here] = None
            if keys != SET:
                for name, inner in item.items():
                    _collect(inner, (*here, f"f:{name}"), (*names, name), shape, found)
    elif path:
        found[path] = value


def encode(fields: Iterable[Path]) -> dict[str, Any]:
    """FieldsV1 of a set of paths."""
    tree: dict[str, Any] = {}
    paths = sorted(fields)
    owned = set(paths)
    for path in paths:
        at = tree
        for depth, part in enumerate(path, 1):
            at = at.setdefault(part, {})
            if depth < len(path) and path[:depth] in owned:
                at.setdefault(".", {})
    return tree


def decode(tree: Mapping[str, Any]) -> FieldSet:
    """The set of paths of a FieldsV1."""
    found: set[Path] = set()
    stack: list[tuple[Path, Mapping[str, Any]]] = [((), tree)]
    while stack:
        path, node = stack.pop()
        if path and (not node or "." in node):
            found.add(path)
        stack += [((*path, part), inner) for part, inner in node.items() if part != "."]
    return frozenset(found)


def spoken(path: Path) -> str:
    """A path as messages show it: `.spec.containers[name="web"].image`."""
    text = ""
    for part in path:
        mark, rest = part[:2], part[2:]
        if mark == "f:":
            text += f".{rest}"
        elif mark == "v:":
            text += f"[={rest}]"
        else:
            pairs = orjson.loads(rest).items()
            text += "[" + ",".join(f"{key}={orjson.dumps(value).decode()}" for key, value in pairs) + "]"
    return text
