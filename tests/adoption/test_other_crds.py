"""On CRDs that know nothing of what this project adds: additions are dropped there, and nothing else changes."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from rollouts.devplane.server import Devplane
from rollouts.kube.kinds import ROLLOUT
from rollouts.kube.ref import Ref
from rollouts.shell.client import Client
from rollouts.shell.controller import Controller, Options
from rollouts.shell.kubeconfig import Access
from rollouts.shell.settings import Settings
from tests.builders import a_rollout, a_template, the_usual

CRDS = Path(__file__).parents[2] / "crds"
WEB = Ref(ROLLOUT, "shop", "web")
WAIT_S_MAX = 30.0
AT_REST_S = 2.0
ADDED = (
    "spec.failFast",
    "spec.strategy.canary.trafficRouting.gatewayAPI",
    "spec.strategy.canary.trafficRouting.contour",
    "spec.strategy.canary.trafficRouting.haproxy",
    "status.duration",  # of the contract, though not yet of the CRDs that are installed
    "status.allowedActions",
    "status.conditions[].observedGeneration",
)
"""Fields of a Rollout that other CRDs do not have."""


def without(crd: dict[str, Any], *paths: str) -> dict[str, Any]:
    """The CRD as a controller without these fields would have it, and without any rule beyond types."""
    lean = _unruled(copy.deepcopy(crd))
    for version in lean["spec"]["versions"]:
        for path in paths:
            *way, last = path.split(".")
            here = version["schema"]["openAPIV3Schema"]
            for part in way:
                here = here["properties"][part.removesuffix("[]")]
                here = here["items"] if part.endswith("[]") else here
            del here["properties"][last]
        status = version["schema"]["openAPIV3Schema"]["properties"]["status"]
        status.pop("x-kubernetes-preserve-unknown-fields", None)
        status["properties"]["observedGeneration"] = {"type": "string"}
    assert isinstance(lean, dict)
    return lean


def _unruled(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _unruled(value) for key, value in schema.items() if key != "x-kubernetes-validations"}
    return [_unruled(each) for each in schema] if isinstance(schema, list) else schema


@asynccontextmanager
async def a_cluster() -> AsyncIterator[tuple[Devplane, Access, Client]]:
    async with Devplane(serves_pods=False) as plane:
        for path in sorted(CRDS.glob("*.yaml")):
            crd = yaml.safe_load(path.read_text())
            plane.create(without(crd, *ADDED) if path.stem == "rollout" else crd)
        access = Access(plane.url)
        async with Client(access) as client:
            plane.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
            plane.create_all(the_usual())
            yield plane, access, client


async def until(client: Client, phase: str, image: str = "") -> dict[str, Any]:
    async with asyncio.timeout(WAIT_S_MAX):
        while True:
            found = await client.get(WEB)
            status = found.get("status") or {}
            seen = status.get("observedGeneration")  # nowhere under kstatus: these CRDs drop it from the conditions
            if seen in (None, str(found["metadata"]["generation"])) and status.get("phase") == phase:
                return found
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("fate", "compat"), [("promoted", "argo"), ("aborted", "argo"), ("promoted", "kstatus"), ("aborted", "kstatus")]
)
async def test_an_update_ends_as_it_must_and_the_rollout_comes_to_rest(fate, compat):
    steps = [{"setWeight": 50}, {"pause": {"duration": 1}}]
    canary = {"abortScaleDownDelaySeconds": 1, "scaleDownDelaySeconds": 1}
    made = a_rollout(2, steps=steps, canary=canary, failFast={"pods": 1})
    async with a_cluster() as (plane, access, client):
        plane.create(made)
        assert "failFast" not in (await client.get(WEB))["spec"]
        options = Options(leader_elect=False, metrics_port=None, health_port=None, status_compat=compat)
        controller = Controller(access, options, Settings())
        task = asyncio.create_task(controller.run())
        try:
            await until(client, "Healthy")
            await client.patch(WEB, {"spec": {"template": a_template("shop/web:2")}})
            await until(client, "Paused")
            if fate == "aborted":
                await client.patch(WEB, {"status": {"abort": True}}, subresource="status")
            ended = await until(client, "Healthy" if fate == "promoted" else "Degraded")
            await asyncio.sleep(AT_REST_S + 2)  # the delays of the former pods, then the measurement itself
            version = int(plane.store.version)
            await asyncio.sleep(AT_REST_S)

            assert not {"duration", "allowedActions"} & ended["status"].keys()
            assert int(plane.store.version) == version
        finally:
            controller.stop()
            await asyncio.wait_for(task, WAIT_S_MAX)
