"""Updates that meet an analysis without verdict, a change of size, a full promotion or a way back."""

from __future__ import annotations

from tests.builders import a_template_of_analysis
from tests.contract.story import Object, Story, a_version
from tests.contract.test_moments import UNROUTED
from tests.contract.test_sizes import sizes
from tests.realplane.judge import Judge


def asked(name: str = "success-rate") -> Object:
    """A step that waits for an analysis."""
    return {"analysis": {"templates": [{"templateName": name}]}}


def until_status(story: Story, **told: object) -> None:
    """Wait until the status says all of that at once."""
    story.until(str(told), lambda: told.items() <= story.status().items())


def test_no_verdict_in_the_background_outlasts_a_timed_pause(story: Story, judge: Judge) -> None:
    judge.value = "0.7"
    story.measure(interval="1s", inconclusiveLimit=1, failureCondition="result[0] < 0.5")
    background = {"templates": [{"templateName": "success-rate"}], "startingStep": 1}
    story.deploy([{"setWeight": 10}, {"pause": {"duration": "4s"}}], canary={**UNROUTED, "analysis": background})
    story.release(2)
    story.until_phase("Paused")
    story.until("no verdict", lambda: story.status()["message"] == "InconclusiveAnalysisRun")

    assert story.until_phase("Paused")["status"]["message"] == "InconclusiveAnalysisRun"
    (run,) = story.every("AnalysisRun")
    assert run["status"]["phase"] == "Inconclusive"


def test_a_full_promotion_after_an_abort_begins_no_analysis(story: Story) -> None:
    story.measure(interval="60s", count=5)
    background = {"templates": [{"templateName": "success-rate"}], "startingStep": 4}
    steps: list[Object] = [{"pause": {"duration": "24h"}}, asked(), {"pause": {}}, asked()]
    story.deploy(steps, canary={**UNROUTED, "analysis": background})
    story.release(2)
    story.until_phase("Paused")
    story.patch_status({"pauseConditions": None})
    story.until("the analysis", lambda: story.every("AnalysisRun"))
    assert story.status()["currentStepIndex"] == 1
    assert story.until_phase("Progressing")["status"]["message"]
    story.patch_status({"pauseConditions": None, "currentStepIndex": 2})
    story.until_phase("Paused")
    story.patch_status({"abort": True})
    story.until_phase("Degraded")
    story.patch_status({"promoteFull": True})
    story.until_phase("Healthy")

    assert len(story.every("AnalysisRun")) == 1


def test_a_canary_without_a_router_keeps_its_share_at_any_size(story: Story) -> None:
    story.deploy([{"setWeight": 25}, {"pause": {}}], canary=UNROUTED, replicas=1)
    story.release(2)
    story.until_phase("Paused")
    assert sizes(story) == (1, 1)
    for replicas, expected in ((8, (6, 2)), (4, (3, 1))):
        story.patch({"spec": {"replicas": replicas}})
        until_status(story, replicas=replicas, availableReplicas=replicas)
        assert sizes(story) == expected


def test_sizes_under_a_router_follow_the_steps_of_scale(story: Story) -> None:
    steps: list[Object] = [
        {"pause": {}}, {"setCanaryScale": {"weight": 25}}, {"pause": {}}, {"setWeight": 50}, {"pause": {}},
        {"setCanaryScale": {"replicas": 3}}, {"pause": {}}, {"setCanaryScale": {"matchTrafficWeight": True}},
        {"pause": {}},
    ]  # fmt: skip
    story.deploy(steps, replicas=4)
    story.release(2)
    for step, canary in ((0, 0), (2, 1), (4, 1), (6, 3), (8, 2)):
        until_status(story, currentStepIndex=step, phase="Paused")
        assert sizes(story) == (4, canary)
        story.patch_status({"pauseConditions": None})

    story.until_phase("Healthy")
    assert sizes(story)[1] == 4


def test_a_return_within_the_window_is_measured_no_more(story: Story) -> None:
    metric = story.metric(successCondition="result[0] >= 0.99 && '{{args.rev}}' != 'nobody'")
    story.create(a_template_of_analysis("success-rate", args=[{"name": "rev"}], metrics=[metric]))
    absent = {"name": "rev", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['rev']"}}}
    step = asked()
    step["analysis"]["args"] = [absent]
    story.deploy([{"setWeight": 50}, step], canary=UNROUTED, rollbackWindow={"revisions": 2})
    for tag, runs in ((2, 1), (3, 2), (4, 3), (3, 3), (6, 4), (2, 5)):
        template = a_version(tag)
        story.patch({"spec": {"template": template}})
        story.until(
            f"version {tag}", lambda: story.status()["stableRS"] == story.status()["currentPodHash"]
            and story.rollout()["status"]["observedGeneration"] == str(story.rollout()["metadata"]["generation"])
        )  # fmt: skip
        story.until_phase("Healthy")

        assert len(story.every("AnalysisRun")) == runs


def test_a_third_version_takes_the_place_of_one_that_waits(story: Story) -> None:
    story.deploy([{"setWeight": 20}, {"pause": {}}], canary=UNROUTED, replicas=3)
    story.release(2)
    story.until_phase("Paused")
    story.release(3)
    story.until("the third", lambda: story.replica_set(3))
    story.until_phase("Paused")

    story.until("no second", lambda: story.replica_set(2)["spec"]["replicas"] == 0)
    assert (story.replica_set(1)["spec"]["replicas"], story.replica_set(3)["spec"]["replicas"]) == (3, 1)
