import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.kit.instant import Instant

LATEST = Instant.parse("9999-12-31T23:59:59.999999Z")


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("1970-01-01T00:00:00.5Z", 500_000),
        ("1970-01-01T00:00:00.123456789Z", 123_456),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:30:00-00:30", 0),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
    ],
)
def test_rfc3339_is_read_to_the_microsecond(text, micros):
    assert Instant(micros) == Instant.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        None,
        5,
        "",
        "x",
        "1970",
        "2026-02-30T00:00:00Z",
        "2026-01-01 00:00:00Z",
        "٢026-01-01T00:00:00Z",
        "2026-01-01T00:00:00",
    ],
)
def test_what_is_no_time_stamp_is_unknown(text):
    assert Instant.parse(text) is None


@given(st.integers(min_value=0, max_value=LATEST.micros if LATEST else 0))
def test_what_is_written_is_read_back(micros):
    assert Instant(micros) == Instant.parse(Instant(micros).rfc3339())


@given(st.integers(min_value=0, max_value=4 * 10**15))
def test_whole_seconds_are_never_later_than_the_instant(micros):
    whole = Instant.parse(Instant(micros).rfc3339_whole())

    assert whole is not None
    assert 0 <= Instant(micros).since(whole) < 1


def test_instants_are_ordered_and_moved_by_seconds():
    start = Instant.of(10)

    assert start < start.plus(0.000001)
    assert start.plus(2.5).since(start) == 2.5
