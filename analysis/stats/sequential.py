"""Errors of canary against stable, looked at as often as one likes: one small state, three nulls.

Independent requests: the conditional-binomial mixture e-process with restart points. Bursts: betting on the canary's
share of each look's errors. Pods: the same likelihood, with the canary's own pod luck integrated out. All three are
carried by one state, so that the choice of null may become more cautious at any look.

Ville's inequality: for an e-process E, P(some look has E >= 1/alpha) <= alpha, at any times, weights and base rates.
Sources: Lindon & Malek (2022), conditional counts; Robbins (1970), mixtures; Waudby-Smith & Ramdas (2024), betting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from analysis.stats import profile as risk
from analysis.stats import purse as bank
from analysis.stats.align import Counts, Look
from analysis.stats.logs import Floats, decided, exp_capped, log_sum_exp, round_down
from analysis.stats.null import Choice, Null

BETS: Floats = np.array([1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0])  # times r0
BETS_OK: Floats = np.array([1.0, 0.8, 0.6])  # risks, below worse_than
LOG_WEIGHTS_OK: Floats = np.log([0.7, 0.2, 0.1])  # most canaries are as good as stable, and certified the sooner for it
FRACTIONS: Floats = np.array([0.03, 0.06, 0.12, 0.25, 0.5, 0.95])
SLOTS = 6


@dataclass(frozen=True, slots=True)
class Setup:
    """What is tested. r0: the relative risk that is still fine (1: any rise counts); worse_than: the relative risk
    that a certificate rules out; restart_every_s: how often a bet begins afresh, beside each new mark."""

    r0: float = 1.05
    worse_than: float = 1.5
    restart_every_s: float = 60.0

    def __post_init__(self) -> None:
        if not (0.5 <= self.r0 <= 10 and 1 < self.worse_than <= 20 and self.restart_every_s > 0):
            raise ValueError(f"want 0.5 <= r0 <= 10, 1 < worse_than <= 20, restart_every_s > 0; got {self}")


@dataclass(frozen=True, slots=True)
class CountsState:
    """All that one metric of counts remembers; `logs.dump` makes 2 kB or less of JSON.

    canary, stable: (requests, bad) so far. mixture, share: purses of log capital. ok, share_ok: log products of the
    certificate's bets. profile: g on `profile.LOG_GRID`. pods: the fewest seen on each side. held: since when bad
    requests are held together for the share bets, the canary's, all, and how many of them it may have under r0 and
    worse_than; empty where none are held."""

    r0: float
    worse_than: float
    restart_every_s: float
    at_s: float | None
    restarted_at_s: float | None
    mark: int
    looks: int
    canary: tuple[float, float]
    stable: tuple[float, float]
    pods: tuple[int, int]
    mixture: bank.Purse
    ok: tuple[float, ...]
    share: bank.Purse
    share_ok: tuple[float, ...]
    profile: tuple[float, ...]
    held: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """e-values at one look, rounded for decisions. bad: against "canary <= r0 x stable"; ok: against
    "canary >= worse_than x stable". rr, low, high: the relative risk and its interval valid at all looks at once."""

    bad: float
    ok: float
    rr: float | None
    low: float
    high: float | None


def start(setup: Setup | None = None) -> CountsState:
    """The state before the first look: every e-value is 1."""
    setup = setup or Setup()
    return CountsState(
        r0=setup.r0, worse_than=setup.worse_than, restart_every_s=setup.restart_every_s,
        at_s=None, restarted_at_s=None, mark=0, looks=0, canary=(0.0, 0.0), stable=(0.0, 0.0), pods=(0, 0),
        mixture=bank.fill(BETS.size, SLOTS), ok=(0.0,) * BETS_OK.size,
        share=bank.fill(FRACTIONS.size, SLOTS), share_ok=(0.0,) * FRACTIONS.size, profile=risk.start(),
    )  # fmt: skip


def update(state: CountsState, look: Look, strata: Sequence[Look] = (), hold_s: float = 0.0) -> CountsState:
    """The state after one look; the same value for a look that is not later than the last (doubled, out of order).

    A look without requests on both sides moves only the clock: no data is no evidence.  strata: the look by route,
    tenant or the like, where the canary's mix differs from stable's: each is compared within itself.  hold_s: how long
    bad requests may belong to one burst, which counts once."""
    if not math.isfinite(look.at_s) or (state.at_s is not None and look.at_s <= state.at_s):
        return state
    state = _restarted(state, look)
    parts = [part for part in strata or (look,) if part.canary.total > 0 and part.stable.total > 0]
    if not parts:
        return replace(state, at_s=look.at_s, looks=state.looks + 1)
    known = state.pods if state.pods[0] else (look.canary_pods, look.stable_pods)
    counted: dict[str, Any] = {
        "at_s": look.at_s, "looks": state.looks + 1,
        "canary": _plus(state.canary, look.canary), "stable": _plus(state.stable, look.stable),
        "pods": (min(known[0], look.canary_pods), min(known[1], look.stable_pods)),
    }  # fmt: skip
    parts = [part for part in parts if part.canary.bad + part.stable.bad > 0]
    if not parts:
        return replace(state, **counted)
    factors, factors_ok, gained = _factors(state, parts)
    return replace(
        state,
        **counted,
        mixture=bank.grow(state.mixture, factors),
        ok=round_down(np.asarray(state.ok) + factors_ok),
        profile=risk.added(state.profile, gained),
        **_shared(state, look.at_s, parts, hold_s),
    )


def _shared(state: CountsState, at_s: float, parts: Sequence[Look], hold_s: float) -> dict[str, Any]:
    """The share bets after a look. However bad requests that are held together depend on each other, the canary's
    share of them is bounded on average."""
    bad = [part.canary.bad + part.stable.bad for part in parts]
    fine, worse = (
        sum(_bound(part, relative) * count for part, count in zip(parts, bad, strict=True))
        for relative in (state.r0, state.worse_than)
    )
    since_s, *before = state.held or (state.at_s if state.at_s is not None else at_s, 0.0, 0.0, 0.0, 0.0)
    more = sum(part.canary.bad for part in parts), sum(bad), fine, worse
    canary, whole, fine, worse = (held + each for held, each in zip(before, more, strict=True))
    if at_s - since_s < hold_s:
        return {"held": (since_s, canary, whole, fine, worse)}
    share = bank.grow(state.share, stake(canary / whole, fine / whole))
    is_due = bool(state.held) and state.restarted_at_s is not None and state.restarted_at_s > since_s
    return {
        "held": (),
        "share": bank.restart(share) if is_due else share,
        "share_ok": round_down(np.asarray(state.share_ok) + stake(1 - canary / whole, 1 - worse / whole)),
    }


def forfeited(state: CountsState) -> CountsState:
    """The state without what its share bets earned: too little was held to be one burst until now."""
    worth = log_sum_exp(state.share_ok) - math.log(len(state.share_ok))
    return replace(
        state,
        share=bank.forfeit(state.share),
        share_ok=round_down(np.asarray(state.share_ok) - max(0.0, worth)),
    )


def _factors(state: CountsState, parts: Sequence[Look]) -> tuple[Floats, Floats, Floats]:
    """What the bets earn against r0, and against worse_than, and what the profile gains, over all parts of a look."""
    tested, excess = tested_risks(state.r0, state.worse_than)
    gained = sum((risk.gains(part, tested, excess) for part in parts), np.zeros_like(tested))
    last = BETS.size + 1
    end = last + 1 + BETS_OK.size
    return gained[1:last] - gained[0], gained[last + 1 : end] - gained[last], gained[end:]


@lru_cache(maxsize=64)
def tested_risks(r0: float, worse_than: float) -> tuple[Floats, Floats]:
    """(ln(risk), risk - 1) of r0, its bets, worse_than, its bets, and of the profile's points."""
    risks = np.log(np.concatenate([[r0], r0 * BETS, [worse_than], _bets_ok(worse_than)]))
    tested = np.concatenate([risks, risk.LOG_GRID])
    return tested, np.expm1(tested)


def stake(seen: float, bound: float) -> Floats:
    """What each fraction of capital earns by betting that a value in [0, 1] has a mean above `bound`.

    ln(1 + (f / bound)(seen - bound)) for f in FRACTIONS: never below ln(1 - f), and fair if the mean is the bound,
    whatever the distribution and whatever depends on what within a look.  bound in (0, 1].
    Source: Waudby-Smith & Ramdas (2024), eq. 24, with constant fractions mixed."""
    assert 0 <= seen <= 1 and 0 < bound <= 1, (seen, bound)
    return np.log1p(FRACTIONS / bound * (seen - bound))


def log_bad(state: CountsState, choice: Choice, smoothed: Sequence[float] | None = None) -> float:
    """ln of the e-value against "the canary is at most r0 times as bad as stable", under the chosen null.

    smoothed: the profile with pod luck integrated out, if the caller has it already."""
    match choice.null:
        case Null.INDEPENDENT:
            return bank.log_worth(state.mixture)
        case Null.BURSTS:
            return bank.log_worth(state.share)
        case Null.PODS:
            return risk.log_evidence(smoothed or _smoothed(state, choice), above=state.r0)
        case Null.CAUTIOUS:
            pods = risk.log_evidence(smoothed or _smoothed(state, choice), above=state.r0)
            return min(bank.log_worth(state.share), pods)


def log_ok(state: CountsState, choice: Choice, smoothed: Sequence[float] | None = None) -> float:
    """ln of the e-value against "the canary is at least worse_than times as bad as stable"."""
    share = log_sum_exp(state.share_ok) - math.log(len(state.share_ok))
    match choice.null:
        case Null.INDEPENDENT:
            return log_sum_exp(np.asarray(state.ok) + LOG_WEIGHTS_OK)
        case Null.BURSTS:
            return share
        case Null.PODS:
            return log_pods_ok(state.worse_than, smoothed or _smoothed(state, choice))
        case Null.CAUTIOUS:
            return min(share, log_pods_ok(state.worse_than, smoothed or _smoothed(state, choice)))


def e_value(state: CountsState, choice: Choice, alpha: float = 0.01) -> Evidence:
    """Both e-values, the relative risk, and its interval at level 1 - alpha.

    Under bursts the likelihood is tempered by the dispersion seen (quasi-likelihood, an approximation); under pods the
    pod luck is integrated out, so the interval speaks of versions, not of pods."""
    widened = _smoothed(state, choice)
    low, high = risk.interval(np.asarray(widened) / max(1.0, choice.dispersion), alpha)
    rr = risk.estimate(state.profile)
    if rr is not None:  # the interval is read from the smoothed profile, the estimate from the profile itself
        low, high = min(low, rr), None if high is None else max(high, rr)
    return Evidence(
        bad=decided(exp_capped(log_bad(state, choice, widened))),
        ok=decided(exp_capped(log_ok(state, choice, widened))),
        rr=None if rr is None else decided(rr),
        low=decided(low),
        high=None if high is None else decided(high),
    )


def _restarted(state: CountsState, look: Look) -> CountsState:
    """The purses restarted if a step began, or the time for it has come; never before anything was bet."""
    if state.restarted_at_s is None:
        return replace(state, restarted_at_s=look.at_s, mark=look.mark)
    due = look.at_s - state.restarted_at_s >= state.restart_every_s
    if look.mark == state.mark and not due:
        return state
    return replace(
        state, restarted_at_s=look.at_s, mark=look.mark,
        mixture=bank.restart(state.mixture), share=state.share if state.held else bank.restart(state.share),
    )  # fmt: skip


def _smoothed(state: CountsState, choice: Choice) -> tuple[float, ...]:
    """The profile with the luck of canary and stable pods integrated out: log-sd sigma sqrt(1/m_c + 1/m_s)."""
    canary, stable = (max(1, count) for count in state.pods)
    return risk.smooth(state.profile, choice.pod_sd * math.sqrt(1 / canary + 1 / stable))


def log_pods_ok(worse_than: float, smoothed: Sequence[float]) -> float:
    """ln of the certificate's e-value read from a profile with pod luck integrated out."""
    points = risk.at_risks(smoothed, (worse_than, *_bets_ok(worse_than).tolist()))
    return log_sum_exp(points[1:] - points[0] + LOG_WEIGHTS_OK)


def _bets_ok(worse_than: float) -> Floats:
    """1, 0.8 and 0.6, or closer to worse_than where that is near 1 (never at or above it)."""
    bets: Floats = np.minimum(BETS_OK, worse_than**0.5)
    return bets


def _bound(look: Look, relative: float) -> float:
    weighted = relative * look.canary.total
    return weighted / (weighted + look.stable.total)


def _plus(before: tuple[float, float], counts: Counts) -> tuple[float, float]:
    return before[0] + counts.total, before[1] + counts.bad
