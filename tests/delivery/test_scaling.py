"""Replica arithmetic against the contract's vectors, and the laws that hold for every number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.delivery.scaling import Side, canary_size, floored, hop, limits, plain_sizes, pods_needed, share_covered

SHARES = st.one_of(st.integers(0, 20), st.integers(0, 100).map(lambda percent: f"{percent}%"))


@pytest.mark.parametrize(
    ("replicas", "weight", "canary"), [(2, 75, 2), (3, 50, 2), (5, 1, 1), (10, 25, 3), (10, 99, 10)]
)
def test_the_contracts_vectors_beside_a_router(replicas, weight, canary):
    assert canary_size(replicas, weight, 100) == canary


@pytest.mark.parametrize(("replicas", "surge", "unavailable"), [(1, 1, 0), (3, 1, 0), (4, 1, 1), (5, 2, 1), (10, 3, 2)])
def test_the_contracts_vectors_of_the_default_limits(replicas, surge, unavailable):
    within = limits(replicas, "25%", "25%")

    assert (within.surge, within.unavailable) == (surge, unavailable)
    assert limits(replicas, "25", "25") == within


@pytest.mark.parametrize(
    ("replicas", "weight", "canary", "stable"),
    [(2, 50, 1, 2), (5, 25, 1, 4), (5, 75, 2, 4), (10, 10, 1, 9), (10, 25, 3, 8), (10, 75, 3, 8)],
)
def test_the_contracts_vectors_of_the_first_hop_without_a_router(replicas, weight, canary, stable):
    within = limits(replicas, "25%", "25%")
    to_canary, to_stable = plain_sizes(replicas, weight, within.surge)

    sizes = hop((Side(replicas, replicas, replicas, to_stable), Side(0, 0, 0, to_canary)), (), within)

    assert sizes == (stable, canary)


def test_both_limits_nothing_lets_one_pod_be_missing():
    assert limits(1, 0, "50%").unavailable == 1
    assert limits(0, "25%", "25%").least == 0


@pytest.mark.parametrize(
    ("story", "replicas", "weight", "surge", "expected"),
    [
        ("nothing and all are exact", 5, 0, 2, (0, 5)),
        ("nothing and all are exact", 5, 100, 2, (5, 0)),
        ("a small share still has a pod", 3, 1, 1, (1, 3)),
        ("a large share leaves the stable version one", 3, 99, 0, (2, 1)),
        ("a single pod is doubled where a surge allows it", 1, 50, 1, (1, 1)),
        ("a single pod that may not be doubled stays stable", 1, 50, 0, (0, 1)),
        ("of two equally near the larger canary", 2, 50, 0, (1, 1)),
        ("one more pod comes nearer", 10, 25, 3, (3, 8)),
        ("no pods", 0, 50, 1, (0, 0)),
    ],
)
def test_ratios(story, replicas, weight, surge, expected):
    assert plain_sizes(replicas, weight, surge) == expected, story


def test_a_floor_raises_what_is_there_and_ends_at_the_wish():
    assert [floored(size, 2, 5) for size in (0, 1, 2, 3)] == [0, 2, 2, 3]
    assert floored(1, 9, 5) == 5


def test_large_weights_are_exact():
    assert canary_size(1000, 33_333_333, 100_000_000) == 334


@given(st.integers(1, 10_000), st.integers(0, 1000), st.integers(1, 1000))
def test_covered_shares_need_no_more_pods_than_there_are(replicas, available, total):
    share = share_covered(replicas, available, total)

    assert 0 <= share <= total
    assert pods_needed(replicas, share, total) <= max(available, 0)


@given(st.integers(1, 200), st.integers(1, 99), st.booleans())
def test_both_versions_have_a_pod_between_nothing_and_all(replicas, weight, surge):
    canary, stable = plain_sizes(replicas, weight, int(surge))

    assert replicas <= canary + stable <= replicas + surge
    assert stable >= 1 and (canary >= 1 or (replicas, surge) == (1, False))


@pytest.mark.parametrize(
    ("story", "sides", "older", "replicas", "expected"),
    [
        ("a broken canary follows a scale up", ((4, 4, 0), (2, 0, 8)), (), 8, (4, 6)),
        ("and the scale down after it", ((4, 4, 0), (6, 0, 4)), (), 4, (4, 2)),
        ("a broken version keeps its pods while the next one is broken too", ((4, 0, 0), (2, 0, 4)), (), 4, (4, 2)),
        ("and makes way for each pod that comes up", ((4, 0, 0), (2, 2, 4)), (), 4, (2, 2)),
        ("a former first version that never worked does the same", ((0, 0, 0), (2, 0, 4)), ((4, 0, 0),), 4, (0, 2, 4)),
        ("the broken version in the middle makes way at once", ((4, 4, 0), (0, 0, 4)), ((2, 0, 0),), 4, (4, 0, 0)),
        ("an aborted canary that never worked goes at once", ((4, 4, 4), (2, 0, 0)), (), 4, (4, 0)),
    ],
)
def test_pods_that_serve_nobody(story, sides, older, replicas, expected):
    every = [Side(wanted, usable, usable, target) for wanted, usable, target in (*sides, *older)]

    assert hop(every[:2], every[2:], limits(replicas, 2, 0)) == expected, story


@st.composite
def sides(draw, target):
    wanted = draw(st.integers(0, 20))
    usable = draw(st.integers(0, wanted))
    return Side(wanted, usable, draw(st.integers(usable, wanted)), target)


@given(st.data(), st.integers(0, 20), SHARES, SHARES, st.integers(0, 100))
def test_a_hop_never_goes_beyond_its_limits(data, replicas, surge, unavailable, weight):
    within = limits(replicas, surge, unavailable)
    canary, stable = plain_sizes(replicas, weight, within.surge)
    both = (data.draw(sides(stable)), data.draw(sides(canary)))
    older = data.draw(st.lists(sides(0), max_size=2))
    every = (*both, *older)

    sizes = hop(both, older, within)

    asked = sum(each.wanted for each in every)
    raised = sum(max(0, size - each.wanted) for size, each in zip(sizes, every, strict=True))
    assert not raised or asked + raised <= within.most
    lost = sum(max(0, min(each.ready, each.wanted) - size) for size, each in zip(sizes, every, strict=True))
    serving = sum(each.usable for each in every)
    assert not lost or serving - lost >= within.least
    stable, canary, *_ = zip(sizes, every, strict=True)
    for size, each in (stable, *zip(sizes[2:], older, strict=True)):
        assert min(each.wanted, each.target) <= size <= max(each.wanted, each.target)
    size, each = canary
    assert size <= max(each.wanted, each.target)
    assert size >= min(each.wanted, each.target) or (asked > within.most and sum(sizes) >= within.most)


@given(st.integers(0, 20), SHARES, SHARES, st.integers(0, 100), st.integers(0, 20), st.integers(0, 20))
def test_hops_with_healthy_pods_arrive(replicas, surge, unavailable, weight, had, older):
    within = limits(replicas, surge, unavailable)
    canary, stable = plain_sizes(replicas, weight, within.surge)
    counts = (replicas, had, older)
    for _ in range(100):
        every = [Side(count, count, count, target) for count, target in zip(counts, (stable, canary, 0), strict=True)]
        counts = hop(every[:2], every[2:], within)

    assert counts == (stable, canary, 0)
