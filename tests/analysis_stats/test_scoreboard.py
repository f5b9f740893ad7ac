"""The scoreboard in small: every scenario is played, the promises hold as far as so few replicates can tell."""

from __future__ import annotations

import pytest

from benchmarks.judging.judges import JUDGES, Outcome
from benchmarks.judging.score import figures, misses, wilson
from benchmarks.judging.worlds import BETTER, NULLS, SCENARIOS, WORSE


def played(name, judge="ours", seeds=4):
    scenario = SCENARIOS[name]
    return figures(scenario, judge, [JUDGES[judge](scenario.world(seed), scenario) for seed in range(seeds)])


def test_healthy_canaries_are_hardly_ever_aborted_whatever_happens_around_them():
    """One in a hundred may be: of these 88 replicates, three in all would be a surprise."""
    aborted = {scenario.name: 4 * played(scenario.name).aborted for scenario in (*NULLS, *BETTER)}

    assert sum(aborted.values()) <= 2, aborted


@pytest.mark.parametrize(("name", "limit_s"), [("R1-20", 10), ("R1-5", 30), ("R1-2", 240), ("R9", 300), ("R5", 300)])
def test_a_worse_canary_is_aborted_in_time(name, limit_s):
    found = played(name, seeds=6)

    assert found.aborted >= 0.8
    assert found.abort_s <= limit_s


def test_the_same_seed_is_the_same_replicate():
    scenario = SCENARIOS["N12"]

    assert (scenario.world(3).total == scenario.world(3).total).all()
    assert JUDGES["ours"](scenario.world(3), scenario) == JUDGES["ours"](scenario.world(3), scenario)


@pytest.mark.parametrize("judge", [name for name in JUDGES if not name.startswith("ours")])
def test_every_other_judge_sees_a_disaster(judge):
    found = played("R1-20", judge, seeds=3)

    assert found.aborted == 1


def test_thresholds_abort_in_a_shared_outage_and_at_low_traffic_where_ours_does_not():
    assert played("N3", "success >= 0.95, limit 3").aborted == 1
    assert played("N5-2", "success >= 0.98, limit 3", seeds=20).aborted > 0.3


def test_a_promise_that_is_not_kept_is_named():
    scenario = SCENARIOS["N1"]
    bad = figures(scenario, "ours", [Outcome(10.0, None)] * 100)

    assert next(misses([bad], [scenario])).startswith("N1, ours: 100.00 % false aborts")


def test_the_interval_of_a_share_is_wilsons():
    assert wilson(5, 100) == pytest.approx((0.0215, 0.1118), abs=1e-3)
    assert wilson(0, 0) == (0.0, 1.0)


def test_every_scenario_of_the_catalogue_has_one_name():
    assert len(SCENARIOS) == len(NULLS) + len(WORSE) + len(BETTER)
