"""Watches of the command line that outlive the API server, the network, and what they knew."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from dataclasses import replace

import pytest

from rollouts.cli import live
from rollouts.cli.connection import Cluster, Query, RefusedError
from rollouts.devplane.server import Devplane
from rollouts.kube.kinds import CONFIG_MAP
from rollouts.shell.client import Client
from rollouts.shell.kubeconfig import Access
from rollouts.shell.settings import DEFAULTS

QUERY = Query(CONFIG_MAP, "default")


def a_map(name: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}


async def test_an_api_server_that_is_started_again_is_looked_at_again() -> None:
    async with Devplane(serves_pods=False) as first, Client(Access(first.url)) as client:
        first.create(a_map("before"))
        async with aclosing(live.follow(Cluster(client, "default"), [QUERY])) as pictures:
            shown = [await anext(pictures)]
            await first.stop()
            async with Devplane(serves_pods=False, port=first.port) as second:
                second.create(a_map("after"))
                while [each["metadata"]["name"] for each in shown[-1][CONFIG_MAP]] != ["after"]:
                    shown.append(await asyncio.wait_for(anext(pictures), 30))

    assert [each["metadata"]["name"] for each in shown[0][CONFIG_MAP]] == ["before"]


async def test_an_api_server_that_stays_away_is_told_once_and_given_up(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "OUTAGE_S_MAX", 1.2)
    async with (
        Devplane(serves_pods=False) as plane,
        Client(Access(plane.url)) as client,
        aclosing(live.follow(Cluster(client, "default"), [QUERY], ticking=True)) as pictures,
    ):
        await anext(pictures)
        await plane.stop()
        with pytest.raises(RefusedError):
            while True:
                await asyncio.wait_for(anext(pictures), 30)

    assert capsys.readouterr().err.count("Warning: no answer") == 1


async def test_a_watch_whose_other_end_is_gone_without_a_word_is_begun_again() -> None:
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode().split()[1])
        body = json.dumps({"items": [], "metadata": {"resourceVersion": "1"}}).encode()
        if "watch=1" in asked[-1]:
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            await reader.read()  # nothing more, until the client leaves
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with (
        server,
        Client(Access(url), replace(DEFAULTS, watch_silence_s_max=0.1)) as client,
        aclosing(live.follow(Cluster(client, "default"), [QUERY])) as pictures,
    ):
        for _ in range(3):
            await asyncio.wait_for(anext(pictures), 30)

    assert sum("watch=1" in each for each in asked) >= 2
