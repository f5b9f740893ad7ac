"""Cumulative counters of two sides -> reset-aware, disjoint increments, one Look at a time.

Nothing is extrapolated and no window overlaps another: what a failed scrape hid arrives with the next one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

PODS_MAX = 512
Reading = tuple[float, float]  # total, bad: both cumulative


class Birth(Enum):
    """What a counter held before it was first seen."""

    ZERO = "zero"  # the pod is new: everything it counts happened since the look before
    BASELINE = "baseline"  # unknown: the first reading is only remembered


class Gap(Enum):
    """What becomes of increments that a missing reading held back."""

    LATE = "late"  # credited to the look at which the pod is read again
    DROP = "drop"  # forgotten: the reading after a gap is a baseline


@dataclass(frozen=True, slots=True)
class Policy:
    """How the unknown is read. first: pods of the first look of all; later: pods that appear after it."""

    first: Birth = Birth.BASELINE
    later: Birth = Birth.ZERO
    gap: Gap = Gap.LATE
    together: bool = True  # a side that is missing entirely holds the other back, so that both span the same time


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests and bad ones in a span of time."""

    total: float = 0.0
    bad: float = 0.0

    def __post_init__(self) -> None:
        assert math.isfinite(self.total) and 0 <= self.bad <= self.total, (self.total, self.bad)

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.total + other.total, self.bad + other.bad)


@dataclass(frozen=True, slots=True)
class Look:
    """Disjoint increments of both sides. at_s: end of the span; pods: how many stand behind; mark: the step."""

    at_s: float
    canary: Counts
    stable: Counts
    canary_pods: int = 1
    stable_pods: int = 1
    mark: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Cumulative (total, bad) by pod at `at_s`. An absent pod, NaN, infinity or a negative number is no reading."""

    at_s: float
    canary: Mapping[str, Reading]
    stable: Mapping[str, Reading]


@dataclass(frozen=True, slots=True)
class Cursor:
    """What was last read: (pod, total, bad, looks missed) by side. JSON by `logs.dump`, about 40 bytes a pod."""

    at_s: float | None = None
    canary: tuple[tuple[str, float, float, int], ...] = ()
    stable: tuple[tuple[str, float, float, int], ...] = ()
    began: bool = False


@dataclass(frozen=True, slots=True)
class Aligned:
    """What one snapshot added, by pod, and what was odd about it in words."""

    at_s: float
    canary: Mapping[str, Counts]
    stable: Mapping[str, Counts]
    oddities: tuple[str, ...] = ()

    def look(self, mark: int = 0) -> Look:
        """The increments summed over pods."""
        pods = max(1, len(self.canary)), max(1, len(self.stable))
        return Look(self.at_s, total(self.canary.values()), total(self.stable.values()), *pods, mark)


def total(counts: Iterable[Counts]) -> Counts:
    """The sum of counts."""
    return sum(counts, Counts())


def align(cursor: Cursor, snapshot: Snapshot, policy: Policy | None = None) -> tuple[Cursor, Aligned]:
    """The cursor moved to the snapshot, and the increments between; a late or doubled snapshot adds nothing."""
    policy = policy or Policy()
    if not math.isfinite(snapshot.at_s) or (cursor.at_s is not None and snapshot.at_s <= cursor.at_s):
        return cursor, Aligned(snapshot.at_s, {}, {}, (f"look at {snapshot.at_s:g} s is not after {cursor.at_s} s",))
    sides = {"canary": _readings(snapshot.canary), "stable": _readings(snapshot.stable)}
    absent = [side for side, known in (("canary", cursor.canary), ("stable", cursor.stable)) if known]
    absent = [side for side in absent if not sides[side][0]]
    oddities = [*sides["canary"][1], *sides["stable"][1], *(f"no reading of {side}" for side in absent)]
    if policy.together and absent:
        return Cursor(snapshot.at_s, cursor.canary, cursor.stable, cursor.began), Aligned(
            snapshot.at_s, {}, {}, tuple(oddities)
        )
    birth = policy.later if cursor.began else policy.first
    canary, gained_c, odd_c = _advance(cursor.canary, sides["canary"][0], birth, policy.gap)
    stable, gained_s, odd_s = _advance(cursor.stable, sides["stable"][0], birth, policy.gap)
    began = cursor.began or bool(canary or stable)
    return Cursor(snapshot.at_s, canary, stable, began), Aligned(
        snapshot.at_s, gained_c, gained_s, (*oddities, *odd_c, *odd_s)
    )


def increase(
    samples: Sequence[tuple[float, float]], since_s: float, until_s: float, birth: Birth = Birth.BASELINE
) -> float:
    """What one counter gained in (since_s, until_s], from its raw samples (seconds, value) in any order.

    The last sample at or before since_s is the base; without one, `birth` says. A fall is a restart from zero.
    Returns: >= 0, whole if the samples are; NaN samples are skipped."""
    clean = sorted({at: value for at, value in samples if math.isfinite(value) and value >= 0}.items())
    gained, last = 0.0, None
    for at, value in clean:
        if at > until_s:
            break
        if at > since_s:
            base = last if last is not None else (0.0 if birth is Birth.ZERO else value)
            gained += value - base if value >= base else value
        last = value
    return gained


def _readings(side: Mapping[str, Reading]) -> tuple[dict[str, Reading], list[str]]:
    if len(side) > PODS_MAX:
        return {}, [f"{len(side)} pods, at most {PODS_MAX} are read"]
    good: dict[str, Reading] = {}
    odd: list[str] = []
    for pod in sorted(side):
        requests, bad = side[pod]
        if math.isfinite(requests) and math.isfinite(bad) and requests >= 0 and bad >= 0:
            good[pod] = (float(requests), float(bad))
        else:
            odd.append(f"{pod}: no number ({requests}, {bad})")
    return good, odd


def _advance(
    known: tuple[tuple[str, float, float, int], ...], readings: Mapping[str, Reading], birth: Birth, gap: Gap
) -> tuple[tuple[tuple[str, float, float, int], ...], dict[str, Counts], list[str]]:
    """One side's new cursor, its increments, and its oddities."""
    before = {pod: (requests, bad, missed) for pod, requests, bad, missed in known}
    gained: dict[str, Counts] = {}
    odd: list[str] = []
    kept: list[tuple[str, float, float, int]] = []
    for pod, (requests, bad) in sorted(readings.items()):
        kept.append((pod, requests, bad, 0))
        last_requests, last_bad, missed = before.get(pod, (0.0, 0.0, 0))
        if pod not in before and birth is Birth.BASELINE:
            continue
        if missed and gap is Gap.DROP:
            odd.append(f"{pod}: what {missed} missed looks held is dropped")
            continue
        # One process holds both counters: where either fell, both began at zero again.
        if requests < last_requests or bad < last_bad:
            last_requests, last_bad = 0.0, 0.0
            odd.append(f"{pod}: counter began anew")
        more, worse = requests - last_requests, bad - last_bad
        if worse > more:
            odd.append(f"{pod}: {worse:g} bad of {more:g}, cut")
        gained[pod] = Counts(more, min(worse, more))
    for pod, (requests, bad, missed) in before.items():
        if pod not in readings:
            kept.append((pod, requests, bad, missed + 1))
    # The pods missed longest leave first, so that churn cannot make the cursor grow for ever.
    kept.sort(key=lambda row: (row[3], row[0]))
    return tuple(sorted(kept[:PODS_MAX])), gained, odd
