"""A few blocking calls to the API server, for the thread that keeps the Lease while the loop may be busy."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from rollouts.core.errors import HiccupError
from rollouts.shell import clock, tls
from rollouts.shell.connection import ApiError
from rollouts.shell.kubeconfig import Access
from rollouts.shell.pool import proxy_place

ANSWER_BYTES_MAX = 1024 * 1024


class BlockingClient:
    """One connection of one identity; not for use by several threads."""

    def __init__(self, access: Access, user_agent: str) -> None:
        self._access = access
        self._user_agent = user_agent
        self._connection: http.client.HTTPConnection | None = None
        self._certificate = ""

    def call(self, method: str, path: str, body: Mapping[str, Any] | None, timeout_s: float) -> dict[str, Any]:
        """One call; returns the decoded object. Raises ApiError for a refusal, with status 0 without an answer."""
        try:
            credentials = self._access.credentials
            if not credentials.is_fresh():
                credentials.renew()
            connection = self._connect(timeout_s)
            headers = {
                "Accept": "application/json",
                "Content-Type": "application/json",
                "User-Agent": self._user_agent,
                **self._access.impersonate,
                **credentials.headers(),
            }
            prefix = urlsplit(self._access.server).path.rstrip("/")
            sent_us = clock.steady_us()
            connection.request(method, prefix + path, None if body is None else orjson.dumps(body), headers)
            response = connection.getresponse()
            content = response.read(ANSWER_BYTES_MAX + 1)
            if not response.isclosed():
                self.close()  # more than we read: the connection cannot serve another call
            decoded = orjson.loads(content)
        except (OSError, http.client.HTTPException, ssl.SSLError, ValueError) as error:
            self.close()
            raise ApiError(0, type(error).__name__, f"{method} {path}: {type(error).__name__}") from None
        clock.heard((response.getheader("Date") or "").encode("latin-1", "replace"), sent_us)
        if response.status == 401:
            credentials.reject()
        if not 200 <= response.status < 300:
            said = decoded if isinstance(decoded, dict) else {}
            raise ApiError(response.status, str(said.get("reason", "")), str(said.get("message", "")))
        if not isinstance(decoded, dict):
            raise HiccupError(f"{method} {path}: the answer is no object")
        return decoded

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self, timeout_s: float) -> http.client.HTTPConnection:
        if self._certificate != self._access.credentials.certificate:  # what was shown at the handshake has run out
            self.close()
        if self._connection is not None:
            self._connection.timeout = timeout_s
            if self._connection.sock is not None:
                self._connection.sock.settimeout(timeout_s)
            return self._connection
        self._certificate = self._access.credentials.certificate
        self._connection = _made(self._access, timeout_s)
        return self._connection


class _TlsConnection(http.client.HTTPSConnection):
    """Checks the server's certificate for a name that need not be the host's."""

    def __init__(self, host: str, port: int | None, timeout_s: float, context: ssl.SSLContext, name: str) -> None:
        super().__init__(host, port, timeout=timeout_s, context=context)
        self._tls, self._name = context, name

    def connect(self) -> None:
        """Connect, through the tunnel if there is one, and shake hands."""
        http.client.HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name)


def _made(access: Access, timeout_s: float) -> http.client.HTTPConnection:
    where, context = urlsplit(access.server), tls.context(access)
    host, port = where.hostname or "", where.port
    if context is None:
        return http.client.HTTPConnection(host, port, timeout=timeout_s)
    name = access.server_name or host
    if not access.proxy:
        return _TlsConnection(host, port, timeout_s, context, name)
    made = _TlsConnection(*proxy_place(access.proxy), timeout_s, context, name)
    made.set_tunnel(host, port or 443)
    return made
