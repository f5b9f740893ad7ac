"""JSONPath within bounds: whoever writes the path must not hold up whoever follows it.

The library walks without a bound and compares by backtracking expressions; both end with an error here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import jsonpath
from jsonpath.function_extensions import Match, Search
from jsonpath.match import NodeList

from analysis.errors import AnalysisError
from analysis.language import regex
from analysis.language.values import pieces

NODES_MAX = 50_000  # met on the way, wanted or not
COMPARED_PIECES_MAX = 256
TEXT_CHARS_MAX = 8192  # of a text that a filter looks at by an expression
_LEFT = "nodes left"
_FLAGS = ((re.IGNORECASE, "i"), (re.MULTILINE, "m"), (re.DOTALL, "s"))


class _Node(jsonpath.JSONPathMatch):
    """A place in the document; each one that is made is paid for."""

    def new_child(self, obj: object, key: int | str) -> jsonpath.JSONPathMatch:
        left: Any = self.filter_context().get(_LEFT, [NODES_MAX])
        left[0] -= 1
        if left[0] < 0:
            raise AnalysisError(f"the path meets more than {NODES_MAX} values")
        return super().new_child(obj, key)


class _Match(Match):
    def __call__(self, value: object, pattern: object) -> bool:
        return isinstance(pattern, str) and _searches(f"^(?:{pattern})$", value)


class _Search(Search):
    def __call__(self, value: object, pattern: object) -> bool:
        return isinstance(pattern, str) and _searches(pattern, value)


class _Environment(jsonpath.JSONPathEnvironment):
    match_class = _Node

    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        self.function_extensions |= {"match": _Match(), "search": _Search()}

    def compare(self, left: object, operator: str, right: object) -> bool:
        if operator == "=~" and isinstance(pattern := getattr(right, "pattern", None), str):
            flags = "".join(letter for flag, letter in _FLAGS if getattr(right, "flags", 0) & flag)
            return _searches(f"(?{flags}:^(?:{pattern})$)" if flags else f"^(?:{pattern})$", left)
        for side in (left, right):
            parts = side.values() if isinstance(side, NodeList) else side
            if pieces(parts, COMPARED_PIECES_MAX) > COMPARED_PIECES_MAX and isinstance(parts, list | dict):
                raise AnalysisError(f"a filter compares more than {COMPARED_PIECES_MAX} values at once")
        return super().compare(left, operator, right)


def _searches(pattern: str, value: object) -> bool:
    if not isinstance(value, str):
        return False
    if len(value) > TEXT_CHARS_MAX:
        raise AnalysisError(f"a filter looks at a text of more than {TEXT_CHARS_MAX} characters")
    return regex.searches(pattern, value)


_ENVIRONMENT = _Environment()


def compiled(path: str) -> jsonpath.JSONPath:
    """The path. Raises JSONPathError and AnalysisError."""
    inside = path.partition("?")[2]
    if "$" in inside or ".." in inside:
        # A filter is asked for each value anew, and these would go through the whole document each time.
        raise AnalysisError("a filter looks at @ and what is in it, without `$` or `..`")
    made = _ENVIRONMENT.compile(path)
    if not isinstance(made, jsonpath.JSONPath):
        raise AnalysisError("one path is wanted, not several")
    return made


def found(path: jsonpath.JSONPath, document: Any) -> list[Any]:
    """What stands at the path. Raises AnalysisError beyond the bounds, JSONPathError and RecursionError."""
    paid = {_LEFT: [NODES_MAX]}
    root: Iterable[jsonpath.JSONPathMatch] = [
        _Node(filter_context=paid, obj=document, parent=None, path="$", parts=(), root=document)
    ]
    for segment in path.segments:
        root = segment.resolve(root)
    return [each.obj for each in root]
