"""HTTP to one API server: connections, credentials, TLS, time-outs, and what came back as bytes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import orjson

from rollouts.core.errors import HiccupError
from rollouts.shell import tls
from rollouts.shell.kubeconfig import Access
from rollouts.shell.settings import DEFAULTS, Settings

if TYPE_CHECKING:
    import aiohttp

CONTENT_TYPES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "apply": "application/apply-patch+yaml",  # JSON is YAML
    "": "application/json",
}
REFUSAL_BYTES_MAX = 65536
KEEP_ALIVE_S = 75.0


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


class Connection:
    """Connections of one identity to one API server. Made lazily: nothing is opened before the first call."""

    def __init__(self, access: Access, settings: Settings = DEFAULTS, *, connections_max: int = 64) -> None:
        self.access = access
        self._settings = settings
        self._connections_max = connections_max
        self._session: aiohttp.ClientSession | None = None
        self._ssl: ssl.SSLContext | Literal[True] = True
        self._certificate = ""
        self._headers: dict[str, dict[str, str]] = {}

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(
        self, method: str, target: str, body: bytes | None = None, form: str = "", timeout_s: float | None = None
    ) -> Reply:
        """One call; `target` is path and query. An HTTP error is a Reply like any other.

        Raises ApiError with status 0 where no answer came, so that the outcome of a write is unknown.
        """
        reply = await self._send(method, target, body, form, timeout_s or self._settings.request_timeout_s)
        if reply.status == 401 and not self.access.credentials.is_final:
            self.access.credentials.reject()  # an expired token: once more with a fresh one
            reply = await self._send(method, target, body, form, timeout_s or self._settings.request_timeout_s)
        return reply

    async def lines(self, target: str, *, silence_s_max: float | None = None) -> AsyncGenerator[bytes, None]:
        """The lines of an endless answer. Raises ApiError, with status 0 after `silence_s_max` without a byte."""
        import aiohttp

        session = await self._ready()
        limits = aiohttp.ClientTimeout(total=None, sock_connect=self._settings.request_timeout_s)
        try:
            async with session.get(
                self.access.server + target,
                headers=self._headers_for(""),
                ssl=self._ssl,
                proxy=self.access.proxy or None,
                timeout=limits,
                allow_redirects=False,
            ) as response:
                if response.status != 200:
                    refusal = await response.content.read(REFUSAL_BYTES_MAX)
                    Reply(response.status, refusal, _retry_after(response.headers)).manifest()
                async for line in self._split(response.content, silence_s_max):
                    yield line
        except TimeoutError:
            raise ApiError(0, "Silence", f"{target.split('?')[0]}: the watch fell silent") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ApiError(0, type(error).__name__, f"{target.split('?')[0]}: {_words(error)}") from None

    async def _split(self, content: aiohttp.StreamReader, silence_s_max: float | None) -> AsyncIterator[bytes]:
        rest: list[bytes] = []
        size = 0
        while True:
            async with asyncio.timeout(silence_s_max):
                chunk = await content.readany()
            if not chunk:
                return
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

    async def _send(self, method: str, target: str, body: bytes | None, form: str, timeout_s: float) -> Reply:
        import aiohttp

        limit = self._settings.body_bytes_max
        try:
            session = await self._ready()
            async with session.request(
                method,
                self.access.server + target,
                data=body,
                headers=self._headers_for(form),
                ssl=self._ssl,
                proxy=self.access.proxy or None,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                allow_redirects=False,
            ) as response:
                content = await _bounded(response.content, limit)
                return Reply(response.status, content, _retry_after(response.headers))
        except TimeoutError:
            raise ApiError(0, "Timeout", f"{method} {target.split('?')[0]}: no answer in {timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ApiError(0, type(error).__name__, f"{method} {target.split('?')[0]}: {_words(error)}") from None

    async def _ready(self) -> aiohttp.ClientSession:
        """The session, with credentials that have not run out."""
        import aiohttp

        credentials = self.access.credentials
        if not credentials.is_fresh():
            await asyncio.to_thread(credentials.renew)
            self._headers.clear()
        if self._session is None or credentials.certificate != self._certificate:
            self._certificate = credentials.certificate
            self._ssl = tls.context(self.access) or True
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections_max, keepalive_timeout=KEEP_ALIVE_S, ttl_dns_cache=30
                ),
                auto_decompress=True,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("Accept-Encoding", "User-Agent"),
            )
        return self._session

    def _headers_for(self, form: str) -> dict[str, str]:
        headers = self._headers.get(form)
        if headers is None:
            headers = self._headers[form] = {
                "Accept": "application/json",
                "Content-Type": CONTENT_TYPES[form],
                "User-Agent": self._settings.user_agent,
                **self.access.impersonate,
                **self.access.credentials.headers(),
            }
        return headers


async def _bounded(content: aiohttp.StreamReader, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while chunk := await content.readany():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            raise ApiError(0, "TooLarge", f"the answer is larger than {limit} bytes")
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    wish = headers.get("Retry-After", "")
    return float(wish) if wish.isascii() and wish.isdigit() and len(wish) < 7 else None


def _words(error: BaseException) -> str:
    """An error as one line; aiohttp's may hold the headers of a request, so only an OSError speaks for itself."""
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else type(error).__name__
