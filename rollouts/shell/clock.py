"""The one reading of the clock on the wall."""

from __future__ import annotations

import time

from rollouts.kit.instant import Instant


def now() -> Instant:
    """This moment by the system's clock."""
    return Instant(time.time_ns() // 1000)
