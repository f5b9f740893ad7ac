"""Evidence of several metrics -> abort, promote or inconclusive, with the reason in words.

Abort: the weighted mean of the e-values reaches 1/alpha. A mean of e-processes is an e-process whatever depends on
what, so the chance of a false abort over all metrics and looks together stays at alpha or less.
Promote: every gating metric has a certificate of 1/beta; each alone errs with beta, and all must hold (an
intersection-union test: no correction). Source: Vovk & Wang (2021), merging e-values; Berger (1982).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from analysis.stats.logs import decided


class Verdict(Enum):
    """What the evidence says now."""

    ABORT = "abort"
    PROMOTE = "promote"
    INCONCLUSIVE = "inconclusive"


class Absent(Enum):
    """What a metric without data means once it has been absent for `absent_looks` looks."""

    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"
    PASS = "pass"  # noqa: S105  # a policy, not a password


class AtDeadline(Enum):
    """What becomes of an inconclusive step at its longest time."""

    WAIT = "wait"
    PROMOTE = "promote"
    ABORT = "abort"


@dataclass(frozen=True, slots=True)
class Rules:
    """When to decide. alpha: false aborts a rollout; beta: false certificates a metric; times in seconds of the step;
    requests_min: of the canary, before a certificate counts."""

    alpha: float = 0.01
    beta: float = 0.05
    requests_min: float = 0.0
    step_s_min: float = 0.0
    step_s_max: float = math.inf
    at_deadline: AtDeadline = AtDeadline.WAIT
    absent: Absent = Absent.INCONCLUSIVE
    absent_looks: int = 3

    def __post_init__(self) -> None:
        if not (0 < self.alpha < 1 and 0 < self.beta < 1):
            raise ValueError(f"alpha, beta: want between 0 and 1, got {self.alpha} and {self.beta}")
        if not (0 <= self.step_s_min <= self.step_s_max and self.absent_looks >= 1 and self.requests_min >= 0):
            raise ValueError("want 0 <= step_s_min <= step_s_max, absent_looks >= 1 and requests_min >= 0")


@dataclass(frozen=True, slots=True)
class MetricEvidence:
    """One metric at one look. bad, ok: e-values (1 without data); weight > 0 relative to the others; requests: of the
    canary; absent_looks: looks in a row without data; stopped: an absolute rule fired, with its reason."""

    name: str
    bad: float = 1.0
    ok: float = 1.0
    weight: float = 1.0
    gating: bool = True
    requests: float = 0.0
    absent_looks: int = 0
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict, the combined evidence for abort, the weakest certificate, and why."""

    verdict: Verdict
    bad: float
    ok: float
    why: str


def decide(metrics: Sequence[MetricEvidence], rules: Rules, step_s: float) -> Decision:
    """The verdict `step_s` seconds into the step. Metrics without data count as e = 1: no data is no evidence."""
    if not metrics:
        return Decision(Verdict.INCONCLUSIVE, 1.0, 1.0, "no metric, no evidence")
    bad, worst = _combined(metrics)
    gating = [metric for metric in metrics if metric.gating]
    weakest = min(gating, key=lambda metric: (_number(metric.ok), metric.name), default=None)
    ok = decided(_number(weakest.ok)) if weakest else 1.0

    def say(verdict: Verdict, why: str) -> Decision:
        return Decision(verdict, bad, ok, why)

    if stopped := next((metric for metric in metrics if metric.stopped), None):
        return say(Verdict.ABORT, f"{stopped.name}: {stopped.stopped}")
    if bad >= decided(1 / rules.alpha):
        return say(Verdict.ABORT, f"evidence {bad:.4g} >= {1 / rules.alpha:.4g}, most from {worst.name}")
    absent = [metric for metric in metrics if metric.absent_looks >= rules.absent_looks]
    if absent and rules.absent is Absent.FAIL:
        return say(Verdict.ABORT, f"{absent[0].name}: no data for {absent[0].absent_looks} looks, and absent is fail")
    waiting = _waiting(gating, rules, step_s)
    if waiting is None and absent:
        return say(Verdict.PROMOTE, f"nothing waits; no data of {absent[0].name}, and absent is pass")
    if waiting is None:
        return say(Verdict.PROMOTE, f"every certificate is at {1 / rules.beta:.4g} or more, the least {ok:.4g}")
    if step_s >= rules.step_s_max and rules.at_deadline is not AtDeadline.WAIT:
        verdict = Verdict.PROMOTE if rules.at_deadline is AtDeadline.PROMOTE else Verdict.ABORT
        return say(verdict, f"{waiting}; the step's time is over, and the policy is {rules.at_deadline.value}")
    return say(Verdict.INCONCLUSIVE, waiting)


def _combined(metrics: Sequence[MetricEvidence]) -> tuple[float, MetricEvidence]:
    weights = sum(metric.weight for metric in metrics)
    assert weights > 0 and all(metric.weight >= 0 for metric in metrics)
    parts = [(metric.weight / weights * _number(metric.bad), metric) for metric in metrics]
    worst = max(parts, key=lambda part: part[0])[1]
    return decided(math.fsum(part for part, _ in parts)), worst


def _waiting(gating: Sequence[MetricEvidence], rules: Rules, step_s: float) -> str | None:
    """What a certificate still lacks; None if nothing."""
    if not gating:
        return "no metric may promote"
    for metric in gating:
        if metric.absent_looks >= rules.absent_looks and rules.absent is Absent.PASS:
            continue
        if metric.absent_looks > 0:
            return f"{metric.name}: no data for {metric.absent_looks} looks"
        if metric.requests < rules.requests_min:
            return f"{metric.name}: {metric.requests:g} canary requests of {rules.requests_min:g}"
        if decided(_number(metric.ok)) < decided(1 / rules.beta):
            return f"{metric.name}: certificate {metric.ok:.4g} of {1 / rules.beta:.4g}"
    if step_s < rules.step_s_min:
        return f"{step_s:g} s of the least {rules.step_s_min:g} s"
    return None


def _number(e: float) -> float:
    """An e-value that is no number is no evidence."""
    return e if math.isfinite(e) and e >= 0 else 1.0
