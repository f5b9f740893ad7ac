"""The writes of the plugin, and what they lead to."""

from __future__ import annotations

from tests.contract.story import HASH, Object, Story, a_version, argo_cd_health

STEPS: list[Object] = [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}]
TRAFFIC = ("CreatingCanaryIngress", "PatchingCanaryIngress", "SwitchService", "TrafficWeightUpdated")


def paused_update(story: Story, **canary: object) -> None:
    """A second version that stands at the first pause."""
    story.deploy(STEPS, canary=dict(canary))
    story.release(2)
    story.until_phase("Paused")


def test_promote_ends_the_pause_and_goes_on(story: Story) -> None:
    paused_update(story)
    story.patch_status({"pauseConditions": None})
    story.until_step(3)
    status = story.until_phase("Paused")["status"]

    assert status["canary"]["weights"]["canary"]["weight"] == 60
    story.patch_status({"pauseConditions": None})
    status = story.until_phase("Healthy")["status"]
    assert status["currentStepIndex"] == 4
    assert status["stableRS"] == status["currentPodHash"]
    assert not {"pauseConditions", "controllerPause", "message"} & set(status)
    story.until("no weight", lambda: story.weight() == "0")


def test_promote_skips_a_step_that_is_no_pause(story: Story) -> None:
    story.measure(interval="60s", count=5)
    analysis = {"analysis": {"templates": [{"templateName": "success-rate"}]}}
    story.deploy([analysis, {"pause": {}}])
    story.release(2)
    story.until("a run", lambda: story.every("AnalysisRun")[0]["status"]["phase"] == "Running")
    story.patch_status({"pauseConditions": None, "currentStepIndex": 1})
    status = story.until_phase("Paused")["status"]

    assert status["currentStepIndex"] == 1
    assert "currentStepAnalysisRunStatus" not in status["canary"]
    story.until("the run ended", lambda: story.every("AnalysisRun")[0]["spec"]["terminate"])
    assert len(story.every("AnalysisRun")) == 1


def test_a_full_promotion_skips_what_is_left(story: Story) -> None:
    paused_update(story)
    story.patch_status({"promoteFull": True})
    status = story.until_phase("Healthy")["status"]

    assert status["stableRS"] == status["currentPodHash"]
    assert status["currentStepIndex"] == len(STEPS)
    assert "promoteFull" not in status
    told = f"Rollout completed update to revision 2 ({status['stableRS']}): Full promotion requested"
    assert story.until_told("RolloutCompleted", told) == told


def test_a_full_promotion_takes_an_abort_back(story: Story) -> None:
    paused_update(story)
    story.patch_status({"abort": True})
    story.until_phase("Degraded")
    story.patch_status({"promoteFull": True})
    status = story.until_phase("Healthy")["status"]

    assert status["stableRS"] == status["currentPodHash"] == story.replica_set(2)["metadata"]["labels"][HASH]
    assert not {"abort", "abortedAt", "promoteFull"} & set(status)


def test_a_full_promotion_starts_no_analysis_and_ends_those_under_way(story: Story) -> None:
    story.measure(interval="60s")
    later = {"templates": [{"templateName": "success-rate"}], "startingStep": 4}
    paused_update(story, analysis=later)
    story.patch_status({"promoteFull": True})
    story.until_phase("Healthy")

    assert story.every("AnalysisRun") == []


def test_abort_gives_everything_back(story: Story) -> None:
    paused_update(story)
    story.patch_status({"abort": True})
    rollout = story.until_phase("Degraded")
    status = rollout["status"]

    said = "Rollout aborted update to revision 2"
    assert status["message"] == f"RolloutAborted: {said}"
    assert status["abort"] is True
    assert status["abortedAt"]
    assert status["currentStepIndex"] == 0
    assert not {"pauseConditions", "controllerPause"} & set(status)
    weights = status["canary"]["weights"]
    assert (weights["canary"]["weight"], weights["stable"]["weight"]) == (0, 100)
    assert story.weight() == "0"
    assert story.get("Service", "web-canary")["spec"]["selector"][HASH] == status["stableRS"]
    assert story.conditions()["Progressing"] == ("False", "RolloutAborted", said)
    assert argo_cd_health(rollout) == ("Degraded", f"RolloutAborted: {said}")
    assert story.until_told("RolloutAborted", said) == said
    story.until("the canary gone", lambda: story.replica_set(2)["spec"]["replicas"] == 0)
    assert "scale-down-deadline" not in story.replica_set(2)["metadata"]["annotations"]


def test_a_canary_may_stay_after_an_abort(story: Story) -> None:
    paused_update(story, abortScaleDownDelaySeconds=0)
    story.patch_status({"abort": True})
    story.until_phase("Degraded")

    kept = story.replica_set(2)
    assert kept["spec"]["replicas"] == 1
    assert "scale-down-deadline" not in kept["metadata"]["annotations"]


def test_retry_begins_again_at_the_first_step(story: Story) -> None:
    paused_update(story)
    story.patch_status({"abort": True})
    story.until_phase("Degraded")
    story.until("the canary gone", lambda: story.replica_set(2)["spec"]["replicas"] == 0)
    story.patch_status({"abort": False})
    status = story.until_phase("Paused")["status"]

    assert status["currentStepIndex"] == 1
    assert status["canary"]["weights"]["canary"]["weight"] == 20
    assert not {"abort", "abortedAt"} & set(status)


def test_abort_retry_promote_tells_the_contracts_events_in_order(story: Story) -> None:
    story.deploy([{"setWeight": 50}, {"pause": {"duration": 1}}], replicas=1)
    story.release(2)
    story.until_phase("Paused")
    story.patch_status({"abort": True})
    story.until_phase("Degraded")
    story.until("the canary gone", lambda: story.replica_set(2)["spec"]["replicas"] == 0)
    story.patch_status({"abort": False})
    story.until_phase("Paused")
    story.until_phase("Healthy")
    story.until("the old version gone", lambda: story.replica_set(1)["spec"]["replicas"] == 0)
    story.until_told("ScalingReplicaSet", f"Scaled down ReplicaSet {story.replica_set(1)['metadata']['name']} ")

    assert story.reasons(*TRAFFIC) == [
        "RolloutAddedToInformer", "RolloutUpdated", "NewReplicaSetCreated", "RolloutNotCompleted", "ScalingReplicaSet",
        "RolloutCompleted",
        "RolloutUpdated", "NewReplicaSetCreated", "RolloutNotCompleted", "ScalingReplicaSet",
        "RolloutStepCompleted", "RolloutPaused",
        "RolloutAborted", "ScalingReplicaSet", "ScalingReplicaSet",
        "RolloutStepCompleted", "RolloutPaused", "RolloutStepCompleted", "RolloutResumed",
        "RolloutCompleted", "ScalingReplicaSet",
    ]  # fmt: skip
    first, second = (story.replica_set(revision)["metadata"]["labels"][HASH] for revision in (1, 2))
    told = dict.fromkeys(story.events())
    assert list(told)[:6] == [
        ("RolloutAddedToInformer", f"Rollout resource added to informer: {story.namespace}/web"),
        ("RolloutUpdated", "Rollout updated to revision 1"),
        ("NewReplicaSetCreated", f"Created ReplicaSet web-{first} (revision 1)"),
        ("RolloutNotCompleted", f"Rollout not completed, started update to revision 1 ({first})"),
        ("ScalingReplicaSet", f"Scaled up ReplicaSet web-{first} (revision 1) from 0 to 1"),
        ("CreatingCanaryIngress", "Creating canary ingress `web-web-canary` with weight `0`"),
    ]
    for each in (
        ("TrafficWeightUpdated", "Traffic weight updated to 0"),
        ("TrafficWeightUpdated", "Traffic weight updated from 0 to 50"),
        ("PatchingCanaryIngress", "Updating Ingress `web-web-canary` to desiredWeight '50'"),
        ("SwitchService", f"Switched selector for service 'web-canary' from '{first}' to '{second}'"),
        ("RolloutStepCompleted", "Rollout step 1/2 completed (setWeight: 50)"),
        ("RolloutPaused", "Rollout is paused (CanaryPauseStep)"),
        ("ScalingReplicaSet", f"Scaled down ReplicaSet web-{second} (revision 2) from 1 to 0"),
        ("RolloutAborted", "Rollout aborted update to revision 2"),
        ("RolloutStepCompleted", "Rollout step 2/2 completed (pause: 1)"),
        ("RolloutResumed", "Rollout is resumed"),
        ("RolloutCompleted", f"Rollout completed update to revision 1 ({first}): Initial deploy"),
        ("RolloutCompleted", f"Rollout completed update to revision 2 ({second}): Completed all 2 canary steps"),
    ):
        assert each in told


def test_pause_by_spec_holds_and_resumes(story: Story) -> None:
    story.deploy([{"setWeight": 20}, {"pause": {"duration": 1}}])
    story.patch({"spec": {"paused": True, "template": a_version(2)}})
    rollout = story.until_phase("Paused")

    assert rollout["status"]["message"] == "manually paused"
    assert story.conditions()["Progressing"] == ("Unknown", "RolloutPaused", "Rollout is paused")
    assert argo_cd_health(rollout) == ("Suspended", "manually paused")
    assert rollout["status"]["stableRS"] != rollout["status"]["currentPodHash"]
    story.patch({"spec": {"paused": False}})
    story.until_phase("Healthy")
    assert story.conditions()["Paused"] == ("False", "RolloutPaused", "Rollout is paused")


def test_a_return_to_the_stable_version_skips_the_steps(story: Story) -> None:
    paused_update(story)
    first = story.status()["stableRS"]
    story.patch({"spec": {"template": a_version(1)}})
    status = story.until_phase("Healthy")["status"]

    assert status["currentPodHash"] == status["stableRS"] == first
    assert status["currentStepIndex"] == len(STEPS)
    assert story.until_told("SkipSteps") == "Rollback to stable ReplicaSets"
    assert story.until_told("RolloutUpdated", "Rollout updated to revision 3")
    story.until("no weight", lambda: story.weight() == "0")
    again = story.replica_set(3)
    assert again["metadata"]["labels"][HASH] == first
    assert again["metadata"]["annotations"]["rollout.argoproj.io/revision-history"] == "1"


def test_an_undo_after_promotion_is_an_update_of_its_own(story: Story) -> None:
    story.deploy([{"setWeight": 50}, {"pause": {}}], canary={"scaleDownDelaySeconds": 30})
    story.release(2)
    story.until_phase("Paused")
    story.patch_status({"promoteFull": True})
    story.until("the new version stable", lambda: story.status()["stableRS"] == story.status()["currentPodHash"])
    story.until("a deadline", lambda: story.replica_set(1)["metadata"]["annotations"]["scale-down-deadline"])
    story.patch({"spec": {"template": a_version(1)}})
    status = story.until_phase("Paused")["status"]

    assert status["currentStepIndex"] == 1
    back = story.replica_set(3)
    assert back["metadata"]["labels"][HASH] == status["currentPodHash"]
    assert "scale-down-deadline" not in back["metadata"]["annotations"]


def test_a_third_version_in_the_middle_removes_the_second(story: Story) -> None:
    paused_update(story)
    story.release(3)
    story.until("the third", lambda: story.replica_set(3)["spec"]["replicas"] == 1)
    status = story.until_phase("Paused")["status"]

    assert status["currentStepIndex"] == 1
    story.until("the second gone", lambda: story.replica_set(2)["spec"]["replicas"] == 0)
    assert story.replica_set(1)["spec"]["replicas"] == 2
