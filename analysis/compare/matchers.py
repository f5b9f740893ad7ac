"""Label matchers as PromQL writes them: `code=~"5..",method!="OPTIONS"`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from analysis.errors import AnalysisError
from analysis.language import regex

_ONE = re.compile(r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(,|$)', re.DOTALL)
MATCHERS_MAX = 16


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; an absent label reads as empty. operator: =, !=, =~ or !~ (anchored, RE2)."""

    label: str
    operator: str
    value: str

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels meet it."""
        found = labels.get(self.label, "")
        if self.operator in ("=", "!="):
            return (found == self.value) is (self.operator == "=")
        return _fits(self.value, found) is (self.operator == "=~")


@lru_cache(maxsize=4096)
def _fits(pattern: str, text: str) -> bool:
    return regex.searches(f"^(?:{pattern})$", text)


Matchers: TypeAlias = tuple[Matcher, ...]


def read_matchers(text: str) -> Matchers:
    """The matchers of a text, with or without braces. Raises AnalysisError."""
    inner = text.strip()
    inner = inner[1:-1] if inner.startswith("{") and inner.endswith("}") else inner
    found: list[Matcher] = []
    at = 0
    while at < len(inner):
        one = _ONE.match(inner, at)
        if one is None or len(found) >= MATCHERS_MAX:
            raise AnalysisError(f'{text[:200]!r} is no list of label matchers, such as code=~"5.."')
        label, operator, value, _ = one.groups()
        matcher = Matcher(label, operator, value.replace('\\"', '"').replace("\\\\", "\\"))
        matcher.holds({})  # compiles
        found.append(matcher)
        at = one.end()
    if not found:
        raise AnalysisError("want at least one label matcher")
    return tuple(found)


def all_hold(matchers: Matchers, labels: Mapping[str, str]) -> bool:
    """Whether labels meet every matcher."""
    return all(matcher.holds(labels) for matcher in matchers)
