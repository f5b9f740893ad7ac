"""How many pods stand, as clients of the contract see it."""

from __future__ import annotations

from tests.contract.story import HASH, Object, Story, argo_cd_health

ALONE: Object = {"trafficRouting": None, "stableService": None, "canaryService": None, "scaleDownDelaySeconds": None}
STEPS: list[Object] = [{"setWeight": 50}, {"pause": {}}]


def sizes(story: Story) -> tuple[int, int]:
    """Pods asked for by the first and by the second version."""
    first, second = (story.replica_set(revision)["spec"]["replicas"] for revision in (1, 2))
    return first, second


def test_abort_retry_promote_without_a_router_tells_the_contracts_events_in_order(story: Story) -> None:
    story.deploy([{"setWeight": 50}, {"pause": {"duration": 1}}], replicas=1, canary=ALONE)
    story.release(2)
    story.until_phase("Paused")
    story.patch_status({"abort": True})
    story.until_phase("Degraded")
    story.patch_status({"abort": False})
    story.until_phase("Paused")
    status = story.until_phase("Healthy")["status"]
    story.until_told("RolloutCompleted", "Rollout completed update to revision 2 ")

    assert sizes(story) == (0, 1)
    assert "weights" not in status["canary"]
    assert story.reasons() == [
        "RolloutAddedToInformer", "RolloutUpdated", "NewReplicaSetCreated", "RolloutNotCompleted", "ScalingReplicaSet",
        "RolloutCompleted",
        "RolloutUpdated", "NewReplicaSetCreated", "RolloutNotCompleted", "ScalingReplicaSet",
        "RolloutStepCompleted", "RolloutPaused",
        "ScalingReplicaSet", "RolloutAborted", "ScalingReplicaSet",
        "RolloutStepCompleted", "RolloutPaused", "RolloutStepCompleted", "RolloutResumed",
        "ScalingReplicaSet", "RolloutCompleted",
    ]  # fmt: skip


def test_a_canary_without_a_router_shares_by_its_pods(story: Story) -> None:
    story.deploy([{"setWeight": 25}, *STEPS], replicas=4, canary=ALONE)
    story.release(2)
    rollout = story.until_phase("Paused")
    story.until("the ratio", lambda: sizes(story) == (2, 2))

    assert argo_cd_health(rollout) == ("Suspended", "CanaryPauseStep")
    second = story.replica_set(2)
    assert second["metadata"]["labels"][HASH] == rollout["status"]["currentPodHash"]
    assert second["metadata"]["annotations"]["rollout.argoproj.io/desired-replicas"] == "4"


def test_a_missed_deadline_aborts_with_the_contracts_words(story: Story) -> None:
    story.deploy(STEPS, progressDeadlineSeconds=2, progressDeadlineAbort=True)
    template = story.rollout()["spec"]["template"]
    template["metadata"]["annotations"] = {"player.rollouts.test/ready": "never"}
    story.patch({"spec": {"template": template}})
    rollout = story.until_phase("Degraded")

    said = f'ReplicaSet "{story.replica_set(2)["metadata"]["name"]}" has timed out progressing.'
    assert rollout["status"]["abort"] is True
    assert argo_cd_health(rollout) == (
        "Degraded",
        f"RolloutAborted: Rollout aborted update to revision 2: {said}",
    )


def test_the_stable_version_shrinks_and_grows_with_its_traffic(story: Story) -> None:
    story.deploy(STEPS, replicas=4, canary={"dynamicStableScale": True, "scaleDownDelaySeconds": None,
                                            "abortScaleDownDelaySeconds": None})  # fmt: skip
    story.release(2)
    story.until_phase("Paused")
    story.until("half of each", lambda: sizes(story) == (2, 2))
    story.patch_status({"abort": True})
    story.until_phase("Degraded")
    story.until("all of the first", lambda: sizes(story) == (4, 0))

    assert story.weight() == "0"


def test_a_set_size_stands_until_a_step_gives_it_back(story: Story) -> None:
    steps = [{"setCanaryScale": {"replicas": 3}}, {"setWeight": 25}, {"pause": {}},
             {"setCanaryScale": {"matchTrafficWeight": True}}, {"pause": {}}]  # fmt: skip
    story.deploy(steps, replicas=4)
    story.release(2)
    story.until_phase("Paused")
    assert (sizes(story), story.weight()) == ((4, 3), "25")
    story.patch_status({"pauseConditions": None})
    story.until_step(4)

    assert (sizes(story), story.weight()) == ((4, 1), "25")
    said = "Rollout step 1/5 completed (setCanaryScale{replicas: 3})"
    assert story.until_told("RolloutStepCompleted", said) == said


def test_a_crash_loop_is_given_up_at_once(story: Story) -> None:
    story.deploy(STEPS, failFast={"graceSeconds": 1})
    template = story.rollout()["spec"]["template"]
    template["metadata"]["annotations"] = {"player.rollouts.test/image-error": "true"}
    story.patch({"spec": {"template": template}})
    rollout = story.until_phase("Degraded")

    assert "waits, ImagePullBackOff" in rollout["status"]["message"]
