"""One look of a comparing metric: the window to ask for, and from its samples to a finding and a new memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from analysis.compare import errors, others, ranks, store
from analysis.compare.increments import Requests, Window, between, looks, requests
from analysis.compare.matchers import all_hold
from analysis.compare.samples import Series, newest_s, read, spacing_s
from analysis.compare.spec import Comparison, Kind
from analysis.compare.terms import Finding
from analysis.stats.align import Aligned
from analysis.stats.null import History, choose

LOOK_S_MIN = 10.0
WINDOW_SLACK_S = 30.0
VERSION = 1

samples: Callable[[Any], tuple[Series, ...]] = read


@dataclass(frozen=True, slots=True)
class ErrorsKept:
    """What a comparison of errors keeps. at_s: until when samples were counted."""

    version: int
    at_s: float
    memory: errors.Memory


def window_s(asked: Comparison, memory: str, now_s: float) -> float:
    """How far back the next look must read, seconds before now."""
    since_s = _since_s(asked, memory)
    if since_s is None:
        return asked.history_s + asked.lag_s + WINDOW_SLACK_S
    return max(0.0, now_s - since_s) + asked.lookback_s


def _since_s(asked: Comparison, memory: str) -> float | None:
    """Until when samples were counted; None before the first look."""
    if asked.kind is not Kind.ERRORS:
        other = others.read_kept(memory, asked.kind)[0]
        return other.at_s if other else None
    if asked.method == "kayenta":
        points = ranks.read_points(memory)[0]
        return points.at_s if points else None
    kept = _kept(memory)[0]
    return kept.at_s if kept else None


def look(asked: Comparison, found: Sequence[Sequence[Series]], memory: str, at_s: float) -> tuple[str, Finding]:
    """The memory after a look at these series, and the finding.

    found: series by selector.  at_s: the moment of asking; what was sampled in its last lag_s waits for the next."""
    if asked.kind is Kind.ERRORS:
        return _errors(asked, found, memory, at_s)
    return others.look(asked, found, memory, at_s)


def _errors(asked: Comparison, found: Sequence[Sequence[Series]], memory: str, at_s: float) -> tuple[str, Finding]:
    sides = _requests(asked, found)
    now_s = math.floor(at_s - asked.lag_s)
    newest = max((moment for moment in map(newest_s, found) if moment is not None), default=now_s)
    until_s = float(min(now_s, newest))
    if asked.method == "kayenta":
        return ranks.look(asked, sides, memory, until_s)
    kept, odd = _kept(memory)
    if kept is None:
        return _first(asked, sides[1], until_s, odd)
    if until_s <= kept.at_s:
        gained = Aligned(float(now_s), {}, {}, ("nothing new since the look before",), _stale(found, now_s))
        return _concluded(asked, kept, gained)
    opens_s = kept.at_s - asked.lookback_s
    window = Window(opens_s, kept.at_s, until_s, asked.terms.warm_up_s)
    more = between(*sides, window)
    if more.is_held:
        return _concluded(asked, kept, replace(more.gained, absent=_stale(found, now_s)))
    pods = _pods(kept.memory, sides[1], replace(window, since_s=max(opens_s, kept.memory.began_s or opens_s)))
    kept_memory, finding = errors.judge(kept.memory, more.gained, asked.terms, pods, more.strata)
    return store.dumps(ErrorsKept(VERSION, until_s, kept_memory)), finding


def _first(asked: Comparison, stable: Requests, until_s: float, odd: tuple[str, ...]) -> tuple[str, Finding]:
    """The first look: the null is chosen from what the stable pods showed, and the counters' levels are the base."""
    window = Window(until_s - asked.history_s, until_s - asked.history_s, until_s)
    every_s = max(LOOK_S_MIN, spacing_s(stable.series))
    pods: History = looks(stable, window, every_s) if stable.series else ()
    choice = choose(errors.Pods(pods, every_s).all().looks, every_s)
    memory = replace(errors.begin(asked.terms), choice=choice, began_s=until_s)
    finding = errors.history(memory, Aligned(until_s, {}, {}, odd), 0)
    told = replace(finding, why=f"what both sides count from now on is compared; {choice.why}" + _and(odd))
    return store.dumps(ErrorsKept(VERSION, until_s, memory)), told


def _pods(memory: errors.Memory, stable: Requests, window: Window) -> errors.Pods:
    """The stable pods' looks of the rollout that the null is held against now: all at times, else the newest."""
    every_s = max(LOOK_S_MIN, spacing_s(stable.series))
    if errors.is_thorough_at(memory.counts.looks):
        return errors.Pods(looks(stable, window, every_s), every_s).all()
    window = replace(window, since_s=max(window.since_s, window.until_s - errors.RECENT_LOOKS * every_s))
    return errors.Pods(looks(stable, window, every_s), every_s).newest()


def _concluded(asked: Comparison, kept: ErrorsKept, gained: Aligned) -> tuple[str, Finding]:
    """The finding of a look that brought nothing: silence counts as absence only once it has lasted."""
    absent = kept.memory.absent_looks + 1 if gained.absent else 0
    memory, finding = errors.conclude(replace(kept.memory, absent_looks=absent), asked.terms, gained)
    return store.dumps(ErrorsKept(VERSION, kept.at_s, memory)), finding


@lru_cache(maxsize=256)  # the question and its answer read the same text
def _kept(memory: str) -> tuple[ErrorsKept | None, tuple[str, ...]]:
    if not memory:
        return None, ()
    try:
        kept = store.loads(ErrorsKept, memory)
    except ValueError as error:
        return None, (f"what was remembered cannot be read ({error}), so the comparison begins anew",)
    return kept, ()


def _requests(asked: Comparison, found: Sequence[Sequence[Series]]) -> tuple[Requests, Requests]:
    def is_bad(labels: Mapping[str, str]) -> bool:
        return bool(asked.bad) and all_hold(asked.bad, labels)

    canary, stable, *separate = found
    bad_c, bad_s = separate or ((), ())
    labels = asked.pod_label, asked.stratum_label
    return requests(canary, is_bad, bad_c, labels), requests(stable, is_bad, bad_s, labels)


def _stale(found: Sequence[Sequence[Series]], now_s: float) -> tuple[str, ...]:
    """The sides that have given no sample for a minute and more."""
    names = []
    for name, series in zip(("canary", "stable"), found, strict=False):
        newest = newest_s(series)
        if newest is None or now_s - newest > max(60.0, 4 * spacing_s(series)):
            names.append(name)
    return tuple(names)


def _and(odd: Sequence[str]) -> str:
    return f"; {'; '.join(odd)}" if odd else ""
