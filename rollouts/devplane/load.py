"""A bounded load generator that tells by whom every request was answered, and how."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from dataclasses import dataclass

import aiohttp

from rollouts.devplane.podserver import VERSION_HEADER

RATE_MAX_PER_S = 500
IN_FLIGHT_MAX = 64
TIMEOUT_S = 5.0
REMEMBERED_MAX = 50_000
_TICK_S = 0.02


@dataclass(frozen=True, slots=True)
class Answered:
    """One request. version "" means that no pod answered: the router did, or nobody."""

    at_s: float
    version: str
    code: int


class Load:
    """Sends `rate_per_s` requests to one URL until stopped; what would exceed IN_FLIGHT_MAX is not sent."""

    def __init__(self, url: str, host: str, rate_per_s: float) -> None:
        assert 0 < rate_per_s <= RATE_MAX_PER_S
        self._url = url
        self._host = host
        self._rate_per_s = rate_per_s
        self._recent: deque[Answered] = deque(maxlen=REMEMBERED_MAX)
        self._in_flight: set[asyncio.Task[None]] = set()
        self._runner: asyncio.Task[None] | None = None
        self.by_version: Counter[str] = Counter()
        self.by_code: Counter[int] = Counter()
        self.application_errors = 0
        self.tool_failures: list[str] = []
        self.skipped = 0

    @property
    def total(self) -> int:
        """How many requests were sent and answered, or lost."""
        return self.by_version.total()

    def start(self) -> None:
        """Begin to send."""
        self._runner = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Send no more and wait for what is on its way."""
        if self._runner is not None:
            self._runner.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._runner
            self._runner = None

    def shares(self, window_s: float) -> dict[str, float]:
        """The share of requests that each version answered in the last window_s seconds; empty if none did."""
        since_s = asyncio.get_running_loop().time() - window_s
        counts: Counter[str] = Counter()
        for one in reversed(self._recent):
            if one.at_s < since_s:
                break
            counts[one.version] += 1
        return {version: count / counts.total() for version, count in sorted(counts.items())}

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        connector = aiohttp.TCPConnector(limit=IN_FLIGHT_MAX)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            began_s, sent = loop.time(), 0
            try:
                while True:
                    due = int((loop.time() - began_s) * self._rate_per_s)
                    while sent < due:
                        sent += 1
                        if len(self._in_flight) >= IN_FLIGHT_MAX:
                            self.skipped += 1
                            continue
                        task = loop.create_task(self._one(session))
                        self._in_flight.add(task)
                        task.add_done_callback(self._in_flight.discard)
                    await asyncio.sleep(_TICK_S)
            finally:
                await asyncio.gather(*self._in_flight, return_exceptions=True)

    async def _one(self, session: aiohttp.ClientSession) -> None:
        version, code, why = "", 0, ""
        try:
            async with session.get(self._url, headers={"Host": self._host}) as response:
                await response.read()
                version, code = response.headers.get(VERSION_HEADER, ""), response.status
                if not version:
                    why = f"{code} from the router"
        except (aiohttp.ClientError, TimeoutError) as error:
            why = type(error).__name__
        self.by_version[version] += 1
        self.by_code[code] += 1
        self.application_errors += bool(version) and code >= 500
        if why:
            self.tool_failures.append(why)
        self._recent.append(Answered(asyncio.get_running_loop().time(), version, code))
