"""Looks at latency, gauges, the split of requests and the error budget: like `looking`, with a memory of their own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.compare import store
from analysis.compare.matchers import all_hold
from analysis.compare.samples import Series, newest_s, spacing_s
from analysis.compare.spec import GUARDS, Comparison, Kind
from analysis.compare.terms import Finding, Side
from analysis.errors import AnalysisError
from analysis.stats import burn, gauge, histogram, ratio
from analysis.stats.decision import MetricEvidence, Verdict, decide
from analysis.stats.histogram import Buckets
from analysis.stats.logs import decided, exp_capped

VERSION = 1
_STALE_S = 60.0


@dataclass(frozen=True, slots=True)
class Kept:
    """What outlives a look; of the states, those of its kind.  canary, stable: (requests, bad) so far."""

    version: int
    kind: Kind
    at_s: float
    began_s: float
    absent_looks: int = 0
    aborted: str = ""
    canary: tuple[float, float] = (0.0, 0.0)
    stable: tuple[float, float] = (0.0, 0.0)
    slowness: histogram.SlownessState | None = None
    gauge: gauge.GaugeState | None = None
    ratio: ratio.RatioState | None = None
    burns: tuple[burn.BurnState, ...] = ()
    told: str = ""


def read_kept(memory: str, kind: Kind) -> tuple[Kept | None, str]:
    """What was kept, and why it cannot be used where it cannot."""
    if not memory:
        return None, ""
    try:
        kept = store.loads(Kept, memory)
    except ValueError as error:
        return None, f"what was remembered cannot be read ({error}), so the comparison begins anew"
    return (kept, "") if kept.kind is kind else (None, "the metric was of another kind, so the comparison begins anew")


def look(asked: Comparison, found: Sequence[Sequence[Series]], memory: str, at_s: float) -> tuple[str, Finding]:
    """The memory after a look at these series, and the finding."""
    kept, odd = read_kept(memory, asked.kind)
    now_s = float(math.floor(at_s - asked.lag_s))
    newest = max((moment for moment in map(newest_s, found) if moment is not None), default=now_s)
    until_s = min(now_s, newest)
    if kept is None:
        kept = _begun(asked, found, until_s)
        if asked.kind is not Kind.GAUGE:  # a gauge has no level to begin from
            return _said(asked, kept, until_s, odd or "what is counted from now on is compared")
    absent = _absent(asked, found, now_s)
    if absent:
        kept = replace(kept, absent_looks=kept.absent_looks + 1)
        return _said(asked, kept, now_s, f"no sample of {' and '.join(absent)}")
    kept = replace(kept, absent_looks=0)
    if not _has_news(asked, found, kept.at_s, until_s):
        return _said(asked, kept, now_s, "nothing new since the look before")
    try:
        moved, told = _STEPS[asked.kind](asked, found, kept, until_s)
    except ValueError as error:
        return _said(asked, kept, now_s, str(error))
    return _said(asked, replace(moved, at_s=until_s, told=told), now_s, odd)


def _begun(asked: Comparison, found: Sequence[Sequence[Series]], at_s: float) -> Kept:
    numbers, kept = asked.numbers, Kept(VERSION, asked.kind, at_s, at_s)
    if asked.kind is Kind.LATENCY:
        return replace(kept, slowness=_slowness(asked, found, at_s))
    if asked.kind is Kind.GAUGE:
        bound = numbers["bound"]
        state = gauge.start(
            numbers["low"], numbers["high"], tolerance=numbers["tolerated"], margin=numbers["margin"],
            bound=None if math.isnan(bound) else bound,
        )  # fmt: skip
        return replace(kept, gauge=state, at_s=at_s - max(30.0, 2 * spacing_s(found[0])))
    if asked.kind is Kind.RATIO:
        return replace(kept, ratio=ratio.start(numbers["tolerated"]))
    return replace(kept, burns=tuple(burn.start(numbers["slo"], window) for window in burn.PAGES))


def _slowness(
    asked: Comparison, found: Sequence[Sequence[Series]], at_s: float
) -> histogram.SlownessState | None:  # fmt: skip
    """The state for the bounds that stable has; None until it has some."""
    stable = found[1]
    bounds = sorted(_bounds(stable))
    if not bounds:
        return None
    gate = asked.numbers["gate"]
    gates = tuple(bound for bound in bounds if bound >= gate)[:1]
    if math.isnan(gate):
        gates = histogram.gates_of(_buckets(stable, at_s - asked.history_s, at_s, bounds, born_counts=False))
    return histogram.start(
        bounds, gates, r0=max(1.0, asked.numbers["tolerated"]), worse_than=asked.terms.setup.worse_than
    )  # fmt: skip


def _latency(
    asked: Comparison, found: Sequence[Sequence[Series]], kept: Kept, until_s: float
) -> tuple[Kept, str]:  # fmt: skip
    state = kept.slowness or _slowness(asked, found, kept.at_s)
    if state is None:
        raise ValueError("stable has no buckets: want series with the label le")
    sides = [_buckets(side, kept.at_s, until_s, sorted(_bounds(side)), born_counts=True) for side in found[:2]]
    after = histogram.update(state, until_s, sides[0], sides[1])
    p95 = [histogram.quantile(side, 0.95) for side in sides]
    told = f"95 % within {p95[0]:.3g} (canary) and {p95[1]:.3g} (stable)" if sides[0].requests > 0 else "no requests"
    return replace(kept, slowness=after, canary=(after.requests[0], 0.0), stable=(after.requests[1], 0.0)), told


def _gauge(
    asked: Comparison, found: Sequence[Sequence[Series]], kept: Kept, until_s: float
) -> tuple[Kept, str]:  # fmt: skip
    assert kept.gauge is not None
    means = [_mean(side, kept.at_s, until_s) for side in found[:2]]
    stable = means[1] if len(means) > 1 else None
    after = gauge.update(kept.gauge, until_s, means[0] if means[0] is not None else math.nan, stable)
    excess = gauge.excess(after)
    return replace(kept, gauge=after), "no reading yet" if excess is None else f"mean excess {excess:.3g}"


def _ratio(
    asked: Comparison, found: Sequence[Sequence[Series]], kept: Kept, until_s: float
) -> tuple[Kept, str]:  # fmt: skip
    assert kept.ratio is not None
    counts = [_gained(side, kept.at_s, until_s) for side in found[:2]]
    after = ratio.update(kept.ratio, until_s, asked.numbers["weight"] / 100, (counts[0], counts[1]))
    canary, stable = kept.canary[0] + counts[0], kept.stable[0] + counts[1]
    share = 100 * canary / (canary + stable) if canary + stable > 0 else 0.0
    told = f"the canary got {share:.3g} % of requests, {asked.numbers['weight']:g} % were meant"
    return replace(kept, ratio=after, canary=(canary, 0.0), stable=(stable, 0.0)), told


def _burn(
    asked: Comparison, found: Sequence[Sequence[Series]], kept: Kept, until_s: float
) -> tuple[Kept, str]:  # fmt: skip
    def is_bad(labels: Mapping[str, str]) -> bool:
        return bool(asked.bad) and all_hold(asked.bad, labels)

    total = _gained(found[0], kept.at_s, until_s)
    worse = found[-1] if not asked.bad else [series for series in found[0] if is_bad(series.labels)]
    bad = min(total, _gained(worse, kept.at_s, until_s))
    after = tuple(burn.update(state, until_s, total, bad) for state in kept.burns)
    rates = [burn.burn(state) for state in after]
    told = "; ".join(f"{state.long_s / 3600:g} h burns at {rate.long:.3g} times the budget"
                     for state, rate in zip(after, rates, strict=True) if math.isfinite(rate.long))  # fmt: skip
    canary = (kept.canary[0] + total, kept.canary[1] + bad)
    return replace(kept, burns=after, canary=canary), told or "no requests"


_STEPS = {Kind.LATENCY: _latency, Kind.GAUGE: _gauge, Kind.RATIO: _ratio, Kind.BURN: _burn}


def _said(asked: Comparison, kept: Kept, at_s: float, odd: str) -> tuple[str, Finding]:
    """The memory's text and the finding; an abort is latched."""
    metric = _evidence(kept)
    decision = decide([metric], asked.terms.rules, max(0.0, at_s - kept.began_s))
    if decision.verdict is Verdict.ABORT and not kept.aborted:
        kept = replace(kept, aborted=f"aborted at {at_s:g} s: {decision.why}")
    why = "; ".join(part for part in (kept.aborted or decision.why, kept.told, odd) if part)
    finding = Finding(
        at_s, Verdict.ABORT if kept.aborted else decision.verdict, metric.bad, metric.ok, None, 0.0, None,
        "any", why, Side(*kept.canary), Side(*kept.stable),
    )  # fmt: skip
    return store.dumps(kept), finding


def _evidence(kept: Kept) -> MetricEvidence:
    told = MetricEvidence(
        kept.kind.value, gating=kept.kind not in GUARDS, requests=kept.canary[0], absent_looks=kept.absent_looks
    )
    if kept.slowness is not None:
        bad, ok = histogram.log_slower(kept.slowness), histogram.log_ok(kept.slowness)
        return replace(told, bad=_e(bad), ok=_e(ok), gating=bool(kept.slowness.gates))
    if kept.gauge is not None:
        return replace(told, bad=_e(gauge.log_above(kept.gauge)), ok=_e(gauge.log_ok(kept.gauge)))
    if kept.ratio is not None:
        return replace(told, bad=_e(ratio.log_e(kept.ratio)))
    fired = [rate for rate in map(burn.burn, kept.burns) if rate.fires]
    stopped = f"the error budget burns at {fired[0].long:.3g} times its rate" if fired else None
    return replace(told, stopped=stopped)


def _e(log_value: float) -> float:
    return decided(exp_capped(log_value))


def _absent(asked: Comparison, found: Sequence[Sequence[Series]], now_s: float) -> list[str]:
    names = []
    for name, side in zip(_sides(asked), found, strict=False):
        newest = newest_s(side)
        if newest is None or now_s - newest > max(_STALE_S, 4 * spacing_s(side)):
            names.append(name)
    return names


def _has_news(asked: Comparison, found: Sequence[Sequence[Series]], since_s: float, until_s: float) -> bool:
    """Whether every side has a sample in (since_s, until_s]: both span the same time."""
    return all(
        any(since_s < at <= until_s for each in side for at in each.times)
        for _, side in zip(_sides(asked), found, strict=False)
    )


def _sides(asked: Comparison) -> tuple[str, ...]:
    one = asked.kind is Kind.BURN or (asked.kind is Kind.GAUGE and not math.isnan(asked.numbers["bound"]))
    return ("canary",) if one else ("canary", "stable")


def _gained(side: Sequence[Series], since_s: float, until_s: float, *, born_counts: bool = True) -> float:
    return math.fsum(series.gained(since_s, until_s, from_zero=born_counts) for series in side)


def _mean(side: Sequence[Series], since_s: float, until_s: float) -> float | None:
    """The mean over series of their means in (since_s, until_s]; None without a sample."""
    means = []
    for series in side:
        inside = [value for at, value in zip(series.times, series.values, strict=True) if since_s < at <= until_s]
        if inside:
            means.append(math.fsum(inside) / len(inside))
    return math.fsum(means) / len(means) if means else None


def _bound(series: Series) -> float:
    try:
        return float(series.labels.get("le", "nan"))
    except ValueError:
        return math.nan


def _bounds(side: Sequence[Series]) -> set[float]:
    return {bound for bound in map(_bound, side) if math.isfinite(bound)}


def _buckets(
    side: Sequence[Series], since_s: float, until_s: float, bounds: Sequence[float], *, born_counts: bool
) -> Buckets:  # fmt: skip
    """One side's increments by bound, +Inf as its requests."""
    by_bound: dict[float, list[Series]] = {}
    for series in side:
        by_bound.setdefault(_bound(series), []).append(series)
    if math.inf not in by_bound:
        raise AnalysisError('want the raw buckets of a histogram, le="+Inf" among them')
    counts = [_gained(by_bound[bound], since_s, until_s, born_counts=born_counts) for bound in bounds]
    requests = _gained(by_bound[math.inf], since_s, until_s, born_counts=born_counts)
    # Buckets of one histogram are scraped together; where they disagree, the larger bound is right.
    rising = np.minimum(np.maximum.accumulate(np.asarray(counts)), requests) if counts else np.array([])
    return Buckets(tuple(bounds), tuple(rising.tolist()), requests)
