"""The teeth of the laws of a switch and of a handover: bugs put in on purpose, each of which must be found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from rollouts.delivery import bluegreen, handover, stages
from rollouts.simulation.runner import Run, play
from rollouts.simulation.workload import scenario

Patch = Callable[[pytest.MonkeyPatch], None]


def released_unjudged(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stages, "opening", lambda seen: stages.RELEASED)


def promoted_unjudged(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stages, "_is_judged_after", lambda seen: False)


def switched_to_few(patch: pytest.MonkeyPatch) -> None:
    def target(seen: Any, phase: Any) -> str:
        return seen.latch.current if bluegreen.is_released(seen) else seen.latch.stable

    patch.setattr(bluegreen, "active_target", target)


def shrunk_before_the_way_back(patch: pytest.MonkeyPatch) -> None:
    real = bluegreen._aborted

    def aborted(seen: Any, each: Any, now: Any) -> Any:
        return replace(real(seen, each, now), replicas=0)

    patch.setattr(bluegreen, "_aborted", aborted)


def handed_over_too_soon(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(handover, "target", lambda seen: 0 if seen.workload and seen.workload.wanted else None)


def nothing_remembered(patch: pytest.MonkeyPatch) -> None:
    real = handover.scaled_down

    def scaled_down(seen: Any) -> Any:
        for each in real(seen):
            yield replace(each, body={"spec": each.body["spec"]})

    patch.setattr(handover, "scaled_down", scaled_down)


@pytest.mark.parametrize(
    ("bug", "story", "laws"),
    [
        (released_unjudged, "switch-fails-before", {"B2"}),
        (promoted_unjudged, "switch-fails-after", {"B3"}),
        (switched_to_few, "switch-judged", {"S1", "S2"}),
        (shrunk_before_the_way_back, "switch-fails-after", {"S7", "S22"}),
        (handed_over_too_soon, "workload-progressively", {"W1"}),
        (nothing_remembered, "workload-onsuccess", {"W2"}),
    ],
)
def test_a_bug_is_found(monkeypatch: pytest.MonkeyPatch, bug: Patch, story: str, laws: set[str]) -> None:
    bug(monkeypatch)
    found = {problem.law for problem in play(Run(scenario(story).name)).problems}

    assert found & laws
