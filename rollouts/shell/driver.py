"""Drives the machine with asyncio: events and answers in, requests and asks out, one turn after whatever arrived."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

from rollouts.core.plan import Answer, Ask, Note
from rollouts.kit.instant import Instant
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.shell import clock
from rollouts.shell.loop import Machine
from rollouts.shell.wire import Request, Response, WatchEvent

SLEEP_S_MAX = 15.0  # the clock on the wall may be set: look again even if nothing seems due


class Driver:
    """The machine's eyes, hands and alarm clock.

    act: carries one request out and never raises.  ask: answers one question and never raises.  tell: takes a note.
    watch: begins to watch a kind.
    """

    def __init__(
        self,
        machine: Machine,
        act: Callable[[Request], Awaitable[Response]],
        ask: Callable[[Ask], Awaitable[Answer]],
        tell: Callable[[Note], None],
        now: Callable[[], Instant] = clock.now,
        watch: Callable[[Kind], None] = lambda kind: None,
    ) -> None:
        self.machine = machine
        self._act = act
        self._ask = ask
        self._tell = tell
        self._now = now
        self._watch = watch
        self._loop = asyncio.get_running_loop()
        self._is_scheduled = False
        self._alarm: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._requests = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.broken: asyncio.Future[None] = self._loop.create_future()

    @property
    def inflight(self) -> int:
        """How many requests are at the API server."""
        return self._requests

    # What arrives.

    def replace(self, kind: Kind, objects: Iterable[Manifest], version: str, began: Instant) -> None:
        """A whole list from a reflector."""
        self.machine.replace(kind, objects, version, self._now(), began=began)
        self.poke()

    def absorb(self, event: WatchEvent) -> None:
        """One event from a reflector."""
        self.machine.absorb(event, self._now())
        self.poke()

    def nudge(self, ref: Ref) -> bool:
        """Somebody says that the world has changed for an object; False where that is not for this process to hear."""
        is_ours = self.machine.nudge(ref, self._now())
        self.poke()
        return is_ours

    def deaf(self, kind: Kind, complaint: str) -> None:
        """A kind that a reflector cannot list."""
        self.machine.deaf(kind, complaint, self._now())
        self.poke()

    def lead(self, term: int | None) -> None:
        """A term of leadership began or ended."""
        self.machine.lead(term, self._now())
        self.poke()

    def poke(self) -> None:
        """Let the machine turn once everything that has arrived is in."""
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._turn)

    async def settle(self, wait_s_max: float) -> None:
        """Wait until no request is under way any more, for a graceful stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s_max):
                await self._idle.wait()

    async def close(self) -> None:
        """Stop turning; asks that are under way are given up."""
        if self._alarm:
            self._alarm.cancel()
        self._is_scheduled = True  # no turn any more
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # One turn.

    def _turn(self) -> None:
        self._is_scheduled = False
        try:
            now = self._now()
            turn = self.machine.turn(now)
            for request in turn.requests:
                self._requests += 1
                self._idle.clear()
                self._start(self._carry(request))
            for ask in turn.asks:
                self._start(self._put(ask))
            for note in turn.notes:
                self._tell(note)
            for kind in turn.watch:
                self._watch(kind)
        except Exception as error:  # the machine itself is broken: better no controller than one that guesses
            if not self.broken.done():
                self.broken.set_exception(error)
            return
        if turn.wake is not None:
            self._wake_in(turn.wake.since(now))

    def _wake_in(self, delay_s: float) -> None:
        if delay_s <= 0:
            self.poke()
            return
        if self._alarm:
            self._alarm.cancel()
        self._alarm = self._loop.call_later(min(delay_s, SLEEP_S_MAX), self.poke)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) and not self.broken.done():
            self.broken.set_exception(error)

    async def _carry(self, request: Request) -> None:
        response = Response(request.id, 0, error="given up")
        try:
            response = await self._act(request)
        finally:
            self._requests -= 1
            if not self._requests:
                self._idle.set()
            self.machine.respond(response, self._now())
            self.poke()

    async def _put(self, ask: Ask) -> None:
        self.machine.answered(await self._ask(ask), self._now())
        self.poke()
