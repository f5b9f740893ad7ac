"""A return to a version of yesterday: within the window nothing has to be proved again."""

from __future__ import annotations

import pytest

from rollouts.kube import kinds
from rollouts.kube.ref import Ref
from tests.builders import NAMESPACE, STEPS, a_rollout, a_template_of_analysis
from tests.delivery.world import World, deployed


def updated(world: World, *tags: str) -> World:
    for tag in tags:
        world.set_image(f"shop/web:{tag}")
        world.settle(200.0)
        assert world.status["phase"] == "Healthy"
    return world


def windowed(revisions: int, *objects, **canary) -> World:
    return deployed(a_rollout(2, rollbackWindow={"revisions": revisions}, canary=canary), *objects)


@pytest.mark.parametrize(
    ("revisions", "tags", "back", "walks"),
    [
        (1, "2", "1", False),  # nothing lies between
        (1, "23", "1", True),  # one does, and that is not fewer than one
        (2, "23", "1", False),
        (2, "234", "1", True),
        (2, "234", "2", False),
        (0, "2", "1", True),  # a window of nothing is none
        (9, "2", "3", True),  # a version that is new is no return
    ],
)
def test_a_return_within_the_window_skips_the_steps(revisions, tags, back, walks):
    world = updated(windowed(revisions), *tags)
    world.notes.clear()
    world.weights.clear()
    world.set_image(f"shop/web:{back}")
    world.settle(200.0)

    assert world.status["phase"] == "Healthy"
    assert world.selects("stable") == world.hash_of(back)
    assert world.weights == ([20, 40, 60, 80, 100, 0] if walks else [100, 0])
    said = [note.message for note in world.notes if note.reason == "RolloutCompleted"][-1]
    assert said.endswith("Rollback within window") != walks
    assert "SkipSteps" not in world.reasons()  # told where its pods are still up


def test_of_two_versions_of_one_second_the_first_is_the_older_one_however_often_it_came_back():
    world = updated(windowed(1), "2", "1")
    born = world.set_named("1")["metadata"]["creationTimestamp"]
    name = world.set_named("2")["metadata"]["name"]
    world.patch(Ref(kinds.REPLICA_SET, NAMESPACE, name), {"metadata": {"creationTimestamp": born}})
    updated(world, "2")
    world.weights.clear()
    world.set_image("shop/web:1")
    world.settle(200.0)

    assert world.weights == [100, 0]
    assert world.status["duration"]["completionStatus"] == "FastRolledBack"


def test_a_return_to_the_first_version_skips_the_steps_only_where_that_is_wished():
    world = updated(deployed(a_rollout(2)), "2")
    world.set_image("shop/web:1")
    world.until("Paused")

    assert world.status["currentStepIndex"] == 1


def test_a_return_within_the_window_asks_no_analysis():
    analysis = {"templates": [{"templateName": "success-rate"}]}
    world = windowed(3, a_template_of_analysis(), analysis=analysis)
    world.set_image("shop/web:2")
    world.settle(20.0)
    assert len(world.runs()) == 1
    world.finish_run(world.runs()[0], "Successful")
    world.settle(200.0)
    world.set_image("shop/web:1")
    world.settle(200.0)

    assert world.selects("stable") == world.hash_of("1")
    assert len(world.runs()) == 1


def test_a_return_in_mid_update_to_a_version_before_the_stable_one_goes_at_once():
    world = updated(windowed(2), "2")
    world.set_image("shop/web:3")
    world.until("Paused")
    world.set_image("shop/web:1")
    world.settle(0.4)

    assert world.status["currentStepIndex"] == len(STEPS)

    world.settle(100.0)

    assert world.status["phase"] == "Healthy"
    assert world.sizes() == {"1": 2, "2": 0, "3": 0}


def test_a_near_return_still_waits_for_its_pods():
    world = updated(windowed(2), "2")
    name = world.set_named("1")["metadata"]["name"]
    world.broken.add(name)
    world.weights.clear()
    world.set_image("shop/web:1")
    world.settle(30.0)

    assert world.weights == []
    assert world.objects[Ref(kinds.REPLICA_SET, NAMESPACE, name)]["spec"]["replicas"] == 2
    assert world.selects("stable") == world.hash_of("2")


def test_a_return_to_pods_that_are_still_up_says_that_steps_are_skipped():
    world = deployed(a_rollout(2, rollbackWindow={"revisions": 1}, canary={"scaleDownDelaySeconds": 3600}))
    updated(world, "2")
    world.set_image("shop/web:1")
    world.settle(200.0)

    said = [note.message for note in world.notes if note.reason == "SkipSteps"]
    assert said == ["Rollback to active ReplicaSets within RollbackWindow"]
