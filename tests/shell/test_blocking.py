"""The Lease is kept by a client of its own, which reaches the API server as every other one does."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from rollouts.shell.blocking import BlockingClient
from rollouts.shell.connection import ApiError
from rollouts.shell.credentials import Credentials
from rollouts.shell.kubeconfig import Access
from tests.shell.scripted_server import reply, serve

WAIT_S_MAX = 10.0


class Wire:
    """A proxy that opens its tunnel to nowhere, and keeps what it was sent."""

    def __init__(self, *answers: bytes) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.received: list[bytes] = []
        self._thread = threading.Thread(target=self._run, args=answers)
        self._thread.start()

    def _run(self, *answers: bytes) -> None:
        connection, _ = self._server.accept()
        with connection, self._server:
            for answer in (*answers, b""):
                self.received.append(connection.recv(65536))
                connection.sendall(answer)

    def end(self) -> list[bytes]:
        self._thread.join(WAIT_S_MAX)
        return self.received


def test_the_name_that_tls_checks_may_be_another_than_the_host() -> None:
    wire = Wire()
    client = BlockingClient(Access(f"https://127.0.0.1:{wire.port}", server_name="kube.example"), "agent")
    with pytest.raises(ApiError):
        client.call("GET", "/version", None, WAIT_S_MAX)

    assert b"kube.example" in wire.end()[0]


def test_a_proxy_is_asked_for_a_tunnel_to_the_api_server() -> None:
    wire = Wire(b"HTTP/1.1 200 Connection established\r\n\r\n")
    client = BlockingClient(Access("https://api.example:6443", proxy=f"http://127.0.0.1:{wire.port}"), "agent")
    with pytest.raises(ApiError):
        client.call("GET", "/version", None, WAIT_S_MAX)
    asked, hello = wire.end()

    assert asked.startswith(b"CONNECT api.example:6443 HTTP/1.")
    assert b"api.example" in hello


async def test_a_certificate_that_was_renewed_is_shown_on_a_connection_of_its_own() -> None:
    credentials = Credentials()
    async with serve(*[reply(200, {})] * 3) as script:
        client = BlockingClient(Access(script.url, credentials), "agent")
        for certificate in ("one", "one", "two"):
            credentials.certificate = certificate
            await asyncio.to_thread(client.call, "GET", "/version", None, WAIT_S_MAX)
        client.close()

    assert [one.connection for one in script.asked] == [1, 1, 2]
