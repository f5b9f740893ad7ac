"""Raw samples of a range selector, as numbers: quick for what Prometheus writes, the same for what it may write."""

from __future__ import annotations

import pytest

from analysis.compare.samples import read
from analysis.errors import AnalysisError


def matrix(*texts):
    pairs = [[10.0 * place, text] for place, text in enumerate(texts)]
    return {"resultType": "matrix", "result": [{"metric": {"pod": "a"}, "values": pairs}]}


@pytest.mark.parametrize(
    ("texts", "values", "counted"),
    [
        (("0", "12", "1.5e+06"), (0, 12, 1.5e6), (0, 12, 1.5e6)),
        (("5", "NaN", "7", "+Inf"), (5, 7), (5, 7)),
        (("5", "9", "3", "4"), (5, 9, 3, 4), (5, 9, 12, 13)),
        (
            ("1.7976931348623157e308", "1.7976931348623157e308"),
            (1.7976931348623157e308,) * 2,
            (1.7976931348623157e308,) * 2,
        ),
        ((5, 6.5), (5, 6.5), (5, 6.5)),
    ],
    ids=["numbers", "gaps", "a restart", "a sum beyond numbers", "numbers without quotes"],
)
def test_samples_are_numbers_and_where_the_counter_would_stand_without_restarts(texts, values, counted):
    (series,) = read(matrix(*texts))

    assert (series.values, series.counted) == (values, counted)
    assert {type(value) for value in (*series.values, *series.counted)} == {float}


@pytest.mark.parametrize(
    "texts", [("true", "1"), ("1,2", "3"), ("[1", "2]"), ("null",), ("",), ("x",), (None,), ({},), ("1", "[2]")]
)
def test_a_sample_that_is_no_number_is_told_as_one(texts):
    with pytest.raises(AnalysisError, match="not a time and a number"):
        read(matrix(*texts))
