"""Which chance is the canary held against: independent requests, bursts, or pods that differ by nature.

Chosen from what the stable pods showed before the rollout began: the data that is judged has no say, or the guarantee
would be lost. While the rollout runs the choice may only become more cautious (`reconsider`): given a look's bad
requests, how they fall among the stable pods says nothing about the canary's share of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from analysis.stats.align import Counts
from analysis.stats.logs import Floats, chi_square_quantile, log_sum_exp

# A burst in one of a hundred pod-looks is missed by 180 with probability 16 %; then the rollout's own stable pods, nine
# to one, show one before the canary does.
POD_LOOKS_MIN = 180
PODS_MIN = 3
PODS_TELLING = 4  # three that differ look alike once in nine times: their spread is bounded, not taken as none
BAD_MIN = 50  # fewer say nothing about spread
DISPERSION_MAX = 1.3
SPREAD_ASSUMED = 0.3
SPREAD_MAX = 1.5
_FIT_ROUNDS = 4
_TINY = 1e-300
_BURST_CHI = 16.0  # four standard deviations: a pod-look beyond is a burst
_HOLD_S_MAX = 60.0  # longer ones would hide a canary that is bad for good
_NEXT_CHI = 9.0  # three: a pod-look next to a burst that belongs to it
_LATER_ERRORS = 5  # standard errors of dispersion that are asked of a rollout's few looks
_BURST_TIMES: Floats = np.array([4.0, 16.0, 64.0])[:, None, None]  # how much worse a pod may be in a burst
_BURST_CHANCES: Floats = np.array([0.02, 0.1, 0.4])[:, None]  # of a look to have one
_BURST_NATS, _LATER_NATS = math.log(20), math.log(1000)  # evidence of bursts that is asked before, and while it runs
_BURST_BAD_MIN = 5  # bad requests of one pod in one look: fewer are no evidence enough


class Null(Enum):
    """What is believed of bad requests when the canary is as good as stable."""

    INDEPENDENT = "independent"  # each request for itself
    BURSTS = "bursts"  # whole bursts within a look may fail together
    PODS = "pods"  # each pod has a rate of its own
    CAUTIOUS = "cautious"  # bursts or pods: the smaller evidence counts


@dataclass(frozen=True, slots=True)
class Spread:
    """What the stable pods showed. dispersion: variance within a look over binomial (1: independent); pod_sd: log-sd
    of the pods' own rates; pod_sd_high: its 80 % upper bound; pods_differ: beyond chance at 1 %; burst_nats: ln of the
    e-value for bursts in single pods; burst_looks: how many looks the longest of them went on."""

    pods: int
    pod_looks: int
    bad: float
    dispersion: float
    dispersion_noise: float
    pod_sd: float = 0.0
    pod_sd_high: float = 0.0
    pods_differ: bool = False
    burst_nats: float = 0.0
    burst_looks: int = 1

    def is_bursty(self, errors: float, nats: float) -> bool:
        """Whether bad requests come in bursts: by their variance, so many standard errors, or by a few of them alone,
        where requests are too few for a variance to tell."""
        return self.dispersion > max(DISPERSION_MAX, 1 + errors * self.dispersion_noise) or self.burst_nats >= nats


@dataclass(frozen=True, slots=True)
class Choice:
    """The null, its pod spread (log-sd; 0 where not used), the dispersion seen, and the reason in words.

    hold_s: how long bad requests are held to be one burst; 0: as long as a look."""

    null: Null
    pod_sd: float
    dispersion: float
    why: str
    hold_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Table:
    """Looks at pods as arrays: requests and bad ones of each look and pod, shape (looks, pods)."""

    requests: Floats
    bad: Floats


History = Sequence[Mapping[str, Counts]] | Table


def choose(history: History, every_s: float = 0.0) -> Choice:
    """The null for a rollout, from looks at the stable pods alone (increments by pod, any number of looks).

    every_s: seconds from look to look."""
    return chosen(measure(history), every_s)


def chosen(spread: Spread | None, every_s: float = 0.0) -> Choice:
    """The null for what the stable pods showed; None: nothing that could be measured."""
    if spread is None:
        return Choice(Null.CAUTIOUS, SPREAD_ASSUMED, 1.0, "no history of two stable pods or more: cautious")
    told = f"{spread.pods} stable pods, {spread.pod_looks} pod-looks, {spread.bad:g} bad"
    if spread.pods < PODS_MIN or spread.bad < BAD_MIN:
        return Choice(Null.CAUTIOUS, SPREAD_ASSUMED, 1.0, f"{told}: too few to measure their spread, cautious")
    bursty = spread.is_bursty(3, _BURST_NATS)
    short = spread.pod_looks < POD_LOOKS_MIN
    figures = f"{told}, dispersion {spread.dispersion:.2f}, pod spread {spread.pod_sd:.2f}"
    dispersion = max(1.0, round(spread.dispersion, 3))
    if spread.pods_differ or spread.pods < PODS_TELLING:
        pod_sd = round(min(SPREAD_MAX, spread.pod_sd_high), 3)
        differ = "pods differ" if spread.pods_differ else f"under {PODS_TELLING} pods may differ by {pod_sd:.2f}"
        if bursty or short:
            reason = f"{differ} and errors come in bursts" if bursty else f"{differ}, too short to rule out bursts"
            return _held(Choice(Null.CAUTIOUS, pod_sd, dispersion, f"{figures}: {reason}, cautious"), spread, every_s)
        return Choice(Null.PODS, pod_sd, dispersion, f"{figures}: {differ}{' by nature' * spread.pods_differ}")
    if bursty or short:
        reason = "errors come in bursts" if bursty else f"under {POD_LOOKS_MIN} pod-looks cannot rule out bursts"
        return _held(Choice(Null.BURSTS, 0.0, dispersion, f"{figures}: {reason}"), spread, every_s)
    return Choice(Null.INDEPENDENT, 0.0, 1.0, f"{figures}: requests look independent")


def _held(choice: Choice, spread: Spread, every_s: float) -> Choice:
    """The choice, with bad requests held together for as long as the longest burst, never for less than before."""
    hold_s = min(_HOLD_S_MAX, spread.burst_looks * every_s) if spread.burst_looks > 1 else 0.0
    if hold_s <= choice.hold_s:
        return choice
    return replace(choice, hold_s=round(hold_s, 3), why=f"{choice.why}, up to {spread.burst_looks} looks long")


def reconsider(before: Choice, stable: History, every_s: float = 0.0, *, is_thorough: bool = True) -> Choice:
    """The choice after looks of the rollout itself: more cautious if its stable pods show bursts or spread.

    A cautious choice made without history takes the pod spread measured now, once there is enough to measure it; then
    it stays. Nothing ever becomes less cautious in kind.  is_thorough: whether pods that differ are looked for too;
    bursts alone may be looked for at every look, because five standard errors are asked of them."""
    return reconsidered(before, measure(stable, is_thorough=is_thorough), every_s, is_thorough=is_thorough)


def reconsidered(before: Choice, spread: Spread | None, every_s: float = 0.0, *, is_thorough: bool) -> Choice:
    """The choice after what the rollout's stable pods showed."""
    if spread is None or not _measurable(spread):
        return before
    bursty = spread.is_bursty(_LATER_ERRORS, _LATER_NATS)
    if bursty and before.null in (Null.BURSTS, Null.CAUTIOUS):
        before = _held(before, spread, every_s)
    if before.null is Null.CAUTIOUS:
        if is_thorough and before.pod_sd == SPREAD_ASSUMED:
            pod_sd = round(min(SPREAD_MAX, spread.pod_sd_high), 3)
            return replace(before, pod_sd=pod_sd, why=f"{before.why}; pod spread now measured, at most {pod_sd:.2f}")
        return before
    differ = is_thorough and spread.pods_differ
    needs = {before.null} - {Null.INDEPENDENT}
    needs |= {Null.BURSTS} if bursty else set()
    needs |= {Null.PODS} if differ else set()
    if needs <= {before.null}:
        return before
    null = Null.CAUTIOUS if len(needs) > 1 else next(iter(needs))
    measured = round(min(SPREAD_MAX, spread.pod_sd_high), 3) if differ else 0.0
    reason = " and ".join(told for told, holds in (("errors come in bursts", bursty), ("pods differ", differ)) if holds)
    dispersion = max(before.dispersion, round(spread.dispersion, 3))
    why = f"{before.why}; during the rollout {reason}"
    choice = Choice(null, max(before.pod_sd, measured), dispersion, why, before.hold_s)
    return _held(choice, spread, every_s) if bursty else choice


def among_canaries(before: Choice, canary: Sequence[Counts]) -> Choice:
    """The choice after what the canary's own pods counted in a look: independent no longer, if a burst struck one.

    Given how many of a look's bad requests are the canary's, how they fall on its pods says nothing of its share."""
    if before.null is not Null.INDEPENDENT or not is_burst_among(canary):
        return before
    return replace(before, null=Null.BURSTS, why=f"{before.why}; a burst in one of the canary's pods")


def is_burst_among(pods: Sequence[Counts]) -> bool:
    """Whether one of these pods has too many of a look's bad requests, by its share of the requests."""
    if len(pods) < 2 or max(each.bad for each in pods) < _BURST_BAD_MIN:
        return False
    requests, bad = np.array([[[each.total, each.bad] for each in pods]]).transpose(2, 0, 1)
    return burst_nats(requests, bad, np.ones(len(pods))) >= _LATER_NATS


def _measurable(spread: Spread) -> bool:
    return spread.pods >= PODS_MIN and spread.bad >= BAD_MIN


def measure(history: History, *, is_thorough: bool = True) -> Spread | None:
    """Dispersion and pod spread by moments; None with fewer than two pods that served, or without a bad request.

    is_thorough: whether the spread is measured too; it is 0 where not.

    The expected bad requests of pod i in look t are n_it p_t w_i (p_t: the look's rate, w_i: the pod's own), fitted by
    alternating scaling. dispersion = Pearson's X^2 / degrees of freedom (McCullagh & Nelder 1989, 4.5).
    pod_sd^2 = (variance of the pods' rates - its binomial part) / mean^2 (DerSimonian & Laird 1986, by moments)."""
    table = history if isinstance(history, Table) else _table(history)
    requests, bad = table.requests, table.bad
    served = requests.any(axis=0)
    if served.sum() < 2 or not bad.any():
        return None
    if not served.all():
        requests, bad = requests[:, served], bad[:, served]
    looks_rate, pod_rate = _fit(requests, bad)
    expected = requests * looks_rate[:, None] * pod_rate
    seen = expected > 0
    variance = expected * (1 - np.minimum(looks_rate[:, None] * pod_rate, 0.999))
    odd = (bad - expected) ** 2 / np.where(seen, variance, 1.0)  # where nothing is expected, nothing was bad
    chi = float(odd.sum())
    df = int(seen.sum() - (looks_rate > 0).sum() - (pod_rate > 0).sum() + 1)
    noise = math.sqrt(max(0.0, 2 * df + float((1 / np.maximum(expected[seen], 1e-2)).sum()))) / max(1, df)
    dispersion = chi / df if df > 0 else 1.0
    bursts = burst_nats(requests, bad, pod_rate)
    told = Spread(
        int(served.sum()), int((requests > 0).sum()), float(bad.sum()), dispersion, noise,
        burst_nats=bursts, burst_looks=longest_burst(np.where(bad > expected, odd, 0.0)),
    )  # fmt: skip
    if not is_thorough:
        return told
    # A burst makes its pod look different for ever; what is left without it tells whether the pod is.
    calm = odd < _BURST_CHI
    rest = chi - float(odd[~calm].sum())
    calmed = max(1.0, rest / max(1, df - int((~calm).sum())))
    pod_sd, high, differ = _pod_spread(requests * calm, bad * calm, calmed)
    return replace(told, pod_sd=pod_sd, pod_sd_high=high, pods_differ=differ)


def longest_burst(odd: Floats) -> int:
    """How many looks the longest burst of a pod went on; 1 without any.  odd: how far more bad requests than expected
    lie from what was expected, in squared standard deviations, shape (looks, pods)."""
    longest = 1
    for pod in np.flatnonzero((odd >= _BURST_CHI).any(axis=0)):
        run, is_burst = 0, False
        for each in (*odd[:, pod].tolist(), 0.0):
            run, is_burst = (run + 1, is_burst or each >= _BURST_CHI) if each >= _NEXT_CHI else (0, False)
            longest = max(longest, run if is_burst else 0)
    return longest


def burst_nats(requests: Floats, bad: Floats, pod_rate: Floats) -> float:
    """ln of an e-value against "a look's bad requests fall on its pods independently": does a single pod have too many?

    requests, bad: shape (looks, pods).  pod_rate: the pods' own factors, shape (pods,).  Given a look's bad requests N,
    a pod's x of them are binomial with its share q of the expected ones, and a burst that makes it m times as bad earns
    m^x / (1 + (m - 1) q)^N: 1 on average. Pods, sizes and chances are mixed; looks multiply."""
    by_look = bad.sum(axis=1)
    told = by_look > 0
    expected = requests[told] * pod_rate
    share = expected / np.maximum(expected.sum(axis=1, keepdims=True), _TINY)
    gained = bad[told] * np.log(_BURST_TIMES) - by_look[told, None] * np.log1p((_BURST_TIMES - 1) * share)
    served = requests[told] > 0
    odds = (np.exp(np.minimum(gained, 600.0)) * served).sum(axis=(0, 2)) / (len(_BURST_TIMES) * served.sum(axis=1))
    return log_sum_exp(np.log1p(_BURST_CHANCES * (odds - 1)).sum(axis=1)) - math.log(len(_BURST_CHANCES))


def _table(looks: Sequence[Mapping[str, Counts]]) -> Table:
    names = sorted({pod for look in looks for pod in look})
    none = Counts()
    rows = [[look.get(pod, none) for pod in names] for look in looks]
    shape = (len(rows), len(names))
    requests = np.array([[each.total for each in row] for row in rows]).reshape(shape)
    return Table(requests, np.array([[each.bad for each in row] for row in rows]).reshape(shape))


def _fit(requests: Floats, bad: Floats) -> tuple[Floats, Floats]:
    """(rate by look, factor by pod with request-weighted mean near 1)."""
    pod_rate = np.ones(requests.shape[1])
    looks_rate = np.zeros(requests.shape[0])
    by_look, by_pod = bad.sum(axis=1), bad.sum(axis=0)
    for _ in range(_FIT_ROUNDS):  # where nothing was served nothing was bad: 0 over next to nothing is 0
        looks_rate = by_look / np.maximum(requests @ pod_rate, _TINY)
        pod_rate = by_pod / np.maximum(looks_rate @ requests, _TINY)
    return looks_rate, pod_rate


def _pod_spread(requests: Floats, bad: Floats, dispersion: float) -> tuple[float, float, bool]:
    """(log-sd of the pods' rates, its 80 % upper bound, whether they differ beyond chance at 1 %)."""
    bad_by_look = bad.sum(axis=1)
    overall = np.divide(bad_by_look, requests.sum(axis=1), out=np.zeros_like(bad_by_look), where=bad_by_look > 0)
    expected = overall @ requests
    kept = expected > 0
    factor = bad.sum(axis=0)[kept] / expected[kept]
    df = int(kept.sum()) - 1
    if df < 1:
        return 0.0, SPREAD_ASSUMED, False
    chance = float((dispersion / expected[kept]).mean())
    variance = float(factor.var(ddof=1))
    chi = float(((factor - 1) ** 2 * expected[kept]).sum()) / dispersion
    # The spread of few pods is itself uncertain: variance times df over the chi-square's 20 % quantile bounds it.
    high = variance * df / chi_square_quantile(0.2, df)
    sd = math.sqrt(math.log1p(max(0.0, variance - chance)))
    return sd, math.sqrt(math.log1p(max(0.0, high - chance))), chi > chi_square_quantile(0.99, df)
