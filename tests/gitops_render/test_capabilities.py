"""Charts that ask what the cluster is able to do."""

from __future__ import annotations

import asyncio
import json

import pytest

from rollouts.core.errors import HiccupError
from rollouts.gitops.asks import RenderManifests
from rollouts.shell.asks.capabilities import Capabilities
from rollouts.shell.asks.sources import GitAndCharts
from rollouts.shell.client import Client
from rollouts.shell.kubeconfig import Access
from tests.gitops_render.forge import Repository

TEMPLATE = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: words}
data:
  version: "{{ .Capabilities.KubeVersion }}"
  core: "{{ .Capabilities.APIVersions.Has "v1/Service" }}"
  apps: "{{ .Capabilities.APIVersions.Has "apps/v1/Deployment" }}"
  monitors: "{{ .Capabilities.APIVersions.Has "monitoring.test/v1/Monitor" }}"
"""
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "monitors.monitoring.test"},
    "spec": {
        "group": "monitoring.test",
        "scope": "Namespaced",
        "names": {"kind": "Monitor", "plural": "monitors", "singular": "monitor", "listKind": "MonitorList"},
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
        ],
    },
}


@pytest.fixture
def chart(shop: Repository, helm):
    shop.commit({"c/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n", "c/templates/x.yaml": TEMPLATE})
    return shop


async def words(sources: GitAndCharts, chart: Repository, named: tuple[str, ...] = (), **helm: object) -> dict:
    source = {"repoURL": chart.url, "path": "c", "helm": helm}
    question = RenderManifests(json.dumps([source]), (), "web", "shop", api_versions=named)
    return (await sources.ask(question, "argocd")).manifests[0]["data"]


async def test_a_chart_sees_the_version_and_the_kinds_of_the_cluster(sources, chart):
    found = await words(sources, chart)

    assert found == {"version": "v1.35.0", "core": "true", "apps": "true", "monitors": "false"}


async def test_a_definition_that_was_just_seen_counts_before_the_lists_tell_of_it(sources, chart):
    before = await words(sources, chart)
    after = await words(sources, chart, ("monitoring.test/v1", "monitoring.test/v1/Monitor"))
    without = await words(sources, chart)

    assert (before["monitors"], after["monitors"], without["monitors"]) == ("false", "true", "true")


async def test_what_is_defined_in_the_cluster_is_told_without_being_named(cluster, sources, chart):
    cluster.create(DEFINITION)

    assert (await words(sources, chart))["monitors"] == "true"


async def test_the_sources_own_word_goes_before_the_clusters(sources, chart):
    found = await words(sources, chart, kubeVersion="1.30.2", apiVersions=["monitoring.test/v1/Monitor"])

    assert (found["version"], found["monitors"]) == ("v1.30.2", "true")


async def test_g2_lists_that_are_not_to_be_had_are_an_error_and_no_empty_lists():
    async with Client(Access("http://127.0.0.1:9")) as nobody:
        with pytest.raises(HiccupError, match="of the API server not read"):
            await Capabilities(nobody, 60.0).of()


async def test_many_charts_ask_for_the_lists_once(client):
    capabilities = Capabilities(client, 60.0)
    asked = client.connection.send
    paths: list[str] = []

    async def counted(method: str, target: str, *args: object, **more: object) -> object:
        paths.append(target)
        return await asked(method, target, *args, **more)

    client.connection.send = counted
    await asyncio.gather(*(capabilities.of() for _ in range(50)))

    assert len(paths) == len(set(paths))
