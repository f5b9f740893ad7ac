"""From outcomes to the figures of the scoreboard, and from figures to its table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.stats.power import Traffic, floor_s
from benchmarks.judging.judges import Outcome
from benchmarks.judging.worlds import DURING, EVERY_S, Scenario

END_S = DURING * EVERY_S
BASE, WEIGHT, RPS = 0.01, 0.1, 200.0


@dataclass(frozen=True)
class Figures:
    """One judge on one scenario. aborted, promoted: shares, with the 95 % interval of the first; abort_s, promote_s:
    medians over all replicates, None beyond the horizon; mean_s: of the delay, cut off at the end."""

    scenario: str
    judge: str
    replicates: int
    aborted: float
    low: float
    high: float
    abort_s: float | None
    mean_s: float
    promoted: float
    promote_s: float | None
    nulls: str


def figures(scenario: Scenario, judge: str, outcomes: Sequence[Outcome]) -> Figures:
    """The figures of all replicates."""
    onset_s = scenario.onset * EVERY_S
    aborts = [each.abort_s for each in outcomes]
    late = [END_S - onset_s if at is None else max(0.0, at - onset_s) for at in aborts]
    low, high = wilson(sum(at is not None for at in aborts), len(aborts))
    names = [each.null for each in outcomes if each.null]
    nulls = ", ".join(f"{100 * names.count(name) / len(names):.0f} % {name}" for name in sorted(set(names)))
    return Figures(
        scenario.name, judge, len(outcomes), float(np.mean([at is not None for at in aborts])), low, high,
        _median([None if at is None else at - onset_s for at in aborts]), float(np.mean(late)),
        float(np.mean([each.promote_s is not None for each in outcomes])),
        _median([each.promote_s for each in outcomes]), nulls,
    )  # fmt: skip


def wilson(hits: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share.  Source: Wilson (1927)."""
    if of == 0:
        return 0.0, 1.0
    share, spread = hits / of, z * z / of
    middle = (share + spread / 2) / (1 + spread)
    reach = z / (1 + spread) * math.sqrt(share * (1 - share) / of + spread / (4 * of))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def table(found: Sequence[Figures], scenarios: Sequence[Scenario]) -> Iterator[str]:
    """The scoreboard as Markdown, a row a scenario and judge."""
    yield "| scenario | judge | replicates | aborted (95 %) | abort median s | promoted | promote median s | null |"
    yield "|---|---|---|---|---|---|---|---|"
    stories = {scenario.name: scenario.story for scenario in scenarios}
    for each in found:
        share = f"{100 * each.aborted:.2f} % ({100 * each.low:.2f} to {100 * each.high:.2f})"
        yield (
            f"| {each.scenario} {stories[each.scenario]} | {each.judge} | {each.replicates} | {share} | "
            f"{_seconds(each.abort_s)} | {100 * each.promoted:.1f} % | {_seconds(each.promote_s)} | {each.nulls} |"
        )


def side_by_side(found: Sequence[Figures], scenarios: Sequence[Scenario]) -> Iterator[str]:
    """A row a scenario, a column a judge: the share aborted, and the median time until then."""
    judges = list(dict.fromkeys(each.judge for each in found))
    cells = {(each.scenario, each.judge): each for each in found}
    yield "| aborted / median s | " + " | ".join(judges) + " |"
    yield "|---" * (len(judges) + 1) + "|"
    for scenario in scenarios:
        row = []
        for judge in judges:
            each = cells.get((scenario.name, judge))
            row.append("" if each is None else f"{100 * each.aborted:.3g} % / {_seconds(each.abort_s)}")
        yield f"| {scenario.name} {scenario.story} | {' | '.join(row)} |"


def misses(found: Sequence[Figures], scenarios: Sequence[Scenario]) -> Iterator[str]:
    """What of the promises is not kept, in words; a bar is missed where even the interval's low end is over it."""
    bars = {scenario.name: scenario.bar for scenario in scenarios}
    ours = {(each.scenario, each.judge): each for each in found if each.judge.startswith("ours")}
    for (name, judge), each in ours.items():
        bar = bars[name]
        if bar is not None and each.low > bar:
            yield f"{name}, {judge}: {100 * each.aborted:.2f} % false aborts, at most {100 * bar:g} % promised"
    for name, judge, limit_s in (
        ("R1-2", "ours", 120.0), ("R1-2", "ours r0=1", 100.0), ("R1-5", "ours", 20.0), ("R1-20", "ours", 10.0),
    ):  # fmt: skip
        each_found = ours.get((name, judge))
        if each_found and not (each_found.abort_s is not None and each_found.abort_s <= limit_s):
            yield f"{name}, {judge}: median {_seconds(each_found.abort_s)} s, {limit_s:g} s promised"
    if (healthy := ours.get(("N1", "ours"))) and not (healthy.promote_s is not None and healthy.promote_s <= 170):
        yield f"N1, ours: certified at a median of {_seconds(healthy.promote_s)} s, 170 s promised"
    if (wrong := ours.get(("R1-1.5", "ours"))) and wilson(round(wrong.promoted * wrong.replicates), wrong.replicates)[
        0
    ] > 0.05:
        yield f"R1-1.5, ours: wrongly certified {100 * wrong.promoted:.1f} %, 5 % promised"
    for name, relative in (("R1-2", 2.0), ("R1-3", 3.0), ("R1-5", 5.0), ("R1-20", 20.0)):
        if (delayed := ours.get((name, "ours"))) and delay_ratio(delayed, relative) > 1.8:
            yield f"{name}, ours: {delay_ratio(delayed, relative):.2f} times the floor and half a look, 1.8 promised"


def delay_ratio(each: Figures, relative: float) -> float:
    """The mean delay over what no rule beats on average: the information floor and half a look."""
    return each.mean_s / (floor_s(Traffic(RPS, WEIGHT, BASE), relative) + EVERY_S / 2)


def _median(values: Sequence[float | None]) -> float | None:
    found = float(np.median([math.inf if value is None else value for value in values])) if values else math.inf
    return found if math.isfinite(found) else None


def _seconds(value: float | None) -> str:
    return "—" if value is None else f"{value:g}"
