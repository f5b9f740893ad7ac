"""What a template is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Dot:
    """`.`: the value at hand."""


@dataclass(frozen=True, slots=True)
class Nil:
    """`nil`: only ever an argument."""


@dataclass(frozen=True, slots=True)
class Literal:
    """Text, a number, true or false."""

    value: Any


@dataclass(frozen=True, slots=True)
class Variable:
    """`$name`, or `$`: the whole value."""

    name: str


@dataclass(frozen=True, slots=True)
class Word:
    """A function by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Fields:
    """`.metadata.name`, `$x.name`, `(…).name`: members by name, one inside the other."""

    base: Operand
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Nested:
    """A pipeline in parentheses."""

    pipeline: Pipeline


Operand: TypeAlias = Dot | Nil | Literal | Variable | Word | Fields | Nested


@dataclass(frozen=True, slots=True)
class Command:
    """A value, or a function and its arguments. at: where it stands, for complaints."""

    operands: tuple[Operand, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands, each one's value the last argument of the next; the last value may get names.

    declares: whether the names are new ones (`:=`) or known ones (`=`).
    """

    commands: tuple[Command, ...]
    names: tuple[str, ...] = ()
    declares: bool = True


@dataclass(frozen=True, slots=True)
class Show:
    """`{{pipeline}}`: the value is written, unless it only gets a name."""

    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class Branch:
    """`{{if}}`, and `{{with}}`, for which the value becomes the dot."""

    pipeline: Pipeline
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]
    is_with: bool


@dataclass(frozen=True, slots=True)
class Range:
    """`{{range}}`: the body for each element."""

    pipeline: Pipeline
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Leave:
    """`{{break}}`, or `{{continue}}`: leave one round only."""

    only_this_round: bool


@dataclass(frozen=True, slots=True)
class Use:
    """`{{template "name" pipeline}}`: a defined template, its dot the value of the pipeline."""

    name: str
    pipeline: Pipeline | None
    at: int


Node: TypeAlias = str | Show | Branch | Range | Leave | Use
