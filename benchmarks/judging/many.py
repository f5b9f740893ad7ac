"""Every scenario ten thousand times: our judge on standard input, a few hundred replicates at once.

    python -m benchmarks.judging.many --replicates 10000
    python -m benchmarks.judging.many --replicates 10000 --without-history
    python -m benchmarks.judging.many --check 100          the judge itself on the first 100 seeds, line by line

What is played is `batch.py`, the judge with an axis more; `--check` counts the replicates in which it and the judge
itself, fed with lines of JSON, come to other moments or another null. Outcomes are kept in --results by scenario, judge
and block of seeds: a run that was stopped goes on where it was. Exit code 1 where a promise is not kept.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from analysis.compare.stream import Stream
from analysis.compare.terms import Terms
from analysis.stats.sequential import Setup
from benchmarks.judging import batch
from benchmarks.judging.gains import gathered
from benchmarks.judging.judges import Outcome, is_worth_it
from benchmarks.judging.score import Figures, delay_ratio, figures, misses, table
from benchmarks.judging.worlds import BEFORE, LOOKS, MOMENTS, SCENARIOS, Scenario, World

BLOCK = 250
JUDGES = {"ours": 1.05, "ours r0=1": 1.0}


def main(arguments: Sequence[str] | None = None) -> int:
    """Play and print; exit code 1 where a promise is not kept."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.judging.many",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--replicates", type=int, default=10_000, help=f"seeds a scenario, in blocks of {BLOCK} (10000)"
    )
    parser.add_argument("--scenarios", default="", help="names, separated by commas (all)")
    parser.add_argument("--without-history", action="store_true", help="the canary begins at the second look")
    parser.add_argument("--results", type=Path, default=Path("build/judging-many"), help="where outcomes are kept")
    parser.add_argument("--check", type=int, default=0, metavar="N", help="hold N seeds a scenario to the judge itself")
    asked = parser.parse_args(arguments)
    chosen = [each for name, each in SCENARIOS.items() if not asked.scenarios or name in asked.scenarios.split(",")]
    if asked.check:
        return _check(chosen, asked.check, has_past=not asked.without_history)
    asked.results.mkdir(parents=True, exist_ok=True)
    found: list[Figures] = []
    for scenario in chosen:
        kept: dict[str, list[Outcome]] = {}
        for block in range(-(-asked.replicates // BLOCK)):
            path = asked.results / f"{scenario.name}.{'bare' if asked.without_history else 'past'}.{block:03d}.json"
            if not path.exists():
                _write(path, _block(scenario, range(block * BLOCK, (block + 1) * BLOCK), not asked.without_history))
            for judge, rows in json.loads(path.read_text(encoding="utf-8")).items():
                kept.setdefault(judge, []).extend(Outcome(*row) for row in rows)
        found += [figures(scenario, judge, outcomes) for judge, outcomes in kept.items()]
        print(scenario.name, file=sys.stderr, flush=True)
    return _told(found, chosen, has_past=not asked.without_history)


def _told(found: Sequence[Figures], chosen: Sequence[Scenario], *, has_past: bool) -> int:
    print("\n".join(table(found, chosen)))
    for each in found:
        if each.judge == "ours" and (relative := SCENARIOS[each.scenario].relative) >= 2 and each.scenario[:2] == "R1":
            print(f"{each.scenario}: mean delay {delay_ratio(each, relative):.2f} times the floor and half a look")
    broken = [miss for miss in misses(found, chosen) if has_past or "false aborts" in miss]
    print("\n".join(broken) if broken else "every promise is kept")
    return 1 if broken else 0


def _block(scenario: Scenario, seeds: range, has_past: bool) -> dict[str, list[Outcome]]:
    """The outcomes of each judge on these seeds."""
    gains, past = gathered([scenario.world(seed) for seed in seeds], scenario, has_past=has_past)
    found = {}
    for judge, r0 in JUDGES.items():
        if not is_worth_it(scenario.name, judge):
            continue
        terms = Terms(Setup(r0=r0), warm_up_s=scenario.warm_up_s)
        ends = batch.play(gains, terms, past)
        found[judge] = [Outcome(each.abort_s, each.promote_s, each.null.value) for each in ends]
    return found


def _write(path: Path, outcomes: dict[str, list[Outcome]]) -> None:
    rows = {judge: [[each.abort_s, each.promote_s, each.null] for each in kept] for judge, kept in outcomes.items()}
    part = path.with_suffix(".part")
    part.write_text(json.dumps(rows), encoding="utf-8")
    part.replace(path)  # whole or not at all: a run may be stopped at any moment


def streamed(scenario: Scenario, world: World, terms: Terms, *, has_past: bool) -> Outcome:
    """The judge itself: a line of JSON a look."""
    stream = Stream(terms)
    promote_s, null = None, ""
    for line, at_s in lines(scenario, world, has_past=has_past):
        finding = json.loads(stream.line(line))
        null = finding["null"]
        if finding["verdict"] == "abort":
            return Outcome(at_s, promote_s, null)
        if finding["verdict"] == "promote" and promote_s is None:
            promote_s = at_s
    return Outcome(None, promote_s, null)


def lines(scenario: Scenario, world: World, *, has_past: bool) -> Iterator[tuple[str, float]]:
    """(line, seconds) of every look that was answered."""
    for look in range(0 if has_past else BEFORE, LOOKS):
        if not world.answered[look]:
            continue
        said: dict[str, object] = {"t": float(MOMENTS[look])}
        for name, side in (("canary", world.canary), ("stable", ~world.canary)):
            pods = {}
            for pod in np.flatnonzero(side & world.seen[look]):
                rows = np.stack([world.total[look, pod], world.bad[look, pod]], axis=1)
                routes = {str(number): row for number, row in enumerate(rows.tolist())}
                pods[f"p{pod}"] = routes if scenario.has_strata else rows.sum(axis=0).tolist()
            said[name] = pods
        yield json.dumps(said), float(MOMENTS[look])


def _check(chosen: Sequence[Scenario], count: int, *, has_past: bool) -> int:
    different = 0
    for scenario in chosen:
        for judge, outcomes in _block(scenario, range(count), has_past).items():
            terms = Terms(Setup(r0=JUDGES[judge]), warm_up_s=scenario.warm_up_s)
            odd = [seed for seed, outcome in enumerate(outcomes)
                   if outcome != streamed(scenario, scenario.world(seed), terms, has_past=has_past)]  # fmt: skip
            different += len(odd)
            print(f"{scenario.name}, {judge}: {count - len(odd)} of {count} alike", *odd[:10], flush=True)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
