"""The client against a server that plays by a script, the worse ones included."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import dataclass, replace

import pytest

from rollouts.core.errors import HiccupError
from rollouts.kube.kinds import ROLLOUT, SERVICE
from rollouts.kube.ref import Ref
from rollouts.shell.client import ApiError, Client
from rollouts.shell.credentials import Credentials, StaticToken
from rollouts.shell.kubeconfig import Access
from rollouts.shell.settings import Settings
from rollouts.shell.wire import Request
from tests.shell.scripted_server import drip, hang, raw, reply, serve, stream

WEB = Ref(ROLLOUT, "shop", "web")
SMALL = Settings(body_bytes_max=2000, request_timeout_s=0.2, list_page_max=2)


def client_of(script, credentials: Credentials | None = None, settings: Settings = SMALL) -> Client:
    return Client(Access(script.url, credentials or StaticToken("secret-token")), settings)


async def test_every_verb_asks_as_the_api_server_expects():
    answers = [reply(200, {"metadata": {"name": "web"}}) for _ in range(6)]
    async with serve(*answers) as script, client_of(script) as client:
        await client.get(WEB)
        await client.create(ROLLOUT, "shop", {"a": 1})
        await client.patch(WEB, {"a": 2}, subresource="status")
        await client.patch(WEB, [{"op": "remove", "path": "/a"}], form="json")
        await client.apply(WEB, {"a": 3}, force=True)
        await client.delete(WEB, uid="u", version="7")
    path = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts"
    manager = "fieldManager=rollouts-controller"
    expected = [
        ("GET", f"{path}/web", "application/json"),
        ("POST", f"{path}?{manager}", "application/json"),
        ("PATCH", f"{path}/web/status?{manager}", "application/merge-patch+json"),
        ("PATCH", f"{path}/web?{manager}", "application/json-patch+json"),
        ("PATCH", f"{path}/web?{manager}&force=true", "application/apply-patch+yaml"),
        ("DELETE", f"{path}/web", "application/json"),
    ]

    assert [(one.method, one.target, one.headers["content-type"]) for one in script.asked] == expected
    assert {one.headers["authorization"] for one in script.asked} == {"Bearer secret-token"}
    assert json.loads(script.asked[5].body)["preconditions"] == {"uid": "u", "resourceVersion": "7"}
    assert script.connections == 1


async def test_a_refusal_says_why_and_how_long_to_wait():
    said = {"kind": "Status", "reason": "TooManyRequests", "message": "slow down"}
    async with serve(reply(429, said, "Retry-After: 7")) as script, client_of(script) as client:
        with pytest.raises(ApiError) as caught:
            await client.get(WEB)

    assert (caught.value.status, caught.value.reason, caught.value.retry_after_s) == (429, "TooManyRequests", 7.0)
    assert str(caught.value) == "slow down"


@pytest.mark.parametrize(
    ("story", "answer"),
    [
        ("the connection ends before the answer", raw(b"")),
        ("in the middle of the head", raw(b"HTTP/1.1 200 OK\r\nConte")),
        ("in the middle of the body", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhel")),
        ("no HTTP at all", raw(b"\x16\x03\x01\x02\x00" * 10)),
        ("in the middle of a chunk", raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")),
        ("an answer that is packed", reply(200, b"x", "Content-Encoding: gzip")),
        ("interim answers alone", raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 5000, close=False)),
        ("a head that never ends", raw(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20_000, close=False)),
        ("a body beyond the limit", reply(200, b"x" * 2001)),
        ("a body without an end", raw(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2001, close=False)),
    ],
)
async def test_without_an_answer_nobody_knows_what_became_of_a_write(story, answer):
    patient = replace(SMALL, request_timeout_s=10.0)
    async with serve(answer, reply(200, {"fine": True})) as script, client_of(script, settings=patient) as client:
        with pytest.raises(ApiError) as caught:
            await client.send(Request(1, "patch", WEB, body={}))

        assert caught.value.status == 0
        assert caught.value.reason != "Timeout"
        assert "secret-token" not in str(caught.value)
        assert (await client.get(WEB)) == {"fine": True}  # on a connection of its own
        assert script.connections == 2


@pytest.mark.parametrize(
    ("story", "answer"),
    [
        ("no answer", hang()),
        ("a byte at a time, for ever", drip(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 5_000)),
        ("a body that comes a byte at a time", drip(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000)),
    ],
)
async def test_an_answer_that_does_not_come_to_its_end_is_given_up(story, answer):
    async with serve(answer) as script, client_of(script) as client:
        with pytest.raises(ApiError) as caught:
            await client.send(Request(1, "patch", WEB, body={}))

        assert (caught.value.status, caught.value.reason) == (0, "Timeout")


async def test_nobody_listening_is_told_in_one_line():
    async with serve() as script:
        port = script.port
    async with Client(Access(f"http://127.0.0.1:{port}"), SMALL) as client:
        with pytest.raises(ApiError) as caught:
            await client.get(WEB)

    assert caught.value.status == 0
    assert "\n" not in str(caught.value)


async def test_a_connection_that_the_server_closed_is_not_used_again():
    closing = reply(200, {}, "Connection: close")
    async with serve(closing, reply(200, {}), reply(200, {})) as script, client_of(script) as client:
        for _ in range(3):
            await client.get(WEB)

    assert [one.connection for one in script.asked] == [1, 2, 2]


async def test_a_cancelled_call_does_not_leave_its_answer_to_the_next_one():
    async with serve(hang(), reply(200, {"mine": True})) as script, client_of(script) as client:
        call = asyncio.create_task(client.get(WEB))
        await script.until_asked(1)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

        assert await client.get(WEB) == {"mine": True}


async def test_a_call_that_outlives_its_client_does_not_keep_its_connection():
    may_answer = asyncio.Event()

    async def late(asked, out):
        await may_answer.wait()
        await reply(200, {"fine": True})(asked, out)

    async with serve(late) as script:
        async with client_of(script, settings=replace(SMALL, request_timeout_s=10.0)) as client:
            call = asyncio.create_task(client.get(WEB))
            await script.until_asked(1)
        may_answer.set()

        assert await call == {"fine": True}
        await asyncio.wait_for(script.closed.wait(), 10)


@dataclass
class Renewed(Credentials):
    """Credentials that are stale after a 401."""

    number: int = 0
    fresh: bool = False
    is_final: bool = False

    def is_fresh(self) -> bool:
        return self.fresh

    def renew(self) -> None:
        self.number, self.fresh = self.number + 1, True

    def reject(self) -> None:
        self.fresh = False

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.number}"}


async def test_an_expired_token_is_renewed_once():
    answers = (reply(401), reply(200, {}), reply(401), reply(401))
    async with serve(*answers) as script, client_of(script, Renewed()) as client:
        await client.get(WEB)
        with pytest.raises(ApiError):
            await client.get(WEB)

    assert [one.headers["authorization"] for one in script.asked] == ["Bearer 1", "Bearer 2", "Bearer 2", "Bearer 3"]


async def test_those_who_wait_for_credentials_share_the_failure_of_one_attempt():
    may_fail = threading.Event()

    class Failing(Renewed):
        def renew(self) -> None:
            self.number += 1
            may_fail.wait(10)
            raise HiccupError("the plugin ended with 1")

    credentials = Failing()
    async with serve() as script, client_of(script, credentials) as client:
        calls = [asyncio.create_task(client.get(WEB)) for _ in range(5)]
        await asyncio.wait(calls, timeout=0.05)
        may_fail.set()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)

    assert [str(outcome) for outcome in outcomes] == ["the plugin ended with 1"] * 5
    assert credentials.number == 1


async def test_a_token_that_another_connection_has_renewed_is_the_one_that_is_sent():
    shared = Renewed()
    async with serve(reply(200, {}), reply(200, {})) as script, client_of(script, shared) as client:
        await client.get(WEB)
        shared.renew()
        await client.get(WEB)

    assert [one.headers["authorization"] for one in script.asked] == ["Bearer 1", "Bearer 2"]


async def test_a_watch_that_is_refused_for_its_token_begins_anew_with_a_fresh_one():
    watch = stream({"type": "ADDED", "object": {}})
    async with serve(reply(401), watch) as script, client_of(script, Renewed()) as client:
        with pytest.raises(ApiError):
            await anext(client.watch_lines(SERVICE, version="1"))
        async for _line in client.watch_lines(SERVICE, version="1"):
            pass

    assert [one.headers["authorization"] for one in script.asked] == ["Bearer 1", "Bearer 2"]


async def test_a_list_is_read_in_pages():
    pages = (
        {"metadata": {"resourceVersion": "9", "continue": "a b&c"}, "items": [{"n": 1}, {"n": 2}]},
        {"metadata": {"resourceVersion": "9"}, "items": [{"n": 3}]},
    )
    async with serve(*[reply(200, page) for page in pages]) as script, client_of(script) as client:
        items, version = await client.list(SERVICE, labels="app in (a,b)")

    assert ([item["n"] for item in items], version) == ([1, 2, 3], "9")
    assert script.asked[0].target == "/api/v1/services?limit=2&labelSelector=app+in+%28a%2Cb%29"
    assert script.asked[1].target.endswith("&continue=a+b%26c")


async def test_a_page_that_is_larger_than_an_answer_may_be_is_asked_for_in_smaller_ones():
    large = {"metadata": {"continue": "b"}, "items": [{"n": "x" * 1200}, {"n": "y" * 1200}]}
    small = {"metadata": {"resourceVersion": "9", "continue": "a"}, "items": [{"n": "x" * 1200}]}
    last = {"metadata": {"resourceVersion": "9"}, "items": [{"n": "y" * 1200}]}
    async with serve(*[reply(200, page) for page in (large, small, last)]) as script, client_of(script) as client:
        items, _ = await client.list(SERVICE)

    assert [item["n"][0] for item in items] == ["x", "y"]
    assert [one.target.partition("?")[2] for one in script.asked] == ["limit=2", "limit=1", "limit=1&continue=a"]


async def test_an_object_that_is_larger_than_an_answer_may_be_is_told_and_not_asked_for_in_a_circle():
    answers = [reply(200, b"x" * 2001) for _ in range(3)]
    async with serve(*answers) as script, client_of(script) as client:
        with pytest.raises(ApiError):
            await client.list(SERVICE)

    assert len(script.asked) == 2


async def test_a_watch_gives_changes_and_keeps_bookmarks_to_itself():
    events = [
        {"type": "ADDED", "object": {"n": 1}},
        b'{"type":"MODI',
        b'FIED","object":{"n":2}}\n{"type":"BOOKMARK","object":{}}\n',
    ]
    async with serve(stream(*events)) as script, client_of(script) as client:
        seen = [(what, body["n"]) async for what, body in client.watch(SERVICE, "shop", version="5")]

    assert seen == [("ADDED", 1), ("MODIFIED", 2)]
    assert "resourceVersion=5" in script.asked[0].target


async def test_a_watch_too_old_says_410_whichever_way_the_server_tells():
    gone = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}}
    async with serve(stream(gone), reply(410, {"message": "too old"})) as script, client_of(script) as client:
        for _ in range(2):
            with pytest.raises(ApiError) as caught:
                async for _event in client.watch(SERVICE, version="1"):
                    pass
            assert caught.value.status == 410


async def test_a_silent_watch_is_given_up_and_its_connection_closed():
    hasty = replace(SMALL, watch_silence_s_max=0.05)
    silent = stream({"type": "ADDED", "object": {}}, ends=False)
    async with serve(silent) as script, client_of(script, settings=hasty) as client:
        lines = client.watch_lines(SERVICE, version="1")
        with pytest.raises(ApiError) as caught:
            async for _line in lines:
                pass

        assert (caught.value.status, caught.value.reason) == (0, "Silence")
        await script.closed.wait()


async def test_an_event_beyond_the_limit_ends_the_watch():
    async with serve(stream(b"x" * 3000, ends=False)) as script, client_of(script) as client:
        with pytest.raises(ApiError) as caught:
            async for _line in client.watch_lines(SERVICE, version="1"):
                pass

        assert caught.value.status == 413


async def test_a_server_behind_a_gateway_keeps_its_path_and_odd_names_are_quoted():
    async with serve(reply(200, {})) as script, Client(Access(f"{script.url}/k8s/clusters/c-1/"), SMALL) as client:
        await client.get(Ref(SERVICE, "shop", "a b\r\nX-Evil: 1"))

    assert script.asked[0].target == "/k8s/clusters/c-1/api/v1/namespaces/shop/services/a%20b%0D%0AX-Evil:%201"
    assert "x-evil" not in script.asked[0].headers


async def test_a_proxy_is_asked_for_a_tunnel():
    async with serve(reply(403)) as script:
        access = Access("https://api.example:6443", proxy=script.url)
        async with Client(access, SMALL) as client:
            with pytest.raises(ApiError) as caught:
                await client.get(WEB)

    assert (script.asked[0].method, script.asked[0].target) == ("CONNECT", "api.example:6443")
    assert "the proxy answered 403" in str(caught.value)
