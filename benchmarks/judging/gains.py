"""From worlds to what each look added, as the judge on standard input reads it: many replicates in one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.compare.errors import silent
from analysis.compare.stream import STRATUM, by_stratum
from analysis.stats.align import Aligned, Counts, Cursor, Policy, Reading, Snapshot, align
from analysis.stats.logs import Floats
from analysis.stats.null import is_burst_among
from benchmarks.judging.batch import Gains
from benchmarks.judging.worlds import BEFORE, DURING, EVERY_S, LOOKS, MOMENTS, Scenario, World

Past = tuple[Floats, Floats]


@dataclass(frozen=True)
class Replicate:
    """One replicate's rows of `Gains`, and the stable pods' history: nothing but 0 without one."""

    gains: Gains
    past: Past


def snapshots(world: World, *, has_strata: bool) -> list[Snapshot]:
    """The counters that are read at each look."""
    names = [
        [(f"p{pod}{STRATUM}{stratum}", pod, stratum) for stratum in range(world.total.shape[2])]
        if has_strata else [(f"p{pod}", pod, 0)] for pod in range(world.canary.size)
    ]  # fmt: skip
    sums = [counts if has_strata else counts.sum(axis=2, keepdims=True) for counts in (world.total, world.bad)]
    total, bad, is_canary = sums[0].tolist(), sums[1].tolist(), world.canary.tolist()
    found = []
    for look, seen in enumerate(world.seen.tolist()):
        sides: tuple[dict[str, Reading], dict[str, Reading]] = ({}, {})
        for pod, is_seen in enumerate(seen):
            if is_seen:
                sides[0 if is_canary[pod] else 1].update(
                    {name: (total[look][at][s], bad[look][at][s]) for name, at, s in names[pod]}
                )
        found.append(Snapshot(float(MOMENTS[look]), *sides))
    return found


def gathered(worlds: Sequence[World], scenario: Scenario, *, has_past: bool) -> tuple[Gains, Past]:
    """What the looks of these replicates added, and the history; without one the canary begins at the second look."""
    first = 0 if has_past else BEFORE
    found = [
        _plain(world, scenario, first) if _is_plain(world, scenario) else _aligned(world, scenario, first)
        for world in worlds
    ]
    each = [one.gains for one in found]
    names = (
        "seen", "absent", "canary", "canary_bad", "stable", "stable_bad", "pods", "pods_bad", "read", "apart", "burst",
        "every_s",
    )  # fmt: skip
    joined = {name: np.concatenate([getattr(one, name) for one in each]) for name in names}
    past = np.array([one.past for one in found])
    return Gains(each[0].at_s, **joined), (past[:, 0], past[:, 1])


def _is_plain(world: World, scenario: Scenario) -> bool:
    """Whether nothing is missing and nothing begins anew, so that differences are what was gained."""
    alive = np.maximum.accumulate(world.seen, axis=0)
    rising = (np.diff(world.total, axis=0) >= 0).all() and (np.diff(world.bad, axis=0) >= 0).all()
    return bool(not scenario.warm_up_s and world.answered.all() and (world.seen == alive).all() and rising)


def _plain(world: World, scenario: Scenario, first: int) -> Replicate:
    total, bad = (np.diff(counts, axis=0) for counts in (world.total, world.bad))
    if not scenario.has_strata:
        total, bad = total.sum(axis=2, keepdims=True), bad.sum(axis=2, keepdims=True)
    stable = ~world.canary
    pods, pods_bad = total[:, stable].sum(axis=2), bad[:, stable].sum(axis=2)
    now = slice(BEFORE, None)
    ones = np.ones((1, DURING), dtype=bool)
    canaries = np.minimum.accumulate(world.seen[BEFORE + 1 :, world.canary].sum(axis=1))
    canary, canary_bad, served, served_bad = (
        counts[now, side].sum(axis=1)[None] for side in (world.canary, stable) for counts in (total, bad)
    )
    own = zip(*(counts[now, world.canary].sum(axis=2).tolist() for counts in (total, bad)), strict=True)
    burst = [is_burst_among([Counts(*pod) for pod in zip(*look, strict=True) if pod[0]]) for look in own]
    gains = Gains(
        MOMENTS[BEFORE + 1 :].tolist(), ones, ~ones, canary, canary_bad, served, served_bad,
        pods[None, now], pods_bad[None, now], ones, np.sqrt(1 / canaries + 1 / stable.sum())[None],
        np.array([burst]), np.full((1, DURING), EVERY_S),
    )  # fmt: skip
    past = np.zeros((2, LOOKS, int(stable.sum())))
    past[:, : BEFORE - first] = pods[first:BEFORE], pods_bad[first:BEFORE]
    return Replicate(gains, (past[0], past[1]))


def _aligned(world: World, scenario: Scenario, first: int) -> Replicate:
    """Look by look, from the first on, through the judge's own reading of counters."""
    rows = _Rows(world, scenario.has_strata)
    cursor, policy = Cursor(), Policy(warm_up_s=scenario.warm_up_s)
    answered = np.flatnonzero(world.answered[first:]) + first
    for look, snapshot in enumerate(snapshots(world, has_strata=scenario.has_strata)):
        if look >= first and world.answered[look]:
            cursor, added = align(cursor, snapshot, policy)
            if rows.looks == 0 and not cursor.canary:
                rows.history(added)
            else:
                every_s = (MOMENTS[look] - MOMENTS[answered[0]]) / max(1, int((answered < look).sum()))
                rows.take(look - BEFORE - 1, added, float(every_s))
    return rows.replicate()


class _Rows:
    """The rows of one replicate as they fill."""

    def __init__(self, world: World, has_strata: bool) -> None:
        self.stable = {f"p{pod}": place for place, pod in enumerate(np.flatnonzero(~world.canary))}
        self.strata = world.total.shape[2] if has_strata else 1
        self.flags = np.zeros((3, DURING), dtype=bool)  # seen, absent, read
        self.sides = np.zeros((2, 2, DURING, self.strata))  # canary and stable, requests and bad
        self.pods = np.zeros((2, DURING, len(self.stable)))
        self.apart, self.every_s = np.zeros(DURING), np.zeros(DURING)
        self.burst = np.zeros((1, DURING), dtype=bool)
        self.fewest = (0, 0)
        self.past: list[Floats] = []
        self.looks = 0

    def history(self, added: Aligned) -> None:
        """A look before the canary."""
        if added.stable:
            self.past.append(self._by_pod(added))

    def take(self, look: int, added: Aligned, every_s: float) -> None:
        """A look with the canary, and the seconds from look to look so far."""
        self.every_s[look] = every_s
        whole, strata = by_stratum(added)
        whole = silent(whole) if self.looks else whole
        self.looks += 1
        self.flags[:, look] = True, bool(whole.absent), bool(added.stable)
        self.pods[:, look] = self._by_pod(whole)
        self.burst[0, look] = is_burst_among(tuple(whole.canary.values()))
        both = strata or {"0": (_sum(whole.canary.values()), _sum(whole.stable.values()))}
        for stratum, sides in both.items():
            for side, counts in enumerate(sides):
                self.sides[side, :, look, int(stratum)] = counts.total, counts.bad
        if any(canary.total > 0 and stable.total > 0 for canary, stable in both.values()):
            here = max(1, len(whole.canary)), max(1, len(whole.stable))
            before = self.fewest if self.fewest[0] else here
            self.fewest = min(before[0], here[0]), min(before[1], here[1])
        self.apart[look] = math.sqrt(sum(1 / max(1, pods) for pods in self.fewest))

    def replicate(self) -> Replicate:
        """What was filled."""
        (canary, canary_bad), (stable, stable_bad) = self.sides
        seen, absent, read = self.flags[:, None]
        gains = Gains(
            MOMENTS[BEFORE + 1 :].tolist(), seen, absent, canary[None], canary_bad[None], stable[None],
            stable_bad[None], self.pods[:1], self.pods[1:], read, self.apart[None],
            self.burst, self.every_s[None],
        )  # fmt: skip
        past = np.zeros((2, LOOKS, len(self.stable)))  # longer than before the canary: its first scrapes may fail
        for place, look in enumerate(self.past):
            past[:, place] = look
        return Replicate(gains, (past[0], past[1]))

    def _by_pod(self, added: Aligned) -> Floats:
        found = np.zeros((2, len(self.stable)))
        for name, counts in added.stable.items():
            place = self.stable[name.partition(STRATUM)[0]]
            found[:, place] += counts.total, counts.bad
        return found


def _sum(counts: Iterable[Counts]) -> Counts:
    return sum(counts, Counts())
