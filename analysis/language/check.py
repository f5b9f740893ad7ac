"""What can be known to be wrong with an expression before it is evaluated: names, types, numbers of arguments.

A condition that compares a number with a text is an error even where the comparison would not be reached.
"""

from __future__ import annotations

from collections.abc import Mapping

from analysis.errors import AnalysisError
from analysis.language import nodes, regex
from analysis.language.types import (
    ARRAY,
    BOOL,
    BUILTINS,
    DURATION,
    ENVIRONMENT,
    FLOAT,
    INT,
    INTS,
    MAP,
    METHODS,
    STRING,
    TIME,
    UNKNOWN,
    Function,
    Kind,
    Type,
    array_of,
    type_of,
)  # fmt: skip

_LETTERS: Mapping[str, tuple[Kind, ...]] = {
    "s": ("string",), "i": ("int",), "n": ("int", "float"), "b": ("bool",), "a": ("array",), "m": ("map",),
    "d": ("duration",), "t": ("time",), "l": ("location",),
}  # fmt: skip
_LETTER_TEXT = {"s": "string", "i": "int", "n": "float64", "b": "bool", "d": "time.Duration", "t": "time.Time"}
_LEN: tuple[Kind, ...] = ("string", "array", "map", "bytes")
_NUMBERS: tuple[Kind, ...] = ("int", "float")


def check(root: nodes.Node, result: Type) -> Type:
    """The type of the whole expression where `result` is of that type. Raises AnalysisError in Go's words."""
    return _Checker(result).of(root)


class _Checker:
    """Walks the tree; `lets` are the variables and `pointers` the predicates in scope."""

    def __init__(self, result: Type) -> None:
        self.result = result
        self.lets: dict[str, Type] = {}
        self.pointers: list[dict[str, Type]] = []

    def of(self, node: nodes.Node) -> Type:
        match node:
            case nodes.Literal(value=value):
                return type_of(value)
            case nodes.Name(name=name):
                return self.name(name)
            case nodes.Pointer(name=name):
                if name not in self.pointers[-1]:
                    raise AnalysisError(f"unknown pointer #{name}")
                return self.pointers[-1][name]
            case nodes.Unary():
                return self.unary(node)
            case nodes.Binary():
                return binary(node, self.of(node.left), self.of(node.right))
            case nodes.Conditional():
                return self.conditional(node)
            case nodes.Chain(body=body):
                return self.of(body)
            case nodes.Member():
                return self.member(node)
            case nodes.Slice():
                return self.slice(node)
            case nodes.Call():
                return self.call(node)
            case nodes.Builtin():
                return self.builtin(node)
            case nodes.Let():
                return self.let(node)
            case nodes.Sequence(items=items):
                return [self.of(item) for item in items][-1]
            case nodes.Array(items=items):
                kinds = {self.of(item) for item in items}
                return array_of(kinds.pop()) if len(kinds) == 1 else ARRAY
            case nodes.Map(items=items):
                for item in items:
                    self.of(item)
                return MAP
            case nodes.Predicate(body=body):
                return self.of(body)

    def name(self, name: str) -> Type:
        if name in self.lets:
            return self.lets[name]
        if name == "result":
            return self.result
        if name == "$env":
            return MAP
        if name in ENVIRONMENT:
            return Type("func", "func")
        raise AnalysisError(f"unknown name {name}")

    def unary(self, node: nodes.Unary) -> Type:
        operand = self.of(node.operand)
        wanted = ("bool",) if node.operator == "not" else _NUMBERS
        if not operand.is_one_of(*wanted):
            raise AnalysisError(f"invalid operation: {node.operator} (mismatched type {operand.text})")
        return BOOL if node.operator == "not" else operand

    def conditional(self, node: nodes.Conditional) -> Type:
        test = self.of(node.test)
        if not test.is_one_of("bool") and node.test is not node.then:
            raise AnalysisError(f"non-bool expression (type {test.text}) used as condition")
        then, otherwise = self.of(node.then), self.of(node.otherwise)
        if then.kind == "nil":
            return otherwise
        return then if otherwise.kind == "nil" or then == otherwise else UNKNOWN

    def let(self, node: nodes.Let) -> Type:
        if node.name in BUILTINS:
            raise AnalysisError(f"cannot redeclare builtin {node.name}")
        if node.name == "result" or node.name in ENVIRONMENT:
            raise AnalysisError(f"cannot redeclare {node.name}")
        if node.name in self.lets:
            raise AnalysisError(f"cannot redeclare variable {node.name}")
        self.lets[node.name] = self.of(node.value)
        found = self.of(node.body)
        del self.lets[node.name]
        return found

    def member(self, node: nodes.Member) -> Type:
        match node.target, node.key:
            case nodes.Name(name="$env"), nodes.Literal(value=str(name)) if not node.is_optional:
                return self.name(name)
        target, key = self.of(node.target), self.of(node.key)
        if target.kind == "array":
            if not key.is_one_of("int"):
                raise AnalysisError(f"array elements can only be selected using an integer (got {key.text})")
            return target.element or UNKNOWN
        if target.kind == "map":
            if not key.is_one_of("string"):
                raise AnalysisError(f"cannot use {key.text} to get an element from {target.text}")
            return UNKNOWN
        if target.kind == "unknown":
            return UNKNOWN
        if isinstance(node.key, nodes.Literal) and isinstance(node.key.value, str):
            if node.key.value in METHODS.get(target.kind, {}):
                return Type("func", f"func({target.text})")
            text = "nil" if target.kind == "nil" else target.text
            raise AnalysisError(
                f"type {text} has no {'method' if METHODS.get(target.kind) else 'field'} {node.key.value}"
            )
        raise AnalysisError(f"type {target.text}[{key.text}] is undefined")

    def slice(self, node: nodes.Slice) -> Type:
        target = self.of(node.target)
        if not target.is_one_of("array", "string"):
            raise AnalysisError(f"cannot slice {target.text}")
        for bound in (node.low, node.high):
            if bound is not None and not (found := self.of(bound)).is_one_of("int"):
                raise AnalysisError(f"non-integer slice index {found.text}")
        return target

    def call(self, node: nodes.Call) -> Type:
        if isinstance(node.callee, nodes.Name) and node.callee.name not in self.lets:
            name = node.callee.name
            if name in ENVIRONMENT:
                return self.arguments(name, ENVIRONMENT[name], node.arguments)
        elif isinstance(node.callee, nodes.Member) and isinstance(node.callee.key, nodes.Literal):
            methods = METHODS.get(self.of(node.callee.target).kind, {})
            if node.callee.key.value in methods:
                name = str(node.callee.key.value)
                return self.arguments(name, methods[name], node.arguments)
        callee = self.of(node.callee)
        if callee.kind != "unknown":
            raise AnalysisError(f"{callee.text} is not callable")
        for argument in node.arguments:
            self.of(argument)
        return UNKNOWN

    def builtin(self, node: nodes.Builtin) -> Type:
        return self.arguments(node.name, BUILTINS[node.name], node.arguments)

    def arguments(self, name: str, function: Function, arguments: tuple[nodes.Node, ...]) -> Type:
        """The type that the call gives, once every argument was found to fit."""
        count, takes = len(arguments), function.takes
        if count < function.required:
            raise AnalysisError(f"not enough arguments to call {name}")
        if takes.endswith("+"):
            takes = takes[:-1] + takes[-2] * max(0, count - len(takes) + 1)
        if count > len(takes):
            raise AnalysisError(f"too many arguments to call {name}")
        found: list[Type] = []
        for letter, argument in zip(takes, arguments, strict=False):
            if isinstance(argument, nodes.Predicate):
                found.append(self.predicate(argument, found[0], letter == "p", name))
            else:
                found.append(self.of(argument))
                _fits(name, letter, found[-1])
        return _given(name, function, found)

    def predicate(self, node: nodes.Predicate, over: Type, is_question: bool, name: str) -> Type:
        scope = {"": over.element or UNKNOWN, "index": INT}
        if name == "reduce":
            scope["acc"] = UNKNOWN
        self.pointers.append(scope)
        found = self.of(node.body)
        self.pointers.pop()
        if found.kind == "nil" and not is_question:
            raise AnalysisError("predicate should has one input and one output param")
        if is_question and not found.is_one_of("bool"):
            raise AnalysisError(f"predicate should return boolean (got {found.text})")
        return found


def _fits(name: str, letter: str, found: Type) -> None:
    text = "nil" if found.kind == "nil" else found.text
    if letter in _LETTERS and not found.is_one_of(*_LETTERS[letter]):
        if letter in _LETTER_TEXT and name not in ("abs", "ceil", "floor", "round"):
            raise AnalysisError(f"cannot use {text} as argument (type {_LETTER_TEXT[letter]}) to call {name}")
        if letter == "a":
            raise AnalysisError(f"builtin {name} takes only array (got {found.text})")
        raise AnalysisError(f"invalid argument for {name} (type {text})")
    refused = (
        (name == "len" and not found.is_one_of(*_LEN))
        or (name in ("int", "float") and not found.is_one_of("string", "int", "float", "month", "weekday", "duration"))
        or (name in ("max", "min", "mean", "median") and not found.is_one_of("int", "float", "array"))
        or (name == "get" and found.kind == "nil")
    )
    if letter == "k" and not found.is_one_of("int", "string"):
        raise AnalysisError(f"non-integer slice index {text}")
    if refused:
        raise AnalysisError(f"invalid argument for {name} (type {text})")


def _given(name: str, function: Function, found: list[Type]) -> Type:
    if isinstance(function.gives, Type):
        if name == "map":
            return array_of(found[1])
        if name in ("max", "min") and len(found) == 1 and found[0].kind in _NUMBERS:
            return found[0]
        return function.gives
    over = found[0]
    if function.gives == "same":
        return over
    if function.gives == "elements":
        return array_of(over.element or UNKNOWN)
    return found[1] if name == "sum" and len(found) > 1 else over.element or UNKNOWN


def binary(node: nodes.Binary, left: Type, right: Type) -> Type:
    """The type of `left operator right`."""
    found = _binary(node, left, right)
    if found is None:
        raise AnalysisError(f"invalid operation: {node.operator} (mismatched types {left.text} and {right.text})")
    return found


def _binary(node: nodes.Binary, left: Type, right: Type) -> Type | None:
    match node.operator:
        case "==" | "!=":
            return BOOL if _comparable(left, right) else None
        case "or" | "and":
            return BOOL if left.is_one_of("bool") and right.is_one_of("bool") else None
        case "<" | ">" | "<=" | ">=":
            return BOOL if any(left.is_one_of(*kinds) and right.is_one_of(*kinds) for kinds in _ORDERED) else None
        case "in":
            return _membership(left, right)
        case "matches":
            return _matching(node, left, right)
        case "contains" | "startsWith" | "endsWith":
            return BOOL if left.is_one_of("string") and right.is_one_of("string") else None
        case "..":
            return INTS if left.is_one_of("int") and right.is_one_of("int") else None
        case "??":
            return right if left.kind == "nil" else left if right.kind == "nil" or left == right else UNKNOWN
        case _:
            return _arithmetic(node.operator, left, right)


_ORDERED: tuple[tuple[Kind, ...], ...] = (_NUMBERS, ("string",), ("time",), ("duration",))


def _comparable(left: Type, right: Type) -> bool:
    if "nil" in (left.kind, right.kind) or "unknown" in (left.kind, right.kind):
        return True
    return left.kind == right.kind or (left.is_one_of(*_NUMBERS) and right.is_one_of(*_NUMBERS))


def _membership(left: Type, right: Type) -> Type | None:
    if right.kind == "map":
        if not left.is_one_of("string", "nil"):
            raise AnalysisError(f"cannot use {left.text} as type string in map key")
        return BOOL
    if right.kind == "array":
        element = right.element or UNKNOWN
        if not _comparable(left, element):
            raise AnalysisError(f"cannot use {left.text} as type {element.text} in array")
        return BOOL
    return BOOL if right.kind == "unknown" else None


def _matching(node: nodes.Binary, left: Type, right: Type) -> Type | None:
    if isinstance(node.right, nodes.Literal) and isinstance(node.right.value, str):
        regex.compiled(node.right.value)
    return BOOL if left.is_one_of("string") and right.is_one_of("string") else None


def _arithmetic(operator: str, left: Type, right: Type) -> Type | None:
    if "unknown" in (left.kind, right.kind) and "nil" not in (left.kind, right.kind):
        other = right if left.kind == "unknown" else left
        if operator == "%":
            return INT if other.is_one_of("int") else None
        return FLOAT if operator in ("/", "**") and other.kind in _NUMBERS else UNKNOWN
    if left.kind in _NUMBERS and right.kind in _NUMBERS:
        if operator == "%":
            return INT if left.kind == right.kind == "int" else None
        return FLOAT if operator in ("/", "**") or "float" in (left.kind, right.kind) else INT
    return _OTHER_SUMS.get((operator, left.kind, right.kind))


_OTHER_SUMS: Mapping[tuple[str, Kind, Kind], Type] = {
    ("+", "string", "string"): STRING,
    ("+", "time", "duration"): TIME,
    ("+", "duration", "time"): TIME,
    ("+", "duration", "duration"): DURATION,
    ("-", "time", "time"): DURATION,
    ("-", "time", "duration"): TIME,
    ("-", "duration", "duration"): DURATION,
    ("*", "duration", "int"): DURATION,
    ("*", "duration", "float"): DURATION,
    ("*", "int", "duration"): DURATION,
    ("*", "float", "duration"): DURATION,
}
