"""Parts of a value that anybody may have written: what is of another shape counts as absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def at(value: Any, *names: str) -> Any:
    """What stands under those names, one inside the other; None where one of them is missing or holds no object."""
    for name in names:
        # JSON's own type spares the slower question, which is asked some hundred times a turn.
        value = value.get(name) if type(value) is dict or isinstance(value, Mapping) else None
    return value


def part(value: Any, *names: str) -> Mapping[str, Any]:
    """The object that stands there, empty where there is none."""
    found = at(value, *names)
    return found if type(found) is dict or isinstance(found, Mapping) else {}


def text(value: Any, *names: str) -> str:
    """The text that stands there, "" where there is none."""
    found = at(value, *names)
    return found if isinstance(found, str) else ""


def items(value: Any, *names: str) -> Sequence[Any]:
    """The list that stands there, empty where there is none."""
    found = at(value, *names)
    return found if isinstance(found, list | tuple) else ()


def objects(value: Any, *names: str) -> list[Mapping[str, Any]]:
    """The objects in the list that stands there."""
    return [each for each in items(value, *names) if isinstance(each, Mapping)]
