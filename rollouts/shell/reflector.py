"""Keeps one kind of the cache true: a quorum list in pages, then watches that resume where the one before ended."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from rollouts.core.errors import HiccupError
from rollouts.kit.backoff import delay_s
from rollouts.kit.instant import Instant
from rollouts.kube.ref import Kind, Manifest
from rollouts.shell import clock, projection
from rollouts.shell.client import ApiError, Client
from rollouts.shell.projection import Event, decoding
from rollouts.shell.wire import WatchEvent

GONE = 410
SHORT_WATCH_S = 1.0  # a watch that ends sooner is a failure of the server's, whatever it says


class Sink(Protocol):
    """Where a reflector puts what it hears."""

    def replace(self, kind: Kind, objects: Iterable[Manifest], version: str, began: Instant) -> None:
        """A whole list; its objects can be read once."""
        ...

    def absorb(self, event: WatchEvent) -> None:
        """One change."""
        ...

    def deaf(self, kind: Kind, complaint: str) -> None:
        """The kind could not be listed yet."""
        ...


@dataclass(frozen=True, slots=True)
class Interest:
    """Which objects of a kind are watched: of one namespace or (with "") of all, and by which selectors.

    is_whole: objects are kept as they come, field ownership included.
    is_optional: a kind that we may not list, or that does not exist, counts as empty instead of stopping its rooms.
    """

    kind: Kind
    namespace: str = ""
    labels: str = ""
    fields: str = ""
    is_optional: bool = False
    is_whole: bool = False


@dataclass(slots=True)
class Hearing:
    """How well a reflector hears, for probes and metrics."""

    is_listed: bool = False
    lists: int = 0
    watches: int = 0
    failures: int = 0
    error: str = ""


class Reflector:
    """One interest, kept true until cancelled."""

    def __init__(self, client: Client, interest: Interest, sink: Sink) -> None:
        self.interest = interest
        self.hearing = Hearing()
        self._client = client
        self._sink = sink
        self._decoding = decoding(interest.kind, is_whole=interest.is_whole)
        self._version = ""
        self._attempt = 0

    async def run(self) -> None:
        """List, watch, resume; list again where the version is too old. Never returns."""
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except HiccupError as error:
                self._failed(error)
            except msgspec.DecodeError as error:
                self._version = ""
                self._failed(HiccupError(f"{self.interest.kind}: what the API server sent is no event: {error}"))
            if self._attempt:
                await asyncio.sleep(delay_s(self._attempt, first_s=0.2, cap_s=30.0, seed=str(self.interest)))

    def _failed(self, error: HiccupError) -> None:
        self._attempt += 1
        self.hearing.failures += 1
        self.hearing.error = str(error)
        if not self.hearing.is_listed:
            self._sink.deaf(self.interest.kind, str(error))
        if not isinstance(error, ApiError):
            return
        if error.status in (GONE, 404):  # 404: the kind itself is gone
            self._version = ""
        if error.status == 404 and not self.interest.is_optional:
            self.hearing.is_listed = False  # not ready until it is installed again
        if error.status in (403, 404) and self.interest.is_optional and not self.hearing.is_listed:
            self._sink.replace(self.interest.kind, [], "", clock.now())
            self.hearing.is_listed = True

    async def _list(self) -> None:
        interest, began_s = self.interest, time.monotonic()
        found: list[msgspec.Raw] = []
        version = ""
        pages = self._client.pages(
            interest.kind,
            interest.namespace,
            labels=interest.labels,
            fields=interest.fields,
            decode=projection.page,
        )
        async for page in pages:
            found += page.get("items") or ()
            version = page["metadata"]["resourceVersion"]
        began = clock.now().plus(began_s - time.monotonic())  # the first answer may have set the clock right
        self._sink.replace(interest.kind, map(self._decoding.item, found), version, began)
        self._version = version
        self.hearing.is_listed = True
        self.hearing.lists += 1

    async def _watch(self) -> None:
        interest, began_s = self.interest, time.monotonic()
        self.hearing.watches += 1
        watch = self._client.watch_lines(
            interest.kind,
            interest.namespace,
            version=self._version,
            labels=interest.labels,
            fields=interest.fields,
        )
        async with contextlib.aclosing(watch) as lines:
            async for line in lines:
                self._take(self._decoding.event(line))
        if time.monotonic() - began_s < SHORT_WATCH_S:
            raise HiccupError(f"{interest.kind}: the server ended the watch at once")
        self._attempt = 0

    def _take(self, event: Event) -> None:
        what, body = event["type"], event["object"]
        if what == "ERROR":
            raise ApiError(int(body.get("code", 500)), body.get("reason", ""), body.get("message", ""))
        self._version = body["metadata"]["resourceVersion"]
        self._attempt = 0
        self.hearing.error = ""
        match what:
            case "ADDED" | "MODIFIED" | "DELETED":
                self._sink.absorb(WatchEvent(self.interest.kind, what, body))
            case _:  # a bookmark has told its version; types that are not known yet tell nothing more
                pass
