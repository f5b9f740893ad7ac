"""Blue-green updates as clients of the contract see them: counts, selectors, conditions, and what is told when."""

from __future__ import annotations

from typing import Any

from tests.builders import a_blue_green, a_service
from tests.contract.story import HASH, Object, Story, a_version, argo_cd_health

COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
HELD: Object = {"autoPromotionEnabled": False}


def deploy(story: Story, replicas: int, blue_green: Object, **spec: Any) -> None:
    """A first version behind its Services."""
    story.watch_events()
    rollout = a_blue_green(replicas, blue_green=blue_green, **{"template": a_version(1), **spec})
    story.create(a_service("web-active"), a_service("web-preview"), rollout)
    story.until_phase("Healthy")


def counts(status: Object) -> tuple[int, ...]:
    """Pods in all, of the spec's version, ready, available."""
    return tuple(status.get(each, 0) for each in COUNTS)


def sizes(story: Story, *revisions: int) -> list[int]:
    """Pods asked for by revisions."""
    return [story.replica_set(each)["spec"]["replicas"] for each in revisions]


def active(story: Story) -> str:
    """The hash that the active Service selects."""
    return str(story.get("Service", "web-active")["spec"]["selector"].get(HASH, ""))


def test_an_update_tells_the_contracts_events_in_order(story: Story) -> None:
    deploy(story, 3, {"previewService": None})
    assert counts(story.status()) == (3, 3, 3, 3)
    story.release(2)
    story.until("the switch", lambda: active(story) == story.replica_set(2)["metadata"]["labels"][HASH])
    status = story.until_phase("Healthy")["status"]

    assert counts(status) == (6, 3, 3, 3)
    assert story.reasons() == [
        "RolloutAddedToInformer", "RolloutUpdated", "NewReplicaSetCreated", "ScalingReplicaSet", "RolloutCompleted",
        "SwitchService",
        "RolloutUpdated", "NewReplicaSetCreated", "RolloutNotCompleted", "ScalingReplicaSet", "SwitchService",
        "RolloutCompleted",
    ]  # fmt: skip


def test_a_small_preview_is_not_counted_as_serving(story: Story) -> None:
    deploy(story, 2, {"previewReplicaCount": 1, "scaleDownDelaySeconds": 30, **HELD})
    story.release(2)
    paused = story.until_phase("Paused")
    hash_value = paused["status"]["currentPodHash"]

    assert sizes(story, 1, 2) == [2, 1]
    assert counts(paused["status"]) == (3, 1, 2, 2)
    assert argo_cd_health(paused) == ("Suspended", "BlueGreenPause")
    assert paused["status"]["blueGreen"]["previewSelector"] == hash_value
    story.patch_status({"pauseConditions": None})
    status = story.until_phase("Healthy")["status"]
    assert counts(status) == (4, 2, 2, 2)
    assert active(story) == status["blueGreen"]["activeSelector"] == hash_value


def test_an_abort_takes_the_preview_away_after_its_delay(story: Story) -> None:
    deploy(story, 2, {"previewReplicaCount": 1, "abortScaleDownDelaySeconds": 1, **HELD})
    story.release(2)
    story.until_phase("Paused")
    story.patch_status({"abort": True})
    status = story.until_phase("Degraded")["status"]
    story.until("no preview", lambda: sizes(story, 1, 2) == [2, 0])

    assert active(story) == status["stableRS"] != status["currentPodHash"]


def test_a_return_within_the_delay_is_a_fast_one(story: Story) -> None:
    deploy(story, 1, {"scaleDownDelaySeconds": 60, **HELD})
    first = story.status()["stableRS"]
    story.release(2)
    story.until_phase("Paused")
    story.patch_status({"pauseConditions": None})
    story.until_phase("Healthy")
    story.release(3)
    story.until_phase("Paused")
    story.release(1)
    status = story.until_phase("Healthy")["status"]

    assert (status["stableRS"], active(story)) == (first, first)
    assert status["duration"]["completionStatus"] == "FastRolledBack"
    assert status["duration"]["finishedAt"] > status["duration"]["rolloutStartedAt"]


def test_a_full_promotion_makes_no_run(story: Story) -> None:
    story.measure(interval="60s", count=5)
    judged = {"templates": [{"templateName": "success-rate"}]}
    deploy(story, 3, {"prePromotionAnalysis": judged, "postPromotionAnalysis": judged, **HELD})
    story.patch({"spec": {"template": a_version(2, ready_s=1.0)}})
    story.until("the new pods", lambda: story.replica_set(2))
    story.patch_status({"promoteFull": True})
    story.until_phase("Healthy")

    assert story.every("AnalysisRun") == []
    assert story.status()["duration"]["completionStatus"] == "FastPromoted"


def test_pods_that_miss_the_deadline_degrade_and_may_still_be_promoted(story: Story) -> None:
    deploy(story, 1, HELD, progressDeadlineSeconds=1)
    story.patch({"spec": {"template": a_version(2, ready_s=3.0)}})
    late = story.until_phase("Degraded")["status"]

    assert late["message"].startswith("ProgressDeadlineExceeded: ")
    story.until_phase("Paused")
    story.patch_status({"pauseConditions": None})
    story.until_phase("Healthy")
    assert active(story) == story.replica_set(2)["metadata"]["labels"][HASH]


def test_a_version_that_missed_its_deadline_is_given_up_once_that_is_wished(story: Story) -> None:
    deploy(story, 1, {"abortScaleDownDelaySeconds": 1})
    template = a_version(2)
    template["metadata"]["annotations"] = {"player.rollouts.test/ready": "never"}
    story.patch({"spec": {"progressDeadlineSeconds": 1, "template": template}})
    assert "abort" not in story.until_phase("Degraded")["status"]
    story.patch({"spec": {"progressDeadlineAbort": True}})
    story.until("the abort", lambda: story.status()["abort"])
    story.until("no new pods", lambda: sizes(story, 1, 2) == [1, 0])

    told = set(story.conditions()) - {"Ready", "Reconciling", "Stalled"}
    assert told == {"Available", "Completed", "Healthy", "Progressing"}


def test_a_canary_that_follows_has_its_service_back(story: Story) -> None:
    deploy(story, 2, {"previewService": None, "scaleDownDelaySeconds": 5})
    canary = {"steps": [{"setWeight": 50}, {"pause": {}}]}
    template = {"metadata": {"annotations": {"release": "2"}}}
    story.patch({"spec": {"template": template, "strategy": {"blueGreen": None, "canary": canary}}})
    story.until_phase("Paused")
    story.until("the ratio", lambda: story.status()["availableReplicas"] == 2)

    assert counts(story.status()) == (2, 1, 2, 2)
    assert story.get("Service", "web-active")["spec"]["selector"] == {"app": "web"}


def roles(story: Story, revision: int) -> set[tuple[str | None, str | None]]:
    """The labels `role` and `role2` of a revision's pods."""
    owner = story.replica_set(revision)["metadata"]["uid"]
    metas = (each["metadata"] for each in story.every("Pod"))
    return {
        (meta["labels"].get("role"), meta["labels"].get("role2"))
        for meta in metas
        if meta["ownerReferences"][0]["uid"] == owner
    }


def test_pods_bear_the_marks_of_their_role(story: Story) -> None:
    marks = {"previewMetadata": {"labels": {"role": "preview"}}, "activeMetadata": {"labels": {"role": "active"}}}
    deploy(story, 2, {**marks, "previewService": None, "scaleDownDelaySeconds": 60, **HELD})
    assert roles(story, 1) == {("active", None)}
    story.release(2)
    story.until_phase("Paused")

    assert (roles(story, 1), roles(story, 2)) == ({("active", None)}, {("preview", None)})
    other = {"labels": {"role": None, "role2": "preview2"}}
    story.patch({"spec": {"strategy": {"blueGreen": {"previewMetadata": other}}}})
    story.until("other marks", lambda: roles(story, 2) == {(None, "preview2")})
    story.patch_status({"pauseConditions": None})
    story.until_phase("Healthy")
    story.until("the active marks", lambda: roles(story, 2) == {("active", None)})
    other = {"labels": {"role": None, "role2": "active2"}}
    story.patch({"spec": {"strategy": {"blueGreen": {"activeMetadata": other}}}})
    story.until("the new active marks", lambda: roles(story, 2) == {(None, "active2")})


def test_no_pods_at_all_are_healthy_once_what_was_missing_is_there(story: Story) -> None:
    analysis = {"prePromotionAnalysis": {"templates": [{"templateName": "success-rate"}]}}
    story.create(a_service("web-active"), a_service("web-preview"), a_blue_green(0, blue_green=analysis))
    story.until_phase("Degraded")
    story.measure()
    story.until_phase("Healthy")

    assert [each["type"] for each in story.status()["conditions"]].count("InvalidSpec") == 0
