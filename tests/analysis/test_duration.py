"""Durations are read exactly as Go reads them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import duration
from analysis.errors import AnalysisError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1h30m", 5400.0), ("300ms", 0.3), ("5s", 5.0), ("0", 0.0), ("-5m", -300.0), ("+1m", 60.0), ("1.5h", 5400.0),
        (".5s", 0.5), ("1.s", 1.0), ("1h2m3s4ms5us6ns", 3723.004005006), ("2µs", 2e-6), ("2μs", 2e-6),
    ],
)  # fmt: skip
def test_a_duration_of_gos_grammar_is_read(text, seconds):
    assert duration.parse_s(text) == pytest.approx(seconds, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", 'time: invalid duration ""'), ("5", 'time: missing unit in duration "5"'),
        ("5 m", 'time: unknown unit " m" in duration "5 m"'), ("1d", 'time: unknown unit "d" in duration "1d"'),
        ("1e3s", 'time: unknown unit "e" in duration "1e3s"'), ("٣s", 'time: invalid duration "٣s"'),
        ("1_0s", 'time: unknown unit "_" in duration "1_0s"'), ("9e18h", 'time: unknown unit "e" in duration "9e18h"'),
        ("9999999999h", 'time: invalid duration "9999999999h"'), (".s", 'time: invalid duration ".s"'),
        ("s", 'time: invalid duration "s"'), ("5s\n", 'time: unknown unit "s\n" in duration "5s\n"'),
        ("--5s", 'time: invalid duration "--5s"'),
    ],
)  # fmt: skip
def test_anything_else_is_refused_in_gos_words(text, said):
    with pytest.raises(AnalysisError) as refused:
        duration.parse_s(text)

    assert said == str(refused.value)


def test_only_a_pause_may_count_bare_seconds():
    assert duration.parse_s("5", bare_seconds=True) == 5.0
    for text in ("٣", "1_0", " 5", "5\n", "-5", ""):
        with pytest.raises(AnalysisError):
            duration.parse_s(text, bare_seconds=True)


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_what_is_printed_is_read_back(nanoseconds):
    assert duration.parse_ns(duration.text_ns(nanoseconds)) == nanoseconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5400, "1h30m0s"), (0, "0s"), (0.3, "300ms"), (1.5, "1.5s"), (-60, "-1m0s"), (86400, "24h0m0s"), (1e-6, "1µs")],
)
def test_a_duration_is_printed_as_go_prints_it(seconds, text):
    assert duration.text_s(seconds) == text


@given(st.text(max_size=40))
def test_no_text_breaks_the_reader(text):
    with suppress(AnalysisError):
        duration.parse_s(text)
