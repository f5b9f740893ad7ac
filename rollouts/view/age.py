"""Spans of time as kubectl words them."""

from __future__ import annotations

from rollouts.kit.instant import Instant

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86400, 365 * 86400


def span(seconds: float) -> str:
    """At most two units, the second one only while it matters: `44s`, `2m3s`, `50m`, `5h10m`, `3d`, `2y40d`.

    A future moment (two clocks that differ) is `0s` within two seconds and `<invalid>` beyond, as kubectl says.
    """
    whole = int(seconds) if seconds >= 0 else -int(-seconds)
    if whole < 0:
        return "<invalid>" if whole < -1 else "0s"
    if whole < 2 * _MINUTE:
        return f"{whole}s"
    if whole < 10 * _MINUTE:
        return _two(whole, _MINUTE, "m", 1, "s")
    if whole < 3 * _HOUR:
        return f"{whole // _MINUTE}m"
    if whole < 8 * _HOUR:
        return _two(whole, _HOUR, "h", _MINUTE, "m")
    if whole < 2 * _DAY:
        return f"{whole // _HOUR}h"
    if whole < 8 * _DAY:
        return _two(whole, _DAY, "d", _HOUR, "h")
    if whole < 2 * _YEAR:
        return f"{whole // _DAY}d"
    if whole < 8 * _YEAR:
        return _two(whole, _YEAR, "y", _DAY, "d")
    return f"{whole // _YEAR}y"


def age(created: Instant | None, now: Instant) -> str:
    """The age of something made at `created`; `<unknown>` where nobody wrote it down."""
    return "<unknown>" if created is None else span(now.since(created))


def _two(seconds: int, large_s: int, large: str, small_s: int, small: str) -> str:
    rest = seconds % large_s // small_s
    return f"{seconds // large_s}{large}{rest}{small}" if rest else f"{seconds // large_s}{large}"
