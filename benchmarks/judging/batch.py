"""The judge of bad requests over many replicates at once: what `analysis.compare.stream` would say, ten times as quick.

The choice of the null, its reconsideration and the constants are the judge's own functions; the statistics are its
formulas with an axis more. `tests/analysis_stats/test_batch.py` and `python -m benchmarks.judging.many --check` hold it
to the judge, replicate by replicate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from analysis.compare.errors import RECENT_LOOKS, is_thorough_at
from analysis.compare.terms import Terms
from analysis.stats import null as nulls
from analysis.stats import profile as risk
from analysis.stats import purse as bank
from analysis.stats import sequential
from analysis.stats.logs import LOG_MAX, Floats, chi_square_quantile, decided, exp_capped, floored
from analysis.stats.null import Choice, Null, Spread
from analysis.stats.sequential import BETS, BETS_OK, FRACTIONS, LOG_WEIGHTS_OK, SLOTS

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Gains:
    """What looks added, of many replicates. seen: whether a look took place, shape (replicates, looks); absent: whether
    it lacked a side.

    canary, canary_bad, stable, stable_bad: by stratum, shape (replicates, looks, strata). pods, pods_bad: of the stable
    pods, shape (replicates, looks, pods); read: whether any of them was read.  apart:
    sqrt(1/m_c + 1/m_s) of the fewest pods so far; burst: whether one struck one of the canary's pods;
    every_s: seconds from look to look so far; shape (replicates, looks)."""

    at_s: Sequence[float]
    seen: Bools
    absent: Bools
    canary: Floats
    canary_bad: Floats
    stable: Floats
    stable_bad: Floats
    pods: Floats
    pods_bad: Floats
    read: Bools
    apart: Floats
    burst: Bools
    every_s: Floats


@dataclass
class State:
    """Where the replicates stand; one row each. index: which replicates they are."""

    index: NDArray[np.int_]
    choices: list[Choice]
    mixture: Purse
    share: Purse
    ok: Floats
    share_ok: Floats
    profile: Floats
    looks: NDArray[np.int_]
    restarted_s: Floats
    promoted_s: Floats
    pods: Floats  # by replicate: fewest pods as `apart`, and ln of both e-values with pod luck integrated out
    is_stale: Bools  # whether the latter are to be computed anew
    at_s: Floats  # of the look before
    held: Floats  # since when bad requests are held, the canary's, all, and its bounds; nan where none are
    recent: list[list[int]] = field(default_factory=list)

    def without(self, gone: Bools) -> None:
        """Forget the replicates that are over."""
        kept = ~gone
        self.index, self.looks = self.index[kept], self.looks[kept]
        self.choices = [each for each, stays in zip(self.choices, kept, strict=True) if stays]
        self.recent = [each for each, stays in zip(self.recent, kept, strict=True) if stays]
        self.mixture, self.share = self.mixture.of(kept), self.share.of(kept)
        self.ok, self.share_ok, self.profile = self.ok[kept], self.share_ok[kept], self.profile[kept]
        self.restarted_s, self.promoted_s = self.restarted_s[kept], self.promoted_s[kept]
        self.pods, self.is_stale = self.pods[kept], self.is_stale[kept]
        self.at_s, self.held = self.at_s[kept], self.held[kept]


class Purse:
    """`analysis.stats.purse` with an axis more: log capital by replicate, row and bet; cash stands in the first bet."""

    def __init__(self, logs: Floats, invested: Bools) -> None:
        self.logs, self.invested = logs, invested

    @classmethod
    def full(cls, replicates: int, bets: int) -> Purse:
        """Purses worth 1."""
        rows = bank.fill(bets, SLOTS)
        logs = np.full((replicates, len(rows), bets), -np.inf)
        for place, row in enumerate(rows):
            logs[:, place, : len(row)] = row
        return cls(logs, np.tile([len(row) > 1 for row in rows], (replicates, 1)))

    def of(self, kept: Bools) -> Purse:
        """Those of some replicates."""
        return Purse(self.logs[kept], self.invested[kept])

    def restart(self, due: Bools) -> None:
        """The oldest slot invested anew, where it is due."""
        if not due.any():
            return
        old, bets = self.logs[due], self.logs.shape[2]
        fresh = floored(np.repeat((_log_sum(old[:, 1]) - math.log(bets))[:, None], bets, axis=1))
        self.logs[due] = np.concatenate([old[:, :1], old[:, 2:], fresh[:, None]], axis=1)
        flags = self.invested[due]
        self.invested[due] = np.concatenate([flags[:, :1], flags[:, 2:], np.ones((len(flags), 1), dtype=bool)], axis=1)

    def grow(self, gained: Floats, told: Bools) -> None:
        """What each bet earned, where a look told anything."""
        moving = self.invested[:, :, None] & told[:, None, None]
        self.logs = np.where(moving, floored(np.where(moving, self.logs, 0.0) + gained[:, None, :]), self.logs)

    def log_worth(self) -> Floats:
        """ln of all capital."""
        return _log_sum(self.logs.reshape(len(self.logs), -1))


@dataclass(frozen=True)
class Ended:
    """What one replicate came to."""

    abort_s: float | None
    promote_s: float | None
    null: Null


def play(gains: Gains, terms: Terms, history: tuple[Floats, Floats]) -> list[Ended]:
    """Every replicate judged, look by look.  history: requests and bad ones of the stable pods before the canary,
    shape (replicates, looks, pods), nothing but 0 where there is none."""
    count = len(gains.seen)
    spreads = measured(*history)
    every_s = gains.every_s[np.arange(count), gains.seen.argmax(axis=1)].tolist()
    state = State(
        np.arange(count), [nulls.chosen(*each) for each in zip(spreads, every_s, strict=True)],
        Purse.full(count, BETS.size), Purse.full(count, FRACTIONS.size),
        np.zeros((count, BETS_OK.size)), np.zeros((count, FRACTIONS.size)), np.zeros((count, risk.LOG_GRID.size)),
        np.zeros(count, dtype=int), np.full(count, np.nan), np.full(count, np.nan),
        np.zeros((count, 3)), np.ones(count, dtype=bool), np.full(count, np.nan),
        np.full((count, 5), np.nan), [[] for _ in range(count)],
    )  # fmt: skip
    ended: dict[int, Ended] = {}
    for look, at_s in enumerate(gains.at_s):
        if not state.index.size:
            break
        aborted = _looked(state, gains, terms, look, at_s)
        for row in np.flatnonzero(aborted).tolist():
            ended[int(state.index[row])] = _ended(state, row, at_s)
        if aborted.any():
            state.without(aborted)
    ended |= {int(state.index[row]): _ended(state, row, None) for row in range(len(state.index))}
    return [ended[number] for number in range(count)]


def _ended(state: State, row: int, abort_s: float | None) -> Ended:
    promoted = float(state.promoted_s[row])
    return Ended(abort_s, None if math.isnan(promoted) else promoted, state.choices[row].null)


def _looked(state: State, gains: Gains, terms: Terms, look: int, at_s: float) -> Bools:
    """One look of all replicates that have one now; which of them abort."""
    rows = state.index
    seen = gains.seen[rows, look]
    _reconsider(state, gains, look, seen)
    due = seen & (at_s - state.restarted_s >= terms.setup.restart_every_s)
    state.mixture.restart(due)
    state.share.restart(due & np.isnan(state.held[:, 0]))
    state.restarted_s = np.where(seen & (np.isnan(state.restarted_s) | due), at_s, state.restarted_s)
    _update(state, gains, terms, look, seen)
    state.at_s = np.where(seen, at_s, state.at_s)
    state.looks += seen
    bad, ok = _evidence(state, gains.apart[rows, look], terms)
    aborted: Bools = seen & _reached(bad, 1 / terms.rules.alpha)
    fine = seen & ~aborted & ~gains.absent[rows, look] & _reached(ok, 1 / terms.rules.beta)
    state.promoted_s = np.where(fine & np.isnan(state.promoted_s), at_s, state.promoted_s)
    return aborted


def _reconsider(state: State, gains: Gains, look: int, seen: Bools) -> None:
    """The choices after what the stable pods of the rollout showed."""
    for row in np.flatnonzero(seen & gains.read[state.index, look]):
        state.recent[row].append(look)
    begun = seen & (state.looks > 0)
    thorough = begun & np.array([is_thorough_at(int(looks)) for looks in state.looks], dtype=bool)
    for chosen, is_thorough in ((thorough, True), (begun & ~thorough, False)):
        found = np.flatnonzero(chosen)
        if not found.size:
            continue
        kept = [state.recent[row] if is_thorough else state.recent[row][-RECENT_LOOKS:] for row in found]
        longest = max(1, *map(len, kept))
        places = np.array([[*looks, *[-1] * (longest - len(looks))] for looks in kept]).reshape(len(found), longest)
        numbers = state.index[found][:, None]
        there = (places >= 0)[:, :, None]
        spreads = measured(gains.pods[numbers, places] * there, gains.pods_bad[numbers, places] * there)
        for row, spread in zip(found, spreads, strict=True):
            choice = nulls.reconsidered(
                state.choices[row], spread, float(gains.every_s[state.index[row], look]), is_thorough=is_thorough
            )
            state.is_stale[row] |= choice is not state.choices[row]
            if choice.hold_s > state.choices[row].hold_s:
                _forfeit(state, int(row))
            state.choices[row] = choice
    for row in np.flatnonzero(seen & gains.burst[state.index, look]):
        if state.choices[row].null is Null.INDEPENDENT:
            state.choices[row] = replace(state.choices[row], null=Null.BURSTS)


def _update(state: State, gains: Gains, terms: Terms, look: int, seen: Bools) -> None:
    """The evidence after one look: see `sequential.update`."""
    setup, rows = terms.setup, state.index
    n_c, k_c = gains.canary[rows, look], gains.canary_bad[rows, look]
    n_s, bad = gains.stable[rows, look], k_c + gains.stable_bad[rows, look]
    parts = (n_c > 0) & (n_s > 0) & (bad > 0) & seen[:, None]
    told = parts.any(axis=1)
    state.is_stale |= told
    share = np.where(parts, n_c / np.maximum(n_c + n_s, 1e-300), 0.5)
    k_c, bad = np.where(parts, k_c, 0.0), np.where(parts, bad, 0.0)
    tested, excess = sequential.tested_risks(setup.r0, setup.worse_than)
    gained = k_c.sum(axis=1)[:, None] * tested - (
        bad[:, :, None] * np.log1p(share[:, :, None] * excess)
    ).sum(axis=1)  # fmt: skip
    last, end = BETS.size + 1, BETS.size + 2 + BETS_OK.size
    state.mixture.grow(gained[:, 1:last] - gained[:, :1], told)
    earned_ok = gained[:, last + 1 : end] - gained[:, last : last + 1]
    state.ok = np.where(told[:, None], floored(state.ok + earned_ok), state.ok)
    fine, worse = (
        (relative * share / (relative * share + 1 - share) * bad).sum(axis=1)
        for relative in (setup.r0, setup.worse_than)
    )
    _share(state, np.stack([k_c.sum(axis=1), bad.sum(axis=1), fine, worse], axis=1), told, gains.at_s[look])
    moved = state.profile + gained[:, end:]
    moved = np.maximum(moved - moved.max(axis=1)[:, None], -LOG_MAX)
    moved = np.where(moved > -100, moved.round(4), moved.round(2))
    state.profile = np.where(told[:, None], moved, state.profile)


def _share(state: State, more: Floats, told: Bools, at_s: float) -> None:
    """The share bets: see `sequential._shared`."""
    is_held = ~np.isnan(state.held[:, 0])
    since_s = np.where(is_held, state.held[:, 0], np.where(np.isnan(state.at_s), at_s, state.at_s))
    sums = np.where(is_held[:, None], state.held[:, 1:], 0.0) + more
    settled = told & (at_s - since_s >= np.array([choice.hold_s for choice in state.choices]))
    whole = np.where(settled, sums[:, 1], 1.0)
    portion = np.where(settled, sums[:, 0] / whole, 0.0)
    fine, worse = (np.where(settled, sums[:, place] / whole, 0.5) for place in (2, 3))
    state.share.grow(np.log1p(FRACTIONS / fine[:, None] * (portion - fine)[:, None]), settled)
    earned_ok = np.log1p(FRACTIONS / (1 - worse)[:, None] * (worse - portion)[:, None])
    state.share_ok = np.where(settled[:, None], floored(state.share_ok + earned_ok), state.share_ok)
    state.share.restart(settled & is_held & (state.restarted_s > since_s))
    held = np.concatenate([since_s[:, None], sums], axis=1)
    state.held = np.where(settled[:, None], np.nan, np.where(told[:, None], held, state.held))


def _forfeit(state: State, row: int) -> None:
    """See `sequential.forfeited`."""
    logs = state.share.logs[row]
    worth = max(0.0, float(_log_sum(logs.reshape(1, -1))[0]))
    if worth:
        state.share.logs[row] = np.where(np.isfinite(logs), floored(logs - worth), logs)
    worth_ok = max(0.0, float(_log_sum(state.share_ok[row][None])[0]) - math.log(FRACTIONS.size))
    state.share_ok[row] = floored(state.share_ok[row] - worth_ok)


def _evidence(state: State, apart: Floats, terms: Terms) -> tuple[Floats, Floats]:
    """ln of both e-values of each replicate, under its own null."""
    mixture, share = state.mixture.log_worth(), state.share.log_worth()
    ok = _log_sum(state.ok + LOG_WEIGHTS_OK)
    share_ok = _log_sum(state.share_ok) - math.log(FRACTIONS.size)
    bad = np.where([choice.null is Null.BURSTS for choice in state.choices], share, mixture)
    fine = np.where([choice.null is Null.BURSTS for choice in state.choices], share_ok, ok)
    has_pods = np.array([choice.null in (Null.PODS, Null.CAUTIOUS) for choice in state.choices], dtype=bool)
    _integrate(state, has_pods & (state.is_stale | (state.pods[:, 0] != apart)), apart, terms)
    is_cautious = np.array([choice.null is Null.CAUTIOUS for choice in state.choices], dtype=bool)
    bad = np.where(has_pods, state.pods[:, 1], bad)
    fine = np.where(has_pods, state.pods[:, 2], fine)
    return np.where(is_cautious, np.minimum(share, bad), bad), np.where(is_cautious, np.minimum(share_ok, fine), fine)


def _integrate(state: State, chosen: Bools, apart: Floats, terms: Terms) -> None:
    """The e-values of these replicates with pod luck integrated out."""
    rows = np.flatnonzero(chosen)
    likelihoods, tops = risk.likelihoods(state.profile[rows])
    for place, row in enumerate(rows.tolist()):
        spread = state.choices[row].pod_sd * float(apart[row])
        widened = state.profile[row]
        if spread > 0:
            widened = np.log(risk.blurred(likelihoods[place], spread)) + tops[place]
        bad = risk.log_evidence(widened, above=terms.setup.r0)
        state.pods[row] = apart[row], bad, sequential.log_pods_ok(terms.setup.worse_than, widened)
    state.is_stale[rows] = False


def _reached(logs: Floats, bar: float) -> Bools:
    """Whether e-values are at the bar; only close to it their six digits matter."""
    found: Bools = logs >= math.log(bar)
    for row in np.flatnonzero(np.abs(logs - math.log(bar)) < 1e-4):
        found[row] = decided(exp_capped(float(logs[row]))) >= decided(bar)
    return found


def measured(requests: Floats, bad: Floats) -> list[Spread | None]:
    """`null.measure` of many histories, thoroughly.  Both have shape (histories, looks, pods)."""
    by_look, by_pod = bad.sum(axis=2), bad.sum(axis=1)
    pod_rate, looks_rate = np.ones(by_pod.shape), np.zeros(by_look.shape)
    for _ in range(nulls._FIT_ROUNDS):
        looks_rate = by_look / np.maximum(np.einsum("rlp,rp->rl", requests, pod_rate), 1e-300)
        pod_rate = by_pod / np.maximum(np.einsum("rlp,rl->rp", requests, looks_rate), 1e-300)
    rate = looks_rate[:, :, None] * pod_rate[:, None, :]
    expected = requests * rate
    seen = expected > 0
    variance = expected * (1 - np.minimum(rate, 0.999))
    odd = (bad - expected) ** 2 / np.where(seen, variance, 1.0)
    chi = odd.sum(axis=(1, 2))
    df = seen.sum(axis=(1, 2)) - (looks_rate > 0).sum(axis=1) - (pod_rate > 0).sum(axis=1) + 1
    rare = np.where(seen, 1 / np.maximum(expected, 1e-2), 0.0).sum(axis=(1, 2))
    noise = np.sqrt(np.maximum(0.0, 2 * df + rare)) / np.maximum(1, df)
    dispersion = np.where(df > 0, chi / np.maximum(df, 1), 1.0)
    calm = odd < nulls._BURST_CHI
    rest = chi - np.where(calm, 0.0, odd).sum(axis=(1, 2))
    calmed = np.maximum(1.0, rest / np.maximum(1, df - (~calm).sum(axis=(1, 2))))
    worse = np.where(bad > expected, odd, 0.0)
    spreads = _pod_spreads(requests * calm, bad * calm, calmed)
    pods, served = requests.any(axis=1).sum(axis=1), (requests > 0).sum(axis=(1, 2))
    return [
        Spread(int(pods[row]), int(served[row]), float(by_pod[row].sum()), float(dispersion[row]), float(noise[row]),
               *spreads[row], nulls.burst_nats(requests[row], bad[row], pod_rate[row]), nulls.longest_burst(worse[row]))
        if pods[row] >= 2 and by_pod[row].any() else None
        for row in range(len(requests))
    ]  # fmt: skip


def _pod_spreads(requests: Floats, bad: Floats, dispersion: Floats) -> list[tuple[float, float, bool]]:
    by_look = bad.sum(axis=2)
    overall = np.where(by_look > 0, by_look / np.maximum(requests.sum(axis=2), 1e-300), 0.0)
    expected = np.einsum("rl,rlp->rp", overall, requests)
    kept = expected > 0
    factor = np.where(kept, bad.sum(axis=1) / np.where(kept, expected, 1.0), 0.0)
    count = kept.sum(axis=1)
    mean = factor.sum(axis=1) / np.maximum(count, 1)
    variance = (np.where(kept, factor - mean[:, None], 0.0) ** 2).sum(axis=1) / np.maximum(count - 1, 1)
    least = np.where(kept, dispersion[:, None] / np.where(kept, expected, 1.0), 0.0).sum(axis=1) / np.maximum(count, 1)
    chi = (np.where(kept, (factor - 1) ** 2 * expected, 0.0)).sum(axis=1) / dispersion
    found = []
    for row, df in enumerate((count - 1).tolist()):
        if df < 1:
            found.append((0.0, nulls.SPREAD_ASSUMED, False))
            continue
        high = variance[row] * df / chi_square_quantile(0.2, df)
        sd = math.sqrt(math.log1p(max(0.0, variance[row] - least[row])))
        bound = math.sqrt(math.log1p(max(0.0, high - least[row])))
        found.append((sd, bound, bool(chi[row] > chi_square_quantile(0.99, df))))
    return found


def _log_sum(logs: Floats) -> Floats:
    top = logs.max(axis=1)
    found: Floats = top + np.log(np.exp(logs - top[:, None]).sum(axis=1))
    return found
