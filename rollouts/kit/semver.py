"""Semantic versions and ranges over them, in the grammar that charts and revisions are written in.

Ranges: `>=1.2, <2`, `~1.4`, `^1`, `1.x`, `1.2 - 2`, `*`, alternatives by `||`. A pre-release is matched only by a range
that names one itself. Versions may carry a leading `v` and may leave out minor and patch.
Source: semver.org 2.0.0; the ranges as the Go package Masterminds/semver reads them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import total_ordering

_VERSION = re.compile(
    r"v?(\d{1,18})(?:\.(\d{1,18}))?(?:\.(\d{1,18}))?"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
_PART = r"(?:\d{1,18}|[xX*])"
_PARTIAL = re.compile(
    rf"(?P<op>=|!=|>=|=>|<=|=<|>|<|~>|~|\^)?\s*v?(?P<major>{_PART})(?:\.(?P<minor>{_PART}))?(?:\.(?P<patch>{_PART}))?"
    r"(?:-(?P<pre>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?"
)
_HYPHEN = re.compile(r"^\s*(\S+)\s+-\s+(\S+)\s*$")
RANGE_CHARS_MAX = VERSION_CHARS_MAX = 256


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """A version; build metadata neither orders nor tells versions apart. text: as it was written."""

    major: int
    minor: int = 0
    patch: int = 0
    pre: tuple[str, ...] = ()
    text: str = ""

    def _rank(self) -> tuple[int, int, int, int, tuple[tuple[int, int, str], ...]]:
        parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.pre)
        return (self.major, self.minor, self.patch, 0 if self.pre else 1, parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._rank() == other._rank()

    def __lt__(self, other: Version) -> bool:
        return self._rank() < other._rank()

    def __hash__(self) -> int:
        return hash(self._rank())

    def __str__(self) -> str:
        return self.text or f"{self.major}.{self.minor}.{self.patch}{'-' + '.'.join(self.pre) if self.pre else ''}"


@dataclass(frozen=True, slots=True)
class _Span:
    """Versions from `low` (included unless `above`) up to `high` (excluded unless `closed`); inverted by `outside`."""

    low: Version | None = None
    high: Version | None = None
    above: bool = False
    closed: bool = False
    outside: bool = False
    pre: bool = False  # whether the range names a pre-release itself

    def holds(self, version: Version) -> bool:
        if version.pre and not self.pre:
            return False
        inside = True
        if self.low is not None:
            inside = version > self.low if self.above else version >= self.low
        if inside and self.high is not None:
            inside = version <= self.high if self.closed else version < self.high
        return inside != self.outside


@dataclass(frozen=True, slots=True)
class Range:
    """Alternatives, each of which is a list of spans that must all hold."""

    spans: tuple[tuple[_Span, ...], ...]

    def holds(self, version: Version) -> bool:
        """Whether the version lies in the range."""
        return any(all(span.holds(version) for span in group) for group in self.spans)

    def newest(self, versions: Iterable[Version]) -> Version | None:
        """The highest version of the range, or None."""
        return max((version for version in versions if self.holds(version)), default=None)


def version(text: str) -> Version | None:
    """The version that a text names, or None where it names none."""
    found = _VERSION.fullmatch(text) if len(text) <= VERSION_CHARS_MAX else None
    if not found:
        return None
    major, minor, patch, pre, _ = found.groups()
    return Version(int(major), int(minor or 0), int(patch or 0), tuple(pre.split(".")) if pre else (), text)


def span(text: str) -> Range | None:
    """The range that a text means, or None where it is none. An exact version is a range of one."""
    if not text.strip() or len(text) > RANGE_CHARS_MAX:
        return None
    groups = [_group(part) for part in text.split("||")]
    if any(group is None for group in groups):
        return None
    return Range(tuple(group for group in groups if group is not None))


def _group(text: str) -> tuple[_Span, ...] | None:
    if hyphen := _HYPHEN.match(text):
        text = f">={hyphen.group(1)} <={hyphen.group(2)}"
    rest, spans = text.strip(), []
    while rest:
        found = _PARTIAL.match(rest)
        if not found:
            return None
        spans.append(_span(found))
        after = rest[found.end() :]
        rest = after.lstrip(", \t")
        if rest and rest == after:
            return None  # two parts run into each other
    return tuple(spans) or None


def _span(found: re.Match[str]) -> _Span:
    numbers = [found["major"], found["minor"], found["patch"]]
    given = [int(number) if number and number.isdigit() else None for number in numbers]
    major, minor, patch = (given[0], given[1] if given[0] is not None else None, given[2])
    patch = patch if minor is not None else None
    pre = tuple(found["pre"].split(".")) if found["pre"] else ()
    low = Version(major or 0, minor or 0, patch or 0, pre)
    named = bool(pre)
    match found["op"] or "=":
        case "=":
            return _beginning_so(low, low if patch is not None else _next(major, minor), pre=named)
        case "!=":
            same = _beginning_so(low, low if patch is not None else _next(major, minor), pre=named)
            return replace(same, outside=True)
        case ">":
            if patch is not None:
                return _Span(low, above=True, pre=named)
            return _Span(_next(major, minor) or _NEVER, pre=named)
        case ">=" | "=>":
            return _Span(low, pre=named)
        case "<":
            return _Span(high=low, pre=named)
        case "<=" | "=<":
            if patch is not None:
                return _Span(high=low, closed=True, pre=named)
            return _Span(high=_next(major, minor), pre=named)
        case "~" | "~>":
            if (major, minor, patch, pre) == (0, 0, 0, ()):
                return _Span(low)
            return _Span(low, _next(major, minor), pre=named)
        case _:  # ^
            return _Span(low, _caret(major, minor, patch), pre=named)


_NEVER = Version(10**18)


def _beginning_so(low: Version, end: Version | None, *, pre: bool) -> _Span:
    return _Span(low, low, closed=True, pre=pre) if end == low else _Span(low, end, pre=pre)


def _next(major: int | None, minor: int | None) -> Version | None:
    """The first version after all those that begin so; None where there is none."""
    if major is None:
        return None
    return Version(major + 1) if minor is None else Version(major, minor + 1)


def _caret(major: int | None, minor: int | None, patch: int | None) -> Version | None:
    if not major and major is not None:
        if minor is None:
            return Version(1)
        if minor or patch is None:
            return Version(0, minor + 1)
        return Version(0, 0, patch + 1)
    return None if major is None else Version(major + 1)
