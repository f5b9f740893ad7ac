"""Sizes of effects, and what a step can know: against published tables."""

from __future__ import annotations

import math

import pytest

from analysis.stats.effect import Sample, anytime_difference, difference, proportion, ratio, risk_ratio, sample
from analysis.stats.logs import beta_below, chi_square_quantile, log_sum_exp, t_quantile
from analysis.stats.power import (
    Traffic,
    advise,
    certificate_bad,
    certificate_s,
    fixed_power,
    floor_excess,
    floor_s,
    kl,
    smallest_relative,
)

SHOP = Traffic(200, 0.1, 0.01)


@pytest.mark.parametrize(
    ("relative", "at_1", "at_5"),
    [(1.2, 1356, 882), (1.5, 237, 154), (2, 67, 44), (3, 20, 13), (5, 6.8, 4.4), (20, 0.7, 0.5)],
)
def test_the_floor_of_time(relative, at_1, at_5):
    assert floor_s(SHOP, relative) == pytest.approx(at_1, abs=0.06 if at_1 < 10 else 0.6)
    assert floor_s(SHOP, relative, 0.05) == pytest.approx(at_5, abs=0.06 if at_5 < 10 else 0.6)


@pytest.mark.parametrize(("relative", "expected"), [(1.2, 54), (1.5, 24), (2, 13.4), (3, 8.2), (5, 5.4), (20, 2.8)])
def test_the_floor_of_harm_is_free_of_rps(relative, expected):
    assert floor_excess(SHOP, relative) == pytest.approx(expected, rel=0.02)
    assert floor_excess(Traffic(2, 0.1, 0.01), relative) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(("worse_than", "expected"), [(1.25, 1260), (1.5, 363), (2, 115), (3, 41)])
def test_the_bad_requests_that_a_certificate_needs(worse_than, expected):
    assert certificate_bad(0.1, worse_than) == pytest.approx(expected, rel=0.02)
    assert certificate_s(SHOP, worse_than) == pytest.approx(expected / 2, rel=0.02)


def test_the_ceiling_of_one_look():
    assert fixed_power(SHOP, 1.2, 600) == pytest.approx(0.40, abs=0.01)
    assert fixed_power(SHOP, 1.5, 600) == pytest.approx(0.997, abs=0.002)
    assert fixed_power(SHOP, 1.0, 600) == pytest.approx(0.01)


def test_what_a_step_can_see():
    seen = smallest_relative(SHOP, 300)

    assert 1.5 < seen < 1.7
    assert 1.5 * floor_s(SHOP, seen) == pytest.approx(300, rel=1e-3)
    assert smallest_relative(Traffic(0.01, 0.01, 0.01), 60) is None
    assert floor_s(SHOP, 1.0) == math.inf
    assert "cannot see even a total outage" in advise(Traffic(0.01, 0.01, 0.01), 60)
    assert "a doubling needs" in advise(Traffic(4, 0.05, 0.01), 300)
    assert "and more" in advise(SHOP, 300)


@pytest.mark.parametrize("wrong", [(0, 0.1, 0.1), (1, 0, 0.1), (1, 0.1, 1), (math.nan, 0.1, 0.1)])
def test_traffic_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="want"):
        Traffic(*wrong)


def test_divergence_at_its_edges():
    assert (kl(0.3, 0.3), kl(0, 0.5), kl(0.5, 0)) == (0, pytest.approx(math.log(2)), math.inf)


@pytest.mark.parametrize(
    ("p", "df", "expected"),
    [(0.975, 1, 12.7062), (0.975, 10, 2.2281), (0.99, 5, 3.3649), (0.5, 7, 0), (0.025, 10, -2.2281)],
)
def test_student_quantiles_of_the_tables(p, df, expected):
    assert t_quantile(p, df) == pytest.approx(expected, abs=2e-4)


def test_special_functions_of_the_tables():
    assert chi_square_quantile(0.95, 10) == pytest.approx(18.307, rel=5e-3)
    assert beta_below(0.5, 2, 3) == pytest.approx(0.6875)
    assert log_sum_exp([1000.0, 1000.0]) == pytest.approx(1000 + math.log(2))
    assert log_sum_exp([]) == -math.inf


def test_the_difference_of_means_is_welchs():
    found = difference(Sample(10, 20.0, 4.0), Sample(20, 22.0, 9.0))
    df = (0.4 + 0.45) ** 2 / (0.16 / 9 + 0.2025 / 19)

    assert found.value == -2
    assert found.high - found.value == pytest.approx(t_quantile(0.975, df) * math.sqrt(0.85))


def test_the_ratio_of_means_is_open_while_stable_may_be_zero():
    tight, loose = ratio(Sample(100, 2.0, 0.1), Sample(100, 1.0, 0.1)), ratio(Sample(5, 2.0, 1), Sample(5, 0.1, 9))

    assert tight.low < 2 < tight.high < 2.2
    assert (loose.low, loose.high) == (-math.inf, math.inf)
    assert math.isnan(ratio(Sample(5, 2.0, 1), Sample(5, 0.0, 0)).value)


def test_the_relative_risk_of_counts():
    found = risk_ratio((1000, 20), (9000, 90))

    assert found.value == pytest.approx(2)
    assert (found.low, found.high) == (pytest.approx(1.237, abs=2e-3), pytest.approx(3.233, abs=5e-3))
    assert risk_ratio((10, 0), (10, 0)).high == math.inf
    assert risk_ratio((10, 0), (100, 5)).value == 0


def test_the_interval_for_all_looks_is_wider_than_for_one():
    canary, stable = proportion(20, 1000), proportion(90, 9000)
    once, always = difference(canary, stable), anytime_difference(canary, stable, expected_n=10_000)

    assert always.low < once.low < once.high < always.high
    assert always.high - always.value < 2 * (once.high - once.value)


def test_a_sample_leaves_out_what_is_no_number():
    assert sample([1.0, math.nan, 3.0, math.inf]) == Sample(2, 2.0, 2.0)
    assert sample([]).n == 0
