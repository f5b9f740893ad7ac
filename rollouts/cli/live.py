"""Follow what some queries answer: a picture at once, then one after each change."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

import click

from rollouts.cli.connection import Cluster, Query, RefusedError
from rollouts.cli.errors import ComplaintError, Exit
from rollouts.core.errors import HiccupError
from rollouts.kube import object as obj
from rollouts.kube.ref import Kind, Manifest

REDRAW_S_MIN = 0.2
TICK_S = 1.0
REWATCH_S = 0.5
OUTAGE_S_MAX = 300.0  # an upgrade of a control plane with one API server is over by then


@dataclass(slots=True)
class Board:
    """The objects of each query as last told; `told` is False until every query was answered once.

    lost_at_s: since when a query has no answer any more.
    """

    kinds: tuple[Kind, ...]
    objects: dict[Kind, dict[str, Manifest]] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    lost_at_s: dict[Kind, float] = field(default_factory=dict)

    @property
    def is_told(self) -> bool:
        """Whether every kind has been listed."""
        return all(kind in self.objects for kind in self.kinds)

    def replace(self, kind: Kind, items: Iterable[Manifest]) -> None:
        """A list was answered."""
        self.lost_at_s.pop(kind, None)
        self.objects[kind] = {obj.uid(each): each for each in items}
        self.changed.set()

    def absorb(self, kind: Kind, change: str, manifest: Manifest) -> None:
        """A watch told of one object."""
        if change == "DELETED":
            self.objects[kind].pop(obj.uid(manifest), None)
        else:
            self.objects[kind][obj.uid(manifest)] = manifest
        self.changed.set()

    def waits(self, kind: Kind, trouble: Exception, now_s: float) -> bool:
        """Whether a query that was answered before may be asked again, though now there is no answer."""
        is_passing = not isinstance(trouble, RefusedError) or trouble.status in (0, 429) or trouble.status >= 500
        if not is_passing or kind not in self.objects:
            return False
        if not self.lost_at_s:
            click.echo("Warning: no answer from the API server any more; asking again", err=True)
        return now_s - self.lost_at_s.setdefault(kind, now_s) < OUTAGE_S_MAX

    def picture(self) -> Mapping[Kind, tuple[Manifest, ...]]:
        """The objects by kind, as they stand."""
        return {kind: tuple(found.values()) for kind, found in self.objects.items()}


async def follow(
    cluster: Cluster, queries: Iterable[Query], *, ticking: bool = False
) -> AsyncGenerator[Mapping[Kind, tuple[Manifest, ...]], None]:
    """Pictures, never more than five a second. ticking: also one a second, for the ages on a terminal.

    Ends with the complaint of a query that is refused; a watch that merely ends is begun again from a list, and an API
    server that goes away in between is waited for, without a picture of what may no longer be so.
    """
    wanted = tuple(queries)
    board = Board(tuple(query.kind for query in wanted))
    tasks = [asyncio.create_task(_track(cluster, query, board)) for query in wanted]
    tasks.append(asyncio.create_task(_reader_gone()))
    try:
        while True:
            await _next_change(board, tasks, TICK_S if ticking and board.is_told and not board.lost_at_s else None)
            board.changed.clear()
            if board.is_told:
                yield board.picture()
                await asyncio.sleep(REDRAW_S_MIN)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _next_change(board: Board, tasks: list[asyncio.Task[None]], tick_s: float | None) -> None:
    """Wait for a change or a tick; a tracker's complaint is raised here."""
    change = asyncio.create_task(board.changed.wait())
    try:
        await asyncio.wait({change, *tasks}, timeout=tick_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        change.cancel()
    for task in tasks:
        if task.done():
            task.result()


async def _reader_gone() -> None:
    """Raise BrokenPipeError once nobody reads standard output any more, for the next change may be hours away.

    `rollouts get ro web -w -o json | jq -n first(inputs)` would never end otherwise.
    """
    gone = asyncio.Event()
    if (output := _pipe()) is None:
        await gone.wait()  # a terminal or a file is never done with reading
        return
    loop = asyncio.get_running_loop()
    loop.add_reader(output, gone.set)  # the end that we write to becomes readable when the other end closes
    try:
        await gone.wait()
    finally:
        loop.remove_reader(output)
    raise BrokenPipeError


def _pipe() -> int | None:
    """The descriptor of standard output where that is a pipe."""
    try:
        output = sys.stdout.fileno()
        return output if stat.S_ISFIFO(os.fstat(output).st_mode) else None
    except OSError:  # it has none: it was replaced within this process
        return None


async def _track(cluster: Cluster, query: Query, board: Board) -> None:
    while True:
        try:
            listing = await cluster.list(query)
            board.replace(query.kind, listing.items)
            async with aclosing(cluster.watch(query, listing.version)) as changes:
                async for change, manifest in changes:
                    board.absorb(query.kind, change, manifest)
        except (RefusedError, HiccupError) as trouble:
            if not board.waits(query.kind, trouble, time.monotonic()):
                raise
        await asyncio.sleep(REWATCH_S)


async def within(pictures: AsyncGenerator[None, None], timeout_s: float, what: str) -> None:
    """Run through an iterator, with a complaint (exit code 3) once the time is up; 0: no limit."""
    try:
        async with asyncio.timeout(timeout_s or None), aclosing(pictures):
            async for _ in pictures:
                pass
    except TimeoutError:
        raise ComplaintError(f"{what} exceeded timeout", code=Exit.TIMEOUT) from None
