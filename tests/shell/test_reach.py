"""Where a metric may send the controller: a table of addresses that look like something else."""

from __future__ import annotations

import asyncio
import socket

import pytest

from analysis.asks import HttpCall
from rollouts.core.errors import HiccupError
from rollouts.shell.asks.http import Http
from rollouts.shell.asks.reach import Reach
from tests.shell.scripted_server import serve

CLUSTER = "https://10.0.0.1:443"

FORBIDDEN = [
    "http://127.0.0.1:9090", "http://127.1:9090", "http://127.0.1:80", "http://0x7f000001", "http://2130706433",
    "http://0177.0.0.1", "http://0x7f.0.0.1", "http://127.0.0.1.:9090", "http://localhost:9090",
    "http://LOCALHOST:9090", "http://[::1]:9090", "http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]",
    "http://[64:ff9b::127.0.0.1]", "http://[2002:7f00:1::]", "http://127。0。0。1", "http://１２７.0.0.1",
    "http://0.0.0.0:9090", "http://0:9090", "http://[::]:9090",
    "http://169.254.169.254/latest/meta-data", "http://169.254.169.254.:80", "http://0xa9fea9fe",
    "http://2852039166", "http://0251.0376.0251.0376", "http://[::ffff:169.254.169.254]",
    "http://[::ffff:a9fe:a9fe]", "http://[fe80::1]", "http://[fd00:ec2::254]", "http://[64:ff9b::a9fe:a9fe]",
    "http://100.100.100.200/latest/meta-data", "http://[::ffff:100.100.100.200]", "http://[fd20:ce::254]",
    "http://[fd00:ec2::23]", "http://168.63.129.16", "http://224.0.0.1", "http://240.0.0.1", "http://255.255.255.255", "http://[ff02::1]",
    "https://10.0.0.1", "https://10.0.0.1:443/api/v1/secrets", "https://10.0.0.1./api",
    "http://user:pass@127.0.0.1", "http://example.com@127.0.0.1", "http://127.0.0.1#@example.com",
    "http://127.0.0.1?x=http://example.com", "http://127.0.0.1\\@example.com",
    "file:///etc/passwd", "ftp://127.0.0.1", "gopher://127.0.0.1", "//127.0.0.1", "127.0.0.1:9090", "http://",
    "http:///metrics", "unix:///var/run/docker.sock", "http://[::1", "http://:9090", "data:text/plain,x",
]  # fmt: skip


@pytest.mark.parametrize("url", FORBIDDEN)
async def test_the_controller_is_not_sent_to_itself_or_to_the_clouds_metadata(url: str) -> None:
    http = Http(1024, Reach(CLUSTER))
    try:
        with pytest.raises(HiccupError) as refused:
            await http.ask(HttpCall(url, timeout_s=3.0), 3.0)
    finally:
        await http.close()

    assert "cannot connect" not in str(refused.value)
    assert "user:" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "reach"),
    [
        ("http://10.1.2.3:9090", Reach(CLUSTER)),
        ("http://prometheus.monitoring:9090", Reach(CLUSTER)),
        ("http://127.0.0.1:9090", Reach("https://127.0.0.1:6443")),
        ("http://127.0.0.1:9090", Reach(CLUSTER, ("127.0.0.0/8",))),
        ("http://127.0.0.1:9090", Reach(CLUSTER, trusted="http://127.0.0.1:9090/prom")),
        ("http://169.254.1.1", Reach(CLUSTER, ("169.254.1.0/24",))),
        ("https://10.0.0.1/version", Reach(CLUSTER, ("10.0.0.0/24",))),
        ("https://10.0.0.1/version", Reach(CLUSTER, trusted="https://10.0.0.1")),
        ("https://127.0.0.1:6443/version", Reach("https://127.0.0.1:6443")),
        ("https://localhost:6443/version", Reach("https://localhost:6443")),
    ],
)
def test_what_the_administrator_allows_may_be_asked(url: str, reach: Reach) -> None:
    reach.check(url)


def test_a_trusted_place_is_one_port_and_not_the_whole_machine() -> None:
    with pytest.raises(HiccupError):
        Reach(CLUSTER, trusted="http://127.0.0.1:9090").check("http://127.0.0.1:9091")


@pytest.mark.parametrize(
    ("said", "reach", "words"),
    [
        ((["127.0.0.1"],), Reach(CLUSTER), "127.0.0.1 is the controller's own machine"),
        ((["10.1.2.3", "169.254.169.254"],), Reach(CLUSTER), "169.254.169.254 is no address of a server"),
        # What was looked at is what is connected to: the name leads elsewhere when it is asked for again.
        ((["127.0.0.2"], ["127.0.0.1"]), Reach(CLUSTER, ("127.0.0.2/32",)), "127.0.0.2"),
    ],
    ids=["back", "both ways", "first there, then back"],
)
async def test_a_name_leads_nowhere_else_than_to_what_was_looked_at(
    said: tuple[list[str], ...], reach: Reach, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = list(said)

    async def names(host: str, port: int, **_: object) -> object:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answers.pop(0)]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", names)
    async with serve() as here:
        http = Http(1024, reach)
        try:
            with pytest.raises(HiccupError) as refused:
                await http.ask(HttpCall(f"http://rebinding.example:{here.port}", timeout_s=3.0), 3.0)
        finally:
            await http.close()

    assert words in str(refused.value)
    assert answers == list(said[1:])
    assert here.asked == []


async def test_the_api_server_is_not_asked_by_another_name_either(monkeypatch: pytest.MonkeyPatch) -> None:
    async def names(host: str, port: int, **_: object) -> object:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", names)
    http = Http(1024, Reach(CLUSTER))
    try:
        with pytest.raises(HiccupError, match="the API server is not asked"):
            await http.ask(HttpCall("https://kubernetes.default.svc/version", timeout_s=3.0), 3.0)
    finally:
        await http.close()
