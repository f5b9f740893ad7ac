"""kubectl's JSONPath templates: `{.items[*].metadata.name}`, `{range .items[*]}{.kind}{"\\n"}{end}`.

Text outside braces stands for itself; inside are paths, quoted text, and range … end. It is kubectl's own dialect:
libraries speak that of RFC 9535, which has neither templates nor ranges.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

TEMPLATE_CHARS_MAX = 16 * 1024
DEPTH_MAX = 32
VALUES_MAX = 100_000

_FIELD = re.compile(r"\.(\*|(?:[^\s.\[\]{}()'\"|,\\*]|\\.)+)")
_BRACKET = re.compile(
    r"\[(?:(?P<any>\*)|'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"|\?\((?P<filter>.*?)\)"
    r"|(?P<slice>-?\d{0,18}:-?\d{0,18}(?::[1-9]\d{0,17})?)|(?P<index>-?\d{1,18}(?:,-?\d{1,18})*))\]",
    re.ASCII,
)
_FILTER = re.compile(r"\s*(@[^=!<>\s]*)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?)\s*)?", re.ASCII)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'', re.ASCII)
_COMPARISONS = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


class JsonPathError(ValueError):
    """A template that cannot be read, or one that asks for more than is allowed."""


@dataclass(frozen=True, slots=True)
class Field:
    """A member by name."""

    name: str


@dataclass(frozen=True, slots=True)
class Every:
    """All elements of a list, all values of an object."""


@dataclass(frozen=True, slots=True)
class Descent:
    """The value itself and everything below it."""


@dataclass(frozen=True, slots=True)
class Index:
    """Elements of a list by number; negative numbers count from the end."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Slice:
    """Elements from a number up to another one."""

    bounds: slice


@dataclass(frozen=True, slots=True)
class Filter:
    """Elements for which a comparison holds; operator "": where the left side exists."""

    left: Path
    operator: str
    right: Any


Move: TypeAlias = Field | Every | Descent | Index | Slice | Filter


@dataclass(frozen=True, slots=True)
class Path:
    """Moves from one value to others."""

    moves: tuple[Move, ...]

    def values(self, root: Any) -> list[Any]:
        """Everything that the path leads to, in order; nothing where it leads nowhere."""
        found = [root]
        for move in self.moves:
            found = [after for value in found for after in _moved(move, value)]
            if len(found) > VALUES_MAX:
                raise JsonPathError(f"the path leads to more than {VALUES_MAX} values")
        return found


@dataclass(frozen=True, slots=True)
class Range:
    """What is written for each value of a path."""

    path: Path
    parts: tuple[Part, ...]


Part: TypeAlias = str | Path | Range


@dataclass(frozen=True, slots=True)
class Template:
    """A whole template. Raises JsonPathError from `of` where the text is none."""

    parts: tuple[Part, ...]

    @classmethod
    def of(cls, text: str) -> Template:
        """The template that a text means; a text without braces is one path, as kubectl reads it."""
        if len(text) > TEMPLATE_CHARS_MAX:
            raise JsonPathError(f"longer than {TEMPLATE_CHARS_MAX} characters")
        if "{" not in text:
            text = f"{{{text}}}"
        return cls(_Reader(text).parts(0))

    def text(self, root: Any) -> str:
        """What the template makes of a value."""
        return "".join(_written(self.parts, root))


def path_of(text: str) -> Path:
    """One path: `.spec.replicas`, `spec.replicas`, `{.spec.replicas}` or `$.spec`. Raises JsonPathError."""
    inner = text.strip()
    if inner.startswith("{") and inner.endswith("}"):
        inner = inner[1:-1].strip()
    for lead in ("$", "@"):
        inner = inner.removeprefix(lead)
    if inner and inner[0] not in ".[":
        inner = f".{inner}"
    return Path(tuple(_moves(inner)))


def shown(value: Any) -> str:
    """A value as kubectl prints it: text as it is, everything else as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _moves(text: str) -> Iterator[Move]:
    at = 0
    if text == ".":
        return
    while at < len(text):
        if text.startswith("..", at):
            yield Descent()
            at += 1
            if text.startswith("[", at + 1):
                at += 1
        elif found := _FIELD.match(text, at):
            yield Every() if found[1] == "*" else Field(re.sub(r"\\(.)", r"\1", found[1]))
            at = found.end()
        elif found := _BRACKET.match(text, at):
            yield _bracket(found)
            at = found.end()
        else:
            raise JsonPathError(f"{text!r} is no path from character {at + 1} on")


def _bracket(found: re.Match[str]) -> Move:
    if found["any"]:
        return Every()
    if found["index"]:
        return Index(tuple(int(number) for number in found["index"].split(",")))
    if found["slice"]:
        bounds = [int(part) if part else None for part in found["slice"].split(":")]
        return Slice(slice(*bounds))
    if found["filter"] is not None:
        return _filter(found["filter"])
    return Field(found["single"] if found["single"] is not None else found["double"])


def _filter(text: str) -> Filter:
    found = _FILTER.fullmatch(text)
    if found is None:
        raise JsonPathError(f'{text!r} is no comparison such as @.type=="Ready"')
    left, operator, right = found.groups()
    return Filter(path_of(left), operator or "", _literal(right) if right else None)


def _literal(text: str) -> Any:
    if text[0] == "'" and _QUOTED.fullmatch(text):
        return text[1:-1]
    try:
        return json.loads(text)
    except ValueError:
        raise JsonPathError(f"{text} is neither quoted text nor a number") from None


def _moved(move: Move, value: Any) -> Iterator[Any]:
    match move:
        case Field(name):
            if isinstance(value, Mapping) and name in value:
                yield value[name]
        case Every():
            yield from _children(value)
        case Descent():
            yield from _below(value)
        case Index(numbers):
            if isinstance(value, list | tuple):
                yield from (value[number] for number in numbers if -len(value) <= number < len(value))
        case Slice(bounds):
            if isinstance(value, list | tuple):
                yield from value[bounds]
        case Filter():
            yield from (each for each in _children(value) if _holds(move, each))


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list | tuple):
        yield from value


def _below(value: Any) -> Iterator[Any]:
    pending = [value]
    while pending:
        each = pending.pop()
        yield each
        pending += reversed(list(_children(each)))


def _holds(rule: Filter, value: Any) -> bool:
    left = rule.left.values(value)
    if not left or not rule.operator:
        return bool(left)
    try:
        return bool(_COMPARISONS[rule.operator](left[0], rule.right))
    except TypeError:  # two values that have no order
        return False


def _written(parts: Sequence[Part], root: Any, scope: Any = None) -> Iterator[str]:
    """The text of the parts. Bounded by the depth of the template's ranges."""
    here = root if scope is None else scope
    for part in parts:
        match part:
            case str():
                yield part
            case Path():
                yield " ".join(shown(value) for value in part.values(here))
            case Range(path, inner):
                for value in path.values(here):
                    yield from _written(inner, root, value)


class _Reader:
    """A template from left to right."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def parts(self, depth: int) -> tuple[Part, ...]:
        """Everything up to the end of the text, or of the range that is open."""
        if depth > DEPTH_MAX:
            raise JsonPathError(f"more than {DEPTH_MAX} ranges in one another")
        found: list[Part] = []
        while self._at < len(self._text):
            brace = self._text.find("{", self._at)
            if brace < 0:
                brace = len(self._text)
            if brace > self._at:
                found.append(self._text[self._at : brace])
            self._at = brace
            if self._at == len(self._text):
                break
            inner = self._braced()
            if inner == "end":
                if not depth:
                    raise JsonPathError("{end} without {range}")
                return tuple(found)
            if inner.startswith("range ") or inner == "range":
                found.append(Range(path_of(inner.removeprefix("range")), self.parts(depth + 1)))
            else:
                found += _plain(inner)
        if depth:
            raise JsonPathError("{range} without {end}")
        return tuple(found)

    def _braced(self) -> str:
        """What stands in the braces that begin here; braces in quotes do not count."""
        at = self._at + 1
        while at < len(self._text):
            if quoted := _QUOTED.match(self._text, at):
                at = quoted.end()
            elif self._text[at] == "}":
                inner = self._text[self._at + 1 : at].strip()
                self._at = at + 1
                return inner
            else:
                at += 1
        raise JsonPathError("a brace is not closed")


def _plain(inner: str) -> list[Part]:
    """Paths and quoted texts that stand in one pair of braces."""
    found: list[Part] = []
    rest = inner
    while rest:
        if quoted := _QUOTED.match(rest):
            found.append(str(_literal(quoted.group())))
            rest = rest[quoted.end() :].lstrip()
            continue
        word = re.match(r"(?:\[[^\]]*\]|[^\s\"'\[])+", rest)
        if word is None or (word.group()[0] not in ".[$@" and word.group() != inner):
            raise JsonPathError(f"{inner!r} is neither a path nor quoted text")
        found.append(path_of(word.group()))
        rest = rest[word.end() :].lstrip()
    return found
