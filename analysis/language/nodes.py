"""The syntax tree of an expression: frozen nodes, each with the place where it begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: nil, a boolean, a number, a text or bytes."""

    value: Any
    at: int


@dataclass(frozen=True, slots=True)
class Name:
    """A variable: of the environment, or of a `let`."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Pointer:
    """`#`, `#acc` or `#index` inside a predicate; name is "" for the element itself."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Unary:
    """`-x`, `+x`, `!x`, `not x`."""

    operator: str
    operand: Node
    at: int


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands and the operator between them."""

    operator: str
    left: Node
    right: Node
    at: int


@dataclass(frozen=True, slots=True)
class Conditional:
    """`test ? then : otherwise`, also written with `if`."""

    test: Node
    then: Node
    otherwise: Node
    at: int


@dataclass(frozen=True, slots=True)
class Member:
    """`target.key`, `target[key]`; with `?.` a nil target gives nil."""

    target: Node
    key: Node
    is_optional: bool
    at: int


@dataclass(frozen=True, slots=True)
class Chain:
    """The whole of a chain with a `?.` in it: what a nil cuts short."""

    body: Node
    at: int


@dataclass(frozen=True, slots=True)
class Slice:
    """`target[low:high]`, both bounds optional."""

    target: Node
    low: Node | None
    high: Node | None
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the environment or a method, called."""

    callee: Node
    arguments: tuple[Node, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Builtin:
    """A function of the language, called; a Predicate may stand among its arguments."""

    name: str
    arguments: tuple[Node, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Predicate:
    """An expression evaluated once for each element."""

    body: Node
    at: int


@dataclass(frozen=True, slots=True)
class Let:
    """`let name = value; body`."""

    name: str
    value: Node
    body: Node
    at: int


@dataclass(frozen=True, slots=True)
class Sequence:
    """`first; second`: both are evaluated, the second counts."""

    items: tuple[Node, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Array:
    """`[a, b]`."""

    items: tuple[Node, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Map:
    """`{a: 1, "b": 2, (c): 3}`: keys and values alternate in `items`."""

    items: tuple[Node, ...]
    at: int


Node: TypeAlias = (
    Literal | Name | Pointer | Unary | Binary | Conditional | Member | Chain | Slice | Call | Builtin | Predicate
    | Let | Sequence | Array | Map
)  # fmt: skip


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below."""
    for each in fields(node):
        value = getattr(node, each.name)
        if isinstance(value, tuple):
            yield from value
        elif each.name not in ("at", "name", "operator", "value", "is_optional"):
            if value is not None:
                yield value
        elif each.name == "value" and isinstance(node, Let):
            yield value


def walk(root: Node) -> Iterator[tuple[Node, int]]:
    """Every node with its depth, without recursion."""
    stack = [(root, 1)]
    while stack:
        node, depth = stack.pop()
        yield node, depth
        stack += [(child, depth + 1) for child in children(node)]
