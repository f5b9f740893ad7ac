"""Play every scenario, let every judge look, print the scoreboard.

    python -m benchmarks.judging --replicates 200                      all scenarios, all judges
    python -m benchmarks.judging --replicates 10000 --judges ours      the promises of our judge
    python -m benchmarks.judging --scenarios N1,R1-2 --replicates 50   some of it

Outcomes are kept in --results by scenario, judge and block of seeds: a run that was stopped goes on where it was, and
more replicates add to those that there are. Exit code 1 where a promise of our judge is not kept.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.judging.judges import JUDGES, Outcome, is_worth_it
from benchmarks.judging.score import Figures, figures, misses, side_by_side, table
from benchmarks.judging.worlds import SCENARIOS

BLOCK = 10

Task = tuple[str, str, int]  # scenario, judge, number of the block


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for and print it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.judging", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replicates", type=int, default=200, help="seeds a scenario, in blocks of 10 (200)")
    parser.add_argument("--scenarios", default="", help="names, separated by commas (all)")
    parser.add_argument("--judges", default="", help="beginnings of names, separated by commas (all)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="at once (as many as cores)")
    parser.add_argument("--results", type=Path, default=Path("build/judging"), help="where outcomes are kept")
    parser.add_argument("--compare", action="store_true", help="a column a judge, in place of a row")
    parser.add_argument("--report", action="store_true", help="play nothing, print what is kept already")
    parser.add_argument("--quiet", action="store_true", help="print the promises that are not kept, and nothing else")
    asked = parser.parse_args(arguments)
    scenarios = [name for name in SCENARIOS if not asked.scenarios or name in asked.scenarios.split(",")]
    wanted = [each.strip() for each in asked.judges.split(",")]
    judges = [name for name in JUDGES if any(name.startswith(each) for each in wanted)]
    blocks = -(-asked.replicates // BLOCK)
    asked.results.mkdir(parents=True, exist_ok=True)
    pairs = [(scenario, judge) for scenario in scenarios for judge in judges if is_worth_it(scenario, judge)]
    tasks = [(*pair, block) for block in range(blocks) for pair in pairs]
    if not asked.report:
        _play([task for task in tasks if not _file(asked.results, task).exists()], asked.results, asked.processes)
    found = list(_found(asked.results, pairs, blocks))
    chosen = [SCENARIOS[name] for name in scenarios]
    if not asked.quiet:
        print("\n".join((side_by_side if asked.compare else table)(found, chosen)))
    broken = list(misses(found, chosen))
    print("\n".join(broken) if broken else "every promise is kept")
    return 1 if broken else 0


def _play(tasks: Sequence[Task], results: Path, processes: int) -> None:
    if processes <= 1:
        for task in tasks:
            _write(results, task, _block(task))
        return
    with ProcessPoolExecutor(processes) as pool:
        for task, outcomes in zip(tasks, pool.map(_block, tasks), strict=True):
            _write(results, task, outcomes)


def _block(task: Task) -> list[Outcome]:
    scenario, judge, block = task
    found = []
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        found.append(JUDGES[judge](SCENARIOS[scenario].world(seed), SCENARIOS[scenario]))
    return found


def _file(results: Path, task: Task) -> Path:
    scenario, judge, block = task
    word = "".join(char if char.isalnum() or char == "." else "-" for char in judge)
    return results / f"{scenario}.{word}.{block:04d}.json"


def _write(results: Path, task: Task, outcomes: Sequence[Outcome]) -> None:
    path = _file(results, task)
    part = path.with_suffix(".part")
    part.write_text(json.dumps([[each.abort_s, each.promote_s, each.null] for each in outcomes]), encoding="utf-8")
    part.replace(path)  # whole or not at all: a run may be stopped at any moment


def _found(results: Path, pairs: Sequence[tuple[str, str]], blocks: int) -> Iterator[Figures]:
    for scenario, judge in pairs:
        files = [_file(results, (scenario, judge, block)) for block in range(blocks)]
        kept = [json.loads(file.read_text(encoding="utf-8")) for file in files if file.exists()]
        if kept:
            outcomes = [Outcome(*row) for rows in kept for row in rows]
            yield figures(SCENARIOS[scenario], judge, outcomes)


if __name__ == "__main__":
    sys.exit(main())
