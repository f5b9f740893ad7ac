"""Questions of the other dialects on the wire: what arrives at their servers, and what is kept from them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from analysis.asks import HttpCall, KayentaRun, Question, Sigv4, home
from rollouts.core.plan import Answer, Ask
from tests.shell.scripted_server import Script, reply, serve
from tests.shell.test_asks import a_secret, answering


async def put(question: Question, api: Script, timeout_s: float = 10.0) -> Answer:
    async with answering(api.url) as skills:
        return await skills.ask(Ask("run/1", question, "shop", timeout_s))


async def test_the_controllers_own_secret_fills_url_parameters_and_headers() -> None:
    async with serve() as api, serve(reply(200, {"ok": 1})) as server:
        api.answers.append(a_secret(address=server.url, org="my shop & co", token="t0ken-value"))
        call = HttpCall(
            f"{home('acc', 'address')}/query",
            params=(("org", home("acc", "org")),),
            headers=(("Authorization", f"Token {home('acc', 'token')}"),),
        )
        answer = await put(call, api)

    assert answer.error == ""
    assert api.asked[0].target == "/api/v1/namespaces/rollouts/secrets/acc"
    assert parse_qs(urlsplit(server.asked[0].target).query) == {"org": ["my shop & co"]}
    assert server.asked[0].headers["authorization"] == "Token t0ken-value"


async def test_a_key_with_a_default_may_be_missing_and_another_may_not() -> None:
    async with serve(a_secret(other="x"), a_secret(other="x")) as api, serve(reply(200, {})) as server:
        fine = await put(HttpCall(home("acc", "region", "here"), aliases=(("here", server.url),)), api)
        bad = await put(HttpCall(home("acc", "address")), api)

    assert fine.error == ""
    assert bad.error == "secret rollouts/acc key address missing"


KAYENTA_RUN = {"canaryExecutionId": "run/7"}


def kayenta(server: Script, name: str = "web") -> KayentaRun:
    return KayentaRun(
        HttpCall(f"{server.url}/canaryConfig"),
        HttpCall(f"{server.url}/canary/{{config}}", "POST", body="{}"),
        HttpCall(f"{server.url}/canary/{{id}}"),
        name,
        poll_s=0.01,
    )


async def test_kayenta_is_asked_until_its_run_is_complete() -> None:
    done = {"complete": True, "status": "succeeded"}
    configs = [{"name": "other", "id": "1"}, {"name": "web", "id": "c 2"}]
    lines = (reply(200, configs), reply(200, KAYENTA_RUN), reply(200, {"complete": False}), reply(200, done))
    async with serve() as api, serve(*lines) as server:
        answer = await put(kayenta(server), api)

    assert json.loads(answer.value.body) == done
    assert [asked.target for asked in server.asked] == ["/canaryConfig", "/canary/c%202", *["/canary/run%2F7"] * 2]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([reply(200, [])], "no configuration called 'web'"),
        ([reply(500, {})], "kayenta answered 500 on canaryConfig"),
        ([reply(200, [{"name": "web", "id": "1"}]), reply(200, {})], "no canaryExecutionId"),
    ],
)
async def test_a_judgement_that_cannot_begin_says_why(lines: list[object], says: str) -> None:
    async with serve() as api, serve(*lines) as server:
        answer = await put(kayenta(server), api)

    assert says in answer.error


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    return


async def test_a_call_for_aws_bears_a_signature_of_its_region_and_service(credentials: None) -> None:
    async with serve() as api, serve(reply(200, {})) as server:
        call = HttpCall(f"{server.url}/", "POST", body='{"a":1}', sigv4=Sigv4("monitoring"))
        answer = await put(call, api)

    said = server.asked[0].headers["authorization"]
    assert answer.error == ""
    assert said.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-west-1/monitoring/aws4_request" in said
    assert server.asked[0].body == b'{"a":1}'


ROLE = "arn:aws:iam::123456789012:role/metrics"
ASSUMED = b"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey>
<SessionToken>role-token</SessionToken><Expiration>2026-03-01T13:00:00Z</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>"""
DENIED = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no ASIA</Message></Error></ErrorResponse>"


async def test_a_role_is_assumed_once_and_signs_what_follows(
    credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve() as api, serve(reply(200, ASSUMED)) as sts, serve(reply(200, {}), reply(200, {})) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"{sts.url}/")
        call = HttpCall(server.url, sigv4=Sigv4("aps", role_arn=ROLE))
        async with answering(api.url) as skills:
            answers = [await skills.ask(Ask(f"run/{at}", call, "shop", 10.0)) for at in range(2)]

    (asked,) = sts.asked
    form = parse_qs(asked.body.decode())
    assert [each.error for each in answers] == ["", ""]
    assert (form["Action"], form["RoleArn"], form["Version"]) == (["AssumeRole"], [ROLE], ["2011-06-15"])
    assert "Credential=AKIDEXAMPLE/" in asked.headers["authorization"]
    assert "/eu-west-1/sts/aws4_request" in asked.headers["authorization"]
    for each in server.asked:
        assert "Credential=ASIAROLE/" in each.headers["authorization"]
        assert "/eu-west-1/aps/aws4_request" in each.headers["authorization"]
        assert each.headers["x-amz-security-token"] == "role-token"


async def test_a_role_that_is_denied_is_an_error_and_nothing_is_asked(
    credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve() as api, serve(reply(403, DENIED)) as sts, serve() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"{sts.url}/")
        answer = await put(HttpCall(server.url, sigv4=Sigv4("aps", role_arn=ROLE)), api)

    assert answer.error.endswith("the role was not assumed: 403 AccessDenied")
    assert server.asked == []
