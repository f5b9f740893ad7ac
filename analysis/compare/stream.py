"""Looks as lines of JSON in, findings as lines of JSON out: one line a look, whatever the line holds.

A look is `{"t": seconds, "canary": {pod: [total, bad]}, "stable": {…}}`, counters cumulative. The finding is a function
of the set of looks: a doubled look is ignored, one that comes late is put in its place and what follows is judged anew.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from analysis.compare import errors
from analysis.compare.errors import Memory
from analysis.compare.terms import HISTORY_LOOKS_MAX, Finding, Terms
from analysis.stats.align import Aligned, Counts, Cursor, Policy, Snapshot, align
from analysis.stats.decision import Verdict
from analysis.stats.logs import decided

LINE_BYTES_MAX = 4 * 1024 * 1024
LATE_LOOKS_MAX = 256  # a look that comes later than so many others is ignored
STRATUM = "\x1f"  # between a pod's name and a stratum's, in the counters of one stratum


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stream stands after a look: everything that the next look needs.

    before: stable looks before the canary; since: those with it; spent_s: seconds from the first look to the last, in
    so many spans."""

    memory: Memory
    cursor: Cursor = field(default_factory=Cursor)
    before: tuple[Mapping[str, Counts], ...] = ()
    since: tuple[Mapping[str, Counts], ...] = ()
    spent_s: float = 0.0
    spans: int = 0

    @property
    def every_s(self) -> float:
        """Seconds from look to look."""
        return self.spent_s / max(1, self.spans)


class Stream:
    """Looks in any order in, a finding each."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._policy = Policy(warm_up_s=terms.warm_up_s)
        self._place = Place(errors.begin(terms))
        self._past: list[tuple[Snapshot, Place]] = []  # each look with the place before it
        self._aborted = ""
        self._last: Finding | None = None

    def line(self, text: bytes | str) -> str:
        """What one line of input came to, as one line of output; never raises."""
        if len(text) > LINE_BYTES_MAX:
            return self._repeated(None, f"the line is longer than {LINE_BYTES_MAX} bytes")
        if not text.strip():
            return self._repeated(None, "the line is empty")
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            return self._repeated(None, f"not JSON: {str(error)[:100]}")
        if not isinstance(found, Mapping):
            return self._repeated(None, "not an object with t, canary and stable")
        at_s = number(found.get("t"))
        if at_s is None:
            return self._repeated(None, "t is not a number of seconds")
        snapshot, oddities = read(found, at_s)
        return written(self.look(snapshot, oddities))

    def look(self, snapshot: Snapshot, oddities: tuple[str, ...] = ()) -> Finding:
        """The finding after one more look, wherever in time it belongs."""
        moments = [past.at_s for past, _ in self._past]
        place = bisect_left(moments, snapshot.at_s)
        if place < len(moments) and moments[place] == snapshot.at_s:
            return self._told(snapshot.at_s, f"a look at {snapshot.at_s:g} s was judged already, ignored")
        if place == len(moments):
            return self._added(snapshot, oddities)
        if place == 0 and len(moments) >= LATE_LOOKS_MAX:
            return self._told(snapshot.at_s, f"the look at {snapshot.at_s:g} s comes too late, ignored")
        later = [past for past, _ in self._past[place:]]
        self._place = self._past[place][1]
        del self._past[place:]
        self._added(snapshot, oddities)
        for each in later:
            self._added(each, ())
        return self._told(snapshot.at_s, f"the look at {snapshot.at_s:g} s came late, what followed was judged anew")

    def _added(self, snapshot: Snapshot, oddities: tuple[str, ...]) -> Finding:
        self._past.append((snapshot, self._place))
        del self._past[:-LATE_LOOKS_MAX]
        self._place, finding = judged(self._place, snapshot, self._terms, self._policy)
        if finding.verdict is Verdict.ABORT:
            self._aborted = self._aborted or self._place.memory.aborted
        elif self._aborted:
            finding = replace(finding, verdict=Verdict.ABORT, why=f"{self._aborted}; {finding.why}")
        self._last = finding
        return replace(finding, why="; ".join((finding.why, *oddities[:4]))) if oddities else finding

    def _told(self, at_s: float, why: str) -> Finding:
        """The present finding, repeated for a look that added nothing of its own."""
        if self._last is None:
            return replace(errors.history(self._place.memory, Aligned(at_s, {}, {}), 0), why=why)
        return replace(self._last, at_s=at_s, why=f"{why}; {self._last.why}")

    def _repeated(self, at_s: float | None, why: str) -> str:
        return written(self._told(math.nan, why), at_s=at_s)


def judged(place: Place, snapshot: Snapshot, terms: Terms, policy: Policy) -> tuple[Place, Finding]:
    """The place after one snapshot that is later than all before it, and the finding."""
    cursor, added = align(place.cursor, snapshot, policy)
    gained, strata = by_stratum(added)
    has_begun = place.memory.began_s is not None
    spent_s, spans = place.spent_s, place.spans
    if place.cursor.at_s is not None:
        spent_s, spans = spent_s + snapshot.at_s - place.cursor.at_s, spans + 1
    if not has_begun and not cursor.canary:
        if snapshot.canary:  # named, not read: the next reading of both sides counts from here
            return replace(place, cursor=place.cursor), errors.history(place.memory, gained, len(place.before))
        before = (*place.before, gained.stable)[-HISTORY_LOOKS_MAX:] if gained.stable else place.before
        place = replace(place, cursor=cursor, before=before, spent_s=spent_s, spans=spans)
        return place, errors.history(place.memory, gained, len(before))
    since = (*place.since, gained.stable)[-HISTORY_LOOKS_MAX:] if gained.stable else place.since
    pods = errors.Pods(since if has_begun else place.before, place.every_s)
    is_thorough = not has_begun or errors.is_thorough_at(place.memory.counts.looks)
    memory, finding = errors.judge(place.memory, gained, terms, pods.all() if is_thorough else pods.newest(), strata)
    return Place(memory, cursor, (), since, spent_s, spans), finding


def by_stratum(gained: Aligned) -> tuple[Aligned, dict[str, tuple[Counts, Counts]]]:
    """The increments by pod, and by stratum where the counters have one."""
    if not any(STRATUM in name for side in (gained.canary, gained.stable) for name in side):
        return gained, {}
    strata: dict[str, list[Counts]] = {}
    sides: list[dict[str, Counts]] = [{}, {}]
    for index, side in enumerate((gained.canary, gained.stable)):
        for name, counts in side.items():
            pod, _, stratum = name.partition(STRATUM)
            sides[index][pod] = sides[index].get(pod, Counts()) + counts
            both = strata.setdefault(stratum, [Counts(), Counts()])
            both[index] += counts
    whole = replace(gained, canary=sides[0], stable=sides[1])
    return whole, {name: (both[0], both[1]) for name, both in sorted(strata.items())}


def read(line: Mapping[str, Any], at_s: float) -> tuple[Snapshot, tuple[str, ...]]:
    """The snapshot of a line, and what in it is no counter, in words."""
    odd: list[str] = []
    canary, stable = (_side(line, side, odd) for side in ("canary", "stable"))
    if said := line.get("error"):
        odd.append(f"error: {str(said)[:200]}")
    return Snapshot(at_s, canary, stable), tuple(odd)


def _side(line: Mapping[str, Any], side: str, odd: list[str]) -> dict[str, tuple[float, float]]:
    pods = line.get(side)
    if not isinstance(pods, Mapping):
        odd.append(f"{side} is {'missing' if pods is None else 'not an object of pods'}")
        return {}
    found: dict[str, tuple[float, float]] = {}
    for pod, reading in pods.items():
        if isinstance(reading, Mapping):  # by stratum
            for stratum, inner in reading.items():
                found[f"{pod}{STRATUM}{stratum}"] = _reading(inner)
        else:
            found[str(pod)] = _reading(reading)
    return found


def _reading(value: Any) -> tuple[float, float]:
    """[total, bad] as numbers; whatever else is no reading (nan)."""
    if not isinstance(value, list) or len(value) != 2:
        return math.nan, math.nan
    numbers = [number(each) for each in value]
    return tuple(math.nan if each is None else each for each in numbers)  # type: ignore[return-value]  # two of them


def number(value: Any) -> float | None:
    """A finite number, or None; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def written(finding: Finding, at_s: float | None = None) -> str:
    """The finding as one line of JSON."""
    at = finding.at_s if math.isfinite(finding.at_s) else at_s
    return json.dumps(
        {
            "t": int(at) if at is not None and at == int(at) else at,
            "verdict": finding.verdict.value,
            "eBad": decided(finding.bad),
            "eOk": decided(finding.ok),
            "rr": finding.rr,
            "low": finding.low,
            "high": finding.high,
            "null": finding.null,
            "why": finding.why.replace(STRATUM, " "),
        },
        allow_nan=False,
    )
