"""Notes become events that delay nothing, and log lines that hold what was told."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from rollouts.core.plan import Note
from rollouts.kube.kinds import CLUSTER_ANALYSIS_TEMPLATE, ROLLOUT
from rollouts.kube.ref import Ref
from rollouts.shell.client import Client
from rollouts.shell.kubeconfig import Access
from rollouts.shell.logs import JsonLines
from rollouts.shell.settings import Settings
from rollouts.shell.tell import Teller
from tests.shell.scripted_server import reply, serve

WEB = Ref(ROLLOUT, "shop", "web")
SETTINGS = Settings()


def a_note(text: str = "Rollout updated to revision 2", reason: str = "RolloutUpdated", **more) -> Note:
    return Note(reason, text, more.pop("about", WEB), "uid-web", **more)


async def told(notes, *answers, bursts=(), settings=SETTINGS):
    """Tell the notes and send their events; `bursts` are told each after the events before it were sent."""
    lines = answers or [reply(201)] * len(notes)
    async with serve(*lines) as api, Client(Access(api.url), settings, connections_max=1) as client:
        teller = Teller(client, settings)
        for burst in (notes, *bursts):
            for note in burst:
                teller.tell(note)
            await teller.flush(10)
    return api.asked, teller


async def test_an_event_is_written_beside_its_object():
    asked, teller = await told([a_note(severity="Warning")])
    body = json.loads(asked[0].body)

    assert asked[0].target.startswith("/api/v1/namespaces/shop/events?")
    assert body["involvedObject"] == {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "namespace": "shop", "name": "web", "uid": "uid-web",
    }  # fmt: skip
    assert (body["reason"], body["message"], body["type"], body["count"]) == (
        "RolloutUpdated", "Rollout updated to revision 2", "Warning", 1,
    )  # fmt: skip
    assert body["metadata"]["namespace"] == "shop"
    assert body["source"]["component"] == "rollouts-controller"
    assert teller.counts.sent == 1


async def test_events_sort_by_name_as_they_were_told():
    asked, _ = await told([a_note(f"note {number}") for number in range(40)])
    names = [json.loads(one.body)["metadata"]["name"] for one in asked]

    assert names == sorted(names)
    assert len(set(names)) == 40


async def test_the_same_fact_again_is_counted_on_its_event():
    asked, _ = await told([a_note(), a_note()], reply(201), reply(200), bursts=[[a_note()]])

    assert [(one.method, json.loads(one.body)["count"]) for one in asked] == [("POST", 2), ("PATCH", 3)]
    assert json.loads(asked[0].body)["metadata"]["name"] in asked[1].target


async def test_the_same_fact_told_again_after_another_keeps_its_place():
    notes = [a_note(), a_note("between"), a_note(), a_note()]
    asked, _ = await told(notes, reply(201), reply(201), reply(200))

    assert [(one.method, json.loads(one.body)["count"]) for one in asked] == [("POST", 1), ("POST", 1), ("PATCH", 3)]


async def test_an_event_that_somebody_removed_is_made_anew():
    asked, _ = await told([a_note()], reply(201), reply(404), reply(201), bursts=[[a_note()], [a_note()]])

    assert [one.method for one in asked] == ["POST", "PATCH", "POST"]


async def test_too_many_notes_drop_the_oldest_and_are_counted():
    settings = Settings(events_queue_max=3, events_burst_max=1)
    asked, teller = await told([a_note(f"note {number}") for number in range(5)], settings=settings)

    assert [json.loads(one.body)["message"] for one in asked] == ["note 2", "note 3", "note 4"]
    assert teller.counts.dropped == 2


async def test_a_refused_event_delays_no_other():
    asked, teller = await told([a_note("one"), a_note("two")], reply(403), reply(201))

    assert len(asked) == 2
    assert (teller.counts.failed, teller.counts.sent) == (1, 1)


async def test_a_message_is_cut_where_the_api_server_would_refuse_it():
    asked, _ = await told([a_note("ä" * 2000)])

    assert len(json.loads(asked[0].body)["message"].encode()) <= 1024


async def test_what_has_no_namespace_is_told_in_default():
    about = Ref(CLUSTER_ANALYSIS_TEMPLATE, "", "latency")
    asked, _ = await told([a_note(about=about)])

    assert asked[0].target.startswith("/api/v1/namespaces/default/events?")


async def test_events_wait_while_writes_are_under_way_and_go_out_all_the_same():
    settings = Settings(events_gather_s=0.0, events_calm_max=1)
    async with serve(reply(201)) as api, Client(Access(api.url), settings) as client:
        teller = Teller(client, settings, is_busy=lambda: True)
        teller.tell(a_note())
        task = asyncio.create_task(teller.run())
        await api.until_asked(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert len(api.asked) == 1


async def test_events_keep_aside_while_writes_rest_for_a_moment_only():
    settings = Settings(events_gather_s=0.0, events_calm_max=1)
    under_way = iter([True])
    async with serve(*[reply(201)] * 3) as api, Client(Access(api.url), settings) as client:
        teller = Teller(client, settings, is_busy=lambda: next(under_way, False))
        for number in range(3):
            teller.tell(a_note(f"the {number}."))
        task = asyncio.create_task(teller.run())
        await api.until_asked(2)
        waiting = len(teller)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert waiting == 1


async def test_a_few_events_are_sent_as_soon_as_they_are_told():
    settings = Settings(events_gather_s=60.0)
    async with serve(*[reply(201)] * 3) as api, Client(Access(api.url), settings) as client:
        teller = Teller(client, settings, is_busy=lambda: True)
        task = asyncio.create_task(teller.run())
        for number in range(3):
            teller.tell(a_note(f"the {number}."))
            await api.until_asked(number + 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert len(api.asked) == 3


async def test_many_events_wait_for_a_burst():
    settings = Settings(events_gather_s=60.0, events_calm_max=5)
    async with serve(*[reply(201)] * 10) as api, Client(Access(api.url), settings) as client:
        teller = Teller(client, settings)
        for number in range(10):
            teller.tell(a_note(f"the {number}."))
        task = asyncio.create_task(teller.run())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert len(teller) == 10
        await teller.flush(10.0)

    assert len(api.asked) == 10


async def test_a_dry_run_logs_and_writes_no_event(caplog):
    async with serve() as api, Client(Access(api.url)) as client:
        teller = Teller(client)
        teller.sends_events = False
        with caplog.at_level(logging.INFO, "rollouts"):
            teller.tell(a_note(fields={"revision": 2}))
        await teller.flush(1)

    assert api.asked == []
    assert caplog.records[0].fields["revision"] == 2


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"weight_percent": 20}, 20),
        ({"weight_percent": "x" * 5000}, "x" * 2000),
        ({"weight_percent": {1, 2}}, "{1, 2}"),
    ],
)
def test_a_log_line_is_one_json_object_within_bounds(fields, expected):
    record = logging.LogRecord("rollouts", logging.INFO, "f.py", 1, "WeightSet\nnew line", None, None)
    record.fields = fields
    line = JsonLines().format(record)

    assert "\n" not in line
    assert json.loads(line)["weight_percent"] == expected
    assert json.loads(line)["msg"] == "WeightSet\nnew line"


def test_a_field_cannot_pretend_to_be_the_line_itself():
    record = logging.LogRecord("rollouts", logging.INFO, "f.py", 1, "honest", None, None)
    record.fields = {"msg": "forged", "level": "error"}

    assert json.loads(JsonLines().format(record))["msg"] == "honest"
