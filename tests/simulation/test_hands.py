"""Edits by hand in the middle of an update: each is undone or lived with, and the update ends as without it."""

from __future__ import annotations

import pytest

from rollouts.simulation.faults import CALM, Fault, What
from rollouts.simulation.meddling import HANDS
from rollouts.simulation.runner import Run, play

MOMENTS_MS = (1_500, 16_500)


@pytest.mark.parametrize("which", range(2 * len(HANDS)))
@pytest.mark.parametrize("name", ["good-canary", "abort-and-retry"])
def test_an_edit_by_hand_breaks_no_law_and_changes_no_end(name: str, which: int) -> None:
    for at in MOMENTS_MS:
        outcome = play(Run(name, CALM, (Fault(What.HAND, at, about=str(which)),)))

        assert outcome.problems == (), "\n".join([*outcome.story, *map(str, outcome.problems)])
