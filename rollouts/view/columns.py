"""Columns and templates as a person writes them: `custom-columns=NAME:.metadata.name`, `jsonpath={.status.phase}`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rollouts.kit.jsonpath import JsonPathError, Path, Template, path_of, shown
from rollouts.view import table
from rollouts.view.style import clean

COLUMNS_MAX = 50
NOTHING = "<none>"


@dataclass(frozen=True, slots=True)
class Column:
    """A heading and the path of what stands below it."""

    heading: str
    path: Path


def columns_of(text: str) -> tuple[Column, ...]:
    """The columns of `NAME:.metadata.name,PHASE:.status.phase`. Raises JsonPathError."""
    columns = []
    for part in _apart(text):
        heading, colon, path = part.partition(":")
        if not (heading and colon and path):
            raise JsonPathError(f"{part!r} is not HEADING:PATH, for example PHASE:.status.phase")
        columns.append(Column(heading, path_of(path)))
    if len(columns) > COLUMNS_MAX:
        raise JsonPathError(f"more than {COLUMNS_MAX} columns")
    return tuple(columns)


def template_of(text: str) -> Template:
    """The template of `-o jsonpath=`. Raises JsonPathError."""
    if not text:
        raise JsonPathError("a template is needed, for example {.status.phase}")
    return Template.of(text)


def written(columns: Sequence[Column], objects: Iterable[Any], *, headed: bool = True) -> list[str]:
    """The table as lines."""
    rows = [[_cell(column, each) for column in columns] for each in objects]
    lines = table.lines([column.heading for column in columns], rows)
    return lines if headed else lines[1:]


def _cell(column: Column, each: Any) -> str:
    return ",".join(clean(shown(value)) for value in column.path.values(each) if value is not None) or NOTHING


def _apart(text: str) -> list[str]:
    """Parts at commas that stand in no bracket."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "[") - (letter == "]")
        if letter == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts
