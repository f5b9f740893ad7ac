"""Whole controllers against an embedded cluster: who leads, how one starts and stops, what it serves."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from rollouts.devplane.server import Devplane
from rollouts.kube.kinds import EVENT, LEASE, ROLLOUT
from rollouts.kube.ref import Kind, Ref
from rollouts.shell import clock
from rollouts.shell.client import ApiError, Client
from rollouts.shell.controller import Controller, Options
from rollouts.shell.kubeconfig import Access
from rollouts.shell.settings import Settings
from rollouts.shell.wiring import INSTANCE_LABEL

WAIT_S_MAX = 20.0
CRDS = Path(__file__).parents[2] / "crds"
LOCK = Ref(LEASE, "default", "argo-rollouts-controller-lock")
QUICK = Settings(lease_duration_s=2.0, lease_renew_deadline_s=1.0, lease_retry_s=0.1, shadow_patience_s=0.3)


@asynccontextmanager
async def a_cluster() -> AsyncIterator[tuple[Devplane, Access, Client]]:
    async with Devplane(serves_pods=False) as plane:
        plane.create_all(yaml.safe_load(path.read_text()) for path in sorted(CRDS.glob("*.yaml")))
        access = Access(plane.url)
        async with Client(access) as client:
            yield plane, access, client


@asynccontextmanager
async def running(access: Access, **options: Any) -> AsyncIterator[tuple[Controller, asyncio.Task[int]]]:
    controller = Controller(access, Options(metrics_port=0, health_port=0, **options), QUICK)
    task = asyncio.create_task(controller.run())
    try:
        yield controller, task
    finally:
        controller.stop()
        await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), WAIT_S_MAX)


async def until(question: Callable[[], Awaitable[Any]]) -> Any:
    """The first true answer. It is a question to another process, so it is asked now and then."""
    async with asyncio.timeout(WAIT_S_MAX):
        while not (answer := await question()):  # noqa: ASYNC110  # nothing here would set an event
            await asyncio.sleep(0.02)
        return answer


async def holder(client: Client) -> str:
    try:
        return str((await client.get(LOCK))["spec"]["holderIdentity"])
    except ApiError:
        return ""


async def page(port: int, path: str) -> tuple[int, str]:
    try:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status, await answer.text()
    except aiohttp.ClientError:
        return 0, ""


async def test_it_says_when_it_is_ready_and_serves_what_dashboards_read():
    async with a_cluster() as (plane, access, _), running(access) as (controller, _task):
        plane.create(a_rollout())
        await until(lambda: _is_ready(controller))
        status, text = await page(controller.ports["metrics_port"], "/metrics")
        alive = await page(controller.ports["health_port"], "/healthz")
        elsewhere = await page(controller.ports["health_port"], "/metrics")

    assert (status, alive, elsewhere[0]) == (200, (200, "ok"), 404)
    for name in (
        "argo_rollouts_controller_info",
        "rollout_reconcile_bucket",
        "workqueue_depth",
        "rollouts_fences_expired_total",
        "rollouts_events_total",
        "process_cpu_seconds_total",
    ):
        assert name in text


@pytest.mark.parametrize("verb", ["POST", "PUT", "PATCH", "DELETE"])
async def test_nothing_can_be_changed_through_its_ports(verb: str) -> None:
    async with a_cluster() as (_plane, access, _), running(access) as (controller, _task):
        await until(lambda: _is_ready(controller))
        ports = controller.ports
        async with aiohttp.ClientSession() as session:
            for where in (f"{ports['metrics_port']}/metrics", f"{ports['health_port']}/healthz"):
                async with session.request(verb, f"http://127.0.0.1:{where}") as answer:
                    assert answer.status == 405


async def test_every_metric_that_is_served_is_told_in_the_docs():
    page_text = (Path(__file__).parents[2] / "docs" / "reference" / "metrics.md").read_text()
    async with a_cluster() as (plane, access, _), running(access) as (controller, _task):
        plane.create(a_rollout())
        await until(lambda: _is_ready(controller))
        _, text = await page(controller.ports["metrics_port"], "/metrics")

    served = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}
    ours = {name for name in served if not name.startswith(("python_", "process_")) and not name.endswith("_created")}
    assert sorted(name for name in ours if f"`{name.removesuffix('_total')}`" not in page_text) == []


async def _is_ready(controller: Controller) -> bool:
    port = controller.ports.get("health_port", 0)
    return bool(port) and (await page(port, "/readyz"))[0] == 200


def a_rollout(**labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "web", "namespace": "default", "labels": labels},
        "spec": {"strategy": {}},
    }


async def status_of(client: Client) -> dict[str, Any]:
    return (await client.get(Ref(ROLLOUT, "default", "web"))).get("status") or {}


async def test_a_rollout_that_is_wrong_is_told_so_and_the_event_too():
    async with a_cluster() as (plane, access, client), running(access):
        plane.create(a_rollout())
        status = await until(lambda: status_of(client))
        events = await until(lambda: _events(client))

    assert [one["type"] for one in status["conditions"]] == ["InvalidSpec"]
    assert events[0]["involvedObject"]["name"] == "web"


async def _events(client: Client) -> list[dict[str, Any]]:
    return (await client.list(EVENT, "default"))[0]


async def test_a_dry_run_writes_nothing_at_all():
    async with a_cluster() as (plane, access, client), running(access, dry_run=True) as (controller, _task):
        plane.create(a_rollout())
        await until(lambda: _is_ready(controller))
        await until(lambda: _has_told(controller))

        assert await status_of(client) == {}
        assert await _events(client) == []
        assert await holder(client) == ""


async def _has_told(controller: Controller) -> bool:
    return 'rollout_events_total{reason="DryRun"' in (await page(controller.ports["metrics_port"], "/metrics"))[1]


@pytest.mark.parametrize(("instance_id", "label", "is_ours"), [
    ("", "", True), ("", "blue", False), ("blue", "blue", True), ("blue", "", False), ("blue", "green", False),
])  # fmt: skip
async def test_an_instance_looks_after_its_own_objects_only(instance_id, label, is_ours):
    labels = {INSTANCE_LABEL: label} if label else {}
    async with a_cluster() as (plane, access, client):
        plane.create(a_rollout(**labels))
        async with running(access, instance_id=instance_id, leader_elect=False) as (controller, _task):
            await until(lambda: _is_ready(controller))
            if is_ours:
                assert await until(lambda: status_of(client))
            else:
                assert await status_of(client) == {}


async def test_one_leads_and_the_next_one_follows_at_once_when_it_stops_with_grace():
    async with a_cluster() as (_, access, client), running(access) as (first, task):
        leader = await until(lambda: holder(client))
        async with running(access) as (second, _task):
            await until(lambda: _is_ready(second))

            assert await holder(client) == leader

            first.stop()

            assert await task == 0
            assert await until(lambda: _other(client, leader)) not in ("", leader)


async def _other(client: Client, leader: str) -> str:
    now = await holder(client)
    return now if now != leader else ""


async def test_a_leader_whose_lock_was_taken_stops_and_says_so():
    async with a_cluster() as (plane, access, client), running(access) as (_controller, task):
        await until(lambda: holder(client))
        thief = {"spec": {"holderIdentity": "thief", "renewTime": "2999-01-01T00:00:00.000000Z"}}
        await client.patch(LOCK, thief)
        code = await asyncio.wait_for(task, WAIT_S_MAX)

        assert code == 1
        assert await holder(client) == "thief"

        plane.create(a_rollout())

        assert await status_of(client) == {}


async def test_a_leader_that_cannot_reach_its_lock_stops_before_another_may_lead():
    async with a_cluster() as (plane, access, client), running(access) as (controller, task):
        await until(lambda: holder(client))
        await plane.stop()
        code = await asyncio.wait_for(task, WAIT_S_MAX)

        assert code == 1
        assert controller.right_s < 0


async def test_the_command_ends_with_grace_on_a_signal(tmp_path):
    async with a_cluster() as (plane, _, client):
        path = plane.write_kubeconfig(tmp_path / "kubeconfig")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "rollouts.cli.main", "controller", "--kubeconfig", str(path),
            "--metrics-port", "0", "--health-port", "0", "--instance-id", "blue",
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        lock = Ref(LEASE, "default", "argo-rollouts-controller-lock-blue")
        try:
            await until(lambda: _held(client, lock))
            process.send_signal(signal.SIGTERM)
            _, told = await asyncio.wait_for(process.communicate(), WAIT_S_MAX)
        finally:
            if process.returncode is None:
                process.kill()
        lines = [json.loads(line) for line in told.decode().splitlines()]

        assert process.returncode == 0
        assert not await _held(client, lock)
        assert lines[0]["msg"] == "controller started"
        assert lines[-1]["msg"] == "controller stopped"


async def _held(client: Client, lock: Ref) -> bool:
    try:
        return bool((await client.get(lock))["spec"]["holderIdentity"])
    except ApiError:
        return False


FOREIGN = "argo-rollouts-6b5d4b8c9f-x2x7k_4b1f3b0e-3f0e-4d2f-9b7e-6a2f6a0c1d11"


async def _held_by(client: Client, identity: str, transitions: int = 3) -> None:
    now = clock.now().rfc3339()
    spec = {
        "holderIdentity": identity,
        "leaseDurationSeconds": 2,
        "acquireTime": now,
        "renewTime": now,
        "leaseTransitions": transitions,
    }
    body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": LOCK.name}, "spec": spec}
    if await holder(client):
        await client.patch(LOCK, {"spec": spec})
    else:
        await client.create(LEASE, LOCK.namespace, body)


async def test_beside_another_controller_it_is_not_ready_says_so_and_writes_nothing():
    async with a_cluster() as (plane, access, client):
        plane.create(a_rollout())
        await _held_by(client, FOREIGN)
        async with running(access) as (controller, _task):
            for _ in range(20):  # the other one renews, as long as it lives
                await _held_by(client, FOREIGN)
                await asyncio.sleep(0.15)
            status, text = await page(controller.ports["health_port"], "/readyz")
            alive, _ = await page(controller.ports["health_port"], "/healthz")

            assert (status, alive) == (503, 200)
            assert f"default/{LOCK.name} is held by {FOREIGN}, another controller" in text
            assert "rollouts adopt" in text
            assert "status" not in await client.get(Ref(ROLLOUT, "default", "web"))

            # It stops without releasing the Lease; nobody touches that any more.
            await until(lambda: _is_ready(controller))
            await until(lambda: _has_status(client))
            assert (await holder(client)).startswith("rollouts/")


async def test_a_router_that_the_cluster_does_not_have_keeps_nobody_from_being_ready():
    """One tenant's Rollout would have held up every update of the controller itself."""
    canary = {
        "canaryService": "a",
        "stableService": "b",
        "trafficRouting": {"istio": {"virtualService": {"name": "w"}}},
    }
    pods = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web"}]}}
    spec = {"selector": {"matchLabels": {"app": "web"}}, "template": pods, "strategy": {"canary": canary}}
    async with a_cluster() as (plane, access, client), running(access) as (controller, _task):
        for name in ("a", "b"):
            meta = {"name": name, "namespace": "default"}
            ports = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
            plane.create({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": ports})
        plane.create({**a_rollout(), "spec": spec})
        await until(lambda: _says(client, "does not serve virtualservices.networking.istio.io"))
        status, text = await page(controller.ports["health_port"], "/readyz")

    assert (status, text) == (200, "ok")


async def test_a_watch_on_demand_that_breaks_ends_the_process_as_any_other():
    no_list = Kind("", "v1", "Thing", "")  # what the server answers there tells no version
    async with a_cluster() as (_plane, access, _), running(access) as (controller, task):
        await until(lambda: _is_ready(controller))
        controller._watch_on_demand(no_list)

        assert await asyncio.wait_for(task, WAIT_S_MAX) == 1


async def _says(client: Client, words: str) -> bool:
    found = await client.get(Ref(ROLLOUT, "default", "web"))
    return words in str((found.get("status") or {}).get("message"))


async def test_a_standby_of_our_own_is_ready():
    async with a_cluster() as (_, access, client), running(access) as (_leader, _task):
        await until(lambda: holder(client))
        async with running(access) as (standby, _other):
            await until(lambda: _is_ready(standby))

            assert standby.right_s <= 0


async def test_a_shadow_tells_what_it_would_write_and_leaves_everything_as_it_is():
    async with a_cluster() as (plane, access, client):
        plane.create(a_rollout())
        await _held_by(client, FOREIGN)
        before = await client.get(Ref(ROLLOUT, "default", "web"))
        async with running(access, shadow=True) as (controller, _task):
            await until(lambda: _is_ready(controller))
            name = 'rollouts_shadow_differences{in="reports"} 1.0'
            await until(lambda: _counts(controller, name))

            assert controller.right_s > 0  # nothing hinders it but its own promise
        assert await client.get(Ref(ROLLOUT, "default", "web")) == before
        assert await holder(client) == FOREIGN
        assert not (await client.list(EVENT, "default"))[0]


async def _has_status(client: Client) -> bool:
    return bool((await client.get(Ref(ROLLOUT, "default", "web"))).get("status"))


async def _counts(controller: Controller, line: str) -> bool:
    return line in (await page(controller.ports["metrics_port"], "/metrics"))[1]
