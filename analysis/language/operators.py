"""What the operators do with values at hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from analysis.errors import AnalysisError
from analysis.language import regex
from analysis.language.values import Duration, Int64, Time, go_type, is_number, truncated, wrapped


def equal(left: Any, right: Any) -> bool:
    """Go's runtime equality: numbers by value, arrays element by element, objects strictly."""
    if is_number(left) and is_number(right):
        return bool(_alike(left, right) == _alike(right, left))
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, Time) and isinstance(right, Time):
        return left.ns == right.ns
    return _same(left, right)


def _same(left: Any, right: Any) -> bool:
    """The same value of the same type, all the way down."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right)


def includes(left: Any, right: Any) -> bool:
    """`left in right`."""
    if right is None:
        return False
    if isinstance(right, list):
        return any(equal(left, each) for each in right)
    if isinstance(right, dict):
        if not isinstance(left, str | None):
            raise AnalysisError(f"cannot use {go_type(left)} as type string in map key")
        return left in right
    raise AnalysisError(f'operator "in" not defined on {go_type(right)}')


def compared(operator: str, left: Any, right: Any) -> bool:
    """`<`, `<=`, `>`, `>=`."""
    if is_number(left) and is_number(right):
        left, right = _alike(left, right), _alike(right, left)
    elif type(left) is not type(right) or not isinstance(left, str | Time | Duration):
        raise _invalid(operator, left, right)
    if isinstance(left, Time | Duration):
        left, right = left.ns, right.ns
    return bool(_ORDER[operator](left, right))


_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def texts(operator: str, left: Any, right: Any) -> bool:
    """`contains`, `startsWith`, `endsWith`, `matches`."""
    if left is None and operator == "matches":
        return False
    for value in (left, right):
        if not isinstance(value, str):
            raise AnalysisError(f"interface conversion: interface {{}} is {_bare(value)}, not string")
    match operator:
        case "contains":
            return right in left
        case "startsWith":
            return bool(left.startswith(right))
        case "endsWith":
            return bool(left.endswith(right))
        case _:
            return regex.searches(right, left)


def summed(left: Any, right: Any) -> Any:
    """`left + right`."""
    if is_number(left) and is_number(right):
        return _number(left + right)
    match left, right:
        case str(), str():
            return left + right
        case Time(), Duration():
            return Time(left.ns + right.ns, left.offset_s, left.zone)
        case Duration(), Time():
            return Time(left.ns + right.ns, right.offset_s, right.zone)
        case Duration(), Duration():
            return Duration(wrapped(left.ns + right.ns))
    raise _invalid("+", left, right)


def subtracted(left: Any, right: Any) -> Any:
    """`left - right`."""
    if is_number(left) and is_number(right):
        return _number(left - right)
    match left, right:
        case Time(), Time():
            return Duration(wrapped(left.ns - right.ns))
        case Time(), Duration():
            return Time(left.ns - right.ns, left.offset_s, left.zone)
        case Duration(), Duration():
            return Duration(wrapped(left.ns - right.ns))
    raise _invalid("-", left, right)


def multiplied(left: Any, right: Any) -> Any:
    """`left * right`."""
    if is_number(left) and is_number(right):
        return _number(left * right)
    if isinstance(left, Duration) and is_number(right):
        return Duration(_scaled(left.ns, right))
    if isinstance(right, Duration) and is_number(left):
        return Duration(_scaled(right.ns, left))
    raise _invalid("*", left, right)


def divided(left: Any, right: Any) -> float:
    """`left / right`: always a float, by zero infinite or no number."""
    if not (is_number(left) and is_number(right)):
        raise _invalid("/", left, right)
    above, below = float(left), float(right)
    if below == 0:
        if above == 0 or math.isnan(above):
            return math.nan
        return math.copysign(math.inf, above) * math.copysign(1, below)
    return above / below


def remainder(left: Any, right: Any) -> int:
    """`left % right` with the sign of the left."""
    if not (isinstance(left, int) and isinstance(right, int)) or isinstance(left, bool) or isinstance(right, bool):
        raise _invalid("%", left, right)
    if right == 0:
        raise AnalysisError("integer divide by zero")
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def power(left: Any, right: Any) -> float:
    """`left ** right`: always a float."""
    if not (is_number(left) and is_number(right)):
        raise _invalid("**", left, right)
    base, exponent = float(left), float(right)
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and exponent % 2 == 1 else math.inf
    except ValueError:
        if base == 0:
            return math.copysign(math.inf, base) if exponent % 2 == 1 else math.inf
        return math.nan


def negated(value: Any) -> Any:
    """`-value`."""
    if not is_number(value):
        raise AnalysisError(f"invalid operation: - {go_type(value)}")
    return Int64(wrapped(-value)) if isinstance(value, Int64) else _number(-value)


def index(value: Any) -> int:
    """A number as an index."""
    if not is_number(value):
        raise AnalysisError(f"invalid operation: int({go_type(value)})")
    return truncated(value) if isinstance(value, float) else int(value)


def truth(value: Any) -> bool:
    """A value that must be a boolean."""
    if not isinstance(value, bool):
        raise AnalysisError(f"interface conversion: interface {{}} is {_bare(value)}, not bool")
    return value


def _alike(value: Any, other: Any) -> Any:
    """A number as it is compared: an int beside a float is a float, with what precision that costs."""
    return float(value) if isinstance(other, float) else value


def _scaled(ns: int, by: float) -> int:
    return wrapped(ns * by) if isinstance(by, int) else truncated(ns * by)


def _number(value: Any) -> Any:
    return value if isinstance(value, float) else wrapped(int(value))


def _bare(value: Any) -> str:
    return "nil" if value is None else go_type(value)


def _invalid(operator: str, left: Any, right: Any) -> AnalysisError:
    return AnalysisError(f"invalid operation: {go_type(left)} {operator} {go_type(right)}")


ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": summed,
    "-": subtracted,
    "*": multiplied,
    "/": divided,
    "%": remainder,
    "**": power,
}
