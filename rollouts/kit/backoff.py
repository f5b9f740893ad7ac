"""Exponential back-off with a cap and seeded jitter: pure, so that a simulation replays it."""

from __future__ import annotations

import zlib


def delay_s(attempt: int, *, first_s: float, cap_s: float, seed: str) -> float:
    """Seconds to wait before retry number `attempt` (1, 2, …): doubled each time, capped, spread by ±20 %.

    The jitter is derived from `seed` and the attempt, so that a thousand keys hit by one outage do not return together.
    """
    assert attempt >= 1 and 0 < first_s <= cap_s
    base = min(cap_s, first_s * 2.0 ** min(attempt - 1, 32))
    spread = zlib.crc32(f"{seed}/{attempt}".encode()) / 0xFFFFFFFF
    return base * (0.8 + 0.4 * spread)
