"""The values beyond nil, bool, int, float, str, list and dict, and how Go names and prints all of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from analysis import duration
from analysis.errors import AnalysisError

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_SHOWN_CHARS_MAX = 200
_SHOWN_PIECES_MAX = 1000
PIECES_MAX = 200_000  # more than anybody's fuel pays for


class Floats(list[float]):
    """`[]float64`: what a metric provider measured. Its elements are known to be numbers before they are looked at."""

    def __init__(self, values: Iterable[float] = ()) -> None:
        super().__init__(map(float, values))


class Int64(int):
    """`int64`: what asInt gives; in arithmetic an int like any other."""


class Month(int):
    """`time.Month`, 1 to 12."""


class Weekday(int):
    """`time.Weekday`, Sunday 0."""


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """`time.Duration` in nanoseconds."""

    ns: int

    def __str__(self) -> str:
        return duration.text_ns(self.ns)


@dataclass(frozen=True, slots=True)
class Location:
    """`*time.Location`: a time zone by its IANA name."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Time:
    """`time.Time`: nanoseconds since the epoch; offset_s and zone only say how it is written."""

    ns: int
    offset_s: int = 0
    zone: str = "UTC"


def is_number(value: object) -> bool:
    """Whether Go would count with it; a boolean is no number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def wrapped(value: int) -> int:
    """An int in 64 bits: beyond them it comes out at the other end."""
    if -(2**63) <= value < 2**63:
        return value
    return (value + 2**63) % 2**64 - 2**63


def truncated(value: float) -> int:
    """A float as an int, towards zero; what has no int is the smallest one, as on amd64."""
    if math.isnan(value) or not -(2.0**63) <= value < 2.0**63:
        return -(2**63)
    return int(value)


_GO_TYPES: dict[type, str] = {
    type(None): "<nil>", bool: "bool", Int64: "int64", int: "int", float: "float64", str: "string", bytes: "[]uint8",
    Floats: "[]float64", list: "[]interface {}", dict: "map[string]interface {}", Time: "time.Time",
    Duration: "time.Duration", Month: "time.Month", Weekday: "time.Weekday", Location: "*time.Location",
}  # fmt: skip
_SHORT = {
    "<nil>": "nil", "int64": "int", "float64": "float", "[]uint8": "array", "[]float64": "array",
    "[]interface {}": "array", "map[string]interface {}": "map",
}  # fmt: skip


def go_type(value: object) -> str:
    """The type as Go prints it with %T."""
    return _GO_TYPES.get(type(value), "func")


def short_type(value: object) -> str:
    """The type as the language's own type() names it."""
    return _SHORT.get(go_type(value), go_type(value))


def float_fixed(value: float) -> str:
    """A float with all its digits and no exponent: `0.95`, `1`, `NaN`, `+Inf`. How Prometheus prints samples."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def float_text(value: float) -> str:
    """A float as Go prints it with %v: an exponent below 1e-4 and from 1e6 on."""
    if not math.isfinite(value):
        return float_fixed(value)
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    digits, exponent = _scientific(value)
    return float_fixed(value) if -4 <= exponent < 6 else f"{digits}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def float_json(value: float) -> str:
    """A float as Go writes it into JSON."""
    if not math.isfinite(value):
        raise AnalysisError(f"json: unsupported value: {float_fixed(value)}")
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        return "-0" if value == 0 and math.copysign(1, value) < 0 else float_fixed(value)
    digits, exponent = _scientific(value)
    return f"{digits}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}".replace("e-0", "e-")


def _scientific(value: float) -> tuple[str, int]:
    sign, figures, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    digits = "".join(map(str, figures))
    mantissa = digits[0] + ("." + digits[1:] if digits[1:] else "")
    return ("-" if sign else "") + mantissa, exponent + len(digits) - 1


def text(value: Any, depth: int = 0) -> str:
    """The value as Go prints it with %v; deep or long ones are cut."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Month):
        return _MONTHS[value - 1]
    if isinstance(value, Weekday):
        return _DAYS[value]
    if isinstance(value, float):
        return float_text(value)
    if isinstance(value, list) and depth < 16:
        return f"[{' '.join(text(each, depth + 1) for each in value)}]"
    if isinstance(value, dict) and depth < 16:
        return f"map[{' '.join(f'{text(key)}:{text(value[key], depth + 1)}' for key in sorted(value, key=str))}]"
    if isinstance(value, bytes):
        return f"[{' '.join(map(str, value))}]"
    return str(value)


def pieces(value: Any, most: int = PIECES_MAX) -> int:
    """How many parts a walk through a value meets, at the latest most + 1: one part may stand in it again and again."""
    count, left = 1, [value]
    while left and count <= most:
        each = left.pop()
        if isinstance(each, list | dict):
            count += len(each)
            left += each.values() if isinstance(each, dict) else () if isinstance(each, Floats) else each
        elif isinstance(each, str):
            count += len(each) // 64
    return min(count, most + 1)


def shown(value: Any) -> str:
    """`text`, short enough for an error message."""
    if isinstance(value, list | dict) and pieces(value, _SHOWN_PIECES_MAX) > _SHOWN_PIECES_MAX:
        return f"{go_type(value)} of many parts"
    said = text(value)
    return said if len(said) <= _SHOWN_CHARS_MAX else said[:_SHOWN_CHARS_MAX] + "…"
