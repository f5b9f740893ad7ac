"""Nonsense in every field of an Application's status: nothing is deleted, and it is told again as it is."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from rollouts.kube import kinds
from tests.delivery.test_nonsense import places
from tests.gitops.shop import APP, HOOK, a_world, automated, config, deployment, health, job, ref, status, sync_status


@pytest.mark.parametrize("nonsense", ["x", -1, [], {}, ["x"], [{}]], ids=repr)
def test_nonsense_anywhere_in_the_status_of_an_application_deletes_nothing_and_heals(nonsense: Any) -> None:
    world = a_world(config("one"), deployment("web"), job("move", **{HOOK: "PreSync"}), spec=automated())
    world.run(60)
    good = status(world)

    for at in places(good):
        changed: Any = copy.deepcopy(good)
        place = changed
        for key in at[:-1]:
            place = place[key]
        place[at[-1]] = nonsense
        world.patch(APP, {"status": None})
        world.patch(APP, {"status": changed})
        world.run(30)

        assert world.get(ref(kinds.DEPLOYMENT, "web")) is not None, at
        assert (sync_status(world), health(world)) == ("Synced", "Healthy"), at
