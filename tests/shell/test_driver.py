"""The driver turns the machine after whatever arrives, and stops with grace."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from rollouts.core.plan import Answer, Ask, Note, Plan
from rollouts.kit.instant import Instant
from rollouts.kube.kinds import ROLLOUT
from rollouts.kube.ref import Manifest
from rollouts.shell import clock
from rollouts.shell.act import Hand
from rollouts.shell.client import Client
from rollouts.shell.driver import Driver
from rollouts.shell.kubeconfig import Access
from rollouts.shell.loop import Machine
from rollouts.shell.projection import decoding
from rollouts.shell.room import Room
from rollouts.shell.wire import Request, Response, WatchEvent
from tests.shell.script import WEB, report, wanting, web
from tests.shell.scripted_server import hang, raw, reply, serve

DONE = {"phase": "Healthy"}


class Stage:
    """A driver of one room, with hands that the test plays."""

    def __init__(self, reconcile: Any, gather: Any = lambda ref, reader: reader.get(ref)) -> None:
        self.sent: list[Request] = []
        self.notes: list[Note] = []
        self.answer = asyncio.Event()
        self.event = asyncio.Event()
        machine = Machine([Room(ROLLOUT, gather, reconcile, reads=(ROLLOUT,))])
        self.driver = Driver(machine, self.act, self.ask, self.notes.append)
        self.driver.replace(ROLLOUT, [web("7")], "10", clock.now())
        self.driver.lead(1)

    async def act(self, request: Request) -> Response:
        self.sent.append(request)
        self.event.set()
        await self.answer.wait()
        return Response(request.id, 200, web("11", status=DONE))

    async def ask(self, ask: Ask) -> Answer:
        return Answer(ask.id, clock.now(), clock.now(), value=ask.id)

    async def until_sent(self) -> None:
        async with asyncio.timeout(5):
            await self.event.wait()


async def test_what_arrives_is_acted_on():
    stage = Stage(wanting(**DONE))
    await stage.until_sent()

    assert stage.driver.inflight == 1

    stage.answer.set()
    stage.driver.absorb(WatchEvent(ROLLOUT, "MODIFIED", web("11", status=DONE)))
    await stage.driver.settle(5)

    assert (stage.driver.inflight, len(stage.sent)) == (0, 1)

    await stage.driver.close()


async def test_an_answer_and_an_alarm_turn_the_machine():
    turned = asyncio.Event()
    asked = Ask("run/1", None, "shop", 5.0)  # type: ignore[arg-type]  # nobody looks inside

    def gather(ref: Any, reader: Any) -> tuple[Manifest, Answer | None]:
        return reader.get(ref), reader.answer("run/1")

    def reconcile(seen: tuple[Manifest, Answer | None], now: Instant) -> Plan:
        if seen[1] is None:
            return Plan(asks=(asked,))
        if not turned.is_set():
            turned.set()
            return Plan(wake=now.plus(0.01))
        return Plan(status=report(seen[0], late=True))

    stage = Stage(reconcile, gather)
    await stage.until_sent()

    assert stage.sent[0].body["status"] == {"late": True}

    await stage.driver.close()


async def test_a_stop_waits_for_what_is_under_way_and_starts_nothing():
    stage = Stage(wanting(**DONE))
    await stage.until_sent()
    stage.driver.lead(None)
    settled = asyncio.create_task(stage.driver.settle(5))
    stage.driver.absorb(WatchEvent(ROLLOUT, "MODIFIED", web("12", spec={})))
    await asyncio.sleep(0)

    assert not settled.done()

    stage.answer.set()
    await settled

    assert len(stage.sent) == 1

    await stage.driver.close()


async def test_a_machine_that_breaks_ends_the_process_rather_than_guess():
    stage = Stage(wanting(**DONE))
    stage.driver.machine.turn = None  # type: ignore[assignment, method-assign]  # as broken as can be
    with pytest.raises(TypeError):
        await asyncio.wait_for(stage.driver.broken, 5)
    await stage.driver.close()


class Right:
    """A right to write that the test sets."""

    left_s = 10.0

    def remaining_s(self) -> float:
        return self.left_s


@pytest.mark.parametrize(
    ("story", "line", "status", "body"),
    [
        ("done", reply(200, {"metadata": {"resourceVersion": "7", "managedFields": []}, "spec": {}}), 200, True),
        ("refused", reply(409, {"kind": "Status", "reason": "Conflict", "message": "moved"}), 409, True),
        ("an answer that is no JSON", reply(502, b"<html>"), 502, False),
        ("no answer", raw(b""), 0, False),
    ],
)
async def test_whatever_comes_back_is_a_response(story, line, status, body):
    async with serve(line) as api, Client(Access(api.url)) as client:
        response = await Hand(client, Right()).act(Request(3, "patch", WEB, body={}))

    assert (response.request_id, response.status, response.body is not None) == (3, status, body)


@pytest.mark.parametrize(
    ("story", "spec"),
    [
        ("an integer of more than 64 bits", b"100000000000000000000"),
        ("three hundred levels", b'{"a":' * 300 + b"1" + b"}" * 300),
    ],
)
async def test_what_the_api_server_told_can_be_written_back(story, spec):
    body = decoding(ROLLOUT).item(msgspec.Raw(b'{"spec":%s}' % spec))
    async with serve(reply(200, {})) as api, Client(Access(api.url)) as client:
        response = await Hand(client, Right()).act(Request(3, "create", WEB, body=body))

    assert response.status == 200
    assert api.asked[0].body == b'{"spec":%s}' % spec


async def test_what_is_nested_too_deeply_to_be_written_harms_nobody_else():
    body: dict[str, Any] = {}
    for _ in range(5000):
        body = {"a": body}
    async with serve() as api, Client(Access(api.url)) as client:
        response = await Hand(client, Right()).act(Request(3, "create", WEB, body=body))

    assert (response.request_id, response.status) == (3, 0)
    assert api.asked == []


async def test_without_the_right_to_write_nothing_leaves_the_process_but_reads():
    right = Right()
    right.left_s = -0.1
    async with serve(reply(200, {}), hang()) as api, Client(Access(api.url)) as client:
        refused = await Hand(client, right).act(Request(1, "patch", WEB, body={}))
        read = await Hand(client, right).act(Request(2, "get", WEB))

    assert (refused.status, read.status) == (0, 200)
    assert [one.method for one in api.asked] == ["GET"]
