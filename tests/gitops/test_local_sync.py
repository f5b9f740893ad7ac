"""What somebody hands over instead of a commit."""

from __future__ import annotations

import json

from rollouts.kube import kinds
from tests.gitops.shop import a_world, commits, config, phase, project, state, sync


def test_cve_2023_50726_what_nobody_signed_is_not_synced_by_hand_either() -> None:
    world = a_world(config("a"), spec={"project": "p"})
    world.bring(project("p", signatureKeys=[{"keyID": "0123456789ABCDEF"}]))
    world.run(10.0)

    sync(world, manifests=[json.dumps(config("evil"))])

    assert (phase(world), commits(world, "apply", kinds.CONFIG_MAP)) == ("Failed", [])
    assert "signature keys are required" in state(world)["message"]


def test_what_is_handed_over_must_be_permitted_by_the_project() -> None:
    world = a_world(config("a"), spec={"project": "p"})
    world.bring(project("p", namespaceResourceBlacklist=[{"group": "", "kind": "Secret"}]))
    world.run(10.0)

    sync(world, manifests=[json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "evil"}})])

    assert (phase(world), commits(world, "apply", kinds.SECRET)) == ("Failed", [])


def test_a_sync_from_a_source_of_its_own_stays_within_the_project() -> None:
    world = a_world(config("a"), spec={"project": "p"})
    world.bring(project("p", sourceRepos=["https://git.example/shop.git"]))
    world.run(10.0)
    asked = world.asked.total()

    sync(world, source={"repoURL": "https://elsewhere.example/x.git", "path": "."})

    assert (phase(world), commits(world, "apply", kinds.CONFIG_MAP)) == ("Error", [])
    assert "https://elsewhere.example/x.git is not permitted in project 'p'" in state(world)["message"]
    assert world.asked.total() == asked
