"""A comparison's memory as the text that is kept once per metric: small, exact, refused where it is damaged."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

import orjson

T = TypeVar("T")
Step: TypeAlias = Callable[[Any], Any]
_CHARS_MAX = 160  # of a reason; longer ones are cut


def dumps(value: Any) -> str:
    """A frozen value (dataclasses, tuples, enums, numbers, texts) as compact JSON; `loads` reads an equal value."""
    return orjson.dumps(value, _fields, orjson.OPT_PASSTHROUGH_DATACLASS).decode()


def loads(kind: type[T], text: str) -> T:
    """The value that `dumps` wrote. Raises ValueError for anything else."""
    wanted: Any = kind
    try:
        found: T = _reader(wanted)(orjson.loads(text))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"memory: {type(error).__name__} {error}") from None
    return found


def _fields(value: Any) -> dict[str, Any]:
    """A dataclass as an object, its texts cut."""
    kind: Any = type(value)
    found = {name: getattr(value, name) for name in _names(kind)}
    return {name: each[:_CHARS_MAX] if type(each) is str else each for name, each in found.items()}


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))


@cache
def _reader(kind: Any) -> Step:
    """What reads a value of this kind out of JSON: every number finite, every field present."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        inner = _reader(next(each for each in get_args(kind) if each is not type(None)))
        return lambda found: None if found is None else inner(found)
    if origin is tuple:
        return _of_tuple(get_args(kind))
    if is_dataclass(kind) and isinstance(kind, type):
        return _of_fields(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    return _SCALARS[kind]


def _of_tuple(of: tuple[Any, ...]) -> Step:
    if of == (float, ...):
        return _floats
    if len(of) == 2 and of[1] is Ellipsis:
        each_of = _reader(of[0])
        return lambda found: tuple([each_of(one) for one in _list(found)])
    steps = [_reader(each) for each in of]
    return lambda found: tuple([step(one) for step, one in _paired(steps, _list(found))])


def _of_fields(kind: type) -> Step:
    hints = get_type_hints(kind)
    steps = [(name, _reader(hints[name])) for name in _names(kind)]
    later = {each.name for each in fields(kind) if each.default is not MISSING}

    def read(found: Any) -> Any:
        if not isinstance(found, dict):
            raise TypeError(f"want an object, got {type(found).__name__}")
        return kind(**{name: step(found[name]) for name, step in steps if name in found or name not in later})

    return read


def _list(found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise TypeError(f"want a list, got {type(found).__name__}")
    return found


def _paired(steps: list[Step], found: list[Any]) -> Iterable[tuple[Step, Any]]:
    if len(steps) != len(found):
        raise TypeError(f"want {len(steps)} entries, got {len(found)}")
    return zip(steps, found, strict=True)


def _floats(found: Any) -> tuple[float, ...]:
    """Rows of numbers are most of what is kept, and are checked at once."""
    if not {int, float} >= set(map(type, _list(found))):  # all finite: this JSON knows no other
        raise TypeError("want finite numbers")
    return tuple(map(float, found))


def _float(found: Any) -> float:
    if type(found) not in (int, float):
        raise TypeError(f"want float, got {str(found)[:40]!r}")
    return float(found)


def _exactly(kind: type) -> Step:
    def read(found: Any) -> Any:
        if type(found) is not kind:
            raise TypeError(f"want {kind.__name__}, got {str(found)[:40]!r}")
        return found

    return read


_SCALARS: Mapping[Any, Step] = {float: _float, **{kind: _exactly(kind) for kind in (int, str, bool)}}
