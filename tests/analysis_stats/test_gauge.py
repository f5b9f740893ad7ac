"""Betting on bounded gauges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.stats.gauge import GaugeState, excess, log_above, log_ok, start, update
from analysis.stats.logs import dump, load


def watched(seed, canary, stable=0.4, looks=60, **kinds):
    rng, state = np.random.default_rng(seed), start(0, 1, **{"tolerance": 0.02, "margin": 0.2, **kinds})
    for number in range(1, looks + 1):
        state = update(
            state, 10.0 * number, canary + 0.05 * rng.standard_normal(), stable + 0.05 * rng.standard_normal()
        )
    return state


def test_the_expected_wealth_is_one_at_the_edge_of_the_null():
    fresh = start(0, 1, margin=0.5, bound=0.3)
    mean = 0.3 * math.exp(log_above(update(fresh, 10, 1.0))) + 0.7 * math.exp(log_above(update(fresh, 10, 0.0)))

    assert mean <= 1
    assert mean == pytest.approx(1, abs=1e-3)


def test_equal_saturation_is_certified_and_raises_no_alarm():
    states = [watched(seed, 0.4) for seed in range(30)]

    assert max(map(log_above, states)) < math.log(100)
    assert np.median([log_ok(state) for state in states]) >= math.log(20)


def test_a_saturated_canary_is_seen_against_stable_and_against_a_bound():
    assert log_above(watched(1, 0.9)) >= math.log(100)
    assert log_above(watched(1, 0.9, bound=0.5)) >= math.log(100)
    assert excess(watched(1, 0.9)) == pytest.approx(0.5, abs=0.05)


def test_no_number_is_no_evidence_and_values_outside_the_range_are_cut():
    fresh = start(0, 1, margin=0.2)

    assert update(fresh, 10, math.nan, 0.5).purse == fresh.purse
    assert update(fresh, 10, 0.5, None).purse == fresh.purse
    assert update(fresh, 10, 7.0, 0.5).purse == update(fresh, 10, 1.0, 0.5).purse
    assert excess(fresh) is None


def test_a_state_survives_json_and_a_doubled_look():
    state = watched(2, 0.5)

    assert load(GaugeState, dump(state)) == state
    assert update(state, 600.0, 1.0, 0.0) == state
    assert len(dump(state)) <= 2048


@pytest.mark.parametrize(
    "wrong", [{"margin": 0}, {"margin": 2}, {"margin": 0.1, "tolerance": 0.2}, {"margin": 0.5, "bound": 0.6}]
)
def test_a_gauge_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="want"):
        start(0, 1, **wrong)
