"""The functions that conditions have beside the language's own: asInt, asFloat, isNaN, isInf, isNil, default."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from analysis.errors import AnalysisError
from analysis.language.values import Int64, go_type, is_number, shown, truncated

_INT = re.compile(r"[+-]?[0-9]{1,64}")
_FLOAT = re.compile(
    r"[+-]?(?:inf(?:inity)?|(?:[0-9](?:_?[0-9])*)(?:\.(?:[0-9](?:_?[0-9])*)?)?(?:e[+-]?[0-9]{1,6})?"
    r"|\.[0-9]+(?:e[+-]?[0-9]{1,6})?)|nan",
    re.ASCII | re.IGNORECASE,
)


def call(name: str, values: Sequence[Any], constants: Sequence[bool]) -> Any:
    """Call one of them. constants: which arguments are numbers written out, whose ints count as floats."""
    value = values[0]
    if name == "asInt":
        return as_int(value)
    if name == "asFloat":
        return as_float(value)
    if name == "isNil":
        return value is None
    if name == "default":
        return values[1] if value is None else value
    if isinstance(value, int) and not isinstance(value, bool) and constants[0]:
        value = float(value)
    if not isinstance(value, float):
        bare = "nil" if value is None else go_type(value)
        raise AnalysisError(f"interface conversion: interface {{}} is {bare}, not float64")
    return math.isnan(value) if name == "isNaN" else math.isinf(value)


def as_int(value: Any) -> Int64:
    """A number or the text of a whole number as an int64; a float is cut towards zero."""
    if isinstance(value, str):
        return Int64(parse_int(value, "ParseInt"))
    if is_number(value):
        return Int64(truncated(value) if isinstance(value, float) else value)
    raise AnalysisError(f"asInt() not supported on {go_type(value)} {shown(value)}")


def as_float(value: Any) -> float:
    """A number or the text of one as a float."""
    if isinstance(value, str):
        return parse_float(value)
    if is_number(value):
        return float(value)
    raise AnalysisError(f"asFloat() not supported on {go_type(value)} {shown(value)}")


def parse_int(text: str, called: str) -> int:
    """strconv.ParseInt with base 10."""
    if not _INT.fullmatch(text):
        raise AnalysisError(f'strconv.{called}: parsing "{shown(text)}": invalid syntax')
    value = int(text)
    if not -(2**63) <= value < 2**63:
        raise AnalysisError(f'strconv.{called}: parsing "{text}": value out of range')
    return value


def parse_float(text: str) -> float:
    """strconv.ParseFloat, decimal."""
    if len(text) > 400 or not _FLOAT.fullmatch(text):
        raise AnalysisError(f'strconv.ParseFloat: parsing "{shown(text)}": invalid syntax')
    value = float(text)
    if math.isinf(value) and "n" not in text.lower():
        raise AnalysisError(f'strconv.ParseFloat: parsing "{text}": value out of range')
    return value
