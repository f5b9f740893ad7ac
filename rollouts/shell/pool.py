"""Connections to one server over asyncio, kept open between exchanges: TLS, CONNECT proxies, bounds on everything."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from rollouts.shell.http1 import MalformedError, Parser

IDLE_S_MAX = 60.0  # shorter than servers keep an idle connection, so that few requests meet a closing one
CONNECT_S_MAX = 10.0
UNREAD_BYTES_MAX = 1024 * 1024  # a stream whose reader is slow is not read any further than this


@dataclass(frozen=True, slots=True)
class Server:
    """Where to connect. proxy: http://host:port of a CONNECT proxy, "" for none.  tls: None for plain http."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    tls_name: str = ""
    proxy: str = ""

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One answer with its whole body."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class TooLargeError(OSError):
    """The answer is larger than the caller allows."""


class Channel(asyncio.Protocol):
    """One connection: an exchange at a time. `done` is resolved at its end, `stirred` at every sign of life."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._parser = Parser()
        self._waiter: asyncio.Future[None] | None = None
        self._is_stream = False
        self._limit = 0
        self._size = 0
        self._chunks: list[bytes] = []
        self._error: Exception | None = None
        self._is_paused = False
        self.idle_since_s = 0.0
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection stands, TLS included."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes have come."""
        if self._waiter is None and not self._is_stream:
            self.close()  # nobody asked
            return
        try:
            body = self._parser.feed(data)
        except MalformedError as error:
            self._fail(ConnectionError(str(error)))
            return
        if body:
            self._chunks.append(body)
            self._size += len(body)
            if self._size > self._limit:
                if not self._is_stream:
                    self._fail(TooLargeError(f"more than {self._limit} bytes"))
                    return
                self._pause()
        if self._is_stream or self._parser.is_done:
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the connection is gone."""
        self.is_open = False
        if self._waiter is None and not self._is_stream:
            return
        try:
            self._parser.end()
        except MalformedError as error:
            self._error = self._error or exc or ConnectionResetError(str(error))
        self._wake()

    def close(self) -> None:
        """Close the connection at once."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    async def exchange(self, request: bytes, limit: int) -> Exchange:
        """Send a request and read the whole answer. Raises OSError; the channel is then closed."""
        self._begin(request, limit, is_stream=False)
        parser = self._parser
        try:
            while not parser.is_done:
                await self._stir()
        except BaseException:  # cancelled or failed: the rest of the answer must not meet the next request
            self.close()
            raise
        finally:
            self._waiter = None
        if not parser.keeps_alive:
            self.close()
        chunks, self._chunks = self._chunks, []
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        return Exchange(parser.status, dict(parser.headers), body)

    async def open_stream(self, request: bytes) -> int:
        """Send a request whose answer has no end; returns its status. Raises OSError."""
        self._begin(request, UNREAD_BYTES_MAX, is_stream=True)
        while not self._parser.has_head:
            await self._stir()
        return self._parser.status

    async def read(self) -> bytes:
        """What has come of a stream since the last time, b"" at its end. Raises OSError."""
        while not self._chunks:
            if self._parser.is_done:
                return b""
            await self._stir()
        chunks, self._chunks, self._size = self._chunks, [], 0
        if self._is_paused and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _begin(self, request: bytes, limit: int, *, is_stream: bool) -> None:
        assert self._transport is not None and self._waiter is None
        self._parser, self._limit, self._size, self._is_stream = Parser(), limit, 0, is_stream
        self._chunks, self._error = [], None
        if not is_stream:
            self._waiter = self._loop.create_future()
        self._transport.write(request)

    async def _stir(self) -> None:
        if self._error is not None:
            raise self._error
        if not self.is_open:
            raise ConnectionResetError("the connection was closed")
        if self._waiter is None or self._waiter.done():
            self._waiter = self._loop.create_future()
        await self._waiter
        if self._error is not None:
            raise self._error

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: Exception) -> None:
        self._error = error
        self.close()
        self._wake()

    def _pause(self) -> None:
        if not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()


class Pool:
    """Channels to one server. At most `connections_max` exchanges at a time; streams have channels of their own."""

    def __init__(self, server: Server, connections_max: int) -> None:
        assert connections_max > 0
        self.server = server
        self._free: deque[Channel] = deque()
        self._places = asyncio.Semaphore(connections_max)
        self._is_closed = False

    def close(self) -> None:
        """Close every idle channel now, and every other one at the end of its exchange."""
        self._is_closed = True
        while self._free:
            self._free.pop().close()

    async def exchange(self, request: bytes, limit: int, timeout_s: float) -> Exchange:
        """One exchange. Raises OSError or TimeoutError; the outcome of a request that was sent is then unknown."""
        async with asyncio.timeout(timeout_s), self._places:
            channel = self._take() or await self._connect()
            answer = await channel.exchange(request, limit)
            if self._is_closed:
                channel.close()
            elif channel.is_open:
                channel.idle_since_s = time.monotonic()
                self._free.append(channel)
            return answer

    async def stream(self, request: bytes, silence_s_max: float | None) -> AsyncGenerator[bytes, None]:
        """The answer to a request that has no end: first its status as three digits, then its body as it comes.

        Raises OSError; TimeoutError after `silence_s_max` without a byte.
        """
        channel = await self._connect()
        try:
            async with asyncio.timeout(silence_s_max):
                status = await channel.open_stream(request)
            yield b"%03d" % status
            while True:
                async with asyncio.timeout(silence_s_max):
                    chunk = await channel.read()
                if not chunk:
                    return
                yield chunk
        finally:
            channel.close()

    def _take(self) -> Channel | None:
        """The channel that was used last, if it is still open; those that were idle for long are closed."""
        oldest_s = time.monotonic() - IDLE_S_MAX
        while self._free and (not self._free[0].is_open or self._free[0].idle_since_s < oldest_s):
            self._free.popleft().close()
        while self._free:
            channel = self._free.pop()
            if channel.is_open:
                return channel
        return None

    async def _connect(self) -> Channel:
        async with asyncio.timeout(CONNECT_S_MAX):
            if self.server.proxy:
                return await self._connect_by_proxy()
            loop, server = asyncio.get_running_loop(), self.server
            name = (server.tls_name or server.host) if server.tls else None
            _, channel = await loop.create_connection(
                lambda: Channel(loop),
                server.host,
                server.port,
                ssl=server.tls,
                server_hostname=name,
                # One address has no rival; and a race that is cancelled forgets the socket that has just won it.
                happy_eyeballs_delay=None if _is_address(server.host) else 0.25,
            )
            return channel

    async def _connect_by_proxy(self) -> Channel:
        loop, server = asyncio.get_running_loop(), self.server
        place = proxy_place(server.proxy)
        if server.tls is None:
            raise OSError("a proxy for plain http is not supported")
        transport, tunnel = await loop.create_connection(lambda: Channel(loop), *place)
        asked = f"CONNECT {server.authority} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n"
        name, channel = server.tls_name or server.host, Channel(loop)
        try:
            status = await tunnel.open_stream(asked.encode())
            if status != 200:
                raise OSError(f"the proxy answered {status}")
            secured = await loop.start_tls(transport, channel, server.tls, server_hostname=name)
        except BaseException:  # a proxy that is slow or says no must not keep the connection
            tunnel.close()
            raise
        assert secured is not None
        channel.connection_made(secured)
        return channel


def proxy_place(proxy: str) -> tuple[str, int]:
    """Host and port of a CONNECT proxy. Raises OSError for what is none."""
    where = urlsplit(proxy)
    if where.scheme != "http" or not where.hostname:
        raise OSError("only proxies at http://host:port are supported")
    return where.hostname, where.port or 80


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
