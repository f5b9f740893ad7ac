"""The paths of jq, and nothing else of it: `.spec.containers[] | select(.name == "web") | .image`.

A path names places in a JSON value. There are no loops, no functions and no arithmetic in it, and its regular
expressions are those of linear time, so that it ends, whatever a user writes: the size of the value bounds the work.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from analysis.errors import AnalysisError
from analysis.language import regex

TEXT_MAX = 1024
PLACES_MAX = 100_000
NESTING_MAX = 16

Path: TypeAlias = tuple[str | int, ...]
Test: TypeAlias = Callable[[Any], bool]

_WORD = re.compile(
    r"\s*(?:(?P<text>\"(?:[^\"\\]|\\.)*\")|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>\.\.|==|!=|<=|>=|[.\[\]()|?,<>:;]))",
    re.ASCII,
)


class JqPathError(ValueError):
    """An expression that is no path of jq."""


@dataclass(frozen=True, slots=True)
class _Step:
    """name, index: the member to go to.  each: to all members.  below: to everything underneath.  test: `select`."""

    name: str | None = None
    index: int | None = None
    each: bool = False
    below: bool = False
    test: Test | None = None


@dataclass(slots=True)
class _Reader:
    """An expression being read, word by word."""

    tokens: list[str]
    position: int = 0
    depth: int = 0

    def peek(self, further: int = 0) -> str:
        at = self.position + further
        return self.tokens[at] if at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        word = self.peek()
        if not word or (wanted and word != wanted):
            raise JqPathError(f"expected {wanted or 'more'}, got {word or 'the end'}")
        self.position += 1
        return word


def compile_path(text: str) -> tuple[tuple[_Step, ...], ...]:
    """The alternatives (separated by commas) of a path expression. Raises JqPathError."""
    if len(text) > TEXT_MAX:
        raise JqPathError(f"longer than {TEXT_MAX} signs")
    reader = _Reader(list(_tokens(text)))
    paths = [_pipe(reader)]
    while reader.peek() == ",":
        reader.take()
        paths.append(_pipe(reader))
    if reader.peek():
        raise JqPathError(f"{reader.peek()!r} is not understood here: paths, [] and select(…) are")
    return tuple(paths)


def places(paths: tuple[tuple[_Step, ...], ...], value: Any) -> tuple[Path, ...]:
    """Where the paths lead in a value. Raises JqPathError where they lead to more places than is bearable."""
    found: dict[Path, None] = {}
    for steps in paths:
        here: list[tuple[Path, Any]] = [((), value)]
        for step in steps:
            here = [place for one in here for place in _follow(step, *one)]
            if len(here) > PLACES_MAX:
                raise JqPathError(f"more than {PLACES_MAX} places")
        found.update(dict.fromkeys(path for path, _ in here))
    return tuple(found)


def _tokens(text: str) -> Iterator[str]:
    position = 0
    while position < len(text.rstrip()):
        found = _WORD.match(text, position)
        if found is None:
            raise JqPathError(f"{text[position:].strip()[:20]!r} is not understood")
        yield found.group().strip()
        position = found.end()


def _pipe(reader: _Reader) -> tuple[_Step, ...]:
    steps = list(_term(reader))
    while reader.peek() == "|" and reader.peek(1) != "not":
        reader.take()
        steps += _term(reader)
    return tuple(steps)


def _term(reader: _Reader) -> Iterator[_Step]:
    reader.depth += 1
    if reader.depth > NESTING_MAX:
        raise JqPathError(f"nested deeper than {NESTING_MAX}")
    word = reader.take()
    if word == "(":
        yield from _pipe(reader)
        reader.take(")")
    elif word in ("..", "recurse"):
        yield _Step(below=True)
    elif word == "select":
        reader.take("(")
        yield _Step(test=_any_of(reader))
        reader.take(")")
    elif word == "test":
        reader.take("(")
        yield _Step(test=_regex(reader))
        reader.take(")")
    elif word in _PREDICATES:
        reader.take("(")
        wanted = _literal(reader.take())
        reader.take(")")
        yield _Step(test=partial(_PREDICATES[word], wanted=wanted))
    elif word == ".":
        yield from _first(reader)
    else:
        raise JqPathError(f"{word!r} is not understood: a path begins with a dot")
    yield from _suffixes(reader)
    reader.depth -= 1


def _begins(value: Any, wanted: Any) -> bool:
    return isinstance(value, str) and isinstance(wanted, str) and value.startswith(wanted)


def _ends(value: Any, wanted: Any) -> bool:
    return isinstance(value, str) and isinstance(wanted, str) and value.endswith(wanted)


def _contains(value: Any, wanted: Any) -> bool:
    return isinstance(value, str) and isinstance(wanted, str) and wanted in value


def _has(value: Any, wanted: Any) -> bool:
    return isinstance(value, Mapping) and wanted in value


_PREDICATES: Mapping[str, Callable[..., bool]] = {
    "startswith": _begins,
    "endswith": _ends,
    "contains": _contains,
    "has": _has,
}
"""What may be asked of a value in `select`; where it does not hold, the path ends."""


def _regex(reader: _Reader) -> Test:
    """`test("pattern")` or `test("pattern"; "i")`."""
    pattern, flags = _literal(reader.take()), ""
    if reader.peek() == ";":
        reader.take()
        flags = _literal(reader.take())
    if not isinstance(pattern, str) or not isinstance(flags, str) or set(flags) - set("gins"):
        raise JqPathError("test(…) wants a pattern, and of the flags g, i, n and s")
    shown = "".join(sorted(set(flags) & {"i", "s"}))
    whole = f"(?{shown}){pattern}" if shown else pattern
    try:
        regex.compiled(whole)
    except AnalysisError as error:
        raise JqPathError(str(error)) from None
    return lambda value: isinstance(value, str) and regex.searches(whole, value)


def _first(reader: _Reader) -> Iterator[_Step]:
    word = reader.peek()
    if word.startswith('"') or word[:1].isalpha() or word[:1] == "_":
        yield _Step(name=_name(reader.take()))


def _suffixes(reader: _Reader) -> Iterator[_Step]:
    while True:
        word = reader.peek()
        if word == "?":
            reader.take()
        elif word == "[":
            reader.take()
            yield _bracket(reader)
        elif word == ".":
            reader.take()
            if reader.peek() != "[":
                yield _Step(name=_name(reader.take()))
        else:
            return


def _bracket(reader: _Reader) -> _Step:
    word = reader.take()
    if word == "]":
        return _Step(each=True)
    reader.take("]")
    if word.startswith('"'):
        return _Step(name=_name(word))
    if re.fullmatch(r"-?\d+", word):
        return _Step(index=int(word))
    raise JqPathError(f"[{word}] is not understood")


def _name(word: str) -> str:
    if not word.startswith('"'):
        if not (word[:1].isalpha() or word[:1] == "_"):
            raise JqPathError(f"{word!r} is no name")
        return word
    try:
        return str(json.loads(word))
    except ValueError as error:
        raise JqPathError(f"{word} is no text") from error


def _any_of(reader: _Reader) -> Test:
    began = reader.position
    tests = [_all_of(reader)]
    while reader.peek() == "or":
        reader.take()
        tests.append(_all_of(reader))
    if reader.peek() != "|":
        return lambda value: any(test(value) for test in tests)
    if (
        "".join(reader.tokens[began : reader.position]).find("[]") >= 0
        or ".." in reader.tokens[began : reader.position]
    ):
        raise JqPathError("not is understood of one value only, and [] and .. lead to several")
    reader.take("|")
    reader.take("not")
    return lambda value: not any(test(value) for test in tests)


def _all_of(reader: _Reader) -> Test:
    tests = [_one(reader)]
    while reader.peek() == "and":
        reader.take()
        tests.append(_one(reader))
    return lambda value: all(test(value) for test in tests)


def _one(reader: _Reader) -> Test:
    if (test := _in_brackets(reader)) is not None:
        return test
    steps = _pipe(reader)
    sign = reader.peek()
    if sign not in ("==", "!="):
        return lambda value: any(_at(value, path) not in (None, False) for path in places((steps,), value))
    reader.take()
    wanted = _literal(reader.take())
    if sign == "==":
        return lambda value: any(_equal(_at(value, path), wanted) for path in places((steps,), value))
    return lambda value: any(not _equal(_at(value, path), wanted) for path in places((steps,), value))


def _in_brackets(reader: _Reader) -> Test | None:
    """`(A or B)` as a test; None where brackets begin a path."""
    if reader.peek() != "(":
        return None
    began = reader.position
    reader.depth += 1
    if reader.depth > NESTING_MAX:
        raise JqPathError(f"nested deeper than {NESTING_MAX}")
    reader.take("(")
    test = _any_of(reader)
    reader.depth -= 1
    reader.take(")")
    if reader.peek() in ("and", "or", ")") or (reader.peek() == "|" and reader.peek(1) == "not"):
        return test
    reader.position = began
    return None


def _literal(word: str) -> Any:
    if word in ("true", "false", "null") or word.startswith('"') or re.fullmatch(r"-?\d+(\.\d+)?", word):
        return json.loads(word)
    raise JqPathError(f"{word!r} is no literal")


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _follow(step: _Step, path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    if step.test is not None:
        if step.test(value):
            yield path, value
    elif step.below:
        yield from _below(path, value)
    elif step.each:
        yield from _members(path, value)
    elif step.name is not None:
        if isinstance(value, Mapping):
            yield (*path, step.name), value.get(step.name)
    elif step.index is not None and isinstance(value, list) and -len(value) <= step.index < len(value):
        yield (*path, step.index % len(value)), value[step.index]


def _members(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, Mapping):
        yield from (((*path, name), inner) for name, inner in value.items())
    elif isinstance(value, list):
        yield from (((*path, index), inner) for index, inner in enumerate(value))


def _below(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    waiting = [(path, value)]
    while waiting:
        here, inner = waiting.pop()
        yield here, inner
        waiting += list(_members(here, inner))[::-1]


def _at(value: Any, path: Path) -> Any:
    for step in path:
        if isinstance(value, Mapping):
            value = value.get(str(step))
        else:
            value = value[step] if isinstance(value, list) and isinstance(step, int) else None
    return value
