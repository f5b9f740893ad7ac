"""What a played pod serves: a small real HTTP server at the pod's own address.

`/` answers with the image tag; a share of the answers is 500 where the pod's annotation `error-percent` says so.
`/metrics` counts them for Prometheus.
"""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from tests.plane.lives import tag_of, wish

DEFAULT_PORT = 8080


class Served:
    """One pod's server."""

    def __init__(self, pod: dict[str, Any], ip: str) -> None:
        self._pod, self._ip = pod, ip
        ports: list[dict[str, Any]] = pod["spec"]["containers"][0].get("ports") or [{}]
        self._port = int(ports[0].get("containerPort", DEFAULT_PORT))
        self._tag = tag_of(pod)
        self._error_percent = int(wish(pod, "error-percent", "0"))
        self._answers = {200: 0, 500: 0}
        self._runner: web.AppRunner | None = None

    def target(self) -> dict[str, Any]:
        """This pod in the words of Prometheus' file discovery: its address, and its labels as it may spell them."""
        meta = self._pod["metadata"]
        labels = {re.sub("[^a-zA-Z0-9_]", "_", name): value for name, value in (meta.get("labels") or {}).items()}
        named = {"namespace": meta["namespace"], "pod": meta["name"]}
        return {"targets": [f"{self._ip}:{self._port}"], "labels": {**labels, **named}}

    async def start(self) -> None:
        """Begin to listen; the pod is reported ready only afterwards."""
        app = web.Application()
        app.add_routes([web.get("/metrics", self._metrics), web.get("/{path:.*}", self._answer)])
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._ip, self._port).start()

    async def stop(self) -> None:
        """Finish what is being answered and close."""
        if self._runner:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        # Spread evenly instead of drawn, so that a short test sees the share it was promised.
        count = sum(self._answers.values())
        fails = (count + 1) * self._error_percent // 100 > count * self._error_percent // 100
        status = 500 if fails else 200
        self._answers[status] += 1
        return web.json_response(
            {"version": self._tag, "pod": self._pod["metadata"]["name"]},
            status=status,
            headers={"x-version": self._tag},
        )

    async def _metrics(self, request: web.Request) -> web.Response:
        lines = ["# TYPE http_requests_total counter"]
        lines += [f'http_requests_total{{code="{code}"}} {count}' for code, count in self._answers.items()]
        return web.Response(text="\n".join(lines) + "\n", content_type="text/plain")
