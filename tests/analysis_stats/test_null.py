"""The choice of null from the stable pods' history."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.stats.align import Counts
from analysis.stats.null import SPREAD_ASSUMED, Null, among_canaries, burst_nats, choose, measure, reconsider


def history(seed, looks=60, pods=10, pod_sd=0.0, burst=0.0, drift=0.0, requests=200):
    """Looks at so many requests a pod and 1 % errors; pod_sd: log-sd of pods' rates; burst: chance of 25 % errors."""
    rng = np.random.default_rng(seed)
    factor = rng.lognormal(-(pod_sd**2) / 2, pod_sd, pods)
    found = []
    for t in range(looks):
        rate = 0.01 * factor * (1 + drift * np.sin(t / 5))
        rate = np.where(rng.random(pods) < burst, 0.25, np.clip(rate, 0, 1))
        n = rng.poisson(requests, pods)
        k = rng.binomial(n, rate)
        found.append({f"pod-{i}": Counts(float(n[i]), float(k[i])) for i in range(pods)})
    return found


def with_burst(seed, pod, begins, lasts):
    """A steady history in which one pod has 25 % errors for some looks."""
    found = history(seed)
    for look in found[begins : begins + lasts]:
        look[pod] = Counts(200.0, 50.0)
    return found


def share(null, **kinds):
    return np.mean([choose(history(seed, **kinds)).null is null for seed in range(30)])


def test_steady_pods_are_taken_as_independent():
    assert share(Null.INDEPENDENT) >= 0.9


def test_a_base_rate_that_moves_is_neither_a_burst_nor_a_spread():
    assert share(Null.INDEPENDENT, drift=0.8) >= 0.9


def test_bursts_are_seen():
    assert share(Null.BURSTS, burst=0.01) + share(Null.CAUTIOUS, burst=0.01) >= 0.9


def test_bursts_are_seen_where_requests_are_too_few_for_a_variance_to_tell():
    few = {"requests": 20, "pods": 9}

    assert share(Null.BURSTS, burst=0.01, **few) + share(Null.CAUTIOUS, burst=0.01, **few) >= 0.8
    assert share(Null.INDEPENDENT, **few) >= 0.85


def test_the_evidence_for_bursts_is_one_on_average_over_all_ways_a_look_may_fall_on_its_pods():
    requests, rate, bad = np.array([[30.0, 20.0, 50.0]]), np.array([1.0, 2.0, 0.5]), 6
    share = (requests * rate)[0] / (requests * rate).sum()
    mean = 0.0
    for first, second in ((x, y) for x in range(bad + 1) for y in range(bad + 1 - x)):
        fell = np.array([first, second, bad - first - second])
        chance = math.factorial(bad) * np.prod(share**fell / [math.factorial(each) for each in fell])
        mean += chance * math.exp(burst_nats(requests, fell[None].astype(float), rate))

    assert mean == pytest.approx(1)


def test_three_pods_that_look_alike_may_still_differ():
    alike = [choose(history(seed, pods=3)) for seed in range(20)]

    assert {choice.null for choice in alike} <= {Null.PODS, Null.CAUTIOUS}
    assert 0 < np.median([choice.pod_sd for choice in alike]) < 0.2
    assert choose(history(3, pods=4)).null is Null.INDEPENDENT


@pytest.mark.parametrize("pod_sd", [0.3, 0.6])
def test_pods_that_differ_are_seen_and_their_spread_is_measured(pod_sd):
    found = [measure(history(seed, pod_sd=pod_sd)) for seed in range(30)]

    assert share(Null.PODS, pod_sd=pod_sd) >= 0.9
    assert np.median([spread.pod_sd for spread in found]) == pytest.approx(pod_sd, rel=0.25)
    assert np.mean([spread.pod_sd_high >= pod_sd for spread in found]) >= 0.6


@pytest.mark.parametrize(
    "story", [[], history(1, pods=1), history(1, looks=2), [{"a": Counts(5, 0), "b": Counts(5, 0)}], [{}, {}]]
)
def test_without_a_history_to_measure_the_choice_is_cautious_and_says_so(story):
    choice = choose(story)

    assert (choice.null, choice.pod_sd) == (Null.CAUTIOUS, SPREAD_ASSUMED)
    assert choice.why.endswith("cautious")


def test_a_short_history_cannot_rule_out_bursts():
    assert choose(history(2, looks=12)).null in (Null.BURSTS, Null.CAUTIOUS)


def test_a_choice_becomes_more_cautious_when_the_rollout_shows_bursts_and_never_less():
    before = choose(history(3))
    after = reconsider(before, history(4, burst=0.03))

    assert before.null is Null.INDEPENDENT
    assert after.null is Null.BURSTS
    assert reconsider(after, history(5)) == after
    assert reconsider(before, history(5)) == before


def test_a_cautious_choice_without_history_measures_the_spread_once():
    after = reconsider(choose([]), history(6, looks=30))

    assert after.null is Null.CAUTIOUS
    assert after.pod_sd < SPREAD_ASSUMED
    assert reconsider(after, history(7, pod_sd=0.6)) == after


def test_pods_that_come_and_go_are_counted_where_they_served():
    looks = history(8)
    churned = [{pod: c for i, (pod, c) in enumerate(look.items()) if (t + i) % 3} for t, look in enumerate(looks)]

    assert measure(churned).pod_looks == sum(len(look) for look in churned)
    assert measure(churned).dispersion == pytest.approx(1, abs=0.3)


def test_a_burst_in_one_of_the_canarys_pods_makes_the_choice_cautious():
    before = choose(history(3))
    even, burst, alone = [(200, 9), (200, 12), (200, 7)], [(200, 2), (200, 50), (200, 3)], [(200, 50)]

    after = [among_canaries(before, [Counts(*map(float, pod)) for pod in pods]).null for pods in (even, burst, alone)]
    assert after == [Null.INDEPENDENT, Null.BURSTS, Null.INDEPENDENT]


@pytest.mark.parametrize(("lasts", "hold_s"), [(1, 0.0), (4, 40.0), (8, 60.0)])
def test_bad_requests_are_held_together_for_as_long_as_a_burst_went_on_up_to_a_minute(lasts, hold_s):
    choice = choose(with_burst(3, "pod-2", 20, lasts), 10.0)

    assert choice.null in (Null.BURSTS, Null.CAUTIOUS)
    assert choice.hold_s == hold_s


def test_a_longer_burst_during_the_rollout_is_held_for_longer_and_never_for_less():
    before = choose(with_burst(3, "pod-2", 20, 3), 10.0)
    longer = reconsider(before, with_burst(4, "pod-5", 10, 5), 10.0)

    assert (before.hold_s, longer.hold_s) == (30.0, 50.0)
    assert reconsider(longer, with_burst(5, "pod-5", 10, 2), 10.0).hold_s == 50.0
