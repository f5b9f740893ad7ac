"""A reflector keeps its kind true through every way in which a watch can end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from rollouts.kit.instant import Instant
from rollouts.kube.kinds import INGRESS_CLASS, ROLLOUT, SERVICE
from rollouts.kube.ref import Kind, Manifest
from rollouts.shell import reflector as reflector_module
from rollouts.shell.client import Client
from rollouts.shell.kubeconfig import Access
from rollouts.shell.projection import DEPTH_MAX, decoding
from rollouts.shell.reflector import Interest, Reflector
from rollouts.shell.settings import Settings
from rollouts.shell.wire import WatchEvent
from tests.shell.scripted_server import Answer, hang, reply, serve, stream

WAIT_S_MAX = 10.0


@dataclass
class Heard:
    """What a reflector told, and a way to wait for it."""

    told: list[Any] = field(default_factory=list)
    more: asyncio.Event = field(default_factory=asyncio.Event)

    def deaf(self, kind: Kind, complaint: str) -> None:
        """Nobody waits for a kind here."""

    def replace(self, kind: Kind, objects: Iterable[Manifest], version: str, began: Instant) -> None:
        self.told.append(("LIST", version, [one["metadata"]["name"] for one in objects]))
        self.more.set()

    def absorb(self, event: WatchEvent) -> None:
        self.told.append((event.type, event.object["metadata"]["name"]))
        self.last = event.object
        self.more.set()

    async def until(self, count: int) -> list[Any]:
        async with asyncio.timeout(WAIT_S_MAX):
            while len(self.told) < count:
                self.more.clear()
                await self.more.wait()
        return self.told


@pytest.fixture(autouse=True)
def short_rests(monkeypatch):
    """Back-off is real, only short: what is tried is the order of things."""
    monkeypatch.setattr(reflector_module, "delay_s", lambda *args, **more: 0.001)


SERVICES = Interest(SERVICE)


@asynccontextmanager
async def reflecting(*answers: Answer, interest: Interest = SERVICES, silence_s: float = 60.0):
    settings = Settings(watch_silence_s_max=silence_s, request_timeout_s=1.0)
    async with serve(*answers) as script, Client(Access(script.url), settings) as client:
        heard = Heard()
        reflector = Reflector(client, interest, heard)
        task = asyncio.create_task(reflector.run())
        try:
            yield heard, script, reflector
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def body(name: str, version: int, **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "shop", "resourceVersion": str(version), **more}}


def listing(version: int, *names: str) -> Answer:
    items = [body(name, number) for number, name in enumerate(names, 1)]
    return reply(200, {"metadata": {"resourceVersion": str(version)}, "items": items})


def event(what: str, name: str, version: int, **more: Any) -> dict[str, Any]:
    return {"type": what, "object": body(name, version, **more)}


BOOKMARK = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "30"}}}
GONE = {"type": "ERROR", "object": {"code": 410, "reason": "Expired", "message": "too old"}}


async def test_it_lists_and_then_watches_from_there():
    changes = [event("ADDED", "b", 11), event("MODIFIED", "a", 12), event("DELETED", "b", 13)]
    async with reflecting(listing(10, "a"), stream(*changes, ends=False)) as (heard, script, reflector):
        told = await heard.until(4)

    assert told == [("LIST", "10", ["a"]), ("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]
    assert "resourceVersion" not in script.asked[0].target  # read by quorum
    assert "resourceVersion=10" in script.asked[1].target
    assert "allowWatchBookmarks=true" in script.asked[1].target
    assert reflector.hearing.is_listed


@pytest.mark.parametrize(
    ("story", "first"),
    [
        ("the server ends it", stream(event("ADDED", "b", 11), BOOKMARK)),
        ("an unknown error", stream(event("ADDED", "b", 11), BOOKMARK, {"type": "ERROR", "object": {"code": 500}})),
    ],
)
async def test_a_watch_that_ends_is_taken_up_where_it_was(story, first):
    async with reflecting(listing(10), first, stream(event("ADDED", "c", 31), ends=False)) as (heard, script, _):
        told = await heard.until(3)

    assert told == [("LIST", "10", []), ("ADDED", "b"), ("ADDED", "c")]
    assert "resourceVersion=30" in script.asked[2].target


async def test_after_garbage_nothing_but_a_list_is_trusted():
    garbage = stream(event("ADDED", "b", 11), b"{{{\n")
    async with reflecting(listing(10), garbage, listing(20, "b"), hang()) as (heard, _, _r):
        told = await heard.until(3)

    assert told == [("LIST", "10", []), ("ADDED", "b"), ("LIST", "20", ["b"])]


@pytest.mark.parametrize("told_by", ["an event", "the status"])
async def test_a_version_that_is_too_old_means_a_new_list(told_by):
    gone = stream(GONE) if told_by == "an event" else reply(410, {"message": "too old"})
    async with reflecting(listing(10, "a"), gone, listing(20, "b"), hang()) as (heard, _, reflector):
        told = await heard.until(2)

        assert told == [("LIST", "10", ["a"]), ("LIST", "20", ["b"])]
        assert reflector.hearing.lists == 2


async def test_silence_is_not_taken_for_rest():
    silent = stream(event("ADDED", "b", 11), ends=False)
    again = stream(event("ADDED", "c", 12), ends=False)
    async with reflecting(listing(10), silent, again, silence_s=0.05) as (heard, script, _):
        told = await heard.until(3)

    assert told[-1] == ("ADDED", "c")
    assert "resourceVersion=11" in script.asked[2].target


@pytest.mark.parametrize("status", [429, 500, 503, 403])
async def test_a_refused_list_is_asked_again_until_it_is_given(status):
    async with reflecting(reply(status), reply(status), listing(10), hang()) as (heard, _, reflector):
        await heard.until(1)

        assert reflector.hearing.failures == 2


async def test_a_kind_that_was_uninstalled_is_told_to_the_probe_and_is_no_empty_list():
    async with reflecting(listing(10, "a"), reply(404), reply(404), listing(20, "a"), hang()) as (
        heard,
        script,
        reflector,
    ):
        await script.until_asked(3)
        was_listed = reflector.hearing.is_listed
        told = await heard.until(2)

        assert (was_listed, reflector.hearing.is_listed) == (False, True)
        assert told == [("LIST", "10", ["a"]), ("LIST", "20", ["a"])]


@pytest.mark.parametrize(("status", "is_told"), [(403, True), (404, True), (500, False)])
async def test_a_kind_that_may_be_missing_counts_as_empty(status, is_told):
    interest = Interest(INGRESS_CLASS, is_optional=True)
    async with reflecting(reply(status), listing(10, "a"), hang(), interest=interest) as (heard, _, _r):
        told = await heard.until(2 if is_told else 1)

    assert told == ([("LIST", "", [])] if is_told else []) + [("LIST", "10", ["a"])]


async def test_a_list_whose_pages_expired_is_begun_anew():
    first = reply(200, {"metadata": {"resourceVersion": "9", "continue": "x"}, "items": [body("a", 1)]})
    async with reflecting(first, reply(410), listing(20, "b"), hang()) as (heard, _, _r):
        told = await heard.until(1)

    assert told == [("LIST", "20", ["b"])]


async def test_what_no_room_reads_is_skipped_while_decoding():
    change = event("ADDED", "b", 11, managedFields=[{"manager": "x"}], labels={"a": "1"})
    change["object"] |= {"spec": {"selector": {"x": "y"}}, "unheardOf": 1}
    async with reflecting(listing(10), stream(change, ends=False)) as (heard, _, _r):
        await heard.until(2)

    assert heard.last == {
        "metadata": {"name": "b", "namespace": "shop", "resourceVersion": "11", "labels": {"a": "1"}},
        "spec": {"selector": {"x": "y"}},
    }


def nested(levels: int) -> bytes:
    """An object whose spec is nested that deeply, as the API server stores it."""
    inside = b'{"a":' * levels + b"1" + b"}" * levels
    return b'{"metadata":{"name":"deep","resourceVersion":"11"},"spec":%s,"status":{"b":"\\"}"}}' % inside


@pytest.mark.parametrize("levels", [900, 5000])
async def test_an_object_nested_too_deeply_to_be_read_keeps_no_other_one_from_being_heard(levels):
    listed = reply(200, b'{"metadata":{"resourceVersion":"10"},"items":[%s]}' % nested(levels))
    change = b'{"type":"MODIFIED","object":%s}\n' % nested(levels)
    changes = stream(change, event("ADDED", "b", 12), ends=False)
    async with reflecting(listed, changes) as (heard, _, _r):
        told = await heard.until(3)

    assert told == [("LIST", "10", ["deep"]), ("MODIFIED", "deep"), ("ADDED", "b")]


def test_of_what_is_nested_too_deeply_everything_but_the_depth_is_read():
    decoded = decoding(ROLLOUT).item(msgspec.Raw(nested(5000)))
    inside, levels = decoded["spec"], 1
    while inside["a"] is not None:
        inside, levels = inside["a"], levels + 1

    assert levels == DEPTH_MAX - 1
    assert decoded["status"] == {"b": '"}'}


async def test_selectors_and_namespace_go_to_the_server():
    interest = Interest(SERVICE, namespace="shop", labels="!argo-rollouts.argoproj.io/controller-instance-id")
    async with reflecting(listing(10), hang(), interest=interest) as (heard, script, _):
        await heard.until(1)
        await script.until_asked(2)

    selector = "labelSelector=%21argo-rollouts.argoproj.io%2Fcontroller-instance-id"
    assert all("/namespaces/shop/services?" in one.target and selector in one.target for one in script.asked)
