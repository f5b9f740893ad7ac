"""Watches over HTTP: one commit is encoded once and handed to everyone who may see it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import orjson
from aiohttp import web

from rollouts.devplane.definitions import resource_key
from rollouts.devplane.errors import ApiError
from rollouts.devplane.history import Commit, visible
from rollouts.devplane.store import Query, Store
from rollouts.kube import kinds
from rollouts.kube.ref import Kind, Manifest

BACKLOG_MAX = 20_000
BOOKMARK_S = 30.0
TIMEOUT_S_MAX = 3600.0
INITIAL_EVENTS_END = "k8s.io/initial-events-end"

Test = Callable[[Manifest], bool]
Show = Callable[[Manifest], Manifest]


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """What one watcher wants to see, and how. show: turns an object into what this watcher is sent (a Table row)."""

    kind: Kind
    namespace: str = ""
    query: Query = field(default_factory=Query)
    bookmarks: bool = False
    initial_events: bool = False
    timeout_s: float = TIMEOUT_S_MAX
    show: Show | None = None


class _Watcher:
    """The lines that one connection has still to be sent."""

    __slots__ = ("backlog", "is_over", "request", "test", "wakeup")

    def __init__(self, request: WatchRequest, test: Test | None) -> None:
        self.request = request
        self.test = test
        self.backlog: list[bytes] = []
        self.wakeup = asyncio.Event()
        self.is_over = False

    def tell(self, line: bytes) -> None:
        if len(self.backlog) >= BACKLOG_MAX:
            self.leave()  # the client comes back with its last version
        else:
            self.backlog.append(line)
        self.wakeup.set()

    def leave(self) -> None:
        """End the connection once the backlog is sent."""
        self.is_over = True
        self.wakeup.set()


class Watches:
    """Everyone who watches a store. Serves each over its own response until it ends."""

    def __init__(self, store: Store, *, bookmark_s: float = BOOKMARK_S) -> None:
        self._store = store
        self._bookmark_s = bookmark_s
        self._watchers: dict[str, set[_Watcher]] = {}
        self._closing = asyncio.Event()
        store.listeners.append(self._on_commit)

    def close(self) -> None:
        """End every watch, as a server does that shuts down."""
        self._closing.set()
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.wakeup.set()

    @property
    def count(self) -> int:
        """How many watches are open."""
        return sum(len(watchers) for watchers in self._watchers.values())

    def _on_commit(self, commit: Commit) -> None:
        if commit.kind == kinds.CRD and commit.type == "DELETED":
            for watcher in self._watchers.get(commit.object["metadata"]["name"], ()):
                watcher.leave()  # what it watched is served no more
        encoded: dict[str, bytes] = {}
        for watcher in self._watchers.get(resource_key(commit.kind), ()):
            if watcher.request.namespace and watcher.request.namespace != commit.object["metadata"].get("namespace"):
                continue
            for type_, manifest in visible((commit,), watcher.test):
                if watcher.request.show is not None:
                    watcher.tell(_line(type_, watcher.request.show(manifest)))
                    continue
                if type_ not in encoded:
                    encoded[type_] = _line(type_, manifest)
                watcher.tell(encoded[type_])

    async def serve(self, request: web.BaseRequest, wanted: WatchRequest) -> web.StreamResponse:
        """Answer a watch request until its time is over, the client leaves or the server closes."""
        watcher = _Watcher(wanted, self._store.test(wanted.kind, wanted.query))
        for line in self._first_lines(wanted):
            watcher.backlog.append(line)
        watchers = self._watchers.setdefault(resource_key(wanted.kind), set())
        watchers.add(watcher)
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Cache-Control": "no-cache"})
        try:
            response.enable_chunked_encoding()
            await response.prepare(request)
            await self._pump(response, watcher)
            await response.write_eof()
        except ConnectionError:
            pass  # the client has left
        finally:
            watchers.discard(watcher)
        return response

    async def _pump(self, response: web.StreamResponse, watcher: _Watcher) -> None:
        loop = asyncio.get_running_loop()
        end_s = loop.time() + watcher.request.timeout_s
        while not self._closing.is_set():
            if watcher.backlog:
                lines, watcher.backlog = watcher.backlog, []
                await response.write(b"".join(lines))
                continue
            left_s = end_s - loop.time()
            if watcher.is_over or left_s <= 0:
                break
            watcher.wakeup.clear()
            try:
                await asyncio.wait_for(watcher.wakeup.wait(), min(left_s, self._bookmark_s))
            except TimeoutError:
                if watcher.request.bookmarks:
                    watcher.tell(self._bookmark(watcher.request))

    def _first_lines(self, wanted: WatchRequest) -> Iterable[bytes]:
        """What happened since the version that the client names, or everything there is where it names none."""
        version = wanted.query.version
        show = wanted.show or _as_it_is
        try:
            if wanted.initial_events or version in ("", "0"):
                selected = Query(labels=wanted.query.labels, fields=wanted.query.fields)
                page = self._store.list(wanted.kind, wanted.namespace, selected)
                lines = [_line("ADDED", show(item)) for item in page.items]
                return [*lines, self._bookmark(wanted, initial=True)] if wanted.initial_events else lines
            told = self._store.events_since(wanted.kind, version, wanted.namespace, wanted.query)
        except ApiError as error:
            if error.status == 400:
                raise
            # Once a watch has begun, refusals travel as its last event.
            return [_line("ERROR", error.body)]
        return [_line(type_, show(item)) for type_, item in told]

    def _bookmark(self, wanted: WatchRequest, *, initial: bool = False) -> bytes:
        meta: dict[str, object] = {"resourceVersion": self._store.version, "creationTimestamp": None}
        if initial:
            meta["annotations"] = {INITIAL_EVENTS_END: "true"}
        mark = {"kind": wanted.kind.name, "apiVersion": wanted.kind.api_version, "metadata": meta}
        return _line("BOOKMARK", wanted.show(mark) if wanted.show else mark)


def _as_it_is(manifest: Manifest) -> Manifest:
    return manifest


def _line(type_: str, manifest: Manifest) -> bytes:
    return orjson.dumps({"type": type_, "object": manifest}, option=orjson.OPT_APPEND_NEWLINE)
