"""HTTP to one API server: credentials, TLS, time-outs, and what came back as bytes."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from rollouts.core.errors import HiccupError
from rollouts.shell import clock, tls
from rollouts.shell.kubeconfig import Access, AccessError
from rollouts.shell.pool import Pool, Server
from rollouts.shell.settings import DEFAULTS, Settings

CONTENT_TYPES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "apply": "application/apply-patch+yaml",  # JSON is YAML
    "": "application/json",
}
REFUSAL_BYTES_MAX = 65536
_PLAIN_TARGET = re.compile(r"[!$%&'()*+,\-./0-9:;=?@A-Z_a-z~]+", re.ASCII)
_LINE_BREAKS = re.compile(r"[\r\n\0]")


class ApiError(HiccupError):
    """The API server said no (status >= 400), or said nothing (status 0: refused, reset, timed out)."""

    def __init__(self, status: int, reason: str, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status, self.reason, self.message, self.retry_after_s = status, reason, message, retry_after_s


@dataclass(frozen=True, slots=True)
class Reply:
    """What came over the wire: status, the undecoded body, and the server's wish for patience."""

    status: int
    body: bytes
    retry_after_s: float | None = None

    @property
    def is_ok(self) -> bool:
        """Whether the server carried the call out."""
        return 200 <= self.status < 300

    def manifest(self) -> dict[str, Any]:
        """The decoded body. Raises ApiError for a refusal, or for a body that is no JSON object."""
        try:
            decoded = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            decoded = None
        if self.is_ok and isinstance(decoded, dict):
            return decoded
        said = decoded if isinstance(decoded, dict) else {}
        text = said.get("message") or f"the API server answered {self.status} without saying why"
        raise ApiError(self.status, str(said.get("reason") or ""), str(text), self.retry_after_s)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One call. user: as whom it is made, whoever the credentials are if empty."""

    method: str
    target: str
    body: bytes | None = None
    form: str = ""
    user: str = ""


class Connection:
    """One identity at one API server. Made lazily: nothing is opened before the first call."""

    def __init__(self, access: Access, settings: Settings = DEFAULTS, *, connections_max: int = 64) -> None:
        self.access = access
        self._settings = settings
        self._connections_max = connections_max
        self._pool: Pool | None = None
        self._certificate = ""
        self._shown: dict[str, str] = {}  # the headers of the credentials that stand in `_heads`
        self._heads: dict[str, bytes] = {}
        self._renewal: asyncio.Future[None] | None = None
        self._prefix = urlsplit(access.server).path.rstrip("/")  # of an API server behind a gateway

    async def close(self) -> None:
        """Close every connection, one in use at the end of its call."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    async def send(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        form: str = "",
        *,
        timeout_s: float | None = None,
        user: str = "",
    ) -> Reply:
        """One call; `target` is path and query. An HTTP error is a Reply like any other. user: as whom it is made.

        Raises ApiError with status 0 where no answer came, so that the outcome of a write is unknown.
        """
        limit_s = timeout_s or self._settings.request_timeout_s
        asked = _Asked(method, target, body, form, user)
        reply = await self._send(asked, limit_s)
        if reply.status == 401 and not self.access.credentials.is_final:
            self.access.credentials.reject()  # an expired token: once more with a fresh one
            reply = await self._send(asked, limit_s)
        return reply

    async def lines(self, target: str, *, silence_s_max: float | None = None) -> AsyncGenerator[bytes, None]:
        """The lines of an endless answer. Raises ApiError, with status 0 after `silence_s_max` without a byte."""
        try:
            pool = await self._ready()
            request = self._request(_Asked("GET", target))
            async with contextlib.aclosing(pool.stream(request, silence_s_max)) as chunks:
                status = int(await anext(chunks))
                if status == 401:
                    self.access.credentials.reject()  # whoever watches again does so with fresh ones
                if status != 200:
                    Reply(status, await _refusal(chunks)).manifest()  # raises
                async for line in self._split(chunks):
                    yield line
        except TimeoutError:
            raise ApiError(0, "Silence", f"{_shown(target)}: the watch fell silent") from None
        except OSError as error:
            raise ApiError(0, type(error).__name__, f"{_shown(target)}: {_words(error)}") from None

    async def _split(self, chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        rest: list[bytes] = []
        size = 0
        async for chunk in chunks:
            *whole, last = chunk.split(b"\n")
            if whole:
                whole[0] = b"".join((*rest, whole[0]))
                rest, size = [], 0
                for line in whole:
                    if line:
                        yield line
            rest.append(last)
            size += len(last)
            if size > self._settings.body_bytes_max:
                raise ApiError(413, "TooLarge", f"an event is larger than {self._settings.body_bytes_max} bytes")

    async def _send(self, asked: _Asked, timeout_s: float) -> Reply:
        method, target = asked.method, asked.target
        try:
            pool = await self._ready()
            request = self._request(asked)
            sent_us = clock.steady_us()
            answer = await pool.exchange(request, self._settings.body_bytes_max, timeout_s)
        except TimeoutError:
            raise ApiError(0, "Timeout", f"{method} {_shown(target)}: no answer in {timeout_s:g} s") from None
        except OSError as error:
            raise ApiError(0, type(error).__name__, f"{method} {_shown(target)}: {_words(error)}") from None
        clock.heard(answer.headers.get(b"date", b""), sent_us)
        return Reply(answer.status, answer.body, _retry_after(answer.headers))

    async def _ready(self) -> Pool:
        """The pool, with credentials that have not run out."""
        credentials = self.access.credentials
        if not credentials.is_fresh():
            if self._renewal is None or self._renewal.done():
                self._renewal = asyncio.ensure_future(asyncio.to_thread(credentials.renew))
            await asyncio.shield(self._renewal)  # whoever comes meanwhile shares its outcome, a failure too
        if (shown := credentials.headers()) != self._shown:  # other connections of this access renew them too
            self._shown = shown
            self._heads.clear()
        if self._pool is None or credentials.certificate != self._certificate:
            await self.close()
            self._certificate = credentials.certificate
            self._pool = Pool(_server(self.access, tls.context(self.access)), self._connections_max)
        return self._pool

    def _request(self, asked: _Asked) -> bytes:
        method, body, form = asked.method, asked.body, asked.form
        target = self._prefix + asked.target
        if not _PLAIN_TARGET.fullmatch(target):
            target = quote(target, safe="!$%&'()*+,-./:;=?@_~")
        head = self._heads.get(form) or self._head(form)
        if asked.user:
            if _LINE_BREAKS.search(asked.user):
                raise AccessError("the name of a user would hold a line break")
            head += f"Impersonate-User: {asked.user}\r\n".encode()
        if body is None:
            return b"%s %s HTTP/1.1\r\n%s\r\n" % (method.encode(), target.encode(), head)
        length = b"Content-Length: %d\r\n\r\n" % len(body)
        return b"%s %s HTTP/1.1\r\n%s%s%s" % (method.encode(), target.encode(), head, length, body)

    def _head(self, form: str) -> bytes:
        assert self._pool is not None
        named = {
            "Host": self._pool.server.authority,
            "Accept": "application/json",
            "Content-Type": CONTENT_TYPES[form],
            "User-Agent": self._settings.user_agent,
            **self.access.impersonate,
            **self._shown,
        }
        headers = [*named.items(), *(("Impersonate-Group", group) for group in self.access.groups)]
        if broken := [name for name, value in headers if _LINE_BREAKS.search(name + value)]:
            raise AccessError(f"the header {broken[0]!r} would hold a line break")
        head = "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1", "replace")
        self._heads[form] = head
        return head


def _server(access: Access, context: ssl.SSLContext | None) -> Server:
    where = urlsplit(access.server)
    if where.scheme not in ("http", "https") or not where.hostname:
        raise AccessError(f"the server of context {access.context!r} is no http or https address")
    port = where.port or (443 if where.scheme == "https" else 80)
    return Server(where.hostname, port, context, access.server_name, access.proxy)


async def _refusal(chunks: AsyncGenerator[bytes, None]) -> bytes:
    body = b""
    async for chunk in chunks:
        body += chunk
        if len(body) > REFUSAL_BYTES_MAX:
            break
    return body


def _retry_after(headers: Mapping[bytes, bytes]) -> float | None:
    wish = headers.get(b"retry-after", b"")
    return float(wish) if wish.isdigit() and len(wish) < 7 else None


def _shown(target: str) -> str:
    return target.split("?")[0]


def _words(error: OSError) -> str:
    """An error as one line."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted: {error.verify_message}"
    return error.strerror or str(error) or type(error).__name__
