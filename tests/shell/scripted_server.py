"""A server of plain bytes: each request is answered by the next line of a script."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Answer = Callable[["Asked", asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Asked:
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int


@dataclass
class Script:
    """The answers to come, the requests that came, and where to send them."""

    answers: list[Answer]
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    connections: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until_asked(self, count: int) -> None:
        """Wait until that many requests came."""
        async with self.arrived:
            await self.arrived.wait_for(lambda: len(self.asked) >= count)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def reply(status: int, body: Any = None, *headers: str) -> Answer:
    """A whole answer of known length."""
    content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    lines = [f"HTTP/1.1 {status} Word", f"Content-Length: {len(content)}", *headers]

    async def answer(asked: Asked, out: asyncio.StreamWriter) -> None:
        out.write("\r\n".join((*lines, "", "")).encode() + content)
        await out.drain()

    return answer


def stream(*events: Any, ends: bool = True) -> Answer:
    """Events as chunks; without an end the connection stays silent after them."""

    async def answer(asked: Asked, out: asyncio.StreamWriter) -> None:
        out.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for event in events:
            line = event if isinstance(event, bytes) else json.dumps(event).encode() + b"\n"
            out.write(b"%x\r\n%s\r\n" % (len(line), line))
        if ends:
            out.write(b"0\r\n\r\n")
        await out.drain()

    return answer


def raw(content: bytes, *, close: bool = True) -> Answer:
    """Bytes, and then perhaps the end."""

    async def answer(asked: Asked, out: asyncio.StreamWriter) -> None:
        out.write(content)
        await out.drain()
        if close:
            out.close()

    return answer


def drip(content: bytes, pause_s: float = 0.005) -> Answer:
    """Bytes one by one, so slowly that the end is never reached."""

    async def answer(asked: Asked, out: asyncio.StreamWriter) -> None:
        for at in range(len(content)):
            out.write(content[at : at + 1])
            await out.drain()
            await asyncio.sleep(pause_s)

    return answer


def hang() -> Answer:
    """Nothing, for ever."""

    async def answer(asked: Asked, out: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    return answer


@asynccontextmanager
async def serve(*answers: Answer) -> AsyncIterator[Script]:
    """Serve a script; a request beyond its end is answered with 599."""
    script = Script(list(answers))
    tasks: set[asyncio.Task[None]] = set()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script.connections += 1
        number = script.connections
        try:
            while asked := await _read(reader, number):
                async with script.arrived:
                    script.asked.append(asked)
                    script.arrived.notify_all()
                answer = script.answers.pop(0) if script.answers else reply(599)
                await answer(asked, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            script.closed.set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(connection(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(lambda _: writer.close())  # a task that is cancelled before it began closes nothing

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    script.port = server.sockets[0].getsockname()[1]
    try:
        yield script
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the connections are told of their end in the next round


async def _read(reader: asyncio.StreamReader, connection: int) -> Asked | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(method, target, headers, body, connection)
