"""The same scenarios ten thousand times: our core with the null given, all replicates at once.

    python -m benchmarks.judging.many --replicates 10000

It leaves out what the full path does beside the core (samples, choice of the null, gaps), so that ten thousand
replicates take a minute; `tests/analysis_stats/test_fleet.py` holds the core played here to the judge's own.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence

import numpy as np

from analysis.stats.fleet import Fleet, play
from analysis.stats.null import Null
from analysis.stats.sequential import Setup
from benchmarks.judging.judges import Outcome
from benchmarks.judging.score import Figures, delay_ratio, figures, misses, table
from benchmarks.judging.worlds import BEFORE, DURING, MOMENTS, SCENARIOS, Scenario

PLAYED = (
    "N1", "N2", "N3", "N4", "N5-20", "N5-2", "N5-0.5", "N6", "N14", "R1-1.5", "R1-2", "R1-3", "R1-5", "R1-20", "I1",
)  # fmt: skip
BLOCK = 1000


def main(arguments: Sequence[str] | None = None) -> int:
    """Play and print; exit code 1 where a promise is not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judging.many", description=__doc__)
    parser.add_argument("--replicates", type=int, default=10_000, help="seeds a scenario (10000)")
    parser.add_argument("--scenarios", default=",".join(PLAYED), help="names, separated by commas")
    asked = parser.parse_args(arguments)
    chosen = [SCENARIOS[name] for name in asked.scenarios.split(",")]
    found: list[Figures] = []
    for scenario in chosen:
        for judge, r0 in (("ours", 1.05), ("ours r0=1", 1.0)):
            found.append(figures(scenario, judge, outcomes(scenario, r0, asked.replicates)))
            print(f"{scenario.name} {judge}", file=sys.stderr, flush=True)
    print("\n".join(table(found, chosen)))
    for each in found:
        if each.judge == "ours" and (relative := SCENARIOS[each.scenario].relative) >= 2:
            print(f"{each.scenario}: mean delay {delay_ratio(each, relative):.2f} times the floor and half a look")
    broken = list(misses(found, chosen))
    print("\n".join(broken) if broken else "every promise is kept")
    return 1 if broken else 0


def outcomes(scenario: Scenario, r0: float, replicates: int) -> list[Outcome]:
    """What the core comes to on every seed."""
    found: list[Outcome] = []
    for first in range(0, replicates, BLOCK):
        sides: list[list[np.ndarray]] = [[], [], [], []]
        for seed in range(first, min(first + BLOCK, replicates)):
            world = scenario.world(seed)
            for place, counts in enumerate((*world.gained(True), *world.gained(False))):
                sides[place].append(np.nan_to_num(counts[BEFORE + 1 :]))
        arrays = [np.array(side) for side in sides]
        fleet = Fleet(MOMENTS[BEFORE + 1 :].tolist(), [0] * DURING, *arrays)
        bad, ok = play(fleet, Setup(r0=r0), Null.INDEPENDENT)
        for at, fine in zip(_first(bad, math.log(100)), _first(ok, math.log(20)), strict=True):
            promote_s = fine if fine is not None and (at is None or fine < at) else None
            found.append(Outcome(at, promote_s, "independent"))
    return found


def _first(logs: np.ndarray, bar: float) -> list[float | None]:
    over = logs >= bar
    return [float(MOMENTS[BEFORE + 1 + row.argmax()]) if row.any() else None for row in over]


if __name__ == "__main__":
    sys.exit(main())
