"""The e-processes of error counts: guarantees by enumeration, figures by a seeded smoke."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.stats import profile as risk
from analysis.stats.align import Counts, Look
from analysis.stats.logs import dump, load
from analysis.stats.null import Choice, Null
from analysis.stats.sequential import CountsState, Setup, e_value, forfeited, log_bad, log_ok, start, update

INDEPENDENT = Choice(Null.INDEPENDENT, 0.0, 1.0, "test")
BURSTS = Choice(Null.BURSTS, 0.0, 1.0, "test")
PODS = Choice(Null.PODS, 0.3, 1.0, "test")
CAUTIOUS = Choice(Null.CAUTIOUS, 0.3, 2.0, "test")
EVERY = (INDEPENDENT, BURSTS, PODS, CAUTIOUS)


def look(t, n_c, k_c, n_s, k_s, mark=0):
    return Look(t, Counts(n_c, k_c), Counts(n_s, k_s), 1, 9, mark)


def fold(looks, setup=None):
    state = start(setup)
    for each in looks:
        state = update(state, each)
    return state


def binomial(n, k, p):
    return math.comb(n, k) * p**k * (1 - p) ** (n - k)


def simulated(seed, canary, looks=60, stable=0.01, weight=0.1, rps=200):
    rng = np.random.default_rng(seed)
    for number in range(looks):
        n = rng.poisson(10 * rps)
        n_c = int(rng.binomial(n, weight))
        yield look(
            10.0 * (number + 1), n_c, int(rng.binomial(n_c, canary)), n - n_c, int(rng.binomial(n - n_c, stable))
        )


@pytest.mark.parametrize("choice", [INDEPENDENT, BURSTS])
@pytest.mark.parametrize(("sides", "p"), [((2, 4), 0.05), ((3, 3), 0.3), ((1, 5), 0.7)])
def test_the_expected_e_value_never_rises_under_the_null_in_every_small_case(choice, sides, p):
    """Two looks, a restart between, all outcomes enumerated: E is at most 1, and so is its growth from any state."""
    n_c, n_s = sides
    outcomes = [
        (k_c, k_s, binomial(n_c, k_c, p) * binomial(n_s, k_s, p))
        for k_c, k_s in itertools.product(range(n_c + 1), range(n_s + 1))
    ]
    fresh = start(Setup(r0=1.0))
    total = 0.0
    for k_c, k_s, chance in outcomes:
        first = update(fresh, look(10, n_c, k_c, n_s, k_s))
        before = math.exp(log_bad(first, choice))
        after = sum(
            c2 * math.exp(log_bad(update(first, look(20, n_c, a, n_s, b, mark=1)), choice)) for a, b, c2 in outcomes
        )
        total += chance * before

        assert after <= before * (1 + 1e-9)
    assert total <= 1 + 1e-9


@pytest.mark.parametrize("p", [0.02, 0.2])
def test_the_expected_certificate_is_at_most_one_when_the_canary_is_as_bad_as_it_rules_out(p):
    n_c, n_s, setup = 4, 8, Setup(worse_than=1.5)
    expected = {choice.null: 0.0 for choice in (INDEPENDENT, BURSTS)}
    for k_c, k_s in itertools.product(range(n_c + 1), range(n_s + 1)):
        state = fold([look(10, n_c, k_c, n_s, k_s)], setup)
        chance = binomial(n_c, k_c, 1.5 * p) * binomial(n_s, k_s, p)
        for choice in (INDEPENDENT, BURSTS):
            expected[choice.null] += chance * math.exp(log_ok(state, choice))

    assert max(expected.values()) <= 1 + 1e-9


def test_one_look_is_the_closed_form():
    state = fold([look(10, 100, 6, 900, 10)], Setup(r0=1.0))
    bets = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)

    def ratio(r):
        q, q0 = r * 100 / (r * 100 + 900), 0.1
        return (q / q0) ** 6 * ((1 - q) / (1 - q0)) ** 10

    closed = 0.3 + 0.7 * sum(map(ratio, bets)) / len(bets)

    assert math.exp(log_bad(state, INDEPENDENT)) == pytest.approx(closed, rel=3e-4)
    assert math.exp(log_bad(state, INDEPENDENT)) <= closed


def test_the_pod_null_is_the_ratio_of_two_integrals():
    state = fold([look(10, 1000, 30, 9000, 90)], Setup(r0=1.0))
    sd = 0.3 * math.sqrt(1 + 1 / 9)
    x = np.linspace(-6, 6, 20001) * sd - sd**2 / 2
    weight = np.exp(-0.5 * ((x + sd**2 / 2) / sd) ** 2)

    def likelihood(log_r):
        return float((np.exp(30 * (log_r + x) - 120 * np.log1p(0.1 * np.expm1(log_r + x))) * weight).sum())

    closed = np.mean([likelihood(step * risk.STEP) for step in risk.BET_STEPS]) / likelihood(0.0)

    assert math.exp(log_bad(state, PODS)) == pytest.approx(closed, rel=2e-2)


@pytest.mark.parametrize("choice", EVERY, ids=lambda choice: choice.null.value)
def test_no_data_is_no_evidence(choice):
    empty = [look(10, 0, 0, 100, 5), look(20, 50, 9, 0, 0), look(30, 0, 0, 0, 0), look(40, 10, 0, 90, 0)]
    found = e_value(fold(empty), choice)

    assert found.bad == pytest.approx(1, abs=1e-3)
    assert found.ok == pytest.approx(1, abs=1e-3)
    assert (found.rr, found.low, found.high) == (None, 0.0, None)


def test_a_doubled_or_reordered_look_changes_nothing():
    looks = list(simulated(3, 0.02, 12))
    state = fold(looks)

    assert fold([*looks, looks[4], looks[-1]]) == state
    assert fold([each for each in looks for _ in range(2)]) == state


def test_a_replay_and_a_restart_give_the_same_state_byte_for_byte():
    looks = list(simulated(4, 0.015, 30))
    state = start()
    for each in looks:
        state = load(CountsState, dump(update(state, each)))

    assert dump(state) == dump(fold(looks))


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(6)))
def test_disjoint_looks_of_one_step_tell_the_same_in_any_order(order):
    counts = [(100, 2, 900, 9), (200, 0, 700, 5), (50, 4, 900, 20), (10, 1, 90, 0), (300, 3, 600, 7), (100, 0, 900, 0)]
    setup = Setup(restart_every_s=1e9)
    first = fold([look(10.0 * (i + 1), *row) for i, row in enumerate(counts)], setup)
    other = fold([look(10.0 * (i + 1), *counts[place]) for i, place in enumerate(order)], setup)

    for choice in EVERY:
        assert log_bad(other, choice) == pytest.approx(log_bad(first, choice), abs=2e-3)
        assert log_ok(other, choice) == pytest.approx(log_ok(first, choice), abs=2e-3)


def test_a_state_is_two_kilobytes_at_most_after_a_long_and_violent_rollout():
    looks = [look(10.0 * i, 2_000_000, 400_000 + i, 18_000_000, 180_000, i // 20) for i in range(1, 200)]

    assert len(dump(fold(looks)).encode()) <= 2048
    assert len(dump(held(looks, 1e9)).encode()) <= 2048


def test_extremes_stay_finite():
    looks = [look(10.0 * i, 1e7, 1e7 if i % 2 else 0, 1e7, 0 if i % 2 else 1e7) for i in range(1, 40)]
    for state in (fold(looks), fold(looks[::2]), fold([look(10, 1, 1, 1e12, 0)])):
        for choice in EVERY:
            found = e_value(state, choice)

            assert all(math.isfinite(value) for value in (found.bad, found.ok, found.low))


def test_the_interval_holds_the_truth_and_tightens():
    few, many = (e_value(fold(simulated(5, 0.02, count)), INDEPENDENT) for count in (6, 60))

    assert few.low <= many.low <= 2 <= many.high <= (few.high or math.inf)
    assert many.high / many.low < 2.2
    assert many.rr == pytest.approx(2, rel=0.15)


def test_the_interval_widens_with_the_null():
    state = fold(simulated(5, 0.02, 60))
    plain, pods, bursts = (e_value(state, choice) for choice in (INDEPENDENT, PODS, Choice(Null.BURSTS, 0, 4.0, "")))

    assert pods.low < plain.low < plain.high < pods.high
    assert bursts.low < plain.low < plain.high < bursts.high


def test_a_burst_counts_once_when_bursts_are_expected():
    looks = [look(10.0 * i, 200, 50 if i == 20 else 2, 1800, 18) for i in range(1, 31)]
    state = fold(looks)

    assert log_bad(state, INDEPENDENT) > math.log(100)
    assert log_bad(state, BURSTS) < math.log(100)


def test_a_late_regression_is_not_in_debt_to_the_healthy_spell():
    healthy = list(simulated(6, 0.01, 60))
    sick = [look(600 + each.at_s, each.canary.total, each.canary.bad, each.stable.total, each.stable.bad)
            for each in simulated(7, 0.05, 12)]  # fmt: skip
    state, found = fold(healthy), None
    for each in sick:
        state = update(state, each)
        if found is None and log_bad(state, INDEPENDENT) >= math.log(100):
            found = each.at_s - 600

    assert found is not None
    assert found <= 60


@pytest.mark.parametrize("wrong", [{"r0": 0.1}, {"worse_than": 1.0}, {"restart_every_s": 0}, {"r0": math.nan}])
def test_a_setup_out_of_range_is_refused(wrong):
    with pytest.raises(ValueError, match="want"):
        Setup(**wrong)


def first_looks(canary, replicates, setup=None, choice=INDEPENDENT, looks=60):
    """(seconds to abort, seconds to certify) by replicate; inf for never."""
    found = []
    for seed in range(replicates):
        state, abort, certified = start(setup), math.inf, math.inf
        for each in simulated(1000 + seed, canary, looks):
            state = update(state, each)
            if abort == math.inf and log_bad(state, choice) >= math.log(100):
                abort = each.at_s
            if certified == math.inf and log_ok(state, choice) >= math.log(20):
                certified = each.at_s
            if abort < math.inf and (certified < math.inf or canary > 0.01):
                break
        found.append((abort, certified))
    return np.array(found)


def test_false_alarms_and_certificates_of_a_healthy_canary():
    found = first_looks(0.01, 200)

    assert (found[:, 0] < math.inf).mean() <= 0.02
    assert np.median(found[:, 1]) <= 170


@pytest.mark.parametrize(
    ("relative", "setup", "within_s"), [(2, None, 120), (2, Setup(r0=1.0), 105), (5, None, 20), (20, None, 10)]
)
def test_time_to_abort(relative, setup, within_s):
    found = first_looks(0.01 * relative, 150, setup)

    assert np.median(found[:, 0]) <= within_s


def test_a_canary_at_the_limit_is_seldom_certified():
    found = first_looks(0.015, 100)

    assert (found[:, 1] < found[:, 0]).mean() <= 0.10


def held(looks, hold_s):
    state = start()
    for each in looks:
        state = update(state, each, (), hold_s)
    return state


def test_a_burst_that_is_held_together_counts_once_however_many_looks_it_goes_on():
    calm = [look(10.0 * t, 200, 2, 1800, 18) for t in range(1, 4)]
    burst = [look(40.0 + 10 * t, 200, 50, 1800, 18) for t in range(6)]

    assert log_bad(held(calm + burst, 0.0), BURSTS) > math.log(100)
    assert log_bad(held(calm + burst, 60.0), BURSTS) < math.log(20)


def test_what_is_held_is_settled_as_one_look_would_be():
    parts = [look(10.0 * t, 200, t, 1800, 20) for t in range(1, 4)]
    base, whole = look(0.0, 200, 0, 1800, 0), look(30.0, 600, 6, 5400, 60)

    assert held([base, *parts], 30.0).share == held([base, whole], 0.0).share


def test_the_expected_e_value_never_rises_when_all_that_is_held_fails_together():
    """All bad requests of two looks are the canary's with its share of the requests: the worst dependence there is."""
    before = held([look(10.0, 100, 1, 900, 9)], 20.0)
    ends = []
    for k in (10, 0):
        state = before
        for t in (20.0, 30.0):
            state = update(state, look(t, 100, k, 900, 10 - k), (), 20.0)
        assert not state.held
        ends.append(math.exp(log_bad(state, BURSTS)))

    assert 0.1 * ends[0] + 0.9 * ends[1] <= math.exp(log_bad(before, BURSTS)) + 1e-3


def test_giving_earnings_away_leaves_nothing_beyond_the_stake():
    rich = held([look(10.0 * t, 200, 50, 1800, 18) for t in range(1, 6)], 0.0)
    poor = forfeited(rich)

    assert log_bad(rich, BURSTS) > math.log(100)
    assert log_bad(poor, BURSTS) == pytest.approx(0, abs=1e-3) and log_bad(poor, BURSTS) <= 0
    assert poor.mixture == rich.mixture
