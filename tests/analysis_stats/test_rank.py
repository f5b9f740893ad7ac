"""Mann-Whitney against published constants, and Kayenta's verdicts."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from analysis.stats.rank import Direction, KayentaRules, Label, kayenta, kayenta_score, mann_whitney, shift

ONES = [1.0] * 10


def raised(points, value=100.0):
    return [value] * points + [1.0] * (10 - points)


def test_the_published_interval_of_seven_raised_points():
    """spinnaker/spinnaker#6278: a canary that is 100 times worse in 7 of 10 points passes."""
    found = shift(raised(7), ONES)

    assert found.low == pytest.approx(6.825022991538781e-5, rel=1e-9)
    assert found.high == pytest.approx(99.0)
    assert found.estimate == pytest.approx(98.99992904170193, rel=1e-12)
    assert kayenta(raised(7), ONES).label is Label.PASS
    assert kayenta(raised(7), ONES).effect == pytest.approx(70.3)


def test_the_eighth_point_fails_it():
    assert kayenta(raised(8), ONES, KayentaRules(allowed_increase=1.05)).label is Label.HIGH


def test_the_published_interval_of_four_against_four():
    x, y = [10.0, 20.0, 30.0, 40.0], [1.0, 2.0, 3.0, 4.0]
    found = shift(x, y, 0.95, exact=True)

    assert (found.low, found.high, found.estimate) == (6.0, 39.0, 22.5)
    assert mann_whitney(x, y).p == pytest.approx(0.02857142857142857)


@pytest.mark.parametrize(("m", "n"), [(2, 3), (4, 4), (1, 6)])
def test_the_exact_p_is_that_of_enumerating_every_order(m, n):
    every = list(itertools.combinations(range(1, m + n + 1), m))
    us = [sum(order) - m * (m + 1) / 2 for order in every]
    for order in every:
        rest = [rank for rank in range(1, m + n + 1) if rank not in order]
        found = mann_whitney(order, rest)
        far = abs(found.u - m * n / 2)

        assert found.p == pytest.approx(min(1, sum(abs(u - m * n / 2) >= far for u in us) / len(us)))


def test_ties_use_the_normal_law_with_their_correction():
    found = mann_whitney([1, 2, 2, 3], [2, 3, 3, 4])
    sigma = math.sqrt(16 / 12 * (9 - ((27 - 3) * 2) / 56))

    assert found.u == 3
    assert found.p == pytest.approx(math.erfc((5 - 0.5) / sigma / math.sqrt(2)))


@pytest.mark.parametrize(
    ("story", "experiment", "control", "rules", "label"),
    [
        ("no canary", [], ONES, KayentaRules(), Label.NODATA),
        ("nor allowed", [math.nan], ONES, KayentaRules(must_have_data=True), Label.NODATA_FAIL),
        ("empty, counted as zero", [], ONES, KayentaRules(replace_nan=True), Label.PASS),
        ("identical", [3, 1, 2], [1, 2, 3], KayentaRules(), Label.PASS),
        ("both constant and apart", [2.0] * 10, ONES, KayentaRules(), Label.HIGH),
        ("lower", ONES, [2.0] * 10, KayentaRules(), Label.LOW),
        ("lower is fine", ONES, [2.0] * 10, KayentaRules(Direction.INCREASE), Label.PASS),
        ("allowed so far", [2.0] * 10, ONES, KayentaRules(allowed_increase=3), Label.PASS),
        ("a mean of zero skips the effect", [5.0] * 10, [0.0] * 10, KayentaRules(allowed_increase=3), Label.HIGH),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_a_verdict_of_kayenta(story, experiment, control, rules, label):
    found = kayenta(experiment, control, rules)

    assert found.label is label
    assert found.why
    assert found == kayenta(experiment, control, rules) or math.isnan(found.effect)


def test_the_bigger_the_late_regression_the_more_surely_it_passes():
    """Five of ten minutes at 20 % errors: the reason for the comparing metric."""
    rng = np.random.default_rng(1)
    control = rng.binomial(10800, 0.01, 10) / 10800
    late = np.concatenate([rng.binomial(1200, 0.01, 5), rng.binomial(1200, 0.2, 5)]) / 1200

    assert kayenta(late.tolist(), control.tolist()).label is Label.PASS


def test_outliers_are_removed_only_on_request():
    noisy = [*np.linspace(0.9, 1.1, 200).tolist(), 500.0]

    assert kayenta(noisy, ONES).effect > 3
    assert kayenta(noisy, ONES, KayentaRules(remove_outliers=True)).effect == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ([(None, [Label.PASS, Label.HIGH])], 50),
        ([(60, [Label.PASS]), (None, [Label.HIGH])], 60),
        ([(50, [Label.NODATA]), (50, [Label.PASS, Label.PASS])], 100),
        ([(None, [Label.NODATA, Label.PASS])], 0),
        ([(None, [Label.NODATA_FAIL, Label.PASS])], 50),
        ([], 0),
    ],
)
def test_a_score_of_kayenta(groups, expected):
    assert kayenta_score(groups) == pytest.approx(expected)
