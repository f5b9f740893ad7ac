"""PromQL over HTTP: credentials go where they belong, bounds hold, nothing secret comes back."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

import pytest

from analysis.asks import BasicAuth, HttpReply, OAuth2, PromQuery, SecretRef, slot
from rollouts.core.plan import Answer, Ask
from rollouts.gitops.asks import DryRun, DryWrite
from rollouts.shell.asks.answering import Answering
from rollouts.shell.asks.http import shown_url
from rollouts.shell.asks.reach import Reach
from rollouts.shell.client import Client
from rollouts.shell.kubeconfig import Access
from rollouts.shell.settings import Settings
from tests.shell.scripted_server import Answer as Line
from tests.shell.scripted_server import hang, raw, reply, serve

TOKEN = SecretRef("prom", "token")
SECRET_VALUE = "s3cr3t-value"
FINE = {"status": "success", "data": {"resultType": "vector", "result": []}}


@asynccontextmanager
async def answering(api_url: str = "http://127.0.0.1:9", **limits: int):
    async with Client(Access(api_url)) as client:
        skills = Answering(client, Settings(**limits), reach=Reach(api_url), home="rollouts")
        try:
            yield skills
        finally:
            await skills.close()


async def put(skills: Answering, query: PromQuery, timeout_s: float = 5.0) -> Answer:
    return await skills.ask(Ask("run/1", query, "shop", timeout_s))


def a_secret(**data: str) -> Line:
    return reply(200, {"data": {name: base64.b64encode(value.encode()).decode() for name, value in data.items()}})


async def test_an_instant_query_is_posted_as_a_form():
    async with serve(reply(200, FINE)) as prom, answering() as skills:
        answer = await put(skills, PromQuery(prom.url, 'up{a="b"}', headers=(("X-Scope-OrgID", "team-a"),)))

    asked = prom.asked[0]

    assert (asked.method, asked.target) == ("POST", "/api/v1/query")
    assert parse_qs(asked.body.decode())["query"] == ['up{a="b"}']
    assert asked.headers["x-scope-orgid"] == "team-a"
    assert "authorization" not in asked.headers
    assert answer.error == ""
    assert isinstance(answer.value, HttpReply)
    assert (answer.value.status, json.loads(answer.value.body)) == (200, FINE)


async def test_a_range_query_names_its_range():
    query = PromQuery("", "up", kind="range", start_s=1000.5, end_s=1060.0, step_s=15.0)
    async with serve(reply(200, FINE)) as prom, answering() as skills:
        await put(skills, PromQuery(prom.url, "up", kind="range", start_s=1000.5, end_s=1060.0, step_s=15.0))

    form = parse_qs(prom.asked[0].body.decode())

    assert prom.asked[0].target == query.endpoint
    assert (form["start"], form["end"], form["step"]) == (["1000.500"], ["1060.000"], ["15.000"])


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"bearer": "abc"}, "Bearer abc"),
        ({"basic": BasicAuth("ann", "pw")}, "Basic " + base64.b64encode(b"ann:pw").decode()),
        ({"headers": (("Authorization", "Custom x"),), "bearer": "abc"}, "Custom x"),
    ],
)
async def test_credentials_are_sent_as_configured(how, expected):
    async with serve(reply(200, FINE)) as prom, answering() as skills:
        await put(skills, PromQuery(prom.url, "up", **how))

    assert prom.asked[0].headers["authorization"] == expected


async def test_a_token_is_fetched_once_for_all_who_ask_at_the_same_time():
    token = {"access_token": "t-1", "expires_in": 3600}
    async with serve(reply(200, token)) as issuer, serve(*[reply(200, FINE)] * 4) as prom, answering() as skills:
        grant = OAuth2(f"{issuer.url}/token", "me", "shh", ("read", "metrics"))
        await asyncio.gather(*(put(skills, PromQuery(prom.url, "up", oauth2=grant)) for _ in range(4)))

    form = parse_qs(issuer.asked[0].body.decode())

    assert len(issuer.asked) == 1
    assert form == {"grant_type": ["client_credentials"], "scope": ["read metrics"]}
    assert issuer.asked[0].headers["authorization"] == "Basic " + base64.b64encode(b"me:shh").decode()
    assert {one.headers["authorization"] for one in prom.asked} == {"Bearer t-1"}


async def test_a_token_that_is_no_longer_taken_is_fetched_anew():
    tokens = [reply(200, {"access_token": f"t-{number}", "expires_in": 3600}) for number in (1, 2)]
    async with serve(*tokens) as issuer, serve(reply(401), reply(200, FINE)) as prom, answering() as skills:
        query = PromQuery(prom.url, "up", oauth2=OAuth2(issuer.url, "me", "shh"))
        await put(skills, query)
        await put(skills, query)

    assert [one.headers["authorization"] for one in prom.asked] == ["Bearer t-1", "Bearer t-2"]


async def test_a_token_that_a_server_says_back_is_struck_out():
    echo = reply(200, {"status": "error", "error": "unknown bearer t-0k3n"})
    async with serve(reply(200, {"access_token": "t-0k3n"})) as issuer, serve(echo) as prom, answering() as skills:
        answer = await put(skills, PromQuery(prom.url, "up", oauth2=OAuth2(issuer.url, "me", "shh")))

    assert prom.asked[0].headers["authorization"] == "Bearer t-0k3n"
    assert b"unknown bearer *****" in answer.value.body


async def test_an_issuer_that_refuses_is_named_without_its_words_about_us():
    async with serve(reply(400, {"error": "invalid_client", "echo": "shh"})) as issuer, answering() as skills:
        answer = await put(skills, PromQuery("http://127.0.0.1:9", "up", oauth2=OAuth2(issuer.url, "me", "shh")))

    assert "no token: 400 invalid_client" in answer.error
    assert "shh" not in answer.error


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_refused_so_that_no_other_host_gets_the_credentials(status):
    async with serve() as other, answering() as skills, serve() as prom:
        prom.answers.append(reply(status, {}, f"Location: {other.url}/api/v1/query"))
        answer = await put(skills, PromQuery(prom.url, "up", bearer="abc"))

    assert "redirect" in answer.error
    assert other.asked == []


@pytest.mark.parametrize(
    ("story", "line", "words"),
    [
        ("an answer beyond the limit", reply(200, b"x" * 1001), "larger than 1000 bytes"),
        ("a bomb of zeros", raw(b"HTTP/1.1 200 OK\r\n\r\n" + b"0" * 5000, close=False), "larger than 1000 bytes"),
        ("no answer", hang(), "no answer in 0.1 s"),
        ("a broken answer", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab"), "http://127.0.0.1:"),
    ],
)
async def test_every_bound_ends_as_an_answer(story, line, words):
    async with serve(line) as prom, answering(ask_body_bytes_max=1000) as skills:
        answer = await put(skills, PromQuery(prom.url, "up", timeout_s=0.1 if words.startswith("no") else 5.0))

    assert words in answer.error
    assert answer.value is None


@pytest.mark.parametrize(
    "url",
    ["ftp://host/x", "host:9090", "", "http://", "http://zoe:pw@127.0.0.1:9/x?token=abc", "http://[::1", "file:///etc"],
)
async def test_an_address_that_leads_nowhere_is_an_answer_without_credentials_in_it(url):
    async with answering() as skills:
        answer = await put(skills, PromQuery(url, "up"))

    assert answer.error
    assert not any(secret in answer.error for secret in ("pw", "abc", "zoe"))


def test_an_address_is_shown_without_what_is_nobodys_business():
    assert shown_url("https://ann:pw@prom.example:9090/base?token=x#y") == "https://prom.example:9090/base"


async def test_five_hundred_hanging_queries_stall_nothing():
    async with serve(*[hang()] * 500) as slow, serve(reply(200, FINE)) as quick, answering() as skills:
        waiting = [asyncio.create_task(put(skills, PromQuery(slow.url, "up"))) for _ in range(500)]
        await slow.until_asked(500)
        answer = await put(skills, PromQuery(quick.url, "up"))
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    assert answer.error == ""


async def test_a_secret_is_read_by_name_as_the_question_leaves_and_struck_out_of_what_returns():
    echo = reply(200, {"status": "error", "error": f"bad token {SECRET_VALUE}"})
    async with serve(a_secret(token=SECRET_VALUE)) as api, serve(echo) as prom, answering(api.url) as skills:
        answer = await put(skills, PromQuery(prom.url, "up", bearer=slot(TOKEN)))

    assert [(one.method, one.target) for one in api.asked] == [("GET", "/api/v1/namespaces/shop/secrets/prom")]
    assert prom.asked[0].headers["authorization"] == f"Bearer {SECRET_VALUE}"
    assert SECRET_VALUE.encode() not in answer.value.body
    assert b"bad token *****" in answer.value.body


@pytest.mark.parametrize(
    ("story", "line", "words"),
    [
        ("no Secret", reply(404, {"message": "not found"}), "shop/prom key token missing"),
        ("no such key", a_secret(other="x"), "shop/prom key token missing"),
        ("not allowed", reply(403, {"reason": "Forbidden", "message": "no"}), "Forbidden"),
        ("no text", reply(200, {"data": {"token": "/w=="}}), "is no text"),
        ("no base64", reply(200, {"data": {"token": "%%%"}}), "is no text"),
    ],
)
async def test_a_secret_that_cannot_be_had_is_the_answer(story, line, words):
    async with serve(line) as api, serve() as prom, answering(api.url) as skills:
        answer = await put(skills, PromQuery(prom.url, "up", bearer=slot(TOKEN)))

    assert words in answer.error
    assert prom.asked == []


async def test_a_secret_of_another_namespace_cannot_be_named():
    async with serve() as api, answering(api.url) as skills:
        for name in ("../ops/secrets/prom", "ops/prom", ""):
            answer = await put(skills, PromQuery("http://127.0.0.1:9", "up", bearer=slot(SecretRef(name, "token"))))

            assert answer.error

    assert api.asked == []


async def test_a_secret_in_the_address_stays_out_of_the_error():
    async with serve(a_secret(token=SECRET_VALUE)) as api, answering(api.url) as skills:
        answer = await put(skills, PromQuery(f"http://127.0.0.1:9/{slot(TOKEN)}", "up"))

    assert answer.error
    assert SECRET_VALUE not in answer.error


async def test_a_header_that_would_smuggle_another_is_refused():
    async with serve(a_secret(token="a\r\nX-Evil: 1")) as api, serve() as prom, answering(api.url) as skills:
        answer = await put(skills, PromQuery(prom.url, "up", headers=(("X-Key", slot(TOKEN)),)))

    assert "cannot be sent" in answer.error
    assert prom.asked == []


async def test_a_dry_run_that_has_failed_asks_nothing_more():
    question = DryRun(tuple(DryWrite("apply", f"/api/v1/namespaces/n{number}", {}, "me") for number in range(20)))
    before = asyncio.all_tasks()
    async with serve(raw(b"HTTP/1.1 nonsense\r\n\r\n"), *[hang()] * 20) as api, answering(api.url) as skills:
        answer = await skills.ask(Ask("app/1", question, "shop", 5.0))
        left = [task for task in asyncio.all_tasks() - before if "dryrun" in repr(task.get_coro())]

    assert answer.error != "" and "no answer in 5 s" not in answer.error
    assert left == []
