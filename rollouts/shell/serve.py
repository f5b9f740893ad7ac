"""Two small HTTP servers: is this process alive and ready, and what has it counted."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest


class Servers:
    """Plain GET on fixed paths; nothing can be changed from here."""

    def __init__(self) -> None:
        self._runners: list[web.AppRunner] = []

    async def health(self, port: int, alive: Callable[[], str], ready: Callable[[], str]) -> int:
        """Serve /healthz and /readyz; a probe says "" or what is wrong. Returns the port."""
        return await self._serve(port, {"/healthz": _probe(alive), "/readyz": _probe(ready)})

    async def metrics(self, port: int, registry: CollectorRegistry) -> int:
        """Serve /metrics. Returns the port."""

        async def answer(request: web.Request) -> web.Response:
            return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

        return await self._serve(port, {"/metrics": answer})

    async def close(self) -> None:
        """Stop serving."""
        for runner in self._runners:
            await runner.cleanup()

    async def _serve(self, port: int, routes: dict[str, Callable[..., object]]) -> int:
        app = web.Application(client_max_size=0)
        for path, handler in routes.items():
            app.router.add_get(path, handler)  # type: ignore[arg-type]  # aiohttp's handler type is wider than it says
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        self._runners.append(runner)
        # Any free port is one port on one address; a named one is served on all of them.
        await web.TCPSite(runner, None if port else "127.0.0.1", port).start()
        return int(runner.addresses[0][1])


def _probe(probe: Callable[[], str]) -> Callable[..., object]:
    async def answer(request: web.Request) -> web.Response:
        wrong = probe()
        return web.Response(text=wrong or "ok", status=503 if wrong else 200)

    return answer
