"""A Secret's value leaves the process inside the question alone: a server that says it back is kept from telling it."""

from __future__ import annotations

import asyncio
import base64
import html
import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from rollouts.kube.kinds import ANALYSIS_RUN
from rollouts.kube.ref import Ref
from rollouts.shell import logs
from tests.shell.scripted_server import Asked, reply, serve
from tests.shell.test_controller import a_cluster, page, running, until

WORD = 'hunter2/"x&=+<canary>'
RUN = Ref(ANALYSIS_RUN, "default", "echo")


def said_back(asked: Asked) -> dict[str, Any]:
    """What was sent, in every form that a server may give it."""
    word = asked.headers["x-key"]
    assert word == WORD
    return {
        "plain": word,
        "headers": {**asked.headers, word: "as a key"},
        "basic": [base64.b64encode(f"{user}:{word}".encode()).decode() for user in ("", "a", "ab", "zoe")],
        "url": [quote(word), quote(word, safe=""), quote_plus(word), f"http://x/?token={quote_plus(word)}"],
        "html": f"<p>{html.escape(word)}</p>",
        "json": [
            json.dumps(word),
            json.dumps({"t": word}).replace("/", "\\/"),
            'hunter2/\\"x\\u0026=+\\u003ccanary\\u003e',
        ],
    }


def echo(status: int) -> Any:
    async def answer(asked: Asked, out: asyncio.StreamWriter) -> None:
        body = said_back(asked)
        body |= {"status": "error", "errorType": "bad_data", "error": json.dumps(body)} if status == 400 else {}
        await reply(status, body)(asked, out)

    return answer


def a_run(web: str, prometheus: str) -> dict[str, Any]:
    sent = [{"key": "X-Key", "value": "{{args.word}}"}]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisRun",
        "metadata": {"name": "echo", "namespace": "default"},
        "spec": {
            "args": [{"name": "word", "valueFrom": {"secretKeyRef": {"name": "prom", "key": "word"}}}],
            "metrics": [
                {"name": "web", "provider": {"web": {"url": web, "headers": sent, "jsonPath": "{$}"}}},
                {
                    "name": "prom",
                    "consecutiveErrorLimit": 0,
                    "provider": {
                        "prometheus": {"address": prometheus, "query": 'up{x="{{args.word}}"}', "headers": sent}
                    },
                },
            ],
        },
    }


def tells(text: str) -> list[str]:
    """Where the word is in a text, in whatever form."""
    found = re.findall(r".{0,20}(?:hunter2|x(?:&|&amp;|%26|\\u0026)=).{0,20}", text)
    for run in re.findall(r"[A-Za-z0-9+/_-]{8,}", text):
        plain = run.replace("-", "+").replace("_", "/")
        for start in range(4):
            part = plain[start : start + (len(plain) - start) // 4 * 4]
            found += [run] if b"unter" in base64.b64decode(part) or b"canary" in base64.b64decode(part) else []
    return found


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The controller's log at its most talkative."""
    root, ours = logging.getLogger(), logging.getLogger("rollouts")
    before = root.handlers[:], root.level, ours.level
    logs.set_up("debug")
    written = io.StringIO()
    root.handlers[0].setStream(written)  # type: ignore[attr-defined]  # set_up makes a StreamHandler
    yield written
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


async def test_a_server_that_says_a_secret_back_does_not_get_it_told(log: io.StringIO) -> None:
    stored: list[str] = []
    async with a_cluster() as (plane, access, client), serve(echo(200)) as web, serve(echo(400)) as prom:
        plane.store.listeners.append(lambda change: stored.append(repr(change)))
        value = base64.b64encode(WORD.encode()).decode()
        meta = {"name": "prom", "namespace": "default"}
        plane.create({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {"word": value}})
        del stored[:]
        async with running(access) as (controller, _task):
            plane.create(a_run(f"{web.url}/rate", prom.url))

            async def ended() -> Any:
                return (((await client.get(RUN)).get("status")) or {}).get("completedAt")

            await until(ended)
            _, metrics = await page(controller.ports["metrics_port"], "/metrics")
        run = await client.get(RUN)

    assert {len(web.asked), len(prom.asked)} == {1}
    assert "*****" in json.dumps(run["status"])
    assert len(stored) > 3 and '"level":"info"' in log.getvalue()
    assert tells(json.dumps(run)) == []
    assert [place for text in (*stored, metrics, log.getvalue()) for place in tells(text)] == []


def test_the_search_finds_what_it_is_to_find() -> None:
    asked = Asked("GET", "/", {"x-key": WORD}, b"", 0)
    body = said_back(asked)

    for name, said in body.items():
        for each in said if isinstance(said, list) else [said]:
            assert tells(json.dumps(each)), name
