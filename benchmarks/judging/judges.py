"""The judges: ours through the very code that a run executes, and the others by their published rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.compare import looking
from analysis.compare.samples import Series, series_of
from analysis.compare.spec import Comparison, read_comparison
from analysis.stats.decision import Verdict
from analysis.stats.rank import Label, kayenta
from benchmarks.judging.worlds import BEFORE, LOOKS, MOMENTS, SCENARIOS, Floats, Scenario, World


@dataclass(frozen=True)
class Outcome:
    """When a judge aborted and when it first promoted, seconds after the canary's start; None: never. null: of ours."""

    abort_s: float | None
    promote_s: float | None
    null: str = ""


Judge = Callable[[World, Scenario], Outcome]


def ours(tolerated: float) -> Judge:
    """The comparing metric: samples in, memory as text from look to look."""

    def judge(world: World, scenario: Scenario) -> Outcome:
        spec = {
            "canary": "c", "stable": "s", "bad": 'code="500"', "lag": "0s", "tolerated": tolerated,
            "warmUp": f"{scenario.warm_up_s:g}s" if scenario.warm_up_s else "",
            "stratumLabel": "route" if scenario.has_strata else "",
        }  # fmt: skip
        return _looked(world, read_comparison(spec))

    return judge


def _looked(world: World, asked: Comparison) -> Outcome:
    sides = [_scraped(world, is_canary=is_canary) for is_canary in (True, False)]
    memory, promote_s, null = "", None, ""
    for look in range(BEFORE, LOOKS):
        at_s = float(MOMENTS[look])
        if not world.answered[look]:
            continue
        since_s = at_s - looking.window_s(asked, memory, at_s)
        found = [_window(side, since_s, at_s) for side in sides]
        memory, finding = looking.look(asked, found, memory, at_s)
        null = finding.null
        if finding.verdict is Verdict.ABORT:
            return Outcome(at_s, promote_s, null)
        if finding.verdict is Verdict.PROMOTE and promote_s is None:
            promote_s = at_s  # the step is over; in the background the watch goes on
    return Outcome(None, promote_s, null)


def _scraped(world: World, *, is_canary: bool) -> list[Series]:
    """One side's series; each begins with its first count."""
    found: list[Series] = []
    for pod in np.flatnonzero(world.canary if is_canary else ~world.canary):
        for stratum in range(world.total.shape[2]):
            bad = world.bad[:, pod, stratum]
            for code, counts in (("200", world.total[:, pod, stratum] - bad), ("500", bad)):
                kept = world.seen[:, pod] & ((counts > 0) | (code == "200") | (np.maximum.accumulate(counts) > 0))
                if kept.any():
                    labels = {"pod": f"p{pod}", "code": code, "route": str(stratum)}
                    pairs = zip(MOMENTS[kept].tolist(), counts[kept].tolist(), strict=True)
                    found.append(series_of(labels, list(pairs)))
    return found


def _window(side: Sequence[Series], since_s: float, until_s: float) -> list[Series]:
    return [kept for series in side if (kept := series.within(since_s, until_s))]


def threshold(least: float, limit: int, window_s: float = 60.0) -> Judge:
    """A success-rate template as they are written: failed measurements of a sliding rate are counted, NaN fails."""

    def judge(world: World, scenario: Scenario) -> Outcome:
        rate = _rate(*world.gained(True), round(window_s / 10))
        failed = ~(1 - rate >= least)
        return _counted(failed, limit)

    return judge


def ratio(times: float, limit: int) -> Judge:
    """A hand-made comparison: the canary's rate over so many times stable's."""

    def judge(world: World, scenario: Scenario) -> Outcome:
        canary, stable = (_rate(*world.gained(is_canary), 6) for is_canary in (True, False))
        return _counted(~(canary <= times * stable), limit)

    return judge


def flagger(least: float, checks: int) -> Judge:
    """Failed checks are counted and never forgotten; no values are a failed check."""
    return threshold(least, checks - 1)


def peeked(world: World, scenario: Scenario) -> Outcome:
    """A z test of two proportions at 1 %, looked at every time: what not to do."""
    (n_c, k_c), (n_s, k_s) = (
        tuple(np.nancumsum(each[BEFORE:]) for each in world.gained(side)) for side in (True, False)
    )
    with np.errstate(all="ignore"):
        pooled = (k_c + k_s) / (n_c + n_s)
        z = (k_c / n_c - k_s / n_s) / np.sqrt(pooled * (1 - pooled) * (1 / n_c + 1 / n_s))
    failed = np.concatenate([np.zeros(BEFORE, dtype=bool), z > 2.326])
    return _counted(failed, 0)


def kayenta_each(every: int) -> Judge:
    """Mann-Whitney on a point each 10 s of a growing window, judged every so many looks."""

    def judge(world: World, scenario: Scenario) -> Outcome:
        sides = [world.gained(is_canary) for is_canary in (True, False)]
        with np.errstate(all="ignore"):
            canary, stable = (bad / total for total, bad in sides)
        for look in range(BEFORE + every, LOOKS, every):
            points = (canary[BEFORE + 1 : look + 1].tolist(), stable[BEFORE + 1 : look + 1].tolist())
            if kayenta(*points).label is Label.HIGH:
                return Outcome(float(MOMENTS[look]), None)
        return Outcome(None, float(MOMENTS[-1]))

    return judge


def _rate(total: Floats, bad: Floats, window: int) -> Floats:
    """The bad fraction over the last looks, nan without requests; before the canary's first look nothing."""
    total, bad = np.nan_to_num(total), np.nan_to_num(bad)
    total[: BEFORE + 1], bad[: BEFORE + 1] = 0, 0
    sums = [np.convolve(counts, np.ones(window))[: counts.size] for counts in (total, bad)]
    with np.errstate(all="ignore"):
        return np.asarray(sums[1] / sums[0])


def _counted(failed: Sequence[bool] | Floats, limit: int) -> Outcome:
    """The moment at which more than `limit` looks have failed, else promotion at the end."""
    counts = np.cumsum(np.asarray(failed)[BEFORE + 1 :])
    over = np.flatnonzero(counts > limit)
    if over.size:
        return Outcome(float(MOMENTS[BEFORE + 1 + over[0]]), None)
    return Outcome(None, float(MOMENTS[-1]))


JUDGES: dict[str, Judge] = {
    "ours": ours(1.05),
    "ours r0=1": ours(1.0),
    "success >= 0.99, limit 0": threshold(0.99, 0),
    "success >= 0.98, limit 3": threshold(0.98, 3),
    "success >= 0.95, limit 3": threshold(0.95, 3),
    "success >= 0.98 [5m], limit 3": threshold(0.98, 3, 300.0),
    "ratio > 1.5, limit 3": ratio(1.5, 3),
    "Flagger >= 0.98, threshold 5": flagger(0.98, 5),
    "z test, peeked": peeked,
    "Kayenta each 60 s": kayenta_each(6),
    "Kayenta each 10 s": kayenta_each(1),
}


def is_worth_it(scenario: str, judge: str) -> bool:
    """Whether a judge plays a scenario: ours with r0 = 1 is there for its speed, and for its false aborts on N1."""
    return judge != "ours r0=1" or scenario == "N1" or SCENARIOS[scenario].truth == "worse"
