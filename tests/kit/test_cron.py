"""Schedules of five fields: when they fire."""

from __future__ import annotations

from itertools import islice

import pytest

from rollouts.kit import cron
from rollouts.kit.instant import Instant

MONDAY = Instant.parse("2024-01-01T00:00:30Z")


def days(schedule: str, count: int) -> list[int]:
    """The days of January 2024, which begins with a Monday, on which it fires next."""
    assert MONDAY is not None
    return [int(fired.rfc3339()[8:10]) for fired in islice(cron.after(schedule, "", MONDAY), count)]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("0 22 ? * MON", [1, 8, 15]),
        ("0 22 */10 * ?", [1, 11, 21]),
        ("0 22 * * 1/2", [1, 3, 5, 8]),
        ("0 22 * * TUE,4/1", [2, 4, 5, 6, 9]),
        ("0 22 * * 0-6/3", [3, 6, 7, 10]),
        ("0 22 */10 * SUN", [1, 7, 11, 14, 21, 28, 31]),
        ("0 22 1-2 * 0", [1, 2, 7, 14]),
        ("0 22 */1 * 0", [7, 14]),
        ("@weekly", [7, 14]),
    ],
)
def test_a_schedule_fires_on_the_days_that_it_says(schedule: str, expected: list[int]) -> None:
    assert days(schedule, len(expected)) == expected


@pytest.mark.parametrize("schedule", ["", "* * * *", "* * * * * *", "60 * * * *", "9" * 5000 + " * * * *", "x * * * *"])
def test_what_is_no_schedule_is_told(schedule: str) -> None:
    with pytest.raises(cron.CronError):
        cron.check(schedule)
