"""Applications outside the control plane's namespace."""

from __future__ import annotations

from typing import Any

from rollouts.kube import kinds
from rollouts.kube.ref import Ref
from rollouts.simulation.gitworld import GitWorld, an_application
from tests.gitops.shop import a_world as a_shop
from tests.gitops.shop import automated, config, phase, project, ref, sync_status

HERE = Ref(kinds.APPLICATION, "team-a", "web")


def a_world(**spec: Any) -> GitWorld:
    world = a_shop(config("other"))
    world.git.push([config("a")])
    world.bring({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-a"}})
    world.bring(project("p", sourceNamespaces=["team-*"]))
    tenant = an_application("web", {**automated(), "project": "p", **spec})
    world.bring({**tenant, "metadata": {"name": "web", "namespace": "team-a"}})
    world.run(30.0)
    return world


def test_an_application_lives_where_its_project_lets_it_and_tracks_under_both_names() -> None:
    world = a_world()

    live = world.get(ref(kinds.CONFIG_MAP, "a"))
    assert (sync_status(world, HERE), phase(world, HERE)) == ("Synced", "Succeeded")
    assert live["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] == "team-a_web:/ConfigMap:shop/a"


def test_no_other_namespace_may_use_the_default_project() -> None:
    world = a_world(project="default")

    assert (sync_status(world, HERE), world.get(ref(kinds.CONFIG_MAP, "a"))) == ("Unknown", None)
