"""JSON patch (RFC 6902) with JSON pointers (RFC 6901): apply a list of operations to a JSON value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

OPERATIONS_MAX = 10_000


class JsonPatchError(ValueError):
    """The patch cannot be applied to this document."""


class TestFailedError(JsonPatchError):
    """A `test` operation found another value."""

    __test__ = False  # not a test class, whatever pytest thinks of its name


def tokens(pointer: str) -> list[str]:
    """The reference tokens of a JSON pointer, unescaped."""
    if pointer == "":
        return []
    if not pointer.startswith("/"):
        raise JsonPatchError(f"a pointer begins with '/': {pointer!r}")
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]


def apply(document: Any, operations: Sequence[Mapping[str, Any]]) -> Any:
    """The document after all operations, in order; the argument is not changed. Raises JsonPatchError."""
    if len(operations) > OPERATIONS_MAX:
        raise JsonPatchError(f"at most {OPERATIONS_MAX} operations, got {len(operations)}")
    for operation in operations:
        document = _one(document, operation)
    return document


def _one(document: Any, operation: Mapping[str, Any]) -> Any:
    try:
        verb, path = operation["op"], tokens(operation["path"])
        match verb:
            case "add":
                return _put(document, path, operation["value"], must_exist=False)
            case "replace":
                return _put(document, path, operation["value"], must_exist=True)
            case "remove":
                return _cut(document, path)
            case "test":
                if not _same(find(document, path), operation["value"]):
                    raise TestFailedError(f"testing path {operation['path']} value failed")
                return document
            case "move":
                source = tokens(operation["from"])
                if path[: len(source)] == source and path != source:
                    raise JsonPatchError("a value cannot move into itself")
                return _put(_cut(document, source), path, find(document, source), must_exist=False)
            case "copy":
                return _put(document, path, find(document, tokens(operation["from"])), must_exist=False)
    except KeyError as error:
        raise JsonPatchError(f"an operation needs {error.args[0]!r}") from error
    raise JsonPatchError(f"unknown operation {verb!r}")


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def find(document: Any, path: Sequence[str]) -> Any:
    """The value at a path. Raises JsonPatchError where there is none."""
    for token in path:
        if isinstance(document, Mapping) and token in document:
            document = document[token]
        elif isinstance(document, list):
            document = document[_index(token, len(document) - 1)]
        else:
            raise JsonPatchError(f"nothing at {'/'.join(['', *path])}")
    return document


def _index(token: str, last: int) -> int:
    if not (token.isascii() and token.isdigit()) or (len(token) > 1 and token[0] == "0") or int(token) > last:
        raise JsonPatchError(f"no such index: {token!r}")
    return int(token)


def _put(document: Any, path: Sequence[str], value: Any, *, must_exist: bool) -> Any:
    if not path:
        return value
    head, rest = path[0], path[1:]
    if isinstance(document, list):
        if rest or must_exist:
            at = _index(head, len(document) - 1)
            changed = _put(document[at], rest, value, must_exist=must_exist) if rest else value
            return [*document[:at], changed, *document[at + 1 :]]
        at = len(document) if head == "-" else _index(head, len(document))
        return [*document[:at], value, *document[at:]]
    if not isinstance(document, Mapping) or ((rest or must_exist) and head not in document):
        raise JsonPatchError(f"nothing at {head!r}")
    return {**document, head: _put(document[head], rest, value, must_exist=must_exist) if rest else value}


def _cut(document: Any, path: Sequence[str]) -> Any:
    if not path:
        return None
    head, rest = path[0], path[1:]
    if isinstance(document, list):
        at = _index(head, len(document) - 1)
        inner = [_cut(document[at], rest)] if rest else []
        return [*document[:at], *inner, *document[at + 1 :]]
    if not isinstance(document, Mapping) or head not in document:
        raise JsonPatchError(f"nothing at {head!r}")
    if rest:
        return {**document, head: _cut(document[head], rest)}
    return {key: value for key, value in document.items() if key != head}


def derive(before: Any, after: Any, pointer: str = "") -> list[dict[str, Any]]:
    """The operations that turn one JSON value into another and touch nothing that is equal in both.

    Recursion is bounded by the depth of the document. What stands equal at both ends of a list is left alone.
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return _between_objects(before, after, pointer)
    if isinstance(before, list) and isinstance(after, list):
        return _between_lists(before, after, pointer)
    return [] if _same(before, after) else [{"op": "replace", "path": pointer, "value": after}]


def _between_objects(before: Mapping[str, Any], after: Mapping[str, Any], pointer: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for key in (*before, *(key for key in after if key not in before)):
        at = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
        if key not in after:
            found.append({"op": "remove", "path": at})
        elif key not in before:
            found.append({"op": "add", "path": at, "value": after[key]})
        else:
            found += derive(before[key], after[key], at)
    return found


def _between_lists(before: list[Any], after: list[Any], pointer: str) -> list[dict[str, Any]]:
    if len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [op for at, (old, new) in pairs for op in derive(old, new, f"{pointer}/{at}")]
    shorter = min(len(before), len(after))
    head = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    tail = next((at for at in range(shorter - head) if before[-1 - at] != after[-1 - at]), shorter - head)
    cut = [{"op": "remove", "path": f"{pointer}/{at}"} for at in reversed(range(head, len(before) - tail))]
    return cut + [{"op": "add", "path": f"{pointer}/{at}", "value": after[at]} for at in range(head, len(after) - tail)]
