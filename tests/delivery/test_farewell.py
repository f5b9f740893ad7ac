"""The last turn of a Rollout: its Services are given back, once nobody doubts that it is gone."""

from __future__ import annotations

from rollouts.core.plan import Patch
from rollouts.kube import kinds
from rollouts.kube import object as obj
from tests.builders import a_rollout
from tests.delivery.world import HASH, WEB, deployed

MARK = "argo-rollouts.argoproj.io/managed-by-rollouts"


def test_services_are_given_back_only_after_a_quorum_read_of_the_rollout():
    world = deployed(a_rollout(3))
    assert world.selects("stable")

    del world.objects[WEB]
    plan = world.turn()

    assert len(plan.actions) == 2
    assert all(isinstance(action, Patch) and action.is_irreversible for action in plan.actions)


def test_services_that_were_given_back_bear_no_mark_and_tell_no_versions_apart():
    world = deployed(a_rollout(3))
    del world.objects[WEB]
    world.settle(5.0)
    services = world.of(kinds.SERVICE)

    assert [HASH in each["spec"]["selector"] for each in services] == [False, False]
    assert [MARK in obj.annotations(each) for each in services] == [False, False]
