"""A real API server, real git and the whole controller: what was synced differs from git in nothing."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from rollouts.kube import builtin, kinds
from rollouts.kube.ref import Ref
from rollouts.shell import kubeconfig
from rollouts.shell.asks.capabilities import Capabilities
from rollouts.shell.client import Client
from rollouts.shell.controller import Controller, Options
from tests.gitops.many_kinds import manifests
from tests.gitops.shop import HOOK, config, job, project, service
from tests.gitops_render.forge import Repository

pytestmark = pytest.mark.realplane

WAIT_S_MAX = 40.0
RBAC = "rbac.authorization.k8s.io/v1"


class Town:
    """A namespace, a repository and one Application between them."""

    def __init__(self, client: Client, namespace: str, repository: Repository) -> None:
        self.client, self.namespace, self.repository = client, namespace, repository
        self.ref = Ref(kinds.APPLICATION, "default", namespace)

    def push(self, *objects: Any) -> None:
        self.repository.commit({"app/all.yaml": yaml.safe_dump_all(objects)})

    async def found(self, policy: dict[str, Any], **more: str) -> None:
        source = {"repoURL": self.repository.url, "path": "app", "targetRevision": "main"}
        place = {"name": "in-cluster", "namespace": self.namespace}
        spec = {"source": source, "destination": place, "syncPolicy": policy, **more}
        meta = {"name": self.ref.name, "namespace": self.ref.namespace}
        body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": meta, "spec": spec}
        await self.client.create(kinds.APPLICATION, "default", body)

    async def status(self) -> dict[str, Any]:
        return dict((await self.client.get(self.ref)).get("status") or {})

    async def refresh(self) -> None:
        change = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
        await self.client.patch(self.ref, change)

    async def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The status once something is so; asked now and then, for it is another process's answer."""
        found: dict[str, Any] = {}
        try:
            async with asyncio.timeout(WAIT_S_MAX):
                while not holds(found := await self.status()):  # noqa: ASYNC110  # nothing here would set an event
                    await asyncio.sleep(0.1)
        except TimeoutError:
            told = [each for each in found.get("resources") or () if each["status"] != "Synced"]
            raise AssertionError((told, found.get("conditions"), found.get("operationState"))) from None
        return found


def is_over(status: dict[str, Any]) -> bool:
    state = status.get("operationState") or {}
    return bool(state.get("finishedAt")) and str(status.get("reconciledAt")) > str(state["finishedAt"])


@pytest.fixture
async def town(real_plane: Any, namespace: str, tmp_path: Path) -> AsyncIterator[Town]:
    access = kubeconfig.load(str(real_plane.admin.kubeconfig))
    async with Client(access) as client, controlling(access):
        town = Town(client, namespace, Repository(tmp_path / "shop"))
        yield town
        await client.delete(town.ref)


@asynccontextmanager
async def controlling(access: kubeconfig.Access) -> AsyncIterator[None]:
    no_ports: dict[str, Any] = {"metrics_port": None, "health_port": None}
    options = Options(leader_elect=False, rooms=("gitops",), lease_namespace="default", **no_ports)
    controller = Controller(access, options)
    task = asyncio.create_task(controller.run())
    try:
        yield
    finally:
        controller.stop()
        await asyncio.wait_for(task, WAIT_S_MAX)


async def test_one_of_each_kind_is_synced_and_then_differs_in_nothing(town: Town) -> None:
    town.push(*manifests())
    await town.found({"automated": {"prune": True}})

    status = await town.until(is_over)

    told = {f"{each['kind']}/{each['name']}": each.get("differences") for each in status["resources"]}
    assert {name: found for name, found in told.items() if found} == {}
    assert (status["operationState"]["phase"], status["sync"]["status"]) == ("Succeeded", "Synced")
    assert len(told) == len(manifests())


async def test_what_the_server_would_refuse_is_told_before_anything_is_written(town: Town) -> None:
    town.push(config("first"), job("migrate", "migrate:1"))
    await town.found({"automated": {}, "retry": {"limit": 0}})
    await town.until(lambda status: bool((status.get("operationState") or {}).get("finishedAt")))

    town.push(config("first", changed="yes"), job("migrate", "migrate:2"))
    await town.refresh()
    status = await town.until(lambda status: (status.get("operationState") or {}).get("phase") == "Failed")

    said = {row["name"]: row.get("message", "") for row in status["operationState"]["syncResult"]["resources"]}
    assert "make it a hook" in said["migrate"]
    assert (await town.client.get(Ref(kinds.CONFIG_MAP, town.namespace, "first"))).get("data") in (None, {})


async def test_a_namespace_that_nobody_makes_is_told_with_what_would_make_it(town: Town) -> None:
    town.push(config("first"))
    town.namespace = "made-by-nobody"
    await town.found({"automated": {}, "retry": {"limit": 0}})
    status = await town.until(lambda status: (status.get("operationState") or {}).get("phase") == "Failed")

    said = [row.get("message", "") for row in status["operationState"]["syncResult"]["resources"]]
    assert "CreateNamespace=true" in said[0]


async def test_objects_that_kubectl_applied_are_taken_over_with_their_fields(town: Town) -> None:
    before = config("settings", namespace=town.namespace, colour="blue", size="m")
    last = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(before)}
    applied = {**before, "metadata": {**before["metadata"], "annotations": last}}
    target = f"{kinds.CONFIG_MAP.path(town.namespace)}?fieldManager=kubectl-client-side-apply"
    await town.client.connection.send("POST", target, json.dumps(applied).encode())
    town.push(config("settings", colour="blue"))
    await town.found({"automated": {}})

    status = await town.until(is_over)

    live = await town.client.get(Ref(kinds.CONFIG_MAP, town.namespace, "settings"))
    assert live["data"] == {"colour": "blue"}
    assert status["sync"]["status"] == "Synced"


async def test_a_hook_runs_once_and_the_second_deploy_works_too(town: Town) -> None:
    town.push(job("migrate", "migrate:1", **{HOOK: "PostSync"}), config("settings", version="1"))
    await town.found({"automated": {}})
    ref = Ref(kinds.JOB, town.namespace, "migrate")

    await town.until(lambda status: "hook" in str((status.get("operationState") or {}).get("message")))
    live = await begun(town.client, ref)
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        for kind in ("SuccessCriteriaMet", "Complete")
    ]
    done = {"completionTime": live["status"]["startTime"], "conditions": conditions, "active": 0, "ready": 0}
    await town.client.patch(ref, {"status": {**done, "succeeded": 1}}, subresource="status")
    status = await town.until(is_over)

    assert status["operationState"]["phase"] == "Succeeded"
    assert live["metadata"]["finalizers"] == ["argocd.argoproj.io/hook-finalizer"]
    assert not (await town.client.get(ref))["metadata"].get("finalizers")


async def begun(client: Client, ref: Ref) -> dict[str, Any]:
    """The Job once its controller has taken it up."""
    async with asyncio.timeout(WAIT_S_MAX):
        while not (live := await client.get(ref)).get("status", {}).get("startTime"):  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.1)
    return live


async def test_what_the_projects_account_may_not_write_is_refused_and_nothing_goes_around_it(town: Town) -> None:
    settings = config("argocd-cm", "default", **{"application.sync.impersonation.enabled": "true"})
    accounts = [{"server": "*", "namespace": town.namespace, "defaultServiceAccount": "deployer"}]
    shop = project(town.namespace, destinationServiceAccounts=accounts)
    await town.client.create(kinds.CONFIG_MAP, "default", settings)
    await town.client.create(kinds.APP_PROJECT, "default", {**shop, "metadata": {"name": town.namespace}})
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "create", "patch", "delete"]}]
    for body in (
        {"kind": "ServiceAccount", "apiVersion": "v1"},
        {"kind": "Role", "apiVersion": RBAC, "rules": rules},
        {
            "kind": "RoleBinding",
            "apiVersion": RBAC,
            "roleRef": {"apiGroup": RBAC.partition("/")[0], "kind": "Role", "name": "deployer"},
            "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": town.namespace}],
        },
    ):
        kind = builtin.find(body["apiVersion"], body["kind"])
        assert kind is not None
        await town.client.create(kind, town.namespace, {**body, "metadata": {"name": "deployer"}})
    try:
        town.push(config("first"))
        await town.found({"automated": {}, "retry": {"limit": 0}}, project=town.namespace)
        status = await town.until(is_over)
        town.push(config("first", changed="yes"), service("web"))
        await town.refresh()
        refused = await town.until(lambda found: found["operationState"].get("phase") == "Failed")
    finally:
        await town.client.delete(Ref(kinds.CONFIG_MAP, "default", "argocd-cm"))

    who = f"system:serviceaccount:{town.namespace}:deployer"
    assert status["operationState"]["phase"] == "Succeeded"
    assert who in refused["operationState"]["message"]
    assert (await town.client.get(Ref(kinds.CONFIG_MAP, town.namespace, "first"))).get("data") in (None, {})


async def test_a_chart_sees_what_the_cluster_is_able_to_do(real_plane: Any) -> None:
    async with Client(kubeconfig.load(str(real_plane.admin.kubeconfig))) as client:
        version, served = await Capabilities(client, 60.0).of()

    assert re.fullmatch(r"v1\.\d+\.\d+", version)
    assert {"v1", "v1/Secret", "apps/v1/Deployment", "argoproj.io/v1alpha1/Rollout"} <= set(served)
    assert not [each for each in served if each.count("/") > 2]
