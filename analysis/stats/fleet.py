"""The e-processes of `sequential.py` over many rollouts at once: for simulations, thousands of times as quick.

The same bets, restarts and rounding, so that every row is what `sequential.update` would have kept
(tests/analysis_stats/test_fleet.py holds them together).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.stats import purse as bank
from analysis.stats.logs import Floats, floored
from analysis.stats.null import Null
from analysis.stats.sequential import BETS, BETS_OK, FRACTIONS, LOG_WEIGHTS_OK, SLOTS, Setup


@dataclass(frozen=True, slots=True)
class Fleet:
    """Looks of many rollouts. at_s: ends of looks, shape (looks,); mark: the step at each; the counts have shape
    (rollouts, looks)."""

    at_s: Sequence[float]
    mark: Sequence[int]
    canary: Floats
    canary_bad: Floats
    stable: Floats
    stable_bad: Floats


def play(fleet: Fleet, setup: Setup, null: Null) -> tuple[Floats, Floats]:
    """(log_bad, log_ok) after every look, shape (rollouts, looks).  null: INDEPENDENT or BURSTS."""
    assert null in (Null.INDEPENDENT, Null.BURSTS), null
    rollouts, looks = fleet.canary.shape
    bets = BETS.size if null is Null.INDEPENDENT else FRACTIONS.size
    rows = [np.tile(np.asarray(row), (rollouts, 1)) for row in bank.fill(bets, SLOTS)]
    ok = np.zeros((rollouts, BETS_OK.size if null is Null.INDEPENDENT else FRACTIONS.size))
    weights_ok = LOG_WEIGHTS_OK if null is Null.INDEPENDENT else np.full(FRACTIONS.size, -np.log(FRACTIONS.size))
    bad_logs, ok_logs = np.zeros((rollouts, looks)), np.zeros((rollouts, looks))
    since_s, mark = fleet.at_s[0], fleet.mark[0]
    for look in range(looks):
        if fleet.mark[look] != mark or fleet.at_s[look] - since_s >= setup.restart_every_s:
            since_s, mark = fleet.at_s[look], fleet.mark[look]
            fresh = _log_sum(rows[1])[:, None] - np.log(bets)
            rows = [rows[0], *rows[2:], floored(np.repeat(fresh, bets, axis=1))]
        factors, factors_ok, told = _factors(fleet, look, setup, null)
        # A look that tells nothing leaves every row as it is, and is not rounded either.
        rows = [row if row.shape[1] == 1 else np.where(told, floored(row + factors), row) for row in rows]
        ok = np.where(told, floored(ok + factors_ok), ok)
        bad_logs[:, look] = _log_sum(np.concatenate(rows, axis=1))
        ok_logs[:, look] = _log_sum(ok + weights_ok)
    return bad_logs, ok_logs


def _factors(fleet: Fleet, look: int, setup: Setup, null: Null) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """What every bet earns in one look, shape (rollouts, bets), and where anything was told, shape (rollouts, 1)."""
    n_c, k_c = fleet.canary[:, look, None], fleet.canary_bad[:, look, None]
    n_s, bad = fleet.stable[:, look, None], k_c + fleet.stable_bad[:, look, None]
    told = (n_c > 0) & (n_s > 0) & (bad > 0)
    share = np.where(told, n_c / np.maximum(n_c + n_s, 1), 0.5)
    if null is Null.INDEPENDENT:
        gained = [
            k_c * log_risk - bad * np.log1p(share * np.expm1(log_risk))
            for log_risk in (
                np.log(np.concatenate([[setup.r0], setup.r0 * BETS])),
                np.log(np.concatenate([[setup.worse_than], np.minimum(BETS_OK, setup.worse_than**0.5)])),
            )
        ]
        return gained[0][:, 1:] - gained[0][:, :1], gained[1][:, 1:] - gained[1][:, :1], told
    seen = np.where(told, k_c / np.maximum(bad, 1), 0.0)
    fine, worse = (
        relative * share / (relative * share + 1 - share) for relative in (setup.r0, setup.worse_than)
    )  # fmt: skip
    stakes = np.log1p(FRACTIONS / fine * (seen - fine))
    return stakes, np.log1p(FRACTIONS / (1 - worse) * (worse - seen)), told


def _log_sum(logs: Floats) -> Floats:
    top = logs.max(axis=1)
    found: Floats = top + np.log(np.exp(logs - top[:, None]).sum(axis=1))
    return found
