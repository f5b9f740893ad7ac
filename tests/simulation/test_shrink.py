"""Shrinking: of many faults only those stay that a failure needs."""

from __future__ import annotations

from dataclasses import replace

from rollouts.simulation.auditor import Problem
from rollouts.simulation.faults import Fault, Weather, What
from rollouts.simulation.runner import Run, reference
from rollouts.simulation.shrink import shrink
from rollouts.simulation.timeline import START
from rollouts.simulation.world import Outcome


def test_only_the_faults_that_a_failure_needs_stay() -> None:
    guilty = {Fault(What.CONFLICT, 5), Fault(What.CRASH_AFTER, 9)}
    innocent = [Fault(What.ERROR, at) for at in range(1, 12)]
    run = Run("good-canary", Weather(latency_s=0.02), (*innocent[:5], *guilty, *innocent[5:]))

    def attempt(candidate: Run) -> Outcome:
        problems = (Problem("S1", START, "bad"),) if guilty <= set(candidate.faults) else ()
        return replace(reference("first-deploy"), problems=problems)

    smallest, outcome = shrink(run, attempt(run), attempt)

    assert set(smallest.faults) == guilty
    assert smallest.weather == Weather()
    assert outcome.problems
