"""`status.duration`: when an update began, how long people held it, when and how it ended."""

from __future__ import annotations

import pytest

from rollouts.kit.instant import Instant
from tests.builders import a_rollout
from tests.delivery.world import WEB, deployed

HOLD = ({"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {"duration": 10}})


def lasted_s(world):
    told = world.status["duration"]
    return Instant.parse(told["finishedAt"]).since(Instant.parse(told["rolloutStartedAt"]))


def test_the_first_deploy_is_told_too():
    world = deployed(a_rollout(3))

    assert world.status["duration"]["completionStatus"] == "Promoted"
    assert 0 < lasted_s(world) < 1


def test_an_update_says_how_long_people_held_it():
    world = deployed(a_rollout(5, steps=HOLD))
    world.set_image("shop/web:2")
    world.until("Paused")
    held = world.now
    world.settle(90.0)
    assert Instant.parse(world.status["duration"]["manualPauseStartedAt"]).since(held) <= 0
    assert "finishedAt" not in world.status["duration"]

    world.command(pauseConditions=None)
    world.settle(60.0)
    told = world.status["duration"]
    assert told["completionStatus"] == "Promoted"
    assert told["totalManualPauseDurationSeconds"] == pytest.approx(90, abs=2)
    assert "manualPauseStartedAt" not in told
    assert lasted_s(world) == pytest.approx(102, abs=3)


def test_a_rollout_that_is_held_by_its_spec_counts_as_held():
    world = deployed(a_rollout(5, steps=HOLD[2:]))
    world.set_image("shop/web:2")
    world.until("Paused")

    world.patch(WEB, {"spec": {"paused": True}})
    world.settle(50.0)
    world.patch(WEB, {"spec": {"paused": False}})
    world.settle(60.0)

    assert world.status["duration"]["totalManualPauseDurationSeconds"] == pytest.approx(50, abs=1)


@pytest.mark.parametrize(
    ("word", "how"),
    [({"abort": True}, "Aborted"), ({"promoteFull": True}, "FastPromoted")],
)
def test_an_update_says_how_it_ended(word, how):
    world = deployed(a_rollout(5, steps=HOLD))
    world.set_image("shop/web:2")
    world.until("Paused")

    world.command(**word)
    world.settle(60.0)

    assert world.status["duration"]["completionStatus"] == how


def test_a_return_in_mid_update_is_told_as_one():
    world = deployed(a_rollout(5, steps=HOLD))
    world.set_image("shop/web:2")
    world.until("Paused")

    begun = world.status["duration"]["rolloutStartedAt"]

    world.set_image("shop/web:1")
    world.settle(60.0)

    assert world.status["duration"]["completionStatus"] == "FastRolledBack"
    assert world.status["duration"]["rolloutStartedAt"] == begun


@pytest.mark.parametrize(
    ("window", "full", "how"),
    [(None, False, "RolledBack"), (None, True, "FastRolledBack"), ({"revisions": 1}, False, "FastRolledBack")],
)
def test_a_return_to_an_older_version_is_told_as_one(window, full, how):
    more = {} if window is None else {"rollbackWindow": window}
    world = deployed(a_rollout(5, steps=({"setWeight": 20}, {"pause": {"duration": 10}}), **more))
    world.set_image("shop/web:2")
    world.settle(60.0)
    assert world.status["duration"]["completionStatus"] == "Promoted"

    world.set_image("shop/web:1")
    world.settle(1.0)
    if full:
        world.command(promoteFull=True)
    world.settle(60.0)

    assert world.status["duration"]["completionStatus"] == how


def test_a_retried_update_begins_again():
    world = deployed(a_rollout(5, steps=HOLD))
    world.set_image("shop/web:2")
    world.until("Paused")
    begun = world.status["duration"]["rolloutStartedAt"]
    world.command(abort=True)
    world.settle(5.0)

    world.command(abort=False)
    world.settle(1.0)

    assert world.status["duration"]["rolloutStartedAt"] > begun
    assert {"finishedAt", "completionStatus"}.isdisjoint(world.status["duration"])


def test_nothing_is_written_while_nothing_turns():
    world = deployed(a_rollout(5, steps=HOLD))
    world.set_image("shop/web:2")
    world.until("Paused")
    world.settle(5.0)
    world.writes.clear()

    world.settle(600.0)

    assert not world.writes


@pytest.mark.parametrize("junk", ["soon", {"rolloutStartedAt": 3, "totalManualPauseDurationSeconds": "x"}, []])
def test_a_hand_that_edits_it_stops_nothing(junk):
    world = deployed(a_rollout(5, steps=HOLD))
    world.set_image("shop/web:2")
    world.until("Paused")

    world.command(duration=junk)
    world.command(pauseConditions=None)
    world.settle(60.0)

    assert world.status["phase"] == "Healthy"
