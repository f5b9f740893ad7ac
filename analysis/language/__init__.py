"""The conditions language: expressions as expr-lang writes them, judged as Go would, within bounds.

    program("result[0] >= 0.95 && !isNaN(result[0])").judge(Floats([0.99]), now_ns=0)        # True

Lives here: lexer, grammar, nodes, check (types), evaluate, builtins. Never here: eval(), what a metric is, and any I/O.
Sources of more than 8 KiB, nesting of more than 64 levels and evaluations beyond their fuel are errors.
Read `grammar.py` first.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from analysis.errors import AnalysisError
from analysis.language import nodes
from analysis.language.check import check
from analysis.language.evaluate import evaluate
from analysis.language.grammar import parse
from analysis.language.types import PREDICATE_SHAPES, UNKNOWN, Type, type_of
from analysis.language.values import Floats, Int64, Time, float_fixed, go_type
from analysis.language.values import text as go_text

__all__ = ["Floats", "Int64", "Program", "Time", "float_fixed", "go_text", "go_type", "program"]

PATTERNS_MAX = 16  # regular expressions in one source: reading one may take longer than reading all the rest
_SOURCES_KEPT = 1024


@dataclass(frozen=True, slots=True)
class Program:
    """An expression that was read and found to make sense.

    names: every variable and function that it mentions.
    """

    source: str
    root: nodes.Node
    names: frozenset[str]

    def check(self, result: Type) -> Type:
        """The type of its value where the result is of this type. Raises AnalysisError."""
        return check(self.root, result)

    def run(self, result: Any, *, now_ns: int) -> Any:
        """Its value for a result. Raises AnalysisError in Go's words."""
        check(self.root, type_of(result))
        return evaluate(self.root, result, now_ns)

    def judge(self, result: Any, *, now_ns: int) -> bool:
        """Its value, which must be a boolean. Raises AnalysisError."""
        found = self.run(result, now_ns=now_ns)
        if not isinstance(found, bool):
            raise AnalysisError(f"expected bool, but got {go_type(found)}")
        return found


@functools.lru_cache(maxsize=_SOURCES_KEPT)
def program(source: str) -> Program:
    """Read an expression. Raises AnalysisError for anything that no result could make valid."""
    root = parse(source, PREDICATE_SHAPES)
    operators = [node.operator for node, _ in nodes.walk(root) if isinstance(node, nodes.Binary)]
    if operators.count("matches") > PATTERNS_MAX:
        raise AnalysisError(f"expression of more than {PATTERNS_MAX} regular expressions")
    check(root, UNKNOWN)
    names = {node.name for node, _ in nodes.walk(root) if isinstance(node, nodes.Name | nodes.Builtin | nodes.Pointer)}
    return Program(source, root, frozenset(names))
