"""What the cluster is able to do is a part of what a chart is rendered from."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.kube import kinds
from tests.gitops.shop import a_world, automated, config, ref, refresh, sync_status

CHART = {"repoURL": "https://git.example/shop.git", "path": ".", "helm": {}}


def definition(group: str, **marks: str) -> dict[str, Any]:
    names = {"kind": "Monitor", "plural": "monitors", "singular": "monitor", "listKind": "MonitorList"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"monitors.{group}", "annotations": marks},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


@pytest.mark.parametrize(("spec", "renders"), [({"source": CHART}, 1), ({}, 0)])
def test_a_definition_that_appears_renders_charts_anew_and_nothing_else(spec: dict[str, Any], renders: int) -> None:
    world = a_world(config("a"), spec={**automated(), **spec})
    world.run(30.0)
    before = world.asked["RenderManifests"]

    world.bring(definition("monitoring.test"))
    world.run(5.0)
    refresh(world)

    assert sync_status(world) == "Synced"
    assert world.asked["RenderManifests"] - before == renders


def test_what_a_sync_brings_itself_does_not_change_what_it_renders() -> None:
    world = a_world(config("a"), definition("shop.test"), spec={**automated(), "source": CHART})

    world.run(30.0)
    refresh(world)

    assert sync_status(world) == "Synced"
    assert world.get(ref(kinds.CRD, "monitors.shop.test")) is not None
    assert world.asked["RenderManifests"] == 1
