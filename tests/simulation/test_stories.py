"""Every story, told without a fault: it ends as it must, and no write on the way breaks a law."""

from __future__ import annotations

import pytest

from rollouts.simulation.faults import CALM
from rollouts.simulation.runner import all_rooms, reference
from rollouts.simulation.workload import SCENARIOS, scenario
from rollouts.simulation.world import World


@pytest.mark.parametrize("name", [one.name for one in SCENARIOS])
def test_a_story_ends_as_it_must_and_breaks_no_law(name: str) -> None:
    outcome = reference(name)

    assert outcome.problems == (), "\n".join([*outcome.story, *map(str, outcome.problems)])


def test_a_good_canary_needs_few_writes() -> None:
    """The contract's figure is 26 for four weights and pauses; here are three, and a first deploy of seven."""
    writes = reference("good-canary").writes - reference("first-deploy").writes

    assert writes <= 26


def test_the_same_world_twice_leaves_the_same_trace() -> None:
    one = scenario("judged-canary")
    first, second = (World(one, all_rooms(one), CALM).run() for _ in range(2))

    assert first.hash == second.hash == reference("judged-canary").hash
