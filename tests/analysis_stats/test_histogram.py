"""Buckets: quantiles as Prometheus reads them, and the slowness e-process."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from analysis.stats.histogram import Buckets, SlownessState, gates_of, log_ok, log_slower, quantile, start, update
from analysis.stats.logs import dump, load

LE = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def buckets(values, bounds=LE):
    ordered = np.sort(values)
    return Buckets(bounds, tuple(np.searchsorted(ordered, bounds, side="right").astype(float)), float(len(values)))


def latencies(rng, n, slower=1.0):
    return 0.08 * slower * rng.lognormal(0, 0.6, n)


def detected_s(seed, slower, looks=60):
    rng, state = np.random.default_rng(seed), start(LE)
    for number in range(1, looks + 1):
        sides = buckets(latencies(rng, 200, slower)), buckets(latencies(rng, 1800))
        state = update(state, 10.0 * number, *sides)
        if log_slower(state) >= math.log(100):
            return 10 * number
    return math.inf


@pytest.mark.parametrize(
    ("p", "expected"), [(0.5, 1.5), (0.25, 0.75), (1 / 3, 1.0), (0.9, 4.0), (0.0, 0.0), (1.0, 4.0), (0.75, 3.5)]
)
def test_a_quantile_is_linear_inside_its_bucket(p, expected):
    counts = Buckets((1.0, 2.0, 4.0), (20.0, 40.0, 46.666666666666664), 60.0)

    assert quantile(counts, p) == pytest.approx(expected if p != 0.75 else 2 + 2 * 5 / 6.666666666666667)


def test_a_quantile_of_nothing_is_no_number():
    assert math.isnan(quantile(Buckets((1.0,), (0.0,), 0.0), 0.5))
    assert math.isnan(quantile(Buckets((), (), 5.0), 0.5))


def test_the_expected_e_value_is_at_most_one_when_both_sides_share_a_distribution():
    """Two buckets and +Inf, two canary requests and three stable ones, every outcome."""
    chances, fresh, total = (0.5, 0.3, 0.2), start((1.0, 2.0)), 0.0

    def outcomes(n):
        for draw in itertools.product(range(3), repeat=n):
            first, second = draw.count(0), draw.count(0) + draw.count(1)
            yield Buckets((1.0, 2.0), (float(first), float(second)), float(n)), math.prod(chances[i] for i in draw)

    for (canary, p_c), (stable, p_s) in itertools.product(outcomes(2), outcomes(3)):
        total += p_c * p_s * math.exp(log_slower(update(fresh, 10, canary, stable)))

    assert total <= 1 + 1e-9


def test_the_same_latency_raises_no_alarm_and_slower_ones_do_in_time():
    assert [detected_s(seed, 1.0, 40) for seed in range(20)].count(math.inf) >= 19
    assert np.median([detected_s(seed, 1.1) for seed in range(20)]) <= 130
    assert np.median([detected_s(seed, 1.25) for seed in range(20)]) <= 30
    assert np.median([detected_s(seed, 1.5) for seed in range(20)]) <= 10


def test_a_faster_canary_is_certified_and_never_accused():
    rng = np.random.default_rng(1)
    state = start(LE, (0.1, 0.25))
    for number in range(1, 31):
        state = update(state, 10.0 * number, buckets(latencies(rng, 200, 0.8)), buckets(latencies(rng, 1800)))

    assert log_ok(state) >= math.log(20)
    assert log_slower(state) < math.log(2)


def test_a_state_of_many_buckets_is_eight_kilobytes_at_most_and_survives_json():
    bounds = tuple(0.001 * 1.1**i for i in range(120))
    rng, state = np.random.default_rng(2), start(bounds, bounds[40:42])
    for number in range(1, 40):
        slow, fast = latencies(rng, 200, 3), latencies(rng, 1800)
        state = update(state, 10.0 * number, buckets(slow, bounds), buckets(fast, bounds), number // 5)

    assert len(dump(state).encode()) <= 8192
    assert load(SlownessState, dump(state)) == state


def test_a_late_look_or_an_empty_side_is_no_evidence():
    state = update(start(LE), 10, buckets([0.1]), buckets([0.1, 0.2]))
    empty = buckets([])

    assert update(state, 10, buckets([9.0]), buckets([0.1])) == state
    assert update(state, 20, empty, buckets([0.1])).purse == state.purse


def test_another_bucket_layout_is_refused_by_name():
    with pytest.raises(ValueError, match=r"le=0\.005"):
        update(start(LE), 10, buckets([0.1], (0.1, 1.0)), buckets([0.1], (0.1, 1.0)))


@pytest.mark.parametrize(
    ("bounds", "counts", "requests"),
    [((2.0, 1.0), (1, 2), 3), ((1.0, 2.0), (3, 2), 5), ((1.0,), (4,), 3), ((1.0,), (math.nan,), 3), ((1.0,), (), 3)],
)
def test_buckets_that_cannot_be_are_refused(bounds, counts, requests):
    with pytest.raises(ValueError, match="want"):
        Buckets(bounds, counts, requests)


def test_gates_are_the_bounds_above_typical_quantiles():
    assert gates_of(buckets(latencies(np.random.default_rng(3), 5000))) == (0.1, 0.25)
