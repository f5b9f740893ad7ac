"""Signatures for AWS, by AWS' own library; an extra that only those install who need it."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any, TypeAlias
from urllib.parse import urlencode, urlsplit

from analysis.asks import Sigv4
from rollouts.core.errors import HiccupError

MISSING = 'AWS signatures need the extra "aws": pip install "rollouts[aws]"'


EXPIRES_EARLY_S = 300.0
ROLE_LIFE_S = 3600.0
ROLES_MAX = 200
SESSION = "rollouts-controller"
_TAG = "<{0}>([^<]+)</{0}>"

Headers: TypeAlias = list[tuple[str, str]]
Send: TypeAlias = Callable[[str, bytes, Headers], Awaitable[tuple[int, bytes]]]
"""A POST of a signed request → status and body."""


@dataclass(frozen=True, slots=True)
class Session:
    """What AWS gives to whoever has assumed a role. until_s: on the monotonic clock."""

    key: str
    secret: str
    token: str
    until_s: float

    def __repr__(self) -> str:
        return "Session(…)"


class Roles:
    """Roles that were assumed, each asked for once until shortly before it runs out."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._sessions: dict[Sigv4, Session] = {}
        self._locks: dict[Sigv4, asyncio.Lock] = {}

    async def signed(
        self, wish: Sigv4, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> Headers:
        """The headers with those of the signature. Raises HiccupError where there are no credentials or no library."""
        session = await self._session(replace(wish, service="")) if wish.role_arn else None
        return await asyncio.to_thread(_signed, wish, method, url, headers, body, session)

    async def _session(self, wish: Sigv4) -> Session:
        async with self._locks.setdefault(wish, asyncio.Lock()):
            known = self._sessions.get(wish)
            if known is None or known.until_s <= time.monotonic():
                known = self._sessions[wish] = await self._assumed(wish)
        if len(self._sessions) > ROLES_MAX:
            self._sessions.pop(next(iter(self._sessions)))
            self._locks = {each: lock for each, lock in self._locks.items() if lock.locked()}
        return known

    async def _assumed(self, wish: Sigv4) -> Session:
        """AssumeRole of AWS' Security Token Service, in the region of the wish."""
        region = region_of(wish)
        url = os.environ.get("AWS_ENDPOINT_URL_STS") or f"https://sts.{region}.amazonaws.com/"
        form = {
            "Action": "AssumeRole",
            "Version": "2011-06-15",
            "RoleArn": wish.role_arn,
            "RoleSessionName": SESSION,
            "DurationSeconds": f"{ROLE_LIFE_S:.0f}",
        }
        body = urlencode(form).encode()
        own = replace(wish, service="sts", role_arn="")
        given = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/xml")]
        headers = await asyncio.to_thread(_signed, own, "POST", url, given, body)
        status, said = await self._send(url, body, headers)
        text = said.decode(errors="replace")
        key, secret, token = (_in(text, name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
        if status != 200 or not (key and secret and token):
            raise HiccupError(f"AWS: the role was not assumed: {status} {_in(text, 'Code')[:100]}".rstrip())
        return Session(key, secret, token, time.monotonic() + ROLE_LIFE_S - EXPIRES_EARLY_S)


def _in(text: str, name: str) -> str:
    found = re.search(_TAG.format(name), text)
    return found[1].strip() if found else ""


def region_of(wish: Sigv4) -> str:
    """The region of a signature: its own, else the controller's. Raises HiccupError where nobody says it."""
    region = wish.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
    if not region or not region.replace("-", "").isalnum():
        raise HiccupError("AWS: no region: give authentication.sigv4.region, or AWS_REGION to the controller")
    return region


def _signed(
    wish: Sigv4,
    method: str,
    url: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    session: Session | None = None,
) -> Headers:
    try:
        from awscrt import auth, http
    except ImportError:
        raise HiccupError(MISSING) from None
    parts = urlsplit(url)
    path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    request = http.HttpRequest(
        method, path, http.HttpHeaders([("Host", parts.netloc), *headers]), BytesIO(body) if body else None
    )
    config = auth.AwsSigningConfig(
        algorithm=auth.AwsSigningAlgorithm.V4,
        signature_type=auth.AwsSignatureType.HTTP_REQUEST_HEADERS,
        credentials_provider=_credentials(auth, wish, session),
        region=region_of(wish),
        service=wish.service,
    )
    try:
        done = auth.aws_sign_request(request, config).result(10.0)
    except Exception as error:  # the library raises its own kinds, all of them about credentials
        raise HiccupError(f"AWS: the request was not signed: {type(error).__name__}") from None
    return [(name, value) for name, value in done.headers if name.lower() != "host"]


def _credentials(auth: Any, wish: Sigv4, session: Session | None) -> Any:
    if session is not None:
        return auth.AwsCredentialsProvider.new_static(session.key, session.secret, session.token)
    if wish.profile:
        return auth.AwsCredentialsProvider.new_profile(profile_name=wish.profile)
    return auth.AwsCredentialsProvider.new_default_chain()
