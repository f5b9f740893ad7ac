"""An API server that holds one Rollout, writes down what it was sent, and knows nothing else."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from rollouts.devplane.server import accept_no_more


@dataclass(frozen=True, slots=True)
class Sent:
    """One write as it came over the wire."""

    method: str
    path: str
    content_type: str
    body: Any


@dataclass
class Recorder:
    """Serves on a thread of its own, for as long as the `with` block lasts.

    refuses: the status that answers every write, 0: none.  answers_late_s: how long a write waits for its answer.
    """

    objects: dict[str, Mapping[str, Any]]
    has_status: bool = True
    refuses: int = 0
    answers_late_s: float = 0
    sent: list[Sent] = field(default_factory=list)
    impersonated: list[tuple[str, ...]] = field(default_factory=list)
    url: str = ""

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1)
        await self._runner.setup()
        self._socket = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(self._runner, self._socket).start()
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    async def _end(self) -> None:
        await accept_no_more([self._socket])
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        as_whom = ("Impersonate-User", "Impersonate-Uid", "Impersonate-Group")
        self.impersonated.append(tuple(text for name in as_whom for text in request.headers.getall(name, ())))
        path = request.path
        if request.method == "GET":
            if path in self.objects:
                return web.json_response(self.objects[path])
            inside = [body for where, body in self.objects.items() if where.startswith(f"{path}/")]
            if inside:
                return web.json_response({"items": inside, "metadata": {"resourceVersion": "1"}})
            return _refusal(404, "NotFound", f"{path} not found")
        self.sent.append(Sent(request.method, path, request.content_type, json.loads(await request.text())))
        await asyncio.sleep(self.answers_late_s)
        if self.refuses:
            return _refusal(self.refuses, "Refused", "no")
        if path.endswith("/status") and not self.has_status:
            return _refusal(404, "NotFound", "the server could not find the requested resource")
        return web.json_response(self.objects.get(path.removesuffix("/status"), {}))


def _refusal(code: int, reason: str, message: str) -> web.Response:
    body = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}
    return web.json_response(body, status=code)
