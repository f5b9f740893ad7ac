"""Pods of the embedded cluster are real servers: ready late, wrong by their tag, gone without a broken request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession

from rollouts.devplane import kubelet
from rollouts.devplane.podserver import Addresses, Behaviour, behaviour_of
from rollouts.devplane.server import Devplane
from rollouts.kube.kinds import ENDPOINT_SLICE, POD
from rollouts.kube.ref import Ref


@pytest.fixture
async def plane() -> AsyncIterator[Devplane]:
    async with Devplane(drain_s=0.3) as plane:
        yield plane


def a_pod(image: str) -> dict[str, Any]:
    container = {"name": "web", "image": image, "ports": [{"name": "http", "containerPort": 8080}]}
    meta = {"name": "web", "labels": {"app": "web"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container]}}


SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]},
}
WEB = Ref(POD, "default", "web")


async def until(test: Callable[[], Any]) -> Any:
    for _ in range(500):
        if found := test():
            return found
        await asyncio.sleep(0.01)
    raise AssertionError("not within 5 s")


def condition(plane: Devplane, type_: str) -> str:
    conditions = plane.store.get(WEB)["status"].get("conditions") or ()
    return next((one["status"] for one in conditions if one["type"] == type_), "")


def endpoints(plane: Devplane) -> list[dict[str, Any]]:
    return [endpoint for one in plane.store.all(ENDPOINT_SLICE) for endpoint in one["endpoints"]]


def url(plane: Devplane) -> str:
    return f"http://{plane.store.get(WEB)['status']['podIP']}:8080/"


async def test_a_pod_answers_with_its_version(plane: Devplane):
    plane.create(a_pod("demo/web:good-7"))
    await until(lambda: condition(plane, "Ready") == "True")
    async with ClientSession() as session, session.get(url(plane)) as response:
        text = await response.text()

    assert (response.status, response.headers["X-Version"], text) == (200, "good-7", "good-7\n")


async def test_a_bad_pod_answers_three_in_ten_with_an_error_and_counts(plane: Devplane):
    plane.create(a_pod("demo/web:bad-1"))
    await until(lambda: condition(plane, "Ready") == "True")
    async with ClientSession() as session:
        codes = []
        for _ in range(20):
            async with session.get(url(plane)) as response:
                codes.append(response.status)
        async with session.get(url(plane) + "metrics") as response:
            told = await response.text()

    assert codes.count(500) == 6
    assert 'http_requests_total{code="500"} 6' in told
    counted = {
        labels["code"]: value for name, labels, value in plane.kubelet.counters() if name == "http_requests_total"
    }
    assert counted == {"200": 14.0, "500": 6.0}


async def test_a_pod_that_is_never_ready_gets_no_traffic(plane: Devplane):
    plane.create(SERVICE)
    plane.create(a_pod("demo/web:unready"))
    await until(lambda: condition(plane, "Ready") == "False" and endpoints(plane))

    assert [one["conditions"]["ready"] for one in endpoints(plane)] == [False]


async def test_a_missing_image_is_told_in_the_status(plane: Devplane):
    plane.create(a_pod("demo/web:missing"))
    status = await until(lambda: plane.store.get(WEB)["status"].get("containerStatuses"))

    assert status[0]["state"]["waiting"]["reason"] == "ErrImagePull"


async def test_a_deleted_pod_serves_on_while_its_endpoint_leaves(plane: Devplane):
    plane.create(SERVICE)
    plane.create(a_pod("demo/web:good-1"))
    await until(lambda: any(one["conditions"]["ready"] for one in endpoints(plane)))
    address = url(plane)
    plane.store.delete(WEB)
    await until(lambda: not any(one["conditions"]["ready"] for one in endpoints(plane)))
    async with ClientSession() as session:
        async with session.get(address) as response:
            during = response.status
        await until(lambda: plane.store.find(WEB) is None)
        with pytest.raises(ClientError):
            await session.get(address)

    assert during == 200
    await until(lambda: not endpoints(plane))


async def test_each_pod_has_an_address_of_its_own(plane: Devplane):
    for name in ("a", "b", "c"):
        pod = a_pod("demo/web:good-1")
        plane.create({**pod, "metadata": {**pod["metadata"], "name": name}})
    pods = await until(lambda: [pod for pod in plane.store.all(POD) if pod["status"].get("podIP")][2:])

    assert pods
    assert len({pod["status"]["podIP"] for pod in plane.store.all(POD)}) == 3
    assert all(pod["status"]["podIP"].startswith("127.") for pod in plane.store.all(POD))


def test_addresses_skip_the_ends_of_a_block():
    addresses = Addresses(0)
    drawn = [addresses.take() for _ in range(600)]

    assert len(set(drawn)) == 600
    assert not [one for one in drawn if one.endswith((".0", ".255"))]


@pytest.mark.parametrize(
    ("image", "behaviour"),
    [
        ("demo/web:good-2", Behaviour("good-2")),
        ("registry.test:5000/demo/web", Behaviour("latest")),
        ("demo/web:bad", Behaviour("bad", error_percent=30.0)),
        ("demo/web:slow-1@sha256:0", Behaviour("slow-1", latency_s=0.3)),
        ("badly/named:1", Behaviour("1")),
    ],
)
def test_an_image_tag_says_how_a_pod_behaves(image: str, behaviour: Behaviour):
    assert behaviour_of(image) == behaviour


async def test_pods_that_are_gone_leave_their_places_to_others(plane: Devplane, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(kubelet, "PODS_MAX", 1)
    for _ in range(3):
        plane.create(a_pod("demo/web:good-1"))
        await until(lambda: condition(plane, "Ready") == "True")
        plane.store.delete(WEB)
        await until(lambda: plane.store.find(WEB) is None)


async def test_a_pod_that_waits_for_a_place_begins_once_one_is_free(plane: Devplane, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(kubelet, "PODS_MAX", 1)
    first = a_pod("demo/web:good-1")
    plane.create({**first, "metadata": {"name": "first"}})
    plane.create(a_pod("demo/web:good-2"))
    plane.store.delete(Ref(POD, "default", "first"))

    await until(lambda: condition(plane, "Ready") == "True")


async def test_a_pod_that_is_deleted_before_it_starts_never_serves(plane: Devplane):
    plane.create(a_pod("demo/web:good-1"))
    plane.store.delete(WEB)  # before the node has looked at it, so that nothing holds its object
    plane.create(a_pod("demo/web:good-2"))
    await until(lambda: condition(plane, "Ready") == "True")

    assert len(plane.kubelet._pods) == 1


async def test_a_pod_keeps_the_finalizers_of_others_until_they_take_them_off(plane: Devplane):
    pod = a_pod("demo/web:good-1")
    pod["metadata"]["finalizers"] = ["example.com/books"]
    plane.create(pod)
    await until(lambda: condition(plane, "Ready") == "True")
    plane.store.delete(WEB)

    await until(lambda: plane.store.get(WEB)["metadata"]["finalizers"] == ["example.com/books"])
