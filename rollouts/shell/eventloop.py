"""An event loop that looks at its sockets at most every few milliseconds.

Waking for every single packet costs more than what the packet says: caches are cold, and on a shared machine the API
server is what waits for the processor. A controller that looks a little less often reads several answers at a time,
which halves its processor time; a loop that was idle still wakes at once.
"""

from __future__ import annotations

import asyncio
import selectors
import time

LOOK_S_MIN = 0.003


class PatientSelector(selectors.DefaultSelector):
    """Leaves at least `LOOK_S_MIN` between two looks for which the loop has nothing else to do."""

    _looked_at_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for sockets, no longer than `timeout`."""
        if timeout is None or timeout > 0:
            rest_s = self._looked_at_s + LOOK_S_MIN - time.monotonic()
            if rest_s > 0:
                if timeout is not None and timeout <= rest_s:
                    rest_s, timeout = timeout, 0.0
                elif timeout is not None:
                    timeout -= rest_s
                time.sleep(rest_s)
        found: list[tuple[selectors.SelectorKey, int]] = super().select(timeout)
        self._looked_at_s = time.monotonic()
        return found


def new() -> asyncio.AbstractEventLoop:
    """A patient event loop."""
    return asyncio.SelectorEventLoop(PatientSelector())
