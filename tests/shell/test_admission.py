"""The admission webhook: the same verdict as lint and the controller, over HTTP as the API server asks for it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from rollouts.devplane.server import Devplane
from rollouts.shell.admission import OBJECT_BYTES_MAX, Options, serve, verdict
from rollouts.shell.kubeconfig import Access

HERE = Path(__file__).parents[2]
EXAMPLE = HERE / "examples" / "01-canary-nginx"
READY_S_MAX = 20.0
Manifest = dict[str, Any]


def example(name: str = "rollout") -> Manifest:
    """A manifest of the first example."""
    return dict(yaml.safe_load((EXAMPLE / f"{name}.yaml").read_text()))


def with_weight(weight: object) -> Manifest:
    """The example with another first weight."""
    made = deepcopy(example())
    made["spec"]["strategy"]["canary"]["steps"][0] = {"setWeight": weight}
    return made


def reasons(manifest: Manifest, before: Manifest | None = None) -> list[str]:
    return [each.reason for each in verdict(manifest, before).errors]


def test_what_is_right_passes() -> None:
    assert reasons(example()) == reasons(example("analysistemplate")) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"replicas": -1}, "Negative"),
        ({"setWieght": 20}, "UnknownField"),
        ({"template": {"metadata": {"annotations": {"a": "x" * OBJECT_BYTES_MAX}}}}, "TooLarge"),
    ],
)
def test_what_is_wrong_is_named(change: Mapping[str, Any], expected: str) -> None:
    made = example()

    assert expected in reasons({**made, "spec": {**made["spec"], **change}})


def test_a_template_is_judged_as_lint_judges_it() -> None:
    made = deepcopy(example("analysistemplate"))
    made["spec"]["metrics"][0]["successCondition"] = "result[0] >"

    assert reasons(made) == ["AnalysisInvalid"]


def test_what_is_stored_invalid_can_still_be_labelled_and_deleted() -> None:
    stored = with_weight(120)
    labelled = {**stored, "metadata": {**stored["metadata"], "labels": {"a": "b"}}}

    assert reasons(stored)
    assert reasons(labelled, before=stored) == []


def review(manifest: Manifest) -> Manifest:
    """What the API server sends."""
    resource = {"group": "argoproj.io", "version": "v1alpha1", "resource": "rollouts"}
    asked = {
        "uid": "u-1",
        "kind": {"group": "argoproj.io", "version": "v1alpha1", "kind": manifest["kind"]},
        "resource": resource,
        "requestResource": resource,
        "name": manifest["metadata"]["name"],
        "namespace": "default",
        "operation": "CREATE",
        "userInfo": {"username": "somebody", "groups": []},
        "object": manifest,
        "oldObject": None,
        "dryRun": False,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": asked}


def path_called() -> str:
    """The path that the API server calls where deploy/webhook is installed."""
    (called,) = yaml.safe_load((HERE / "deploy" / "webhook" / "configuration.yaml").read_text())["webhooks"]
    return str(called["clientConfig"]["service"]["path"])


@asynccontextmanager
async def webhook() -> AsyncIterator[str]:
    """A webhook beside an embedded cluster; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    async with Devplane(serves_pods=False) as devplane:
        for path in sorted((HERE / "crds").glob("*.yaml")):
            if path.name != "kustomization.yaml":
                devplane.create(yaml.safe_load(path.read_text()))
        stop = asyncio.Event()
        options = Options(port, "127.0.0.1")
        running = asyncio.create_task(serve(Access(server=devplane.url), options, stop=stop))
        try:
            yield f"http://127.0.0.1:{port}{path_called()}"
        finally:
            stop.set()
            await running


async def asked(url: str, manifest: Manifest) -> Manifest:
    """The webhook's answer, once it listens and knows the kinds of the cluster."""
    async with asyncio.timeout(READY_S_MAX), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.post(url, json=review(manifest)) as answer:
                    if answer.status == 200:
                        return dict((await answer.json())["response"])
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.05)


async def test_the_api_server_is_answered() -> None:
    async with webhook() as url:
        admitted = await asked(url, example())
        refused = await asked(url, with_weight(120))

    assert admitted["allowed"] is True
    assert refused["allowed"] is False
    assert refused["status"]["code"] == 422
    assert "steps[0].setWeight: Invalid value: 120" in refused["status"]["message"]
    assert "(setWeight: 100)" in refused["status"]["message"]
