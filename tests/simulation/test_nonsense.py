"""A metrics source that answers nonsense, of every sort: at one question, or at all of them."""

from __future__ import annotations

from typing import Any

import pytest

from analysis.errors import AnalysisError
from analysis.providers import prometheus as provider
from rollouts.simulation.faults import CALM, Fault, What
from rollouts.simulation.prometheus import NONSENSE
from rollouts.simulation.runner import Run, play, reference
from rollouts.simulation.world import Outcome

ASKS_MAX = 60


def at_every_question(which: int) -> tuple[Fault, ...]:
    return tuple(Fault(What.ASK_GARBAGE, at, about=str(which)) for at in range(1, ASKS_MAX))


def status(outcome: Outcome) -> dict[str, Any]:
    told: dict[str, Any] = outcome.ending["Rollout/shop/web"]["status"]
    return told


@pytest.mark.parametrize("which", range(len(NONSENSE)))
def test_one_answer_that_is_nonsense_changes_no_end(which: int) -> None:
    for at in range(1, reference("judged-canary").size.asks + 1, 3):
        outcome = play(Run("judged-canary", CALM, (Fault(What.ASK_GARBAGE, at, about=str(which)),)))

        assert outcome.struck["ASK_GARBAGE"] == 1
        assert outcome.problems == (), "\n".join([*outcome.story, *map(str, outcome.problems)])


@pytest.mark.parametrize("which", range(len(NONSENSE)))
def test_nothing_but_nonsense_ends_as_a_source_that_is_down(which: int) -> None:
    outcome = play(Run("provider-down", CALM, at_every_question(which)))

    assert outcome.struck["ASK_GARBAGE"] > 0
    assert outcome.problems == (), "\n".join([*outcome.story, *map(str, outcome.problems)])


def test_nonsense_in_place_of_a_good_measurement_promotes_nothing() -> None:
    told = status(play(Run("judged-canary", CALM, at_every_question(1))))

    assert told["abort"] is True
    assert told["stableRS"] != told["currentPodHash"]


def test_taking_nonsense_for_a_measurement_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = provider._body
    reference("provider-down")

    def body(answer: Any) -> Any:
        try:
            return real(answer)
        except AnalysisError:
            return {"data": {"resultType": "vector", "result": [{"value": [0, "1"]}]}}

    monkeypatch.setattr(provider, "_body", body)
    found = {problem.law for problem in play(Run("provider-down", CALM, at_every_question(1))).problems}

    assert "END" in found
