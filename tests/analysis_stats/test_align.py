"""Cumulative counters in, disjoint increments out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.stats.align import Birth, Counts, Cursor, Gap, Policy, Snapshot, align, increase
from analysis.stats.logs import dump, load

FROM_ZERO = Policy(first=Birth.ZERO)


def walk(snapshots, policy=FROM_ZERO):
    cursor, looks = Cursor(), []
    for snapshot in snapshots:
        cursor, aligned = align(cursor, snapshot, policy)
        looks.append(aligned)
    return cursor, looks


def at(t, canary, stable=(100.0, 1.0)):
    return Snapshot(t, {"c": canary} if canary else {}, {"s": stable} if stable else {})


def test_increments_are_differences_by_pod():
    _, looks = walk([at(10, (10, 1), (90, 2)), at(20, (25, 1), (200, 5))])

    assert [look.look().canary for look in looks] == [Counts(10, 1), Counts(15, 0)]
    assert looks[1].stable == {"s": Counts(110, 3)}


def test_a_restarted_pod_counts_from_zero_in_both_counters():
    _, looks = walk([at(10, (100, 5)), at(20, (110, 2))])

    assert looks[1].canary == {"c": Counts(110, 2)}
    assert looks[1].oddities == ("c: counter began anew",)


def test_the_first_look_is_a_baseline_and_a_pod_that_appears_later_began_at_zero():
    _, looks = walk([at(10, None, (500, 9)), at(20, (7, 2), (600, 9))], Policy())

    assert looks[0].stable == {}
    assert looks[1].canary == {"c": Counts(7, 2)}
    assert looks[1].stable == {"s": Counts(100, 0)}


def test_a_side_that_is_missing_holds_the_other_back_so_that_both_span_the_same_time():
    _, looks = walk([at(10, (10, 0), (100, 0)), at(20, None, (200, 9)), at(30, (30, 1), (300, 9))])

    assert looks[1].canary == looks[1].stable == {}
    assert looks[1].oddities == ("no reading of canary",)
    assert (looks[2].canary["c"], looks[2].stable["s"]) == (Counts(20, 1), Counts(200, 9))


@pytest.mark.parametrize(("gap", "expected"), [(Gap.LATE, {"a": Counts(20, 2)}), (Gap.DROP, {})])
def test_a_pod_that_missed_a_look_is_credited_late_or_dropped_as_the_policy_says(gap, expected):
    pods = {"s": (1.0, 0.0)}
    snapshots = [Snapshot(t, {"a": (v, b), "b": (1.0, 0.0)} if v else {"b": (1.0, 0.0)}, pods)
                 for t, v, b in ((10, 10.0, 0.0), (20, None, 0.0), (30, 30.0, 2.0))]  # fmt: skip
    _, looks = walk(snapshots, Policy(first=Birth.ZERO, gap=gap))

    assert {pod: counts for pod, counts in looks[2].canary.items() if pod == "a"} == expected


@pytest.mark.parametrize("reading", [(math.nan, 0.0), (math.inf, 0.0), (-1.0, 0.0), (5.0, math.nan)])
def test_what_is_no_number_is_no_reading_and_is_named(reading):
    _, looks = walk([at(10, (5, 0)), at(20, reading)])

    assert looks[1].canary == {}
    assert looks[1].oddities[0].startswith("c: no number")


def test_more_bad_than_requests_is_cut_and_named():
    _, looks = walk([at(10, (5, 9))])

    assert looks[0].canary == {"c": Counts(5, 5)}
    assert looks[0].oddities == ("c: 9 bad of 5, cut",)


def test_a_doubled_or_late_snapshot_changes_nothing():
    cursor, _ = walk([at(10, (5, 0)), at(20, (9, 1))])
    for late in (at(20, (9, 1)), at(15, (7, 0)), at(math.nan, (7, 0))):
        after, aligned = align(cursor, late)

        assert after == cursor
        assert aligned.canary == {}


def test_a_cursor_survives_json():
    cursor, _ = walk([at(10, (5, 0)), at(20, (9, 1))])

    assert load(Cursor, dump(cursor)) == cursor


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.booleans()), min_size=1, max_size=20))
def test_gaps_lose_nothing_and_increments_never_fall_below_zero(steps):
    total = bad = 0
    snapshots = [at(0, (0, 0), (0, 0))]
    for number, (good, worse, seen) in enumerate(steps, 1):
        total, bad = total + good + worse, bad + worse
        snapshots.append(at(10 * number, (total, bad) if seen or number == len(steps) else None, (number, 0)))
    _, looks = walk(snapshots)

    assert sum((look.look().canary for look in looks), Counts()) == Counts(total, bad)


@pytest.mark.parametrize(
    ("samples", "since", "birth", "expected"),
    [
        ([(0, 5), (10, 8), (20, 9)], 0, Birth.BASELINE, 4),
        ([(0, 5), (10, 2), (20, 4)], 0, Birth.BASELINE, 4),
        ([(10, 2), (20, 4)], 0, Birth.BASELINE, 2),
        ([(10, 2), (20, 4)], 0, Birth.ZERO, 4),
        ([(20, 9), (0, 5), (10, 8), (10, 8)], 0, Birth.BASELINE, 4),
        ([(0, 5), (10, math.nan), (20, 9)], 0, Birth.BASELINE, 4),
        ([], 0, Birth.ZERO, 0),
        ([(0, 5), (10, 8), (30, 99)], 0, Birth.BASELINE, 3),
    ],
)
def test_the_increase_of_raw_samples_is_exact(samples, since, birth, expected):
    assert increase(samples, since, 25, birth) == expected
