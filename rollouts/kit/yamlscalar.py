"""What a plain YAML scalar means to Kubernetes (YAML 1.1 with its own exceptions), and how it becomes JSON."""

from __future__ import annotations

import base64
import binascii
import math
import re
from typing import Any, TypeAlias

Scalar: TypeAlias = str | int | float | bool | None

SCALAR_TAGS = frozenset({"str", "int", "float", "bool", "null", "binary", "timestamp"})
_NAMED: dict[str, Scalar] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INT = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_DIGITS_MAX = 400
_INT64_MIN, _UINT64_MAX = -(2**63), 2**64 - 1


class ScalarError(ValueError):
    """A scalar that has no meaning in JSON, or not the one that its tag claims."""


def resolve(text: str, tag: str = "") -> Scalar:
    """The JSON value of a scalar. tag: "" for a plain one, "str" for a quoted one, or the tag that is written."""
    if tag in ("str", "timestamp"):
        return text
    if tag == "binary":
        return _decoded(text)
    value = _plain(text)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    right = {
        "": True,
        "int": is_number and isinstance(value, int),
        "float": is_number,
        "bool": isinstance(value, bool),
        "null": value is None,
    }[tag]
    if not right:
        raise ScalarError(f'"{text}" is not what the tag !!{tag} says')
    if isinstance(value, float) and not math.isfinite(value):
        raise ScalarError(f"{text} has no place in JSON")
    return value


def key_text(value: Any) -> str:
    """The text that a scalar becomes as a key of an object."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value:g}"
    raise ScalarError("a key must be a plain text")


def _plain(text: str) -> Scalar:
    if text in _NAMED:
        return _NAMED[text]
    if not text or text[0] not in "+-.0123456789" or len(text) > _DIGITS_MAX:
        return text
    if text[0] == ".":
        return _json_number(float(text)) if _FLOAT.fullmatch(text) else text
    bare = text.replace("_", "")
    if found := _INT.fullmatch(bare):
        whole = _whole(found)
        if _INT64_MIN <= whole <= _UINT64_MAX:
            return whole
    if not _FLOAT.fullmatch(bare):
        return text
    number = float(bare)
    return text if math.isinf(number) else _json_number(number)


def _whole(found: re.Match[str]) -> int:
    sign, hexadecimal, binary, octal, decimal = found.groups()
    for digits, base in ((hexadecimal, 16), (binary, 2), (octal, 8), (decimal, 10)):
        if digits is not None:
            return int(digits, base) * (-1 if sign == "-" else 1)
    raise AssertionError("one group always matches")


def _json_number(value: float) -> int | float:
    """A float as it comes out of JSON again: whole where JSON writes it without a fraction and 64 bits hold it."""
    return int(value) if value.is_integer() and abs(value) < -_INT64_MIN else value


def _decoded(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise ScalarError("!!binary is not base64 of a UTF-8 text") from None
