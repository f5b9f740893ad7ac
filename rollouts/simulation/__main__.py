"""Run the simulation from the command line; exit code 0 only if no law was broken and every end was the same."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from rollouts.simulation.faults import MATRICES
from rollouts.simulation.runner import Run, matrix, of_seed, play, reference
from rollouts.simulation.shrink import shrink
from rollouts.simulation.workload import SCENARIOS, scenario

CHUNK = 16
FAILURES_TOLD_MAX = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one run came to, small enough to send between processes."""

    label: str
    run: Run
    hash: str
    problems: tuple[str, ...]
    struck: Counter[str]


def judge(label: str, run: Run) -> Verdict:
    """Play one run."""
    outcome = play(run)
    return Verdict(label, run, outcome.hash, tuple(map(str, outcome.problems)), outcome.struck)


def _seed(seed: int, only: str) -> Verdict:
    return judge(f"seed {seed}", of_seed(seed, [scenario(only)] if only else SCENARIOS))


def _scenario_matrix(name: str, which: str) -> list[Verdict]:
    return [judge(f"{name} {run.faults[0]}", run) for run in matrix(name, which)]


def main(arguments: list[str] | None = None) -> int:
    """Parse the arguments, run, tell."""
    parser = argparse.ArgumentParser(prog="python -m rollouts.simulation", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--seed", type=int, help="one seed, with its story")
    what.add_argument("--seeds", help="A:B, the seeds from A up to but not including B; a number N means 0:N")
    what.add_argument("--matrix", nargs="?", const="crashes", choices=MATRICES, help="one fault at every place")
    what.add_argument("--stories", action="store_true", help="every scenario without a fault")
    parser.add_argument("--scenario", default="", help="only this one")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args(arguments)
    names = [chosen.scenario] if chosen.scenario else [one.name for one in SCENARIOS]
    if chosen.seed is not None:
        return _one(of_seed(chosen.seed, [scenario(names[0])] if chosen.scenario else SCENARIOS))
    if chosen.stories:
        return _all((judge(name, Run(name)) for name in names), "stories")
    with ProcessPoolExecutor(chosen.jobs) as pool:
        if chosen.matrix:
            listed = pool.map(_scenario_matrix, names, [chosen.matrix] * len(names))
            return _all(
                (verdict for verdicts in listed for verdict in verdicts), f"runs of the matrix of {chosen.matrix}"
            )
        first, _, last = chosen.seeds.rpartition(":")
        seeds = range(int(first or 0), int(last))
        return _all(pool.map(_seed, seeds, [chosen.scenario] * len(seeds), chunksize=CHUNK), "seeds")


def _one(run: Run) -> int:
    outcome = play(run)
    _say("\n".join([str(run), *outcome.story, f"trace {outcome.hash}"]))
    return _fail(run) if outcome.problems else 0


def _all(verdicts: Iterable[Verdict], unit: str) -> int:
    began_s, count, struck = time.monotonic(), 0, Counter[str]()
    failures: list[Verdict] = []
    for verdict in verdicts:
        count += 1
        struck += verdict.struck
        if verdict.problems:
            failures.append(verdict)
            _say(f"FAILED {verdict.label} ({verdict.run.scenario}), trace {verdict.hash}: {verdict.problems[0]}")
    spent_s = time.monotonic() - began_s
    felt = ", ".join(f"{what} {times}" for what, times in sorted(struck.items()))
    _say(f"{count} {unit} in {spent_s:.0f} s, {len(failures)} failed; faults felt: {felt or 'none'}")
    for verdict in failures[:FAILURES_TOLD_MAX]:
        _fail(verdict.run)
    return 1 if failures else 0


def _fail(run: Run) -> int:
    smallest, outcome = shrink(run, play(run))
    _say("\n".join(["", "the smallest story that still fails:", str(smallest), *outcome.story]))
    _say("\n".join(["broken:", *(f"  {problem}" for problem in outcome.problems)]))
    _say(f"trace {outcome.hash}; the fault-free run has {reference(run.scenario).hash}")
    return 1


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
