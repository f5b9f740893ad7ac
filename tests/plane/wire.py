"""A small asynchronous client for the plane's own players and observers: send, list, follow.

It is deliberately not the controller's client: what watches the controller must not share its mistakes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any, TypeAlias

import aiohttp
import orjson

from tests.plane.plane import Access

Body: TypeAlias = dict[str, Any]
MERGE = "application/merge-patch+json"
CONNECTIONS_MAX = 64
PAGE_MAX = 500
REQUEST_S_MAX = 60.0
LIST_AGAIN_S = 0.2


class Wire:
    """Connections of one identity to one API server."""

    def __init__(self, access: Access, connections: int = CONNECTIONS_MAX) -> None:
        self._headers = {"Authorization": f"Bearer {access.token}", "User-Agent": "rollouts-plane"}
        self._url = access.url
        context = ssl.create_default_context(cafile=str(access.ca))
        # Watches hold a connection each for as long as they last, so they have no share in the limit for requests.
        self._short = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, ssl=context),
            timeout=aiohttp.ClientTimeout(total=REQUEST_S_MAX),
        )
        self._long = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=context), timeout=aiohttp.ClientTimeout(total=None)
        )

    async def __aenter__(self) -> Wire:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._short.close()
        await self._long.close()

    async def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Body]:
        """One request, a PATCH being a merge patch; returns the status code and the decoded answer."""
        headers = {**self._headers, "Content-Type": MERGE if method == "PATCH" else "application/json"}
        data = None if body is None else orjson.dumps(body)
        async with self._short.request(method, self._url + path, data=data, headers=headers) as answer:
            return answer.status, orjson.loads(await answer.read())

    async def must(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Body:
        """One request that has to succeed; raises RuntimeError with the server's words otherwise."""
        status, answer = await self.send(method, path, body)
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {answer.get('message')}")
        return answer

    async def list(self, path: str) -> tuple[list[Body], str]:
        """All objects of a collection, by pages, and the collection's version."""
        items: list[Body] = []
        page = ""
        while True:
            answer = await self.must("GET", f"{path}?limit={PAGE_MAX}{page}")
            items += answer["items"] or []
            meta = answer["metadata"]
            if not meta.get("continue"):
                return items, meta["resourceVersion"]
            page = f"&continue={meta['continue']}"

    async def follow(self, path: str, see: Callable[[str, Body], None]) -> None:
        """Tell `see(type, object)` about every object there is and every change, until cancelled."""
        while True:
            items, version = await self.list(path)
            for item in items:
                see("ADDED", item)
            async for event in self.watch(path, version):
                if event["type"] == "ERROR":
                    break
                if event["type"] == "BOOKMARK":
                    continue
                see(event["type"], event["object"])
            await asyncio.sleep(LIST_AGAIN_S)

    async def watch(self, path: str, version: str) -> AsyncIterator[Body]:
        """The events of one watch request until the server ends it."""
        url = f"{self._url}{path}?watch=1&resourceVersion={version}&allowWatchBookmarks=true"
        rest = b""
        async with self._long.get(url, headers=self._headers) as answer:
            async for chunk in answer.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield orjson.loads(line)
