"""Resource quantities ("500m", "16Mi", "1e3") and their one canonical spelling."""

from __future__ import annotations

import re
from fractions import Fraction

_TEXT = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?([eE][+-]?[0-9]{1,4}|[numkMGTPE]|[KMGTPE]i)?", re.ASCII)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_SUFFIX = {power: suffix for suffix, power in _DECIMAL.items()}
_BINARY_SUFFIX = {power: suffix for suffix, power in _BINARY.items()}
_NANO = 10**9
_VALUE_MAX = 2**63 - 1
_TEXT_MAX = 64
_SHORT_DIGITS = 18
_EXPONENT_MAX = 128


def canonical(text: str) -> str | None:
    """The canonical spelling: "1000m" is "1", "0.5" is "500m", "1024Mi" is "1Gi". None where it is no quantity."""
    found = _TEXT.fullmatch(text.strip()) if len(text) <= _TEXT_MAX else None
    if found is None or not (found[2] or found[3]):
        return None
    sign, whole, fraction, suffix = found[1], found[2] or "0", found[3] or "", found[4] or ""
    is_exponent = len(suffix) > 1 and suffix[0] in "eE" and suffix not in _BINARY
    power = int(suffix[1:]) if is_exponent else _DECIMAL.get(suffix, 0)
    if abs(power) > _EXPONENT_MAX:
        return None
    digits, scale = whole.lstrip("0") + fraction, power - len(fraction)
    is_short = len(digits) <= _SHORT_DIGITS and digits[:1] not in ("", "0") and not digits.endswith("000")
    if suffix not in _BINARY and is_short and scale >= -9 and scale % 3 == 0:
        return text.strip()  # Go keeps the spelling of a short number as it found it, "+3" and "1E3" included
    value = Fraction(int(whole + fraction), 10 ** len(fraction)) * Fraction(10) ** power
    if suffix in _BINARY:
        value *= 1024 ** _BINARY[suffix]
    nano = -(-value.numerator * _NANO // value.denominator)  # finer than nano rounds up
    if suffix in _BINARY:
        nano = min(nano, _VALUE_MAX * _NANO)
    minus = "-" if sign == "-" and nano else ""
    if suffix in _BINARY and nano >= 1024 * _NANO and nano % _NANO == 0:
        return minus + _in_binary(nano // _NANO)
    return minus + _in_decimal(nano, is_exponent)


def _in_binary(value: int) -> str:
    power = 0
    while value and value % 1024 == 0 and power < max(_BINARY_SUFFIX):
        value, power = value // 1024, power + 1
    return f"{value}{_BINARY_SUFFIX.get(power, '')}"


def _in_decimal(nano: int, is_exponent: bool) -> str:
    power = -9
    while nano and nano % 1000 == 0 and power < max(_SUFFIX):
        nano, power = nano // 1000, power + 3
    if not nano:
        return "0"
    if is_exponent:
        return f"{nano}e{power}" if power else str(nano)
    return f"{nano}{_SUFFIX[power]}"
