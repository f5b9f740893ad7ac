"""What both sides counted between two looks, by pod and stratum, out of the raw samples of one window."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.compare.samples import Series, newest_s, spacing_s
from analysis.stats.align import Aligned, Counts
from analysis.stats.null import Table

STALE_S_MIN = 60.0
_OLD_TIMES = 20  # a pod first seen with so many times what the others counted meanwhile was not born since


@dataclass(frozen=True, slots=True)
class Part:
    """One series of a side: whose it is, and whether it counts requests, bad ones, or both."""

    series: Series
    pod: str
    stratum: str
    is_bad: bool
    is_total: bool


@dataclass(frozen=True, slots=True)
class Requests:
    """The series of requests of one side, and all their parts. first_s: when each pod was first seen in the window."""

    series: tuple[Series, ...]
    parts: tuple[Part, ...]
    first_s: Mapping[str, float]


def requests(
    series: Sequence[Series],
    bad: Callable[[Mapping[str, str]], bool],
    separate: Sequence[Series],
    labels: tuple[str, str],
) -> Requests:
    """One side. bad: which series are bad ones too; separate: bad ones in counters of their own.

    labels: those that tell pods and strata apart ("": no strata)."""
    pod, stratum = labels

    def part(one: Series, is_bad: bool, is_total: bool) -> Part:
        at = one.labels.get(stratum, "") if stratum else ""
        return Part(one, one.labels.get(pod, ""), at, is_bad, is_total)

    parts = [part(one, bad(one.labels), True) for one in series] + [part(one, True, False) for one in separate]
    return Requests(tuple(series), tuple(parts), _first_seen(parts))


@dataclass(frozen=True, slots=True)
class Window:
    """One look's data. since_s: end of the look before; until_s: of this one; opens_s: where the samples begin."""

    opens_s: float
    since_s: float
    until_s: float
    warm_up_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Increments:
    """What a look brought. is_held: a side has nothing new yet, so the look before goes on."""

    gained: Aligned
    strata: Mapping[str, tuple[Counts, Counts]]
    is_held: bool = False


Key = tuple[str, str]  # pod, stratum


def between(canary: Requests, stable: Requests, window: Window) -> Increments:
    """The increments of both sides in (since_s, until_s].

    Both sides span the same time: while one has no new sample, neither counts; where the canary's pods are all new,
    stable counts from their birth."""
    both = ("canary", canary), ("stable", stable)
    if not all(_has_news(side, window) for _, side in both):
        stale = tuple(name for name, side in both if _is_stale(side, window))
        odd = tuple(f"no sample of {name} since {window.since_s:.0f}" for name in stale)
        return Increments(Aligned(window.until_s, {}, {}, odd, stale), {}, is_held=True)
    born_s = min(series.times[0] for series in canary.series)
    since_s = window.since_s
    if born_s > since_s:
        since_s = max(since_s, born_s - spacing_s(canary.series))
    odd_notes: list[str] = []
    sides = []
    for side, from_s in ((canary, window.since_s), (stable, since_s)):
        sides.append(_side(side, from_s, window, odd_notes))
    (counts_c, warming_c), (counts_s, warming_s) = sides
    gained = Aligned(
        window.until_s, _by_pod(counts_c), _by_pod(counts_s), tuple(odd_notes), (), warming_c + warming_s
    )  # fmt: skip
    if not any(stratum for counts in (counts_c, counts_s) for _, stratum in counts):
        return Increments(gained, {})
    strata: dict[str, list[Counts]] = {}
    for index, counts in enumerate((counts_c, counts_s)):
        for (_, stratum), more in counts.items():
            strata.setdefault(stratum, [Counts(), Counts()])[index] += more
    return Increments(gained, {name: (both[0], both[1]) for name, both in sorted(strata.items())})


def looks(side: Requests, window: Window, every_s: float) -> Table:
    """The side's increments by pod in equal spans of (since_s, until_s]: what its pods are like."""
    count = max(1, int((window.until_s - window.since_s) / every_s))
    moments = [window.until_s - every_s * number for number in range(count, -1, -1)]
    first = side.first_s
    columns = {pod: index for index, pod in enumerate(sorted(first))}
    places: dict[int, list[int]] = {}  # by the times' identity: series of one scrape share them
    levels: list[list[float]] = []
    owners: list[int] = []  # a row a pod: first requests, then bad ones
    for part in side.parts:
        series, pod = part.series, part.pod
        # A new label set of a pod that was watched already began at zero; of a pod's own beginning nothing is known.
        times = series.times
        if id(times) not in places:
            places[id(times)] = [bisect_right(times, moment) for moment in moments]
        counted = series.levels(places[id(times)], from_zero=times[0] > first[pod])
        for is_counted, place in ((part.is_total, columns[pod]), (part.is_bad, columns[pod] + len(columns))):
            if is_counted:
                levels.append(counted)
                owners.append(place)
    found = np.zeros((2 * len(columns), count))
    if levels:
        rows = np.array(levels)
        np.add.at(found, owners, rows[:, 1:] - rows[:, :-1])
    requests, bad = found[: len(columns)], found[len(columns) :]
    return Table(requests.T, np.minimum(bad, requests).T)


def _first_seen(parts: Sequence[Part]) -> dict[str, float]:
    first: dict[str, float] = {}
    for part in parts:
        pod, at = part.pod, part.series.times[0]
        if pod not in first or at < first[pod]:
            first[pod] = at
    return first


def _side(
    side: Requests, since_s: float, window: Window, odd: list[str]
) -> tuple[dict[Key, Counts], int]:  # fmt: skip
    """(increments by pod and stratum, pods that are warming up)."""
    first = side.first_s
    settled_s = window.opens_s + STALE_S_MIN  # a pod first seen later was born in the window
    warm = {pod: at + window.warm_up_s if at > settled_s else -math.inf for pod, at in first.items()}
    warming = {pod for pod, at in warm.items() if window.warm_up_s > 0 and at > since_s}
    old = _old_pods(side, since_s, window.until_s, first)
    odd += [f"{pod}: first seen with a large count, taken as a base" for pod in sorted(old)]
    total: dict[Key, float] = defaultdict(float)
    bad: dict[Key, float] = defaultdict(float)
    for part in side.parts:
        pod, key = part.pod, (part.pod, part.stratum)
        from_s = max(since_s, warm[pod]) if pod in warming else since_s
        if from_s >= window.until_s:
            continue
        gained = part.series.gained(from_s, window.until_s, from_zero=pod not in old)
        total[key] += gained if part.is_total else 0.0
        bad[key] += gained if part.is_bad else 0.0
    # One restart seen by two counters at different scrapes may show more bad requests than requests for a moment.
    return {key: Counts(count, min(bad[key], count)) for key, count in total.items()}, len(warming)


def _old_pods(side: Requests, since_s: float, until_s: float, first: Mapping[str, float]) -> set[str]:
    """Pods that were not seen before, yet come with a count that no new pod can have: their scrapes had failed."""
    if max(first.values(), default=since_s) <= since_s:
        return set()
    begins: dict[str, float] = defaultdict(float)
    gains: dict[str, float] = defaultdict(float)
    for part in side.parts:
        series, pod = part.series, part.pod
        if not part.is_total:
            continue
        if first[pod] > since_s:
            begins[pod] += series.values[0] if series.times[0] == first[pod] else 0.0
        gains[pod] += series.gained(since_s, until_s, from_zero=False)
    usual = max(gains.values(), default=0.0)
    return {pod for pod, count in begins.items() if len(gains) > 1 and count > _OLD_TIMES * max(usual, 100.0)}


def _by_pod(counts: Mapping[Key, Counts]) -> dict[str, Counts]:
    found: dict[str, Counts] = {}
    for (pod, _), more in counts.items():
        found[pod] = found[pod] + more if pod in found else more
    return found


def _has_news(side: Requests, window: Window) -> bool:
    return any(
        bisect_right(series.times, window.until_s) > bisect_right(series.times, window.since_s)
        for series in side.series
    )  # fmt: skip


def _is_stale(side: Requests, window: Window) -> bool:
    newest = newest_s([series for series in side.series if series.times[0] <= window.until_s])
    return newest is None or window.until_s - newest > max(STALE_S_MIN, 4 * spacing_s(side.series))
