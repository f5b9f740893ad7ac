"""Computes a PromQL tree over stored samples, with Prometheus' rules for ranges, extrapolation and staleness."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import re2

from rollouts.devplane.promfunctions import (
    KEEPS_NAME,
    MATH,
    OVER_RANGE,
    Labels,
    Samples,
    Vector,
    histogram_quantile,
)
from rollouts.devplane.promql import (
    Aggregate,
    Binary,
    Call,
    Matcher,
    Negative,
    Node,
    Number,
    PromqlError,
    Selector,
    Text,
)

LOOKBACK_S = 300.0
SERIES_MAX = 50_000

Matrix: TypeAlias = dict[Labels, Samples]
Value: TypeAlias = float | Vector


class Source(Protocol):
    """Where samples come from."""

    def select(self, test: Callable[[Mapping[str, str]], bool], name: str | None) -> Iterable[tuple[Labels, Samples]]:
        """Series whose labels pass the test; `name` narrows to one metric."""
        ...


@dataclass(frozen=True, slots=True)
class _Moment:
    """What an evaluation reads: samples, and the instant it is asked for."""

    source: Source
    at_s: float


def evaluate(node: Node, source: Source, at_s: float) -> Value:
    """The value of a tree at an instant: a number or a vector. Raises PromqlError."""
    return _value(node, _Moment(source, at_s))


def _value(node: Node, moment: _Moment) -> Value:
    match node:
        case Number(value):
            return value
        case Text():
            raise PromqlError("a string is not a value here")
        case Selector():
            return _instant_vector(node, moment)
        case Call():
            return _call(node, moment)
        case Aggregate():
            return _aggregate(node, moment)
        case Binary():
            return _binary(node, _value(node.left, moment), _value(node.right, moment))
        case Negative(expression):
            negated = _value(expression, moment)
            if isinstance(negated, float):
                return -negated
            return {_nameless(labels): -number for labels, number in negated.items()}


# --- selectors -----------------------------------------------------------------------------------------------------


def _passes(matchers: tuple[Matcher, ...]) -> Callable[[Mapping[str, str]], bool]:
    tests: list[tuple[str, Callable[[str], bool]]] = []
    for matcher in matchers:
        tests.append((matcher.label, _passing(matcher)))
    return lambda labels: all(test(labels.get(label, "")) for label, test in tests)


def _passing(matcher: Matcher) -> Callable[[str], bool]:
    if matcher.sign in ("=", "!="):
        equal = matcher.sign == "="
        return lambda value: (value == matcher.value) is equal
    try:
        pattern = re2.compile(matcher.value)
    except re2.error as error:
        raise PromqlError(f"error parsing regexp: {error}") from None
    wanted = matcher.sign == "=~"
    return lambda value: (pattern.fullmatch(value) is not None) is wanted


def _selected(selector: Selector, moment: _Moment) -> Iterable[tuple[Labels, Samples]]:
    names = [matcher.value for matcher in selector.matchers if (matcher.label, matcher.sign) == ("__name__", "=")]
    return moment.source.select(_passes(selector.matchers), names[0] if names else None)


def _instant_vector(selector: Selector, moment: _Moment) -> Vector:
    if selector.range_s is not None:
        raise PromqlError("expected type instant vector, got range vector")
    at_s, vector = moment.at_s - selector.offset_s, Vector()
    for labels, (times, values) in _selected(selector, moment):
        index = bisect_right(times, at_s) - 1
        # A NaN sample marks the end of a series, as Prometheus' staleness marker does.
        if index >= 0 and times[index] > at_s - LOOKBACK_S and not math.isnan(values[index]):
            vector[labels] = values[index]
    return vector


def _matrix(node: Node, moment: _Moment, function: str) -> tuple[Matrix, float, float]:
    """Samples in (start, end] of a range selector, and these two bounds."""
    if not isinstance(node, Selector) or node.range_s is None:
        raise PromqlError(f'expected type range vector in call to function "{function}"')
    end_s = moment.at_s - node.offset_s
    start_s, matrix = end_s - node.range_s, Matrix()
    for labels, (times, values) in _selected(node, moment):
        low, high = bisect_right(times, start_s), bisect_right(times, end_s)
        kept = [(t, v) for t, v in zip(times[low:high], values[low:high], strict=True) if not math.isnan(v)]
        if kept:
            matrix[labels] = ([t for t, _ in kept], [v for _, v in kept])
    return matrix, start_s, end_s


def raw(node: Node, source: Source, at_s: float) -> Matrix:
    """The samples of a range selector, as Prometheus answers one that stands alone."""
    return _matrix(node, _Moment(source, at_s), "")[0]


# --- functions -----------------------------------------------------------------------------------------------------


def _call(node: Call, moment: _Moment) -> Value:
    name, arguments = node.function, node.arguments
    if over := OVER_RANGE.get(name):
        _arity(name, arguments, 1, 1)
        matrix, start_s, end_s = _matrix(arguments[0], moment, name)
        computed = ((labels, over(samples, start_s, end_s)) for labels, samples in matrix.items())
        keep = name in KEEPS_NAME
        return {labels if keep else _nameless(labels): value for labels, value in computed if value is not None}
    if function := MATH.get(name):
        _arity(name, arguments, 1, 3)
        limits = [_number(_value(argument, moment), name) for argument in arguments[1:]]
        try:
            vector = _vector(_value(arguments[0], moment), name)
            return {_nameless(labels): function(value, *limits) for labels, value in vector.items()}
        except TypeError:
            raise PromqlError(f"wrong number of arguments in call to {name}") from None
    return _special(name, arguments, moment)


def _special(name: str, arguments: tuple[Node, ...], moment: _Moment) -> Value:
    if name == "time":
        return moment.at_s
    if name == "absent":
        return _absent(arguments, moment)
    values = [_value(argument, moment) for argument in arguments]
    match name:
        case "scalar":
            _arity(name, arguments, 1, 1)
            vector = _vector(values[0], name)
            return next(iter(vector.values())) if len(vector) == 1 else math.nan
        case "vector":
            _arity(name, arguments, 1, 1)
            return {frozenset(): _number(values[0], name)}
        case "histogram_quantile":
            _arity(name, arguments, 2, 2)
            return histogram_quantile(_number(values[0], name), _vector(values[1], name))
    raise PromqlError(f'unknown function with name "{name}"')


def _absent(arguments: tuple[Node, ...], moment: _Moment) -> Vector:
    _arity("absent", arguments, 1, 1)
    if _vector(_value(arguments[0], moment), "absent"):
        return {}
    matchers = arguments[0].matchers if isinstance(arguments[0], Selector) else ()
    return {frozenset((m.label, m.value) for m in matchers if m.sign == "=" and m.label != "__name__"): 1.0}


# --- aggregation ---------------------------------------------------------------------------------------------------


_FOLDS: Mapping[str, Callable[[list[float]], float]] = {
    "sum": math.fsum,
    "avg": lambda values: math.fsum(values) / len(values),
    "min": min,
    "max": max,
    "count": lambda values: float(len(values)),
    "group": lambda values: 1.0,
}


def _aggregate(node: Aggregate, moment: _Moment) -> Vector:
    vector = _vector(_value(node.expression, moment), node.operator)
    groups: dict[Labels, list[float]] = {}
    for labels, value in vector.items():
        groups.setdefault(_group(labels, node.labels, node.without), []).append(value)
    fold = _FOLDS[node.operator]
    return {labels: fold(values) for labels, values in groups.items()}


def _group(labels: Labels, names: tuple[str, ...], without: bool) -> Labels:
    if without:
        return frozenset(pair for pair in labels if pair[0] not in names and pair[0] != "__name__")
    return frozenset(pair for pair in labels if pair[0] in names)


# --- operators between values ---------------------------------------------------------------------------------------


def _power(a: float, b: float) -> float:
    try:
        result = a**b
    except (OverflowError, ZeroDivisionError):
        return math.inf
    return math.nan if isinstance(result, complex) else result


def _divided(a: float, b: float) -> float:
    if b:
        return a / b
    return math.nan if a == 0 or math.isnan(a) or math.isnan(b) else math.copysign(math.inf, a) * math.copysign(1.0, b)


_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divided,
    "%": lambda a, b: math.fmod(a, b) if b and math.isfinite(a) else math.nan,
    "^": _power,
}
_COMPARISON: Mapping[str, Callable[[float, float], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _binary(node: Binary, left: Value, right: Value) -> Value:
    if node.operator in ("and", "or", "unless"):
        return _set_operation(node, _vector(left, node.operator), _vector(right, node.operator))
    if isinstance(left, float) and isinstance(right, float):
        if node.operator in _COMPARISON:
            if not node.is_bool:
                raise PromqlError("comparisons between scalars must use BOOL modifier")
            return float(_COMPARISON[node.operator](left, right))
        return _ARITHMETIC[node.operator](left, right)
    result: Vector = {}
    for labels, a, b, kept in _pairs(node, left, right):
        if arithmetic := _ARITHMETIC.get(node.operator):
            result[_nameless(labels)] = arithmetic(a, b)
        elif node.is_bool:
            result[_nameless(labels)] = float(_COMPARISON[node.operator](a, b))
        elif _COMPARISON[node.operator](a, b):
            result[labels] = kept
    return result


def _pairs(node: Binary, left: Value, right: Value) -> Iterable[tuple[Labels, float, float, float]]:
    """Labels of the result, both operands, and what a filter comparison keeps."""
    if isinstance(left, float):
        assert not isinstance(right, float)
        return [(labels, left, value, value) for labels, value in right.items()]
    if isinstance(right, float):
        return [(labels, value, right, value) for labels, value in left.items()]
    many = PromqlError("many-to-many matching not allowed: matching labels must be unique on one side")
    others: dict[Labels, float] = {}
    for labels, value in right.items():
        if others.setdefault(_signature(node, labels), value) is not value:
            raise many
    result: dict[Labels, tuple[Labels, float, float, float]] = {}
    for labels, value in left.items():
        signature = _signature(node, labels)
        if signature in others:
            if signature in result:
                raise many
            keeps = labels if node.operator in _COMPARISON and not node.is_bool else signature
            result[signature] = (keeps, value, others[signature], value)
    return result.values()


def _set_operation(node: Binary, left: Vector, right: Vector) -> Vector:
    theirs = {_signature(node, labels) for labels in right}
    if node.operator == "or":
        ours = {_signature(node, labels) for labels in left}
        return left | {labels: v for labels, v in right.items() if _signature(node, labels) not in ours}
    wanted = node.operator == "and"
    return {labels: value for labels, value in left.items() if (_signature(node, labels) in theirs) is wanted}


def _signature(node: Binary, labels: Labels) -> Labels:
    if node.on is not None:
        return _group(labels, node.on, without=False)
    return _group(labels, node.ignoring, without=True)


# --- types -----------------------------------------------------------------------------------------------------------


def _nameless(labels: Labels) -> Labels:
    return frozenset(pair for pair in labels if pair[0] != "__name__")


def _vector(value: Value, where: str) -> Vector:
    if isinstance(value, float):
        raise PromqlError(f'expected type instant vector in "{where}", got scalar')
    return value


def _number(value: Value, where: str) -> float:
    if not isinstance(value, float):
        raise PromqlError(f'expected type scalar in "{where}", got instant vector')
    return value


def _arity(name: str, arguments: tuple[Node, ...], least: int, most: int) -> None:
    if not least <= len(arguments) <= most:
        raise PromqlError(f'expected {least} argument(s) in call to "{name}", got {len(arguments)}')
