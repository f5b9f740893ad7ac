"""POST /api/webhook: a push of a forge becomes a refresh of the Applications that it concerns, and nothing else."""

from __future__ import annotations

import asyncio
import base64
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from aiohttp import web

from rollouts.core.errors import HiccupError
from rollouts.gitops.source import webhook
from rollouts.gitops.source.errors import SourceError
from rollouts.kube import object as obj
from rollouts.kube.kinds import APPLICATION, SECRET
from rollouts.kube.ref import Manifest, Ref
from rollouts.shell import logs
from rollouts.shell.client import ApiError, Client

BODY_BYTES_MAX = 1 << 20
SECRET_NAME = "argocd-secret"  # noqa: S105 # the name of a Secret
REFRESH = "argocd.argoproj.io/refresh"
REQUESTS_MAX = 60
WINDOW_S = 10.0
SOURCES_MAX = 10_000
REFRESHES_MAX = 5000
TOGETHER = 8  # refreshes that are asked for at once
PATIENCE_S = 5.0  # forges hang up after ten seconds; what takes longer goes on behind their backs


class Webhooks:
    """Answers forges. applications: those of the cache.

    nudge: tells this process that an Application should look at git, False where another process looks after it: that
    one is told by the refresh annotation, which costs a write.
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        applications: Callable[[], Iterable[Manifest]],
        nudge: Callable[[Ref], bool] = lambda ref: False,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._applications = applications
        self._nudge = nudge
        self._runner: web.AppRunner | None = None
        self._seen: dict[str, deque[float]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, port: int, host: str | None = None) -> int:
        """Listen; the port."""
        # The size is tested before a byte of the body is read; aiohttp's own bound stands behind it.
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_post("/api/webhook", self._answer)
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=1.0, auto_decompress=False
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, host if port else "127.0.0.1", port).start()
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answer(self, request: web.Request) -> web.Response:
        """From cheap to dear: who asks how often, how much, in which form; then the signature; then the words."""
        if self._is_too_often(request.remote or ""):
            return _said(429, "too many requests")
        if (request.content_length or 0) > BODY_BYTES_MAX:
            return _said(413, f"larger than {BODY_BYTES_MAX} bytes")
        if (
            request.content_type != "application/json"
            or request.headers.get("Content-Encoding", "identity") != "identity"
        ):
            return _said(415, "send application/json, not compressed")
        forge = webhook.forge_of(request.headers)
        if forge is None:
            return _said(400, "of no forge that is known here")
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _said(413, f"larger than {BODY_BYTES_MAX} bytes")
        try:
            secret = await self._secret(forge.secret)
        except HiccupError:
            return _said(503, "the cluster does not answer")
        if not webhook.is_genuine(forge, request.headers, body, secret):
            return _said(401, "the signature is not the one of our secret")
        if not webhook.is_push(forge, request.headers):
            return _said(200, "thanks")
        try:
            pushes = webhook.pushes(forge, orjson.loads(body))
        except (orjson.JSONDecodeError, SourceError) as error:
            return _said(400, str(error)[:200])
        return await self._refresh(pushes)

    async def _refresh(self, pushes: tuple[webhook.Push, ...]) -> web.Response:
        concerned = [app for app in self._applications() if any(webhook.concerns(push, app) for push in pushes)]
        fresh = (app for app in concerned[:REFRESHES_MAX] if REFRESH not in obj.annotations(app))
        refs = (Ref(APPLICATION, obj.namespace(app), obj.name(app)) for app in fresh)
        work = self._patch([ref for ref in refs if not self._nudge(ref)])
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait({task}, timeout=PATIENCE_S)
        logs.info("webhook", applications=len(concerned), refs=",".join(push.ref for push in pushes)[:200])
        return _said(200, f"{len(concerned)} applications are looked at")

    async def _patch(self, refs: list[Ref]) -> None:
        places = asyncio.Semaphore(TOGETHER)

        async def one(ref: Ref) -> None:
            async with places:
                try:
                    await self._client.patch(ref, {"metadata": {"annotations": {REFRESH: "normal"}}})
                except (ApiError, HiccupError) as error:
                    logs.warn("webhook could not ask for a refresh", application=str(ref), reason=str(error))

        await asyncio.gather(*(one(ref) for ref in refs))

    async def _secret(self, key: str) -> str:
        """The forge's secret, "" where there is none: then nobody is believed."""
        try:
            secret = await self._client.get(Ref(SECRET, self._namespace, SECRET_NAME))
        except ApiError as error:
            if error.status in (403, 404):
                return ""
            raise
        encoded: Any = (secret.get("data") or {}).get(key) or ""
        return base64.b64decode(str(encoded)).decode("utf-8", "replace").strip()

    def _is_too_often(self, source: str) -> bool:
        now_s = time.monotonic()
        times = self._seen.setdefault(source, deque(maxlen=REQUESTS_MAX))
        if len(self._seen) > SOURCES_MAX:
            self._seen = {source: times}
        is_full = len(times) == REQUESTS_MAX and now_s - times[0] < WINDOW_S
        times.append(now_s)
        return is_full


def _said(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text + "\n")
