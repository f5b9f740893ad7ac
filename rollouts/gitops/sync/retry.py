"""When a failed sync is tried again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.duration import parse_s
from analysis.errors import AnalysisError
from rollouts.kit.parts import part

FIRST_S, FACTOR, CAP_S = 5.0, 2.0, 180.0


@dataclass(frozen=True, slots=True)
class Retries:
    """limit: tries after the first, below 0 for no end.  is_fresh: whether a try takes the newest commit."""

    limit: int = 0
    first_s: float = FIRST_S
    factor: float = FACTOR
    cap_s: float = CAP_S
    is_fresh: bool = False

    def delay_s(self, tries: int) -> float | None:
        """Seconds before the try after `tries` of them; None where there is none."""
        if 0 <= self.limit <= tries:
            return None
        return float(min(self.cap_s, self.first_s * self.factor ** min(tries, 64)))


def read(retry: Any) -> Retries:
    """The rule as an operation or a spec gives it; what cannot be read is as if it were not given."""
    if not isinstance(retry, Mapping):
        return Retries()
    waits = part(retry, "backoff")
    return Retries(
        limit=_whole(retry.get("limit"), 0),
        first_s=_seconds(waits.get("duration"), FIRST_S),
        factor=float(max(1, _whole(waits.get("factor"), int(FACTOR)))),
        cap_s=_seconds(waits.get("maxDuration"), CAP_S),
        is_fresh=retry.get("refresh") is True,
    )


def _whole(value: Any, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _seconds(text: Any, default: float) -> float:
    try:
        found = parse_s(text, bare_seconds=True) if isinstance(text, str) and text else default
    except (AnalysisError, ValueError):
        return default
    return found if found > 0 else default
