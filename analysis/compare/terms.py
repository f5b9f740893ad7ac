"""What is compared, how sure one wants to be, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from analysis.stats.decision import Rules, Verdict
from analysis.stats.sequential import Setup

HISTORY_LOOKS_MAX = 720


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one comparison of bad requests.

    setup: which relative risk is fine and which one a certificate rules out.  rules: the error probabilities, times and
    policies.  warm_up_s: how long a pod's first requests are no evidence.  The rules' times count from the canary's
    first request."""

    setup: Setup = field(default_factory=Setup)
    rules: Rules = field(default_factory=Rules)
    warm_up_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Side:
    """Requests of one side that were judged, the bad ones among them, and the fewest pods behind them."""

    requests: float = 0.0
    bad: float = 0.0
    pods: int = 0

    def __str__(self) -> str:
        rate = f" ({100 * self.bad / self.requests:.3g} %)" if self.requests > 0 else ""
        return f"{self.bad:g} of {self.requests:g}{rate}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look came to.

    bad, ok: e-values against "canary fine" and "canary too bad", six digits.  rr, low, high: the relative risk and its
    interval at level 1 - alpha, valid at all looks together; None: not known, not bounded.  null: the chance that the
    canary is held against.  why: one sentence."""

    at_s: float
    verdict: Verdict
    bad: float
    ok: float
    rr: float | None
    low: float
    high: float | None
    null: str
    why: str
    canary: Side = Side()
    stable: Side = Side()
