"""Kayenta's judge as a comparing metric: Mann-Whitney on one point a look, without a guarantee over looks.

For those who know its verdicts. Each look gives a point of both sides, the fraction of bad requests; at every look all
points so far are judged by `analysis.stats.rank`, exact to Kayenta's published constants. High aborts; anything else
promotes once there are points enough. What it misses is told in docs/decisions/0007-judgement.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from analysis.compare import store
from analysis.compare.increments import Requests, Window, between
from analysis.compare.spec import Comparison
from analysis.compare.terms import Finding, Side
from analysis.stats.align import total
from analysis.stats.decision import Verdict
from analysis.stats.logs import decided
from analysis.stats.rank import Label, kayenta

VERSION = 1
POINTS_MAX = 60  # the newest are kept: 2 kB
POINTS_LEAST = 8  # fewer cannot differ at 98 %, whatever they are
POINTS_ENOUGH = 50  # what Kayenta's own guide asks for, unless minTime says otherwise


@dataclass(frozen=True, slots=True)
class Points:
    """What outlives a look. canary, stable: bad fractions, newest last; counts: (requests, bad) so far."""

    version: int
    at_s: float
    began_s: float
    canary: tuple[float, ...] = ()
    stable: tuple[float, ...] = ()
    canary_counts: tuple[float, float] = (0.0, 0.0)
    stable_counts: tuple[float, float] = (0.0, 0.0)
    aborted: str = ""


def read_points(memory: str) -> tuple[Points | None, str]:
    """What was kept, and why it cannot be used where it cannot."""
    if not memory:
        return None, ""
    try:
        return store.loads(Points, memory), ""
    except ValueError as error:
        return None, f"what was remembered cannot be read ({error}), so the comparison begins anew"


def look(
    asked: Comparison, sides: tuple[Requests, Requests], memory: str, until_s: float
) -> tuple[str, Finding]:  # fmt: skip
    """The memory after a look at both sides' series, and the finding."""
    points, odd = read_points(memory)
    if points is None:
        points = Points(VERSION, until_s, until_s)
        return _said(asked, points, until_s, (odd,) if odd else ("what both sides count from now on is compared",))
    if until_s <= points.at_s:
        return _said(asked, points, until_s, ("nothing new since the look before",))
    window = Window(points.at_s - asked.lookback_s, points.at_s, until_s, asked.terms.warm_up_s)
    more = between(*sides, window)
    if more.is_held:
        return _said(asked, points, until_s, more.gained.oddities)
    canary, stable = total(more.gained.canary.values()), total(more.gained.stable.values())
    points = replace(
        points, at_s=until_s,
        canary_counts=(points.canary_counts[0] + canary.total, points.canary_counts[1] + canary.bad),
        stable_counts=(points.stable_counts[0] + stable.total, points.stable_counts[1] + stable.bad),
    )  # fmt: skip
    if canary.total > 0 and stable.total > 0:
        points = replace(
            points,
            canary=(*points.canary, decided(canary.bad / canary.total))[-POINTS_MAX:],
            stable=(*points.stable, decided(stable.bad / stable.total))[-POINTS_MAX:],
        )
    return _said(asked, points, until_s, more.gained.oddities)


def _said(asked: Comparison, points: Points, at_s: float, odd: Sequence[str]) -> tuple[str, Finding]:
    verdict, why = Verdict.INCONCLUSIVE, f"{len(points.canary)} points of each side"
    if len(points.canary) >= POINTS_LEAST:
        judgement = kayenta(points.canary, points.stable)
        elapsed_s, least_s = at_s - points.began_s, asked.terms.rules.step_s_min
        enough = elapsed_s >= least_s if least_s > 0 else len(points.canary) >= POINTS_ENOUGH
        why = f"Kayenta says {judgement.label.value} of {len(points.canary)} points: {judgement.why}"
        if judgement.label is Label.HIGH:
            verdict = Verdict.ABORT
        elif enough and judgement.label in (Label.PASS, Label.LOW):
            verdict = Verdict.PROMOTE
    if verdict is Verdict.ABORT and not points.aborted:
        points = replace(points, aborted=f"aborted at {at_s:g} s: {why}")
    if points.aborted:
        verdict, why = Verdict.ABORT, points.aborted
    finding = Finding(
        at_s, verdict, 1.0, 1.0, _risk(points), 0.0, None, "ranks", "; ".join((why, *odd[:4])),
        Side(*points.canary_counts), Side(*points.stable_counts),
    )  # fmt: skip
    return store.dumps(points), finding


def _risk(points: Points) -> float | None:
    (n_c, k_c), (n_s, k_s) = points.canary_counts, points.stable_counts
    found = (k_c / n_c) / (k_s / n_s) if n_c > 0 and n_s > 0 and k_s > 0 else math.nan
    return decided(found) if math.isfinite(found) else None
