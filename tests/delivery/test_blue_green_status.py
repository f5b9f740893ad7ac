"""What clients read of a blue-green update: whose pods are counted, when it is paused, how it ended."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.kube import kinds
from rollouts.kube.conditions import find
from rollouts.kube.ref import Ref
from tests.builders import APP, NAMESPACE, a_blue_green
from tests.delivery.test_blue_green import JUDGED, BlueGreenWorld, a_world
from tests.delivery.world import WEB

HELD = {"autoPromotionEnabled": False}
COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")


def counts(world: BlueGreenWorld) -> tuple[int, ...]:
    """Pods in all, of the spec's version, ready, available."""
    return tuple(world.status.get(each, 0) for each in COUNTS)


def paused(world: BlueGreenWorld) -> str:
    """The condition's status, "" where it was never told."""
    return str(find(world.status["conditions"], "Paused").get("status", ""))


def test_only_pods_that_the_active_service_selects_are_counted_as_ready():
    world = a_world(a_blue_green(3))
    assert counts(world) == (3, 3, 3, 3)

    world.set_image("shop/web:2")
    world.settle(5.0)

    assert world.status["blueGreen"]["activeSelector"] == world.hash_of("2")
    assert counts(world) == (6, 3, 3, 3)


def test_whoever_is_asked_to_look_finds_the_new_version_behind_the_preview_service():
    world = a_world(a_blue_green(2, blue_green=HELD))
    world.notes.clear()
    world.set_image("shop/web:2")
    world.until("Paused")

    told = [reason for reason in world.reasons() if reason in ("SwitchService", "RolloutPaused")]
    assert told == ["SwitchService", "RolloutPaused"]
    assert world.status["blueGreen"]["previewSelector"] == world.hash_of("2")


def test_a_small_preview_is_counted_beside_what_serves_until_it_is_promoted():
    world = a_world(a_blue_green(2, blue_green={"previewReplicaCount": 1, **HELD}))
    world.set_image("shop/web:2")
    world.until("Paused")
    assert counts(world) == (3, 1, 2, 2)

    world.command(pauseConditions=None)
    world.until("Healthy")

    assert counts(world) == (4, 2, 2, 2)


def test_a_pause_outlasts_the_deadline_and_a_full_promotion_ends_it():
    world = a_world(a_blue_green(2, progressDeadlineSeconds=1, blue_green={"previewReplicaCount": 1, **HELD}))
    world.set_image("shop/web:2")
    world.until("Paused")
    world.settle(30.0)
    assert (world.status["phase"], counts(world)) == ("Paused", (3, 1, 2, 2))

    world.command(promoteFull=True)
    world.until("Healthy")

    assert counts(world) == (4, 2, 2, 2)


@pytest.mark.parametrize("blue_green", [HELD, {}, {"previewReplicaCount": 1}])
def test_pods_that_come_after_the_deadline_are_late_and_not_lost(blue_green: dict[str, Any]):
    world = a_world(a_blue_green(2, progressDeadlineSeconds=5, blue_green=blue_green))
    world.ready_s = 10.0
    world.set_image("shop/web:2")
    world.until("Degraded")
    assert world.status["message"].startswith("ProgressDeadlineExceeded: ")

    if blue_green == HELD:
        world.until("Paused")
        world.command(pauseConditions=None)
    world.until("Healthy")

    assert world.selects("active") == world.hash_of("2")


@pytest.mark.parametrize("seconds", [None, 20])
def test_whoever_waits_for_the_end_of_the_pause_finds_the_new_version_active(seconds: int | None):
    given = HELD if seconds is None else {"autoPromotionSeconds": seconds}
    world = a_world(a_blue_green(2, blue_green=given))
    world.set_image("shop/web:2")
    world.until("Paused")
    assert paused(world) == "True"

    if seconds is None:
        world.command(pauseConditions=None)
    else:
        world.now = world.now.plus(seconds)
    while paused(world) == "True":
        assert world.turn().writes, "nothing is left to be done"

    assert (world.status["phase"], world.selects("active")) == ("Healthy", world.hash_of("2"))


def test_a_pause_that_ends_before_all_pods_are_there_is_over_at_once():
    world = a_world(a_blue_green(4, blue_green={"previewReplicaCount": 1, **HELD}))
    world.set_image("shop/web:2")
    world.until("Paused")

    world.command(pauseConditions=None)
    world.turn()

    assert paused(world) == "False"
    assert world.selects("active") == world.hash_of("1")


def test_an_abort_in_the_last_moment_of_a_pause_leaves_nothing_paused():
    world = a_world(a_blue_green(2, blue_green=HELD))
    world.set_image("shop/web:2")
    world.until("Paused")
    world.command(pauseConditions=None)
    world.turn()

    world.command(abort=True)
    world.settle(1.0)

    assert (world.status["phase"], paused(world)) == ("Degraded", "False")
    assert world.selects("active") == world.hash_of("1")


def to_and_fro(world: BlueGreenWorld, *, is_held: bool) -> str:
    """Release a second version, begin a third, ask for the first again; how that ended."""
    for tag in (2, 3):
        world.set_image(f"shop/web:{tag}")
        world.until("Paused" if is_held else "Progressing")
        if tag == 2:
            if is_held:
                world.command(pauseConditions=None)
            else:
                world.settle(1.0)
                world.finish_run(world.runs()[0], "Successful")
            world.until("Healthy")
    world.set_image("shop/web:1")
    world.settle(5.0)
    if world.status["phase"] == "Paused":
        world.command(pauseConditions=None)
        world.settle(5.0)
    return str(world.status["duration"]["completionStatus"])


@pytest.mark.parametrize(
    ("delay_s", "blue_green", "how"),
    [
        (600, HELD, "FastRolledBack"),
        (0, HELD, "RolledBack"),
        (600, {"prePromotionAnalysis": JUDGED}, "FastRolledBack"),
    ],
)
def test_a_return_to_what_is_still_up_is_told_as_a_fast_one(delay_s: int, blue_green: dict[str, Any], how: str):
    world = a_world(a_blue_green(2, blue_green={"scaleDownDelaySeconds": delay_s, **blue_green}))

    assert to_and_fro(world, is_held=blue_green == HELD) == how
    assert world.selects("active") == world.hash_of("1")


def test_a_return_to_what_is_still_up_is_not_judged_after_the_switch_either():
    judged = {"prePromotionAnalysis": JUDGED, "postPromotionAnalysis": JUDGED, "scaleDownDelaySeconds": 600}
    world = a_world(a_blue_green(2, blue_green=judged))
    world.set_image("shop/web:2")
    for moment in ("pre", "post"):
        world.settle(1.0)
        world.finish_run(f"web-{world.hash_of('2')}-2-{moment}", "Successful")
    world.until("Healthy")

    world.set_image("shop/web:1")
    world.settle(2.0)

    assert (world.status["phase"], len(world.runs())) == ("Healthy", 2)
    assert world.status["stableRS"] == world.selects("active") == world.selects("preview") == world.hash_of("1")
    assert "scale-down-deadline" not in world.set_named("1")["metadata"]["annotations"]
    assert "scale-down-deadline" in world.set_named("2")["metadata"]["annotations"]


def test_what_follows_an_aborted_version_leaves_it_its_delay():
    world = a_world(a_blue_green(1, blue_green={"postPromotionAnalysis": JUDGED}))
    world.set_image("shop/web:2")
    world.settle(1.0)
    world.finish_run(world.runs()[0], "Failed")
    world.until("Degraded")
    world.settle(0.1)
    assert (world.selects("active"), world.selects("preview")) == (world.hash_of("1"), world.hash_of("2"))

    world.patch(WEB, {"spec": {"strategy": {"blueGreen": HELD}}})
    world.set_image("shop/web:3")
    world.until("Paused")
    assert (world.selects("active"), world.selects("preview")) == (world.hash_of("1"), world.hash_of("3"))
    assert "scale-down-deadline" in world.set_named("2")["metadata"]["annotations"]
    world.command(pauseConditions=None)
    world.settle(1.0)
    world.finish_run(f"web-{world.hash_of('3')}-3-post", "Successful")
    world.until("Healthy")
    world.settle(2.0)

    assert world.sizes() == {"1": 1, "2": 1, "3": 1}
    assert all("scale-down-deadline" in world.set_named(tag)["metadata"]["annotations"] for tag in "12")
    assert len(world.runs()) == 2


def test_the_stable_version_in_mid_update_is_told_as_a_fast_return():
    world = a_world(a_blue_green(2, blue_green={"scaleDownDelaySeconds": 0, **HELD}))
    world.set_image("shop/web:2")
    world.until("Paused")
    begun = world.status["duration"]["rolloutStartedAt"]

    world.set_image("shop/web:1")
    world.settle(5.0)

    told = world.status["duration"]
    assert (told["completionStatus"], told["rolloutStartedAt"]) == ("FastRolledBack", begun)
    assert told["totalManualPauseDurationSeconds"] >= 0


def test_a_version_that_missed_its_deadline_is_given_up_once_that_is_wished():
    world = a_world(a_blue_green(1, progressDeadlineSeconds=1, blue_green={"abortScaleDownDelaySeconds": 2}))
    world.ready_s = 1e6
    world.set_image("shop/web:2")
    world.until("Degraded")
    world.settle(3.0)
    assert (world.status.get("abort"), world.sizes()) == (None, {"1": 1, "2": 1})

    world.patch(WEB, {"spec": {"progressDeadlineAbort": True}})
    world.settle(3.0)

    assert (world.status["abort"], world.sizes()) == (True, {"1": 1, "2": 0})


def test_a_lower_limit_of_old_versions_takes_effect_at_once():
    limits = {"scaleDownDelaySeconds": 86400, "scaleDownDelayRevisionLimit": 2}
    world = a_world(a_blue_green(1, blue_green=limits))
    for tag in (2, 3, 4):
        world.set_image(f"shop/web:{tag}")
        world.settle(5.0)
    assert world.sizes() == {"1": 0, "2": 1, "3": 1, "4": 1}

    world.patch(WEB, {"spec": {"strategy": {"blueGreen": {"scaleDownDelayRevisionLimit": 1}}}})
    world.settle(1.0)

    assert world.sizes() == {"1": 0, "2": 0, "3": 1, "4": 1}
    assert counts(world) == (2, 1, 1, 1)


def test_a_full_promotion_right_after_the_release_makes_no_run():
    judged = {"prePromotionAnalysis": JUDGED, "postPromotionAnalysis": JUDGED, **HELD}
    world = a_world(a_blue_green(3, blue_green=judged))
    world.set_image("shop/web:2")
    world.settle(0.1)
    world.command(promoteFull=True)
    world.until("Healthy")

    assert world.runs() == []


def test_a_canary_without_a_router_that_follows_blue_green_shares_by_its_pods():
    world = a_world(a_blue_green(2, blue_green={"previewService": None, "scaleDownDelaySeconds": 5}))
    template = {"metadata": {"annotations": {"release": "2"}}}
    canary = {"steps": [{"setWeight": 50}, {"pause": {}}]}
    world.patch(WEB, {"spec": {"template": template, "strategy": {"blueGreen": None, "canary": canary}}})
    world.until("Paused")
    world.settle(3.0)

    assert counts(world) == (2, 1, 2, 2)
    service = world.objects[Ref(kinds.SERVICE, NAMESPACE, f"{APP}-active")]
    assert service["spec"]["selector"] == {"app": APP}
