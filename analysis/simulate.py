"""What a canary plan will see before it is trusted: false aborts, what is detected and when, what users pay for it.

Rollouts are played on drawn requests, thousands at once, by the e-processes of the judge itself; beside each figure
stands the information floor, which no valid rule beats. No cluster, no clock, the same figures for the same seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from analysis.stats.fleet import Fleet, play
from analysis.stats.logs import Floats
from analysis.stats.null import DISPERSION_MAX, Null
from analysis.stats.power import Traffic, advise, certificate_s, floor_s, smallest_relative
from analysis.stats.sequential import Setup

LOOKS_PLAYED = 120_000  # of all rollouts of one question together: 2,000 rollouts of 60 looks
LOOKS_MAX = 360
RELATIVES = (1.5, 2.0, 5.0)
OUTAGE = 0.999


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a plan: the canary's share in (0, 1), held so many seconds."""

    weight: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated. rps, base_rate: of the service; dispersion: variance of bad requests within a look over that
    of independent ones; rollouts_a_month: for false aborts a month."""

    steps: tuple[Step, ...]
    rps: float
    base_rate: float
    every_s: float = 10.0
    alpha: float = 0.01
    beta: float = 0.05
    setup: Setup = field(default_factory=Setup)
    dispersion: float = 1.0
    rollouts_a_month: float = 20.0
    seed: int = 1

    def __post_init__(self) -> None:
        if not self.steps or not all(0 < step.weight < 1 and step.seconds > 0 for step in self.steps):
            raise ValueError("steps: want at least one, weights above 0 and under 100 %, seconds above 0")
        if not (self.rps > 0 and 0 < self.base_rate < 1 and self.every_s > 0 and self.dispersion >= 1):
            raise ValueError("want rps > 0, 0 < base rate < 1, every > 0 and dispersion >= 1")
        if not (0 < self.alpha < 1 and 0 < self.beta < 1):
            raise ValueError("alpha, beta: want between 0 and 1")
        if sum(step.seconds for step in self.steps) / self.every_s > LOOKS_MAX:
            raise ValueError(f"more than {LOOKS_MAX} looks: use a longer --every")


@dataclass(frozen=True, slots=True)
class Regression:
    """A canary `relative` times as bad. detected: share of rollouts aborted; seconds: median until then (None: more
    than half are not); bad: mean bad requests that it serves beyond a healthy one; the floors: what no rule beats on
    average."""

    name: str
    relative: float
    detected: float
    seconds: float | None
    bad: float
    floor_s: float
    floor_bad: float


@dataclass(frozen=True, slots=True)
class StepView:
    """What one step alone can see. smallest: the least relative risk it typically sees, None for not even an outage."""

    weight: float
    seconds: float
    canary_rps: float
    smallest: float | None
    advice: str


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of a plan. false_abort: of healthy rollouts; certified, certified_s: healthy ones promoted and their
    median time; wrongly_certified: of those exactly as bad as the certificate rules out."""

    null: str
    false_abort: float
    false_aborts_a_month: float
    certified: float
    certified_s: float | None
    certified_floor_s: float
    wrongly_certified: float
    regressions: tuple[Regression, ...]
    steps: tuple[StepView, ...]
    seconds: float
    rollouts: int

    def as_data(self) -> dict[str, Any]:
        """The report as JSON would have it."""
        return asdict(self)


def simulate(plan: Plan) -> Report:
    """The report of a plan, in a second or two."""
    null = Null.BURSTS if plan.dispersion > DISPERSION_MAX else Null.INDEPENDENT
    healthy_bad, healthy_ok, _ = _played(plan, 1.0, null, 0)
    _, wrong_ok, _ = _played(plan, plan.setup.worse_than, null, 1)
    aborts = _first(healthy_bad, math.log(1 / plan.alpha))
    promotes = _first(healthy_ok, math.log(1 / plan.beta))
    false_abort = float(np.mean(aborts >= 0))
    wrong = float(np.mean(_first(wrong_ok, math.log(1 / plan.beta)) >= 0))
    relatives = [*RELATIVES, OUTAGE / plan.base_rate]
    names = [*(f"{relative:g} times the errors" for relative in RELATIVES), "a total outage"]
    regressions = tuple(
        _regression(plan, null, name, relative, number + 2)
        for number, (name, relative) in enumerate(zip(names, relatives, strict=True))
        if relative * plan.base_rate < 1
    )
    return Report(
        null=null.value,
        false_abort=false_abort,
        false_aborts_a_month=false_abort * plan.rollouts_a_month,
        certified=float(np.mean(promotes >= 0)),
        certified_s=_median_s(plan, promotes),
        certified_floor_s=_through(plan, lambda each: 1 / certificate_s(each, plan.setup.worse_than, plan.beta)),
        wrongly_certified=wrong,
        regressions=regressions,
        steps=tuple(_step_view(plan, step) for step in plan.steps),
        seconds=sum(step.seconds for step in plan.steps),
        rollouts=_rollouts(plan),
    )


def _regression(plan: Plan, null: Null, name: str, relative: float, stream: int) -> Regression:
    bad_logs, _, fleet = _played(plan, relative, null, stream)
    aborts = _first(bad_logs, math.log(1 / plan.alpha))
    last = np.where(aborts >= 0, aborts, fleet.canary.shape[1] - 1)
    served = fleet.canary_bad - fleet.canary * plan.base_rate
    excess = float(np.cumsum(served, axis=1)[np.arange(last.size), last].mean())
    floor = _through(plan, lambda traffic: 1 / floor_s(traffic, relative, plan.alpha))
    delta = min(1.0, relative * plan.base_rate) - plan.base_rate
    return Regression(
        name, relative, float(np.mean(aborts >= 0)), _median_s(plan, aborts), max(0.0, excess),
        floor, plan.rps * delta * _canary_s(plan, floor),
    )  # fmt: skip


def _through(plan: Plan, pace: Callable[[Traffic], float]) -> float:
    """Seconds until something that fills at a pace a second, which each step's weight sets, is full; the last step goes
    on for ever."""
    filled, spent_s = 0.0, 0.0
    for step in plan.steps[:-1]:
        a_second = pace(_traffic(plan, step))
        if filled + a_second * step.seconds >= 1:
            return spent_s + (1 - filled) / a_second
        filled, spent_s = filled + a_second * step.seconds, spent_s + step.seconds
    return spent_s + (1 - filled) / pace(_traffic(plan, plan.steps[-1]))


def _canary_s(plan: Plan, until_s: float) -> float:
    """Seconds of all traffic that the canary has had until then."""
    had, left_s = 0.0, until_s
    for number, step in enumerate(plan.steps):
        held_s = left_s if number == len(plan.steps) - 1 else min(left_s, step.seconds)
        had, left_s = had + step.weight * held_s, left_s - held_s
    return had


def _step_view(plan: Plan, step: Step) -> StepView:
    traffic = _traffic(plan, step)
    smallest = smallest_relative(traffic, step.seconds, plan.alpha)
    return StepView(
        step.weight, step.seconds, plan.rps * step.weight, smallest, advise(traffic, step.seconds, plan.alpha)
    )


def _traffic(plan: Plan, step: Step) -> Traffic:
    return Traffic(plan.rps, step.weight, plan.base_rate)


def _played(plan: Plan, relative: float, null: Null, stream: int) -> tuple[Floats, Floats, Fleet]:
    fleet = _fleet(plan, relative, np.random.default_rng([plan.seed, stream]))
    return (*play(fleet, plan.setup, null), fleet)


def _fleet(plan: Plan, relative: float, rng: np.random.Generator) -> Fleet:
    """Drawn requests of all rollouts."""
    looks = [(step.weight, number) for number, step in enumerate(plan.steps)
             for _ in range(max(1, round(step.seconds / plan.every_s)))]  # fmt: skip
    weights = np.array([weight for weight, _ in looks])
    requests = plan.rps * plan.every_s
    shape = (_rollouts(plan), len(looks))
    canary, stable = rng.poisson(requests * weights, shape), rng.poisson(requests * (1 - weights), shape)
    rates = (min(1.0, relative * plan.base_rate), plan.base_rate)
    bad = [_bad(rng, counts, rate, plan.dispersion) for counts, rate in zip((canary, stable), rates, strict=True)]
    at_s = [plan.every_s * (look + 1) for look in range(len(looks))]
    marks = [mark for _, mark in looks]
    return Fleet(at_s, marks, canary.astype(float), bad[0], stable.astype(float), bad[1])


def _rollouts(plan: Plan) -> int:
    looks = sum(max(1, round(step.seconds / plan.every_s)) for step in plan.steps)
    return max(100, min(2000, LOOKS_PLAYED // looks))


def _bad(rng: np.random.Generator, counts: Any, rate: float, dispersion: float) -> Floats:
    """Bad requests with a variance of `dispersion` times the binomial one: each look has a rate of its own."""
    if dispersion <= 1 or rate >= 1:
        return np.asarray(rng.binomial(counts, rate), dtype=np.float64)
    spread = np.maximum((np.maximum(counts, 2) - 1) / (dispersion - 1) - 1, 1e-3)
    rates = rng.beta(rate * spread, (1 - rate) * spread)
    return np.asarray(rng.binomial(counts, rates), dtype=np.float64)


def _first(logs: Floats, bar: float) -> Any:
    """The first look of each rollout at the bar, -1 where there is none."""
    over = logs >= bar - 1e-9
    return np.where(over.any(axis=1), over.argmax(axis=1), -1)


def _median_s(plan: Plan, looks: Any) -> float | None:
    found = float(np.median(np.where(looks >= 0, (looks + 1) * plan.every_s, np.inf)))
    return found if math.isfinite(found) else None


def lines(plan: Plan, report: Report) -> Iterator[str]:
    """The report for the eye: one screen."""
    said = "independent requests" if report.null == "independent" else f"bursts, dispersion {plan.dispersion:g}"
    yield (
        f"{plan.rps:g} rps, {_percent(plan.base_rate)} bad, {said}; a look each {plan.every_s:g} s, "
        f"alpha {plan.alpha:g}, tolerated {plan.setup.r0:g}; {report.rollouts} rollouts of {report.seconds:g} s, "
        f"seed {plan.seed}"
    )
    yield ""
    share = _percent(report.false_abort)
    yield f"  healthy, aborted      {share} of rollouts, {report.false_aborts_a_month:.2g} a month"
    yield (
        f"  healthy, certified    {_percent(report.certified)} not worse than {plan.setup.worse_than:g} times, "
        f"median {_seconds(report.certified_s)} (floor {report.certified_floor_s:.0f} s)"
    )
    wrong = f"{_percent(report.wrongly_certified)} of those exactly {plan.setup.worse_than:g} times as bad"
    yield f"  wrongly certified     {wrong}"
    yield ""
    yield from _table(
        [("canary has", "aborted", "median", "floor", "bad requests more", "floor")]
        + [
            (each.name, _percent(each.detected), _seconds(each.seconds), f"{each.floor_s:.3g} s", f"{each.bad:.3g}",
             f"{each.floor_bad:.3g}")
            for each in report.regressions
        ]
    )  # fmt: skip
    yield ""
    yield from _table(
        [("step", "weight", "canary rps", "sees from")]
        + [
            (f"{step.seconds:g} s", _percent(step.weight), f"{step.canary_rps:.3g}",
             "not even an outage" if step.smallest is None else f"{step.smallest:.3g} times")
            for step in report.steps
        ]
    )  # fmt: skip
    yield ""
    yield from advice(plan, report)


def advice(plan: Plan, report: Report) -> Iterator[str]:
    """What to change, in words."""
    blind = [step for step in report.steps if step.smallest is None or step.smallest > 2]
    for step in blind:
        yield f"- {step.advice}"
    if blind:
        best = max(plan.steps, key=lambda step: step.weight)
        wider = Traffic(plan.rps, max(0.25, best.weight), plan.base_rate)
        need_s = 1.5 * floor_s(wider, min(2.0, OUTAGE / plan.base_rate), plan.alpha)
        yield f"- at {_percent(wider.weight)} weight a doubling is seen in about {need_s:.0f} s"
    if report.null == Null.BURSTS.value:
        yield "- errors that come in bursts are bet on by look: certificates are slow, so let a deadline promote"
    elif report.certified < 0.8:
        need_s = 1.5 * certificate_s(_traffic(plan, plan.steps[-1]), plan.setup.worse_than, plan.beta)
        yield (
            f"- only {_percent(report.certified)} of healthy canaries are certified in time: hold the last step "
            f"{need_s:.0f} s, or rule out more than {plan.setup.worse_than:g} times"
        )
    if not blind and (report.certified >= 0.8 or report.null == Null.BURSTS.value):
        yield "- every step sees a doubling" + (
            ", and most healthy canaries are certified before the end" if report.certified >= 0.8 else ""
        )


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [cell.ljust(width) if not at else cell.rjust(width)
                 for at, (cell, width) in enumerate(zip(row, widths, strict=True))]  # fmt: skip
        yield "  " + "   ".join(cells).rstrip()


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:g} s"
