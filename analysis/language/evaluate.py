"""The value of an expression: a bounded walk over its tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from analysis.errors import AnalysisError
from analysis.language import gotime, nodes, operators
from analysis.language.arguments import TEXT_CHARS_MAX, Scope
from analysis.language.builtins import FUNCTIONS
from analysis.language.environment import call as call_environment
from analysis.language.types import ENVIRONMENT, METHODS, Kind
from analysis.language.values import Duration, Location, Month, Time, Weekday, go_type, is_number, pieces, shown

FUEL = 200_000
PATTERN_FUEL = 10_000  # of each regular expression: one of a few letters may take as long to read as a long one
METHOD_FUEL = 20  # of a date or a duration

_AT_ONCE = frozenset(("first", "get", "last", "len", "type"))  # take no longer for what is longer

_CUT: Any = object()  # what a `?.` on nil makes of the rest of its chain


def evaluate(root: nodes.Node, result: Any, now_ns: int, fuel: int = FUEL) -> Any:
    """The value where `result` is what was measured. Raises AnalysisError in Go's words, also when fuel runs out."""
    try:
        return _Machine(result, now_ns, fuel).value(root)
    except RecursionError:
        raise AnalysisError("expression nests too deeply") from None


class _Machine:
    """One evaluation: its variables, the predicates it is inside of, and the fuel that is left."""

    def __init__(self, result: Any, now_ns: int, fuel: int) -> None:
        self.names: dict[str, Any] = {"result": result}
        self.now_ns = now_ns
        self.fuel = fuel
        self.scopes: list[Scope] = []
        self.patterns: set[str] = set()

    def spend(self, amount: int) -> None:
        """Pay for work; what grows must be paid for before it is made."""
        self.fuel -= amount
        if self.fuel < 0:
            raise AnalysisError("memory budget exceeded")

    def value(self, node: nodes.Node) -> Any:
        """The value of one node."""
        self.spend(1)
        return _BY_NODE[type(node)](self, node)

    def predicate(self, node: nodes.Node) -> Callable[[Scope], Any]:
        """The body of a predicate as a function of the element it looks at."""
        assert isinstance(node, nodes.Predicate)

        def of(scope: Scope) -> Any:
            self.scopes.append(scope)
            found = self.value(node.body)
            self.scopes.pop()
            return found

        return of

    def literal(self, node: nodes.Literal) -> Any:
        return node.value

    def name(self, node: nodes.Name) -> Any:
        if node.name in self.names:
            return self.names[node.name]
        if node.name == "$env":
            return {"result": self.names["result"], **dict.fromkeys(ENVIRONMENT, len)}
        if node.name in ENVIRONMENT:
            return call_environment
        raise AnalysisError(f"unknown name {node.name}")

    def pointer(self, node: nodes.Pointer) -> Any:
        scope = self.scopes[-1]
        return scope.element if node.name == "" else scope.index if node.name == "index" else scope.accumulated

    def unary(self, node: nodes.Unary) -> Any:
        operand = self.value(node.operand)
        if node.operator == "not":
            return not operators.truth(operand)
        return operators.negated(operand) if node.operator == "-" else operand

    def binary(self, node: nodes.Binary) -> Any:
        left = self.value(node.left)
        match node.operator:
            case "and":
                return self.value(node.right) if operators.truth(left) else False
            case "or":
                return True if operators.truth(left) else self.value(node.right)
            case "??":
                return self.value(node.right) if left is None else left
        right = self.value(node.right)
        self.spend(_size(left) + _size(right))
        if node.operator == "matches" and isinstance(right, str) and right not in self.patterns:
            self.patterns.add(right)
            self.spend(PATTERN_FUEL)
        match node.operator:
            case "==":
                return operators.equal(left, right)
            case "!=":
                return not operators.equal(left, right)
            case "<" | ">" | "<=" | ">=":
                return operators.compared(node.operator, left, right)
            case "in":
                return operators.includes(left, right)
            case "contains" | "startsWith" | "endsWith" | "matches":
                return operators.texts(node.operator, left, right)
            case "..":
                return self.range(left, right)
            case "+" if isinstance(left, str) and isinstance(right, str) and len(left) + len(right) > TEXT_CHARS_MAX:
                raise AnalysisError("memory budget exceeded")
        return operators.ARITHMETIC[node.operator](left, right)

    def range(self, low: Any, high: Any) -> list[int]:
        first, last = operators.index(low), operators.index(high)
        self.spend(max(0, last - first + 1))
        return list(range(first, last + 1))

    def conditional(self, node: nodes.Conditional) -> Any:
        if node.test is node.then:
            found = self.value(node.test)
            return found if operators.truth(found) else self.value(node.otherwise)
        return self.value(node.then if operators.truth(self.value(node.test)) else node.otherwise)

    def chain(self, node: nodes.Chain) -> Any:
        found = self.value(node.body)
        return None if found is _CUT else found

    def member(self, node: nodes.Member) -> Any:
        target = self.value(node.target)
        if target is _CUT or (target is None and node.is_optional):
            return _CUT
        return fetched(target, self.value(node.key))

    def slice(self, node: nodes.Slice) -> Any:
        target = self.value(node.target)
        if target is _CUT:
            return _CUT
        if not isinstance(target, str | list):
            raise AnalysisError(f"cannot slice {go_type(target)}")
        size = len(target)
        low = 0 if node.low is None else _bound(operators.index(self.value(node.low)), size)
        high = size if node.high is None else _bound(operators.index(self.value(node.high)), size)
        self.spend(max(0, high - low) // 8)
        return target if isinstance(target, str) and (low, high) == (0, size) else type(target)(target[low:high])

    def call(self, node: nodes.Call) -> Any:
        callee = node.callee
        if isinstance(callee, nodes.Name) and callee.name in ENVIRONMENT and callee.name not in self.names:
            values = [self.value(argument) for argument in node.arguments]
            constants = [_is_constant(argument) for argument in node.arguments]
            return call_environment(callee.name, values, constants)
        if isinstance(callee, nodes.Member):
            return self.method(callee, node.arguments)
        raise AnalysisError(f"{go_type(self.value(callee))} is not callable")

    def method(self, callee: nodes.Member, arguments: tuple[nodes.Node, ...]) -> Any:
        target = self.value(callee.target)
        if target is _CUT or (target is None and callee.is_optional):
            return _CUT
        name = self.value(callee.key)
        if isinstance(target, dict):
            raise AnalysisError(f"{go_type(fetched(target, name))} is not callable")
        kind = _METHOD_KINDS.get(type(target))
        function = METHODS[kind].get(name) if kind else None
        if function is None or not isinstance(target, Time | Duration | Month | Weekday):
            raise AnalysisError(f"cannot fetch {shown(name)} from {go_type(target)}")
        values = [self.value(argument) for argument in arguments]
        wanted = [_LETTER_KINDS[letter] for letter in function.takes]
        if len(values) != len(wanted) or not all(map(isinstance, values, wanted)):
            raise AnalysisError(f"reflect: Call using {', '.join(map(go_type, values)) or 'nothing'} for {name}")
        self.spend(METHOD_FUEL)
        return gotime.method(target, name, values)

    def builtin(self, node: nodes.Builtin) -> Any:
        values = [
            self.predicate(argument) if isinstance(argument, nodes.Predicate) else self.value(argument)
            for argument in node.arguments
        ]
        if node.name not in _AT_ONCE:
            self.spend(sum(map(_length, values)))
        return FUNCTIONS[node.name](self, *values)

    def let(self, node: nodes.Let) -> Any:
        self.names[node.name] = self.value(node.value)
        found = self.value(node.body)
        del self.names[node.name]
        return found

    def sequence(self, node: nodes.Sequence) -> Any:
        return [self.value(item) for item in node.items][-1]

    def array(self, node: nodes.Array) -> Any:
        return [self.value(item) for item in node.items]

    def map(self, node: nodes.Map) -> Any:
        keys = [self.value(item) for item in node.items[::2]]
        for key in keys:
            if not isinstance(key, str):
                raise AnalysisError(f"interface conversion: interface {{}} is {go_type(key)}, not string")
        return dict(zip(keys, (self.value(item) for item in node.items[1::2]), strict=True))


def fetched(target: Any, key: Any) -> Any:
    """`target[key]`, which is also `target.key`."""
    if isinstance(target, dict):
        if isinstance(key, str):
            return target.get(key)
        raise AnalysisError(f"cannot fetch {shown(key)} from {go_type(target)}")
    if isinstance(target, list):
        size, wanted = len(target), operators.index(key)
        if wanted < 0:
            wanted += size
        if not 0 <= wanted < size:
            raise AnalysisError(f"index out of range: {wanted} (array length is {size})")
        return target[wanted]
    raise AnalysisError(f"cannot fetch {shown(key)} from {go_type(target)}")


def _bound(wanted: int, size: int) -> int:
    return min(max(wanted + size if wanted < 0 else wanted, 0), size)


def _size(value: Any) -> int:
    """What looking all through a value costs."""
    if isinstance(value, list | dict):
        return pieces(value)
    return len(value) // 64 if isinstance(value, str) else 0


def _length(value: Any) -> int:
    """What a function that looks at each part of a value costs, beside what it pays itself."""
    return len(value) // (256 if isinstance(value, str) else 16) if isinstance(value, str | list | dict) else 0


def _is_constant(node: nodes.Node) -> bool:
    """Whether a number is written out, so that an int among floats is meant as a float."""
    if isinstance(node, nodes.Literal):
        return is_number(node.value)
    if isinstance(node, nodes.Unary):
        return _is_constant(node.operand)
    return isinstance(node, nodes.Binary) and _is_constant(node.left) and _is_constant(node.right)


_METHOD_KINDS: Mapping[type, Kind] = {Time: "time", Duration: "duration", Month: "month", Weekday: "weekday"}
_LETTER_KINDS: Mapping[str, type] = {"d": Duration, "t": Time, "i": int, "s": str, "l": Location}
_BY_NODE: Mapping[type, Callable[[_Machine, Any], Any]] = {
    nodes.Literal: _Machine.literal,
    nodes.Name: _Machine.name,
    nodes.Pointer: _Machine.pointer,
    nodes.Unary: _Machine.unary,
    nodes.Binary: _Machine.binary,
    nodes.Conditional: _Machine.conditional,
    nodes.Chain: _Machine.chain,
    nodes.Member: _Machine.member,
    nodes.Slice: _Machine.slice,
    nodes.Call: _Machine.call,
    nodes.Builtin: _Machine.builtin,
    nodes.Let: _Machine.let,
    nodes.Sequence: _Machine.sequence,
    nodes.Array: _Machine.array,
    nodes.Map: _Machine.map,
}
