"""One pod as a real HTTP server on a loopback address of its own; how it behaves is written in its image tag."""

from __future__ import annotations

import asyncio
import errno
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from aiohttp import web

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
VERSION_HEADER = "X-Version"
READY_AFTER_S = 0.2
ADDRESSES_TRIED_MAX = 1_000
_CLOSE_S_MAX = 2.0


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a pod does. version: its image tag, told in every answer.

    error_percent: share of answers that are 500.  latency_s: added to every answer.  ready_after_s: None is never.
    pulls: whether the image exists.
    """

    version: str
    error_percent: float = 0.0
    latency_s: float = 0.0
    ready_after_s: float | None = READY_AFTER_S
    pulls: bool = True


# By the first word of the image tag: `demo/web:bad-2` is a bad one.
_BY_TAG: Mapping[str, Behaviour] = {
    "bad": Behaviour("", error_percent=30.0),
    "broken": Behaviour("", error_percent=100.0),
    "slow": Behaviour("", latency_s=0.3),
    "late": Behaviour("", ready_after_s=3.0),
    "unready": Behaviour("", ready_after_s=None),
    "missing": Behaviour("", pulls=False),
}


def behaviour_of(image: str) -> Behaviour:
    """The behaviour that an image reference asks for; whatever is not in the table answers 200 at once."""
    tag = image.rsplit("/", 1)[-1].partition("@")[0].partition(":")[2] or "latest"
    return replace(_BY_TAG.get(tag.partition("-")[0], Behaviour("")), version=tag)


@dataclass(slots=True)
class Requests:
    """What a pod has answered so far: counts by status code, and seconds in cumulative buckets."""

    by_code: Counter[int] = field(default_factory=Counter)
    by_bucket: Counter[float] = field(default_factory=Counter)
    seconds: float = 0.0

    def count(self, code: int, took_s: float) -> None:
        """Add one answer."""
        self.by_code[code] += 1
        self.seconds += took_s
        for bound in BUCKETS_S:
            if took_s <= bound:
                self.by_bucket[bound] += 1

    def series(self) -> list[tuple[str, dict[str, str], float]]:
        """The counters as name, labels, value."""
        name = "http_request_duration_seconds"
        found = [("http_requests_total", {"code": str(code)}, float(n)) for code, n in sorted(self.by_code.items())]
        found += [(f"{name}_bucket", {"le": f"{bound:g}"}, float(self.by_bucket[bound])) for bound in BUCKETS_S]
        total = float(self.by_code.total())
        return [
            *found,
            (f"{name}_bucket", {"le": "+Inf"}, total),
            (f"{name}_sum", {}, self.seconds),
            (f"{name}_count", {}, total),
        ]

    def exposition(self) -> str:
        """The counters in the text format that Prometheus scrapes."""
        lines = ["# TYPE http_requests_total counter", "# TYPE http_request_duration_seconds histogram"]
        for name, labels, value in self.series():
            shown = ",".join(f'{key}="{text}"' for key, text in labels.items())
            lines.append(f"{name}{{{shown}}} {value:g}" if shown else f"{name} {value:g}")
        return "\n".join(lines) + "\n"


class Addresses:
    """Loopback addresses, one for each pod: an ingress controller tells the endpoints of a Service by their address.

    The whole of 127.0.0.0/8 is the loopback device on Linux; where one begins differs from process to process.
    """

    def __init__(self, seed: int) -> None:
        self._next = (16 << 16) + (seed * 1009) % (200 << 16)

    def take(self) -> str:
        """The next address; whoever finds it taken asks again."""
        self._next += 1
        if self._next & 255 in (0, 255):
            self._next = (self._next | 255) + 2
        return f"127.{self._next >> 16 & 255}.{self._next >> 8 & 255}.{self._next & 255}"


class PodServer:
    """The process of one pod: listens on the ports of its containers, counts, ends without breaking a request."""

    def __init__(self, name: str, behaviour: Behaviour) -> None:
        self.name = name
        self.behaviour = behaviour
        self.requests = Requests()
        self.address = ""
        self.port = 0
        self._errors_due_percent = 0.0
        self._servers: list[asyncio.Server] = []
        self._web = web.Server(self._answer, access_log=None)

    async def start(self, addresses: Addresses, ports: Sequence[int]) -> None:
        """Listen on these ports of a free address. Raises OSError where a port is not allowed or none is free."""
        loop = asyncio.get_running_loop()
        for _ in range(ADDRESSES_TRIED_MAX):
            address = addresses.take()
            try:
                for port in ports:
                    self._servers.append(await loop.create_server(self._web, address, port))
            except OSError as error:
                self._close()
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
            self.address, self.port = address, ports[0]
            return
        raise OSError(errno.EADDRINUSE, f"no free loopback address in {ADDRESSES_TRIED_MAX} tries")

    def _close(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()

    async def stop(self) -> None:
        """Take no new connection, let running answers end, then close."""
        self._close()
        await self._web.shutdown(_CLOSE_S_MAX)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/metrics":
            return web.Response(text=self.requests.exposition())
        if request.path == "/healthz":
            return web.Response(text="ok\n")
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        if self.behaviour.latency_s:
            await asyncio.sleep(self.behaviour.latency_s)
        # Errors are spread evenly rather than drawn, so that every run tells the same story.
        self._errors_due_percent += self.behaviour.error_percent
        is_error = self._errors_due_percent >= 100
        self._errors_due_percent -= 100 * is_error
        code = 500 if is_error else 200
        self.requests.count(code, loop.time() - began_s)
        headers = {VERSION_HEADER: self.behaviour.version, "X-Pod": self.name}
        return web.Response(status=code, text=f"{self.behaviour.version}\n", headers=headers)
