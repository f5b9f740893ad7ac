"""Runs: one seed, one scenario under given faults, and the comparison with the fault-free run of the same script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from rollouts.shell.room import Room
from rollouts.shell.wiring import rooms
from rollouts.simulation.auditor import Problem
from rollouts.simulation.ending import differences
from rollouts.simulation.faults import CALM, Fault, Weather, draw, every
from rollouts.simulation.scenario import Scenario
from rollouts.simulation.timeline import START
from rollouts.simulation.workload import SCENARIOS, scenario
from rollouts.simulation.world import Outcome, World


@dataclass(frozen=True, slots=True)
class Run:
    """What is to be run: with these and the code it can be run again."""

    scenario: str
    weather: Weather = CALM
    faults: tuple[Fault, ...] = ()

    def __str__(self) -> str:
        lines = [f"scenario {self.scenario}: {scenario(self.scenario).story}", f"weather {self.weather}"]
        return "\n".join([*lines, *(f"fault {fault}" for fault in self.faults)])


def all_rooms(one: Scenario) -> tuple[Room, ...]:
    """The rooms under test: all that production wires."""
    return rooms(status_compat=one.compat)


@lru_cache(maxsize=256)
def reference(name: str) -> Outcome:
    """The fault-free run of a scenario."""
    one = scenario(name)
    return World(one, all_rooms(one)).run()


def play(run: Run) -> Outcome:
    """Run once, and compare the end with the fault-free one."""
    one = scenario(run.scenario)
    outcome = World(one, all_rooms(one), run.weather, run.faults).run()
    found = differences(reference(run.scenario).ending, outcome.ending)
    if not found:
        return outcome
    told = Problem("END", START.plus(outcome.size.duration_ms / 1000), "; ".join(found[:6]))
    return replace(outcome, problems=(*outcome.problems, told))


def of_seed(seed: int, among: Sequence[Scenario] = SCENARIOS) -> Run:
    """The run that a seed means."""
    chosen = among[seed % len(among)]
    weather, faults = draw(seed, reference(chosen.name).size)
    return Run(chosen.name, weather, faults)


def matrix(name: str, which: str = "crashes") -> Iterator[Run]:
    """One fault at every place of a scenario where it can strike; see `faults.every`."""
    for fault in every(which, reference(name).size):
        yield Run(name, faults=(fault,))
