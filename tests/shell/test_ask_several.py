"""Several PromQL queries put as one question: the answers come in their order, or the question fails as one."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

import pytest

from analysis.asks import PromQueries, PromQuery, SecretRef, secrets, slot
from rollouts.core.errors import HiccupError
from rollouts.core.plan import Ask
from rollouts.shell.asks.every import every
from tests.shell.scripted_server import hang, reply, serve
from tests.shell.test_asks import FINE, a_secret, answering


def both(url, **more):
    return PromQueries(tuple(PromQuery(url, text, **more) for text in ("canary[60s]", "stable[60s]")))


async def test_the_answers_come_in_the_order_of_the_queries():
    async with serve(reply(200, FINE), reply(200, FINE)) as prom, answering() as skills:
        answer = await skills.ask(Ask("run/1", both(prom.url), "shop", 5.0))

    asked = {parse_qs(one.body.decode())["query"][0] for one in prom.asked}

    assert asked == {"canary[60s]", "stable[60s]"}
    assert [one.status for one in answer.value] == [200, 200]


async def test_secrets_are_filled_into_every_query():
    question = both("http://unused", bearer=slot(SecretRef("prom", "token")))
    assert secrets(question) == (SecretRef("prom", "token"),)
    async with (
        serve(a_secret(token="s3cr3t-value")) as api,
        serve(reply(200, FINE), reply(200, FINE)) as prom,
        answering(api.url) as skills,
    ):
        await skills.ask(Ask("run/1", both(prom.url, bearer=slot(SecretRef("prom", "token"))), "shop", 5.0))

    assert [one.headers["authorization"] for one in prom.asked] == ["Bearer s3cr3t-value"] * 2


async def test_one_that_hangs_fails_the_question_within_its_time():
    async with serve(reply(200, FINE), hang()) as prom, answering() as skills:
        answer = await skills.ask(Ask("run/1", both(prom.url, timeout_s=0.3), "shop", 0.3))

    assert answer.value is None
    assert "no answer in 0.3 s" in answer.error


async def test_what_is_asked_beside_one_that_fails_is_called_off():
    begun = asyncio.Event()
    ended: list[str] = []

    async def endless() -> str:
        begun.set()
        try:
            await asyncio.Event().wait()
            return ""
        finally:
            ended.append("called off")

    async def failing() -> str:
        await begun.wait()
        raise HiccupError("no answer")

    with pytest.raises(HiccupError, match="no answer"):
        await every((endless(), failing()))

    assert ended == ["called off"]
