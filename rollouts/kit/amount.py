"""Counts that a user may write as a number or as a percentage, with the direction of rounding named."""

from __future__ import annotations

import re

_PERCENT = re.compile(r"(\d{1,9})%?", re.ASCII)


def ceil_share(total: int, part: int, whole: int) -> int:
    """ceil(total * part / whole) in exact integers (no overflow, no floating point)."""
    assert whole > 0
    return -(-total * part // whole)


def parse(value: int | str) -> tuple[int, bool]:
    """Read `3`, `"3"` or `"25%"` as (number, is_percent).

    A string is a percentage with or without its sign, as the contract reads maxSurge "25".
    Raises ValueError for anything else, negative numbers included.
    """
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is not a count or a percentage")
    if isinstance(value, int):
        if value < 0:
            raise ValueError(f"{value} is negative")
        return value, False
    if found := _PERCENT.fullmatch(value):
        return int(found.group(1)), True
    raise ValueError(f"{value!r} is not a count or a percentage")


def resolve_up(value: int | str, total: int) -> int:
    """The count that `value` means of `total`, a percentage rounded up."""
    number, is_percent = parse(value)
    return ceil_share(total, number, 100) if is_percent else number


def resolve_down(value: int | str, total: int) -> int:
    """The count that `value` means of `total`, a percentage rounded down."""
    number, is_percent = parse(value)
    return total * number // 100 if is_percent else number
