"""A comparison's memory as the text that is kept once per metric: small, exact, refused where it is damaged."""

from __future__ import annotations

import json
import math
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
_CHARS_MAX = 160  # of a reason; longer ones are cut
_DEPTH_MAX = 8


def dumps(value: Any) -> str:
    """A frozen value (dataclasses, tuples, enums, numbers, texts) as compact JSON; `loads` reads an equal value."""
    return json.dumps(_plain(value, 0), separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def loads(kind: type[T], text: str) -> T:
    """The value that `dumps` wrote. Raises ValueError for anything else."""
    try:
        found: T = _read(kind, json.loads(text), 0)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"memory: {type(error).__name__} {error}") from None
    return found


def _plain(value: Any, depth: int) -> Any:
    assert depth < _DEPTH_MAX
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name), depth + 1) for each in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        if value and type(value[0]) is float:
            return value
        return [_plain(each, depth + 1) for each in value]
    return value[:_CHARS_MAX] if isinstance(value, str) else value


def _read(kind: Any, found: Any, depth: int) -> Any:
    """`found` as `kind`; every number finite, every field present."""
    assert depth < _DEPTH_MAX
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        inner = [each for each in get_args(kind) if each is not type(None)]
        return None if found is None else _read(inner[0], found, depth)
    if origin is tuple:
        if not isinstance(found, list):
            raise TypeError(f"want a list, got {type(found).__name__}")
        of = get_args(kind)
        if of == (float, ...):
            return _floats(found)
        kinds = [of[0]] * len(found) if len(of) == 2 and of[1] is Ellipsis else list(of)
        return tuple(_read(each, one, depth + 1) for each, one in zip(kinds, found, strict=True))
    if is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(found, Mapping):
            raise TypeError(f"want an object, got {type(found).__name__}")
        hints = _hints(kind)
        return kind(**{each.name: _read(hints[each.name], found[each.name], depth + 1) for each in fields(kind)})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(found)
    return _scalar(kind, found)


def _floats(found: list[Any]) -> tuple[float, ...]:
    """Rows of numbers are most of what is kept, and are checked at once."""
    if not {int, float} >= set(map(type, found)) or not all(map(math.isfinite, found)):
        raise TypeError("want finite numbers")
    return tuple(map(float, found))


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _scalar(kind: Any, found: Any) -> Any:
    if kind is float and isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found):
        return float(found)
    if kind in (int, str, bool) and type(found) is kind:
        return found
    raise TypeError(f"want {kind.__name__}, got {str(found)[:40]!r}")
