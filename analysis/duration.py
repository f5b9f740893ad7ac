"""Durations as Go writes and reads them: "1h30m", "300ms". The project's only parser of durations."""

from __future__ import annotations

import re

from analysis.errors import AnalysisError

_UNIT_NS = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,  # micro sign
    "\u03bcs": 1_000,  # Greek mu
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_NS_MAX = 2**63 - 1
_TEXT_MAX = 128
_PART = re.compile(r"(?P<whole>[0-9]*)(?:(?P<dot>\.)(?P<fraction>[0-9]*))?(?P<unit>[^0-9.]*)")
_BARE = re.compile(r"[0-9]{1,10}")


def parse_ns(text: str) -> int:
    """Nanoseconds of a duration in Go's grammar, sign allowed. Raises AnalysisError with Go's own words."""
    shown = text if len(text) <= _TEXT_MAX else text[:_TEXT_MAX] + "…"
    invalid = AnalysisError(f'time: invalid duration "{shown}"')
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if rest == "0":
        return 0
    if not rest or len(text) > _TEXT_MAX:
        raise invalid
    total, at = 0, 0
    while at < len(rest):
        found = _PART.match(rest, at)
        assert found is not None  # every part of the pattern may be empty
        whole, fraction, unit = found["whole"], found["fraction"] or "", found["unit"]
        if not (whole or fraction):
            raise invalid
        if not unit:
            raise AnalysisError(f'time: missing unit in duration "{shown}"')
        if unit not in _UNIT_NS:
            raise AnalysisError(f'time: unknown unit "{unit}" in duration "{shown}"')
        total += int(whole or "0") * _UNIT_NS[unit]
        total += int(fraction or "0") * _UNIT_NS[unit] // 10 ** len(fraction)
        if total > _NS_MAX:
            raise invalid
        at = found.end()
    return sign * total


def parse_s(text: str, *, bare_seconds: bool = False) -> float:
    """Seconds of a duration. bare_seconds: digits alone count seconds, which only a pause's duration allows."""
    if bare_seconds and _BARE.fullmatch(text):
        return float(text)
    return parse_ns(text) / 1_000_000_000


def text_ns(nanoseconds: int) -> str:
    """The duration as Go prints it: "1h30m0s", "1.5s", "300ms", "0s"."""
    if nanoseconds == 0:
        return "0s"
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if rest < _UNIT_NS["s"]:
        unit = next(unit for unit in ("ms", "\u00b5s", "ns") if rest >= _UNIT_NS[unit])
        return f"{sign}{_decimal(rest, _UNIT_NS[unit])}{unit}"
    minutes, ns = divmod(rest, _UNIT_NS["m"])
    hours, minutes = divmod(minutes, 60)
    seconds = _decimal(ns, _UNIT_NS["s"])
    return sign + (f"{hours}h{minutes}m{seconds}s" if hours else f"{minutes}m{seconds}s" if minutes else f"{seconds}s")


def text_s(seconds: float) -> str:
    """The duration of that many seconds as Go prints it."""
    return text_ns(round(seconds * 1_000_000_000))


def _decimal(amount: int, unit: int) -> str:
    whole, part = divmod(amount, unit)
    digits = str(part).rjust(len(str(unit)) - 1, "0").rstrip("0") if part else ""
    return f"{whole}.{digits}" if digits else str(whole)
