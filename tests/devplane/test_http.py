"""What only the embedded server's own knobs can show: tokens, bookmarks, forgotten history, lagging watchers."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import ClientSession

from rollouts.api import crds
from rollouts.devplane import server, watching
from rollouts.devplane.builtin import PREFIX
from rollouts.devplane.rest import BODY_BYTES_MAX
from rollouts.devplane.server import Devplane
from rollouts.kube.kinds import POD
from rollouts.kube.ref import Ref

MAPS = "/api/v1/namespaces/default/configmaps"


def config_map(name: str, value: str = "1") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"x": value}}


@pytest.fixture
async def plane() -> AsyncIterator[Devplane]:
    async with Devplane(serves_pods=False, bookmark_s=0.05) as plane:
        yield plane


@pytest.fixture
async def session(plane: Devplane) -> AsyncIterator[ClientSession]:
    async with ClientSession(plane.url) as session:
        yield session


async def until(test: Callable[[], bool]) -> None:
    for _ in range(500):
        if test():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not within 5 s")


async def lines(session: ClientSession, path: str, count: int) -> list[dict[str, Any]]:
    """The first lines of a watch."""
    found: list[dict[str, Any]] = []
    async with session.get(path) as response:
        async for line in response.content:
            found.append(json.loads(line))
            if len(found) == count:
                return found
    return found


async def test_it_listens_on_the_loopback_device_alone(plane: Devplane):
    assert plane.url.startswith("http://127.0.0.1:")


async def test_a_server_with_a_token_answers_nobody_without_it():
    async with Devplane(token="secret", serves_pods=False) as plane, ClientSession(plane.url) as session:
        async with session.get(MAPS) as without:
            body = await without.json()
        async with session.get(MAPS, headers={"Authorization": "Bearer wrong"}) as wrong:
            pass
        async with session.get(MAPS, headers={"Authorization": "Bearer secret"}) as right:
            pass
        async with session.get("/readyz") as ready:
            pass

    assert (without.status, wrong.status, right.status, ready.status) == (401, 401, 200, 200)
    assert body["reason"] == "Unauthorized"


async def test_an_idle_watch_is_told_the_version(plane: Devplane, session: ClientSession):
    path = f"{MAPS}?watch=true&allowWatchBookmarks=true&resourceVersion={plane.store.version}"
    [mark] = await lines(session, path, 1)

    assert mark["type"] == "BOOKMARK"
    assert mark["object"]["kind"] == "ConfigMap"
    assert mark["object"]["metadata"]["resourceVersion"] == plane.store.version


async def test_a_watch_from_before_the_history_ends_with_gone(plane: Devplane, session: ClientSession):
    version = plane.store.version
    plane.create(config_map("a"))
    plane.store.compact()
    told = await lines(session, f"{MAPS}?watch=true&resourceVersion={version}&timeoutSeconds=1", 1)

    assert told[0]["type"] == "ERROR"
    assert (told[0]["object"]["code"], told[0]["object"]["reason"]) == (410, "Expired")


async def test_a_page_from_before_the_history_is_gone(plane: Devplane, session: ClientSession):
    for name in "abc":
        plane.create(config_map(name))
    async with session.get(f"{MAPS}?limit=1") as response:
        token = (await response.json())["metadata"]["continue"]
    plane.create(config_map("d"))
    plane.store.compact()
    async with session.get(MAPS, params={"limit": "1", "continue": token}) as response:
        body = await response.json()

    assert (response.status, body["reason"]) == (410, "Expired")


async def test_a_watcher_that_does_not_keep_up_is_let_go(
    plane: Devplane, session: ClientSession, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(watching, "BACKLOG_MAX", 3)
    version = plane.store.version
    reading = asyncio.create_task(lines(session, f"{MAPS}?watch=true&resourceVersion={version}", 99))
    await until(lambda: plane.watch_count == 1)
    for index in range(5):  # in one go: the watcher has no chance to read in between
        plane.create(config_map(f"m{index}"))
    told = await reading

    assert [line["object"]["metadata"]["name"] for line in told] == ["m0", "m1", "m2"]


async def test_a_watcher_that_has_left_costs_nothing(plane: Devplane, session: ClientSession):
    async with session.get(f"{MAPS}?watch=true&allowWatchBookmarks=true") as response:
        assert response.status == 200
        assert plane.watch_count == 1

    await until(lambda: plane.watch_count == 0)


async def test_a_body_beyond_the_limit_is_refused(session: ClientSession):
    body = io.BytesIO(json.dumps(config_map("big", "x" * (BODY_BYTES_MAX + 1))).encode())
    async with session.post(MAPS, data=body, headers={"Content-Type": "application/json"}) as response:
        assert response.status == 413


async def test_yaml_is_as_good_as_json(session: ClientSession):
    text = yaml.safe_dump(config_map("a"))
    async with session.post(MAPS, data=text, headers={"Content-Type": "application/yaml"}) as response:
        assert response.status == 201


async def test_our_kinds_are_served_once_their_crds_are_there(plane: Devplane, session: ClientSession):
    path = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts"
    async with session.get(path) as before:
        pass
    plane.create_all(crds.definitions())
    async with session.get(path) as after:
        listed = await after.json()

    assert (before.status, after.status) == (404, 200)
    assert listed["kind"] == "RolloutList"


async def test_an_object_of_an_unknown_namespace_is_refused(session: ClientSession):
    async with session.post("/api/v1/namespaces/nowhere/configmaps", json=config_map("a")) as response:
        body = await response.json()

    assert (response.status, body["message"]) == (404, 'namespaces "nowhere" not found')


async def test_a_stopped_server_leaves_no_port_and_no_task(tmp_path: Path):
    before = asyncio.all_tasks()
    plane = Devplane()
    await plane.start()
    kubeconfig = plane.write_kubeconfig(tmp_path / "kubeconfig")
    async with ClientSession(plane.url) as session:
        response = await session.get(f"{MAPS}?watch=true")
        await plane.stop()
        response.close()

    assert kubeconfig.stat().st_mode & 0o077 == 0
    assert {task for task in asyncio.all_tasks() - before if not task.done()} == set()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", plane.port)


async def test_an_object_that_its_controller_cannot_read_stops_no_other(plane: Devplane):
    container = {"name": "c", "image": "web:1"}
    odd = {"name": "odd", "annotations": {f"{PREFIX}ready": "soon"}}
    for meta in (odd, {"name": "plain"}):
        plane.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container]}})

    await until(lambda: plane.store.get(Ref(POD, "default", "plain"))["status"]["phase"] == "Running")


async def test_what_happened_long_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(server, "COMPACT_S", 0.02)
    async with Devplane(serves_pods=False) as plane, ClientSession(plane.url) as session:
        first = plane.store.version
        plane.create(config_map("a"))
        plane.create(config_map("a2"))
        await asyncio.sleep(0.1)
        told = await lines(session, f"{MAPS}?watch=1&resourceVersion={first}", 1)

    assert told[0]["object"]["code"] == 410
