"""Questions over HTTP on the loop's own connections: one that hangs holds a coroutine, nothing more."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import orjson
from yarl import URL

from analysis.asks import HttpCall, HttpReply, OAuth2, PromQuery, redact
from rollouts.core.errors import HiccupError
from rollouts.shell.asks import aws
from rollouts.shell.asks.reach import Guarded, Reach

TOKEN_EARLY_S = 30.0
TOKEN_LIFE_S = 300.0  # where the issuer does not say how long a token lives
TOKENS_MAX = 1000
TOKEN_BYTES_MAX = 256 * 1024
FORM = ("Content-Type", "application/x-www-form-urlencoded")


@dataclass(slots=True)
class _Token:
    value: str
    until_s: float


class Http:
    """Answers PromQuery and HttpCall. One session for all servers, without a limit on connections."""

    def __init__(self, body_bytes_max: int, reach: Reach, user_agent: str = "rollouts-controller") -> None:
        self._body_bytes_max = body_bytes_max
        self._reach = reach
        self._tokens: dict[str, _Token] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._roles = aws.Roles(self._post_signed)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=30, resolver=Guarded(reach)),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": user_agent, "Accept": "application/json"},
            timeout=aiohttp.ClientTimeout(total=None),
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def ask(self, question: PromQuery | HttpCall, deadline_s: float) -> HttpReply:
        """Put one question, slots filled. Raises HiccupError with a message that shows no credentials."""
        call = _call_of(question) if isinstance(question, PromQuery) else question
        call = replace(call, url=dict(call.aliases).get(str(call.url), call.url))
        where = shown_url(call.url)
        if not str(call.url).lower().startswith(("http://", "https://")):
            raise HiccupError(f"{where}: an address begins with http:// or https://")
        limit_s = min(call.timeout_s, deadline_s)
        try:
            async with asyncio.timeout(limit_s):
                return await self._ask(call)
        except TimeoutError:
            raise HiccupError(f"{where}: no answer in {limit_s:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise HiccupError(f"{where}: {_words(error)}") from None
        except ValueError:  # of aiohttp: a header or an address that cannot be sent; its words would show it
            raise HiccupError(f"{where}: the address or a header holds a character that cannot be sent") from None

    async def _ask(self, call: HttpCall) -> HttpReply:
        headers = [(str(name), str(value)) for name, value in call.headers]
        named = {name.lower() for name, _ in headers}
        token = ""
        if call.oauth2 is not None:
            token = await self._token(call.oauth2, insecure=call.insecure)
            headers.append(("Authorization", f"Bearer {token}"))
        elif call.basic is not None and "authorization" not in named:
            auth = aiohttp.encode_basic_auth(str(call.basic.username), str(call.basic.password))
            headers.append(("Authorization", auth))
        url, body = _with_params(str(call.url), call.params), str(call.body).encode()
        if call.sigv4 is not None:
            url = url.replace("{region}", aws.region_of(call.sigv4))
            headers = await self._roles.signed(call.sigv4, call.method, url, headers, body)
        is_signed = call.sigv4 is not None
        reply = await self._send(call.method, url, body, headers, insecure=call.insecure, is_signed=is_signed)
        if reply.status == 401 and call.oauth2 is not None:
            self._tokens.pop(_token_key(call.oauth2), None)  # the next question fetches another
        return redact(reply, (token,))  # a server may say back what it was sent

    async def _post_signed(self, url: str, body: bytes, headers: list[tuple[str, str]]) -> tuple[int, bytes]:
        reply = await self._send("POST", url, body, headers, insecure=False, is_signed=True)
        return reply.status, bytes(reply.body)

    async def _send(
        self,
        method: str,
        url: str,
        body: bytes,
        headers: list[tuple[str, str]],
        *,
        insecure: bool,
        is_signed: bool = False,
    ) -> HttpReply:
        self._reach.check(url)
        async with self._session.request(
            method,
            URL(url, encoded=is_signed),
            data=body or None,
            headers=headers,
            ssl=not insecure,
            allow_redirects=False,
            skip_auto_headers=("Content-Type",),
        ) as response:
            if 300 <= response.status < 400:
                # Another host must not get the credentials, and a loop must not hold the question.
                raise HiccupError(f"{shown_url(url)}: answered with a redirect ({response.status}), which is refused")
            chunks: list[bytes] = []
            size = 0
            while chunk := await response.content.readany():
                chunks.append(chunk)
                size += len(chunk)
                if size > self._body_bytes_max:
                    raise HiccupError(f"{shown_url(url)}: the answer is larger than {self._body_bytes_max} bytes")
            return HttpReply(response.status, b"".join(chunks))

    async def _token(self, grant: OAuth2, *, insecure: bool) -> str:
        """A token of the client credentials grant; fetched once for all who wait for it."""
        key = _token_key(grant)
        async with self._locks.setdefault(key, asyncio.Lock()):
            known = self._tokens.get(key)
            if known and known.until_s > time.monotonic():
                return known.value
            token = await self._fetch(grant, insecure=insecure)
            self._tokens[key] = token
            if len(self._tokens) > TOKENS_MAX:
                del self._tokens[next(iter(self._tokens))]
        if len(self._locks) > TOKENS_MAX:
            self._locks = {name: lock for name, lock in self._locks.items() if lock.locked()}
        return token.value

    async def _fetch(self, grant: OAuth2, *, insecure: bool) -> _Token:
        where = shown_url(str(grant.token_url))
        form = [("grant_type", "client_credentials")]
        form += [("scope", " ".join(map(str, grant.scopes)))] if grant.scopes else []
        word = aiohttp.encode_basic_auth(str(grant.client_id), str(grant.client_secret))
        headers = [("Authorization", word), FORM]
        reply = await self._send("POST", str(grant.token_url), urlencode(form).encode(), headers, insecure=insecure)
        said = _object(reply.body)
        token = said.get("access_token")
        if reply.status != 200 or not isinstance(token, str) or not token:
            raise HiccupError(f"{where}: no token: {reply.status} {str(said.get('error', ''))[:100]}".rstrip())
        life = said.get("expires_in")
        life_s = float(life) if isinstance(life, int | float) and life > 0 else TOKEN_LIFE_S
        return _Token(token, time.monotonic() + max(1.0, life_s - TOKEN_EARLY_S))


def _call_of(query: PromQuery) -> HttpCall:
    """The request that a PromQL query is. A header that somebody gave goes before the query's own credentials."""
    headers = list(query.headers)
    named = {name.lower() for name, _ in headers}
    if query.bearer and query.oauth2 is None and "authorization" not in named:
        headers.append(("Authorization", f"Bearer {query.bearer}"))
    return HttpCall(
        url=query.endpoint,
        method="POST",
        headers=(*headers, FORM),
        body=urlencode(query.form),
        basic=query.basic,
        oauth2=query.oauth2,
        sigv4=query.sigv4,
        insecure=query.insecure,
        timeout_s=query.timeout_s,
    )


def _with_params(url: str, params: tuple[tuple[str, str], ...]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(params)}" if params else url


def shown_url(url: str) -> str:
    """An address for messages: without user, password, query and fragment."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(no address)"
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}{parts.path}"


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        said = orjson.loads(body) if len(body) <= TOKEN_BYTES_MAX else None
    except orjson.JSONDecodeError:
        said = None
    return said if isinstance(said, dict) else {}


def _token_key(grant: OAuth2) -> str:
    parts = (grant.token_url, grant.client_id, grant.client_secret, *grant.scopes)
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


def _words(error: BaseException) -> str:
    """aiohttp's messages may hold addresses with credentials; only the system's own words are passed on."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "the server's TLS certificate is not trusted"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect: {error.os_error.strerror or type(error.os_error).__name__}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
