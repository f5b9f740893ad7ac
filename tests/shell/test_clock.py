"""The clock: the API server's time counts, whatever the machine of the controller believes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rollouts.shell.clock import DATE_FORMAT, Clock

HOUR_US = 3_600_000_000
START_US = 1_700_000_000_250_000


class World:
    """The true time, a machine whose clock differs from it, and what its process makes of that."""

    def __init__(self, skew_us: int = 0) -> None:
        self.true_us, self.skew_us = START_US, skew_us
        self.clock = Clock(lambda: self.true_us + self.skew_us, lambda: self.true_us)

    def pass_s(self, seconds: float) -> None:
        self.true_us += round(seconds * 1_000_000)

    def call(self, there_s: float = 0.0, back_s: float = 0.0) -> None:
        sent_us = self.clock.steady_us()
        self.pass_s(there_s)
        date = datetime.fromtimestamp(self.true_us // 1_000_000, UTC).strftime(DATE_FORMAT).encode()
        self.pass_s(back_s)
        self.clock.heard(date, sent_us)

    @property
    def wrong_s(self) -> float:
        return (self.clock.now().micros - self.true_us) / 1_000_000


def test_a_clock_that_agrees_with_the_server_is_left_alone() -> None:
    world = World()
    for _ in range(20):
        world.call(0.03, 0.04)
        world.pass_s(0.37)

    assert world.wrong_s == 0


@pytest.mark.parametrize("skew_us", [-HOUR_US, HOUR_US, -3_000_000, 3_000_000])
def test_a_clock_that_is_wrong_at_the_start_is_set_right_by_the_first_answer(skew_us: int) -> None:
    world = World(skew_us)
    world.call(0.02, 0.02)

    assert abs(world.wrong_s) <= 1.04


def test_the_more_answers_the_closer_it_comes() -> None:
    world = World(HOUR_US)
    for _ in range(50):
        world.call(0.01, 0.01)
        world.pass_s(0.13)

    assert abs(world.wrong_s) <= 0.15


@pytest.mark.parametrize("jump_us", [-HOUR_US, HOUR_US])
def test_who_sets_the_machine_s_clock_moves_nothing(jump_us: int) -> None:
    world = World()
    world.skew_us = jump_us
    world.pass_s(5)

    assert world.wrong_s == 0


def test_a_slow_answer_proves_no_more_than_it_can() -> None:
    world = World(5_000_000)
    world.call(9.0, 0.0)

    assert world.wrong_s == 5


@pytest.mark.parametrize("date", [b"", b"yesterday", b"\xff", b"Tue, 99 Nov 2023 22:13:20 GMT", b"1700000000"])
def test_a_date_that_is_none_changes_nothing(date: bytes) -> None:
    world = World()

    assert world.clock.heard(date, world.clock.steady_us()) == 0
    assert world.wrong_s == 0
