"""The guards beside the comparison: the split of requests, and the error budget."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.stats import burn as burning
from analysis.stats import ratio
from analysis.stats.logs import dump, load


def split(seed, share, intended=0.1, looks=60, tolerance=0.05):
    rng, state = np.random.default_rng(seed), ratio.start(tolerance)
    for number in range(1, looks + 1):
        n_c = int(rng.binomial(2000, share))
        state = ratio.update(state, 10.0 * number, intended, (n_c, 2000 - n_c))
    return state


def test_two_arms_are_the_dirichlet_formula():
    state = ratio.update(ratio.start(0.0), 10, 0.1, (30, 100))

    assert ratio.log_e(state) == pytest.approx(ratio.dirichlet_log_e((30, 100), (0.1, 0.9)), abs=1e-9)


def test_the_expected_e_value_of_every_small_split_is_one():
    def chance(k):
        return math.comb(20, k) * 0.3**k * 0.7 ** (20 - k)

    total = sum(chance(k) * math.exp(ratio.dirichlet_log_e((k, 20 - k), (0.3, 0.7))) for k in range(21))

    assert total == pytest.approx(1)


def test_a_kept_weight_is_quiet_and_an_ignored_one_is_found():
    assert max(ratio.log_e(split(seed, 0.1)) for seed in range(20)) < math.log(100)
    assert ratio.log_e(split(1, 0.103)) < math.log(100)
    assert ratio.log_e(split(1, 0.05, looks=3)) > math.log(100)


def test_evidence_is_kept_across_weights_and_json():
    state = split(1, 0.05, looks=3)
    moved = ratio.update(state, 100.0, 0.5, (1000, 1000))

    assert ratio.log_e(moved) == pytest.approx(ratio.log_e(state), abs=6)
    assert load(ratio.RatioState, dump(moved)) == moved


@pytest.mark.parametrize(("share", "requests"), [(0.0, (1, 9)), (1.0, (9, 0)), (0.1, (0, 0)), (0.1, (math.nan, 5))])
def test_a_look_that_splits_nothing_is_no_evidence(share, requests):
    assert ratio.log_e(ratio.update(ratio.start(), 10, share, requests)) == 0


def test_burn_rate_of_a_known_budget():
    assert burning.burn_rate([1000, 1000], [10, 18.8], 0.999) == pytest.approx(14.4)
    assert math.isnan(burning.burn_rate([0], [0], 0.999))


def outage(error_rate, minutes, window=burning.PAGES[0]):
    """An hour of health, then an outage of some minutes; a look each 10 s at 1,000 requests."""
    state = burning.start(0.999, window)
    for number in range(1, 360 + 6 * minutes + 1):
        state = burning.update(state, 10.0 * number, 1000, 1000 * (error_rate if number > 360 else 0))
    return burning.burn(state)


def test_the_page_fires_when_both_windows_burn():
    assert not outage(0.02, 5).fires  # 20 x for 5 minutes of an hour: the long window is at 1.7
    assert outage(0.2, 5).fires  # 200 x for 5 minutes: 16.7
    assert outage(0.2, 5).long == pytest.approx(200 * 5 / 60)


def test_the_page_stops_when_the_outage_is_over():
    state = burning.start(0.999, burning.PAGES[0])
    for number in range(1, 361):
        state = burning.update(state, 10.0 * number, 1000, 200 if number <= 300 else 0)

    assert not burning.burn(state).fires
    assert burning.burn(state).short == 0


def test_bins_are_bounded_and_late_looks_change_nothing():
    state = burning.start(0.99, burning.TICKET)
    for number in range(1, 500):
        state = burning.update(state, 3600.0 * number, 123456, 789)

    assert len(state.bins) <= burning.BINS
    assert len(dump(state)) <= 2048
    assert burning.update(state, 10.0, 5, 5) == state
    assert math.isnan(burning.burn(burning.start(0.99, burning.TICKET)).long)
