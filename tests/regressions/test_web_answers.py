"""What a web metric's server may send and must not achieve."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from typing import Any

import pytest

from analysis import measuring
from analysis.asks import HttpReply
from analysis.errors import AnalysisError
from analysis.model import Metric, MetricState
from analysis.providers import web
from rollouts.core.plan import Answer, Ask
from rollouts.shell.asks.answering import Answering
from rollouts.shell.asks.reach import Reach
from rollouts.shell.client import Client
from rollouts.shell.kubeconfig import Access
from rollouts.shell.settings import Settings
from tests.shell.scripted_server import Answer as Line
from tests.shell.scripted_server import Asked, reply, serve

BYTES_MAX = 100_000
AROUND: Any = None


async def asked(*lines: Line, timeout_s: float = 5.0, **spec: Any) -> tuple[Answer, list[Asked]]:
    """What came back from a server of those lines."""
    async with serve(*lines) as server, Client(Access("http://127.0.0.1:9")) as client:
        settings = Settings(ask_body_bytes_max=BYTES_MAX)
        skills = Answering(client, settings, reach=Reach("http://127.0.0.1:9"))
        question = web.ask({"url": f"{server.url}/rate", **spec}, AROUND)
        try:
            answer = await skills.ask(Ask("run/1", question, "shop", timeout_s))
        finally:
            await skills.close()
        return answer, server.asked


def value(body: bytes, path: str = "{$}") -> Any:
    """What a condition would get of a body."""
    return web.read(HttpReply(200, body), {"url": "http://x", "jsonPath": path}).value


# What is too much.


async def test_a_body_beyond_the_limit_is_an_error_and_is_not_kept() -> None:
    answer, _ = await asked(reply(200, b"x" * (BYTES_MAX + 1)))

    assert "larger than" in answer.error and answer.value is None


async def test_a_small_gzip_that_swells_is_cut_off_by_what_it_swells_to() -> None:
    bomb = gzip.compress(b"0" * (BYTES_MAX * 20))
    assert len(bomb) < BYTES_MAX
    answer, _ = await asked(reply(200, bomb, "Content-Encoding: gzip", "Content-Type: application/json"))

    assert "larger than" in answer.error and answer.value is None


async def test_a_server_that_sends_a_byte_now_and_then_does_not_prolong_its_time() -> None:
    async def trickle(asked: Asked, out: asyncio.StreamWriter) -> None:
        out.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):
            out.write(b"1")
            await out.drain()
            await asyncio.sleep(0.05)

    answer, _ = await asked(trickle, timeout_s=0.3)

    assert "no answer in 0.3 s" in answer.error


def test_a_long_text_is_cut_where_it_is_stored() -> None:
    metric = Metric(name="rate", provider="web", query={"url": "http://x"})
    state = MetricState("rate")
    after, _ = measuring.taken(metric, state, HttpReply(200, b"x" * 50_000), "", 1.0, 2.0)

    assert 0 < len(after.measurements[0].value) <= measuring.VALUE_CHARS_MAX + 50


# What leads elsewhere.


@pytest.mark.parametrize(
    "to", ["http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "http://other.example/"]
)
async def test_a_redirect_is_refused_wherever_it_leads(to: str) -> None:
    headers = [{"key": "Authorization", "value": "Bearer t-1"}]
    answer, heard = await asked(reply(302, {}, f"Location: {to}"), headers=headers)

    assert "redirect" in answer.error and "t-1" not in answer.error
    assert len(heard) == 1


# Paths.


@pytest.mark.parametrize(
    ("path", "words"), [("{$.a[}", "jsonPath"), ("{$.b}", "Could not find JSONPath"), ("{$..[?(}", "jsonPath")]
)
def test_a_path_that_is_wrong_or_leads_nowhere_is_an_error(path: str, words: str) -> None:
    with pytest.raises(AnalysisError, match=words):
        value(b'{"a": 1}', path)


def test_a_path_that_leads_to_an_object_gives_the_object() -> None:
    reading = web.read(HttpReply(200, b'{"a": {"b": 1}}'), {"url": "http://x", "jsonPath": "{$.a}"})

    assert (reading.value, reading.text) == ({"b": 1.0}, '{"b":1}')


# JSON.


@pytest.mark.parametrize(
    ("story", "body"),
    [
        ("NaN, of which no comparison is true", b'{"rate": NaN}'),
        ("Infinity", b'{"rate": -Infinity}'),
        ("a number beyond all numbers", b'{"rate": 1e999}'),
        ("two values under one key", b'{"rate": 0, "rate": 1}'),
        ("65 levels", b"[" * 65 + b"]" * 65),
        ("a hundred thousand levels", b"[" * 100_000 + b"]" * 100_000),
    ],
)
def test_json_that_reads_in_more_ways_than_one_is_an_error(story: str, body: bytes) -> None:
    with pytest.raises(AnalysisError, match="bad_response"):
        value(body)


def test_sixty_four_levels_are_read() -> None:
    assert value(b"[" * 64 + b"]" * 64) == json.loads("[" * 64 + "]" * 64)


def test_a_whole_number_is_shown_with_all_of_its_digits() -> None:
    reading = web.read(HttpReply(200, b'{"id": 9007199254740993}'), {"url": "http://x", "jsonPath": "{$.id}"})

    assert reading.text == "9007199254740993"


@pytest.mark.parametrize(
    "path",
    [
        "{$..*..*..*..*}",
        "{$..x..x..x..x..x..x}",
        "{$..[?@..*]}",
        "{$..[?$..* == 1]}",
        "{$.y | $..*}",
        "{$.words[?@.text =~ /(a+)+$/]}",
        "{$.words[?match(@.text, '(a+)+c')]}",
    ],
)
def test_no_path_holds_the_controller_up(path: str) -> None:
    tree: Any = {"x": 1}
    for _ in range(11):
        tree = {"x": tree, "y": tree}
    body = json.dumps({**tree, "words": [{"text": "a" * 60 + "b"}]}).encode()

    started = time.perf_counter()
    with pytest.raises(AnalysisError):
        web.read(HttpReply(200, body), {"url": "http://x", "jsonPath": path})

    assert time.perf_counter() - started < 10


def test_a_filter_by_an_expression_still_finds() -> None:
    body = b'{"words": [{"text": "Release", "n": 3}, {"text": "other", "n": 4}]}'
    for rule in ("@.text =~ /rel.*/i", "match(@.text, 'R.*e')", "search(@.text, 'lea')", "@.n == 3"):
        reading = web.read(HttpReply(200, body), {"url": "http://x", "jsonPath": f"{{$.words[?{rule}].n}}"})

        assert reading.value == 3
