"""Carries a request of the machine to the API server, and whatever comes of it back."""

from __future__ import annotations

import time
from typing import Protocol, TypedDict

import msgspec

from rollouts.core.errors import HiccupError
from rollouts.shell.client import Client, Reply
from rollouts.shell.projection import Metadata, bounded
from rollouts.shell.wire import Request, Response


class Right(Protocol):
    """The right to write. `remaining_s`: for how long it holds, on the monotonic clock; 0 or less: not any more."""

    def remaining_s(self) -> float:
        """Seconds that are left."""
        ...


class Always:
    """Nobody else is there to write."""

    def remaining_s(self) -> float:
        """For ever."""
        return float("inf")


class Stored(TypedDict, total=False):
    """Of an answer the machine reads who it is about, and of a refusal why; nothing else is decoded."""

    metadata: Metadata
    kind: str
    reason: str
    message: str


_decode = bounded(msgspec.json.Decoder(Stored).decode)


class Hand:
    """The one that writes. Before each write the right to do so is tested."""

    def __init__(self, client: Client, right: Right) -> None:
        self._client = client
        self._right = right

    async def act(self, request: Request) -> Response:
        """Carry out one request; never raises."""
        if request.is_write and self._right.remaining_s() <= 0:
            return Response(request.id, 0, error="the right to write has run out")
        began_s = time.monotonic()
        try:
            reply = await self._client.send(request)
            return Response(request.id, reply.status, _body(reply), reply.retry_after_s)
        except HiccupError as error:  # no answer, or no credentials to ask with
            return Response(request.id, 0, error=f"{error} (after {time.monotonic() - began_s:.1f} s)")


def _body(reply: Reply) -> Stored | None:
    try:
        decoded: Stored = _decode(reply.body)
    except msgspec.DecodeError:
        return None
    return decoded
