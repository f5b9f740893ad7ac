"""What both sides counted between two looks, by pod and stratum, out of the raw samples of one window."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.compare.samples import Series, newest_s, spacing_s
from analysis.stats.align import Aligned, Counts
from analysis.stats.logs import Floats

STALE_S_MIN = 60.0
_OLD_TIMES = 20  # a pod first seen with so many times what the others counted meanwhile was not born since


@dataclass(frozen=True, slots=True)
class Requests:
    """The series of requests of one side. bad: which of them are bad; separate: bad ones in counters of their own."""

    series: tuple[Series, ...]
    bad: Callable[[Mapping[str, str]], bool]
    separate: tuple[Series, ...] | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """One look's data. since_s: end of the look before; until_s: of this one; opens_s: where the samples begin."""

    opens_s: float
    since_s: float
    until_s: float
    pod_label: str = "pod"
    stratum_label: str = ""
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
    silent = [name for name, side in (("canary", canary), ("stable", stable)) if not _has_news(side, window)]
    stale = tuple(name for name, side in (("canary", canary), ("stable", stable)) if _is_stale(side, window))
    if silent:
        odd = tuple(f"no sample of {name} since {window.since_s:.0f}" for name in stale)
        return Increments(Aligned(window.until_s, {}, {}, odd, stale), {}, is_held=True)
    born_s = min(float(series.times[0]) for series in canary.series)
    since_s = window.since_s
    if born_s > since_s:
        since_s = max(since_s, born_s - spacing_s(canary.series))
    odd_notes: list[str] = []
    sides = []
    for side, from_s in ((canary, window.since_s), (stable, since_s)):
        sides.append(_side(side, from_s, window, odd_notes))
    (counts_c, warming_c), (counts_s, warming_s) = sides
    strata: dict[str, list[Counts]] = {}
    for index, counts in enumerate((counts_c, counts_s)):
        for (_, stratum), more in counts.items():
            strata.setdefault(stratum, [Counts(), Counts()])[index] += more
    gained = Aligned(
        window.until_s, _by_pod(counts_c), _by_pod(counts_s), tuple(odd_notes), (), warming_c + warming_s
    )  # fmt: skip
    pairs = {name: (both[0], both[1]) for name, both in sorted(strata.items())} if window.stratum_label else {}
    return Increments(gained, pairs)


def looks(side: Requests, window: Window, every_s: float) -> list[dict[str, Counts]]:
    """The side's increments by pod in equal spans of (since_s, until_s]: what its pods are like."""
    count = max(1, int((window.until_s - window.since_s) / every_s))
    moments: Floats = window.until_s - every_s * np.arange(count, -1, -1, dtype=np.float64)
    first = _first_seen(side, window)
    totals: dict[str, Floats] = {}
    bads: dict[str, Floats] = {}
    for series, is_bad, is_total in _parts(side):
        pod = series.labels.get(window.pod_label, "")
        # A new label set of a pod that was watched already began at zero; of a pod's own beginning nothing is known.
        gained = series.gained(moments, from_zero=float(series.times[0]) > first[pod])
        for kept, counts in ((is_total, totals), (is_bad, bads)):
            if kept:
                counts[pod] = counts.get(pod, np.zeros(count)) + gained
    found = []
    for index in range(count):
        look = {}
        for pod, total in totals.items():
            if total[index] > 0:
                bad = float(bads[pod][index]) if pod in bads else 0.0
                look[pod] = Counts(float(total[index]), min(bad, float(total[index])))
        found.append(look)
    return found


def _parts(side: Requests) -> list[tuple[Series, bool, bool]]:
    """(series, whether it counts bad requests, whether it counts requests)."""
    if side.separate is None:
        return [(series, side.bad(series.labels), True) for series in side.series]
    return [(series, False, True) for series in side.series] + [(series, True, False) for series in side.separate]


def _first_seen(side: Requests, window: Window) -> dict[str, float]:
    """When each pod was first seen in the window."""
    first: dict[str, float] = {}
    for series, _, _ in _parts(side):
        pod = series.labels.get(window.pod_label, "")
        first[pod] = min(first.get(pod, np.inf), float(series.times[0]))
    return first


def _side(
    side: Requests, since_s: float, window: Window, odd: list[str]
) -> tuple[dict[Key, Counts], int]:  # fmt: skip
    """(increments by pod and stratum, pods that are warming up)."""
    first = _first_seen(side, window)
    settled_s = window.opens_s + STALE_S_MIN  # a pod first seen later was born in the window
    warm = {pod: at + window.warm_up_s if at > settled_s else -np.inf for pod, at in first.items()}
    warming = {pod for pod, at in warm.items() if window.warm_up_s > 0 and at > since_s}
    old = _old_pods(side, since_s, window, first)
    odd += [f"{pod}: first seen with a large count, taken as a base" for pod in sorted(old)]
    total: dict[Key, float] = defaultdict(float)
    bad: dict[Key, float] = defaultdict(float)
    for series, is_bad, is_total in _parts(side):
        pod = series.labels.get(window.pod_label, "")
        key = (pod, series.labels.get(window.stratum_label, "") if window.stratum_label else "")
        moments = np.array([max(since_s, warm[pod] if pod in warming else since_s), window.until_s])
        if moments[0] >= moments[1]:
            continue
        gained = float(series.gained(moments, from_zero=pod not in old)[0])
        total[key] += gained if is_total else 0.0
        bad[key] += gained if is_bad else 0.0
    # One restart seen by two counters at different scrapes may show more bad requests than requests for a moment.
    return {key: Counts(count, min(bad[key], count)) for key, count in total.items()}, len(warming)


def _old_pods(side: Requests, since_s: float, window: Window, first: Mapping[str, float]) -> set[str]:
    """Pods that were not seen before, yet come with a count that no new pod can have: their scrapes had failed."""
    begins: dict[str, float] = defaultdict(float)
    gains: dict[str, float] = defaultdict(float)
    moments = np.array([since_s, window.until_s])
    for series, _, is_total in _parts(side):
        pod = series.labels.get(window.pod_label, "")
        if not is_total:
            continue
        if first[pod] > since_s:
            begins[pod] += float(series.values[0]) if series.times[0] == first[pod] else 0.0
        gains[pod] += float(series.gained(moments, from_zero=False)[0])
    usual = max(gains.values(), default=0.0)
    return {pod for pod, count in begins.items() if len(gains) > 1 and count > _OLD_TIMES * max(usual, 100.0)}


def _by_pod(counts: Mapping[Key, Counts]) -> dict[str, Counts]:
    found: dict[str, Counts] = {}
    for (pod, _), more in counts.items():
        found[pod] = found.get(pod, Counts()) + more
    return found


def _has_news(side: Requests, window: Window) -> bool:
    return any(_any_in(series, window.since_s, window.until_s) for series in side.series)


def _any_in(series: Series, since_s: float, until_s: float) -> bool:
    places = np.searchsorted(series.times, [since_s, until_s], side="right")
    return bool(places[1] > places[0])


def _is_stale(side: Requests, window: Window) -> bool:
    newest = newest_s([series for series in side.series if series.times[0] <= window.until_s])
    return newest is None or window.until_s - newest > max(STALE_S_MIN, 4 * spacing_s(side.series))


def stale(sides: Sequence[tuple[str, Requests]], window: Window) -> tuple[str, ...]:
    """The names of sides that have given no sample for a minute and more."""
    return tuple(name for name, side in sides if _is_stale(side, window))
