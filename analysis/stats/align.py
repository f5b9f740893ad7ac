"""Cumulative counters of two sides -> reset-aware, disjoint increments, one Look at a time.

Nothing is extrapolated and no window overlaps another: what a failed scrape hid arrives with the next one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

PODS_MAX = 5000
COUNT_MAX = 1e15  # beyond this a float no longer tells one request from the next
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
    """How the unknown is read. first: pods of the first look of all; later: pods that appear after it.

    warm_up_s: what a pod counts in its first seconds is no evidence, on either side."""

    first: Birth = Birth.BASELINE
    later: Birth = Birth.ZERO
    gap: Gap = Gap.LATE
    together: bool = True  # a side that is missing entirely holds the other back, so that both span the same time
    warm_up_s: float = 0.0


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


Row = tuple[str, float, float, float, float | None]  # pod, total, bad, when read, when born (None: before our time)


@dataclass(frozen=True, slots=True)
class Cursor:
    """What was last read, by side. missing: a side without a reading; waiting: the newest readings of the other.

    JSON by `logs.dump`, about 50 bytes a pod."""

    at_s: float | None = None
    canary: tuple[Row, ...] = ()
    stable: tuple[Row, ...] = ()
    began: bool = False
    missing: str = ""
    waiting: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Aligned:
    """What one snapshot added, by pod, and what was odd about it in words.

    absent: sides that were known and gave no reading; warming: pods whose first seconds were left out."""

    at_s: float
    canary: Mapping[str, Counts]
    stable: Mapping[str, Counts]
    oddities: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    warming: int = 0

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
    canary, odd_c = _readings(snapshot.canary)
    stable, odd_s = _readings(snapshot.stable)
    absent = tuple(
        side
        for side, known, read in (("canary", cursor.canary, canary), ("stable", cursor.stable, stable))
        if known and not read
    )
    oddities = (*odd_c, *odd_s, *(f"no reading of {side}" for side in absent))
    if policy.together and absent:
        held = replace(cursor, at_s=snapshot.at_s)
        if len(absent) == 1 and (canary or stable):
            before = cursor.waiting if cursor.missing == absent[0] else ()
            held = replace(held, missing=absent[0], waiting=_rows(canary or stable, before, snapshot.at_s))
        return held, Aligned(snapshot.at_s, {}, {}, oddities, absent)
    base_c, base_s = _bases(cursor, canary, stable)
    birth = policy.later if cursor.began else policy.first
    span = _Span(cursor.at_s, snapshot.at_s, policy, birth, snapshot.at_s if birth is Birth.ZERO else None)
    moved_c = _advance(_with(base_c, canary, base_s), canary, replace(span, born_s=snapshot.at_s))  # always young
    moved_s = _advance(_with(base_s, stable, base_c), stable, span)
    began = cursor.began or bool(moved_c.rows or moved_s.rows)
    return Cursor(snapshot.at_s, moved_c.rows, moved_s.rows, began), Aligned(
        snapshot.at_s, moved_c.gained, moved_s.gained, (*oddities, *moved_c.odd, *moved_s.odd), absent,
        moved_c.warming + moved_s.warming,
    )  # fmt: skip


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
        if 0 <= requests <= COUNT_MAX and 0 <= bad <= COUNT_MAX:
            good[pod] = (float(requests), float(bad))
        else:
            odd.append(f"{pod}: no number ({requests}, {bad})")
    return good, odd


def _rows(readings: Mapping[str, Reading], before: tuple[Row, ...], at_s: float) -> tuple[Row, ...]:
    """The newest reading of every pod of a side, those of an earlier look included."""
    rows = {row[0]: row for row in before}
    rows |= {pod: (pod, *reading, at_s, None) for pod, reading in readings.items()}
    return tuple(rows[pod] for pod in sorted(rows))


def _with(own: tuple[Row, ...], readings: Mapping[str, Reading], other: tuple[Row, ...]) -> tuple[Row, ...]:
    """One side's rows, and those of pods that came over from the other side: a promotion is no birth."""
    names = {row[0] for row in own}
    came = tuple(row for row in other if row[0] in readings and row[0] not in names)
    return (*own, *came)


def _bases(
    cursor: Cursor, canary: Mapping[str, Reading], stable: Mapping[str, Reading]
) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """From where both sides are counted: their last readings, or, where one side came back with new pods alone, the
    other side's newest, so that what it counted in their absence is held against nobody."""
    if not cursor.missing:
        return cursor.canary, cursor.stable
    is_canary = cursor.missing == "canary"
    back, known, other = (canary, cursor.canary, cursor.stable) if is_canary else (stable, cursor.stable, cursor.canary)
    last = {row[0]: row for row in known}
    if any(pod in last and read[0] >= last[pod][1] and read[1] >= last[pod][2] for pod, read in back.items()):
        return cursor.canary, cursor.stable
    born = {row[0]: row[4] for row in other}
    newest = tuple((*row[:4], born.get(row[0])) for row in cursor.waiting)
    return (cursor.canary, newest) if is_canary else (newest, cursor.stable)


@dataclass(frozen=True, slots=True)
class _Moved:
    rows: tuple[Row, ...]
    gained: dict[str, Counts]
    odd: list[str]
    warming: int


@dataclass(frozen=True, slots=True)
class _Span:
    """What one side's advance needs beside its readings. born_s: of a pod first seen now."""

    since_s: float | None
    at_s: float
    policy: Policy
    birth: Birth
    born_s: float | None


def _advance(known: tuple[Row, ...], readings: Mapping[str, Reading], span: _Span) -> _Moved:
    """One side's new rows, its increments, and its oddities."""
    before = {row[0]: row for row in known}
    gained: dict[str, Counts] = {}
    odd: list[str] = []
    kept: list[Row] = []
    warming = 0
    since_s = span.at_s if span.since_s is None else span.since_s
    for pod, (requests, bad) in readings.items():
        row = before.pop(pod, None)
        _, last_requests, last_bad, read_s, born_s = row or (pod, 0.0, 0.0, since_s, span.born_s)
        kept.append((pod, requests, bad, span.at_s, born_s))
        if row is None and span.birth is Birth.BASELINE:
            continue
        if read_s < since_s and span.policy.gap is Gap.DROP:
            odd.append(f"{pod}: what it counted since {read_s:g} s is dropped")
            continue
        # One process holds both counters: where either fell, both began at zero again.
        if requests < last_requests or bad < last_bad:
            last_requests, last_bad = 0.0, 0.0
            odd.append(f"{pod}: counter began anew")
        if span.policy.warm_up_s > 0 and born_s is not None and read_s < born_s + span.policy.warm_up_s:
            warming += 1
            continue
        more, worse = requests - last_requests, bad - last_bad
        if worse > more:
            odd.append(f"{pod}: {worse:g} bad of {more:g}, cut")
        gained[pod] = Counts(more, min(worse, more))
    # The pods missed longest leave first, so that churn cannot make the cursor grow for ever.
    kept += sorted(before.values(), key=lambda row: (-row[3], row[0]))
    return _Moved(tuple(sorted(kept[:PODS_MAX], key=lambda row: row[0])), gained, odd, warming)
