"""AnalysisRuns of a Rollout and without one: names, marks, verdicts, messages, events."""

from __future__ import annotations

from typing import Any

from tests.builders import NAMESPACE
from tests.contract.story import HASH, Object, Story
from tests.realplane.judge import Judge

ANALYSIS: Object = {"analysis": {"templates": [{"templateName": "success-rate"}]}}
FAILED = 'Metric "rate" assessed Failed due to failed (1) > failureLimit (0)'


def a_run(*metrics: Object, **spec: Any) -> Object:
    """An AnalysisRun that belongs to nobody."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisRun",
        "metadata": {"name": "alone", "namespace": NAMESPACE},
        "spec": {"metrics": list(metrics), **spec},
    }


def ended(story: Story, name: str = "alone") -> Object:
    """The status of a run once it has ended."""
    story.until("the end of the run", lambda: story.get("AnalysisRun", name)["status"]["completedAt"])
    found: Object = story.get("AnalysisRun", name)["status"]
    return found


def test_a_step_that_passes_goes_on(story: Story) -> None:
    story.measure()
    story.deploy([{"setWeight": 20}, ANALYSIS, {"pause": {}}])
    story.release(2)
    status = story.until_phase("Paused")["status"]
    (run,) = story.every("AnalysisRun")
    hash_value = status["currentPodHash"]

    assert status["currentStepIndex"] == 2
    assert "currentStepAnalysisRunStatus" not in status["canary"]
    assert run["metadata"]["name"] == f"web-{hash_value}-2-1"
    assert run["metadata"]["labels"] == {"app": "web", HASH: hash_value, "rollout-type": "Step", "step-index": "1"}
    assert run["metadata"]["annotations"] == {"rollout.argoproj.io/revision": "2"}
    owner = run["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("Rollout", "web", True)
    assert run["spec"]["metrics"] == [story.metric()]
    said = f"Step Analysis Run 'web-{hash_value}-2-1' Status New: 'Successful' Previous: "
    assert story.until_told("AnalysisRunSuccessful", said)


def test_a_step_that_fails_aborts_and_says_why(story: Story, judge: Judge) -> None:
    judge.value = "0.5"
    story.measure()
    story.deploy([{"setWeight": 20}, ANALYSIS, {"setWeight": 60}])
    story.release(2)
    status = story.until_phase("Degraded")["status"]
    said = f"Rollout aborted update to revision 2: Step-based analysis phase error/failed: {FAILED}"

    assert status["message"] == f"RolloutAborted: {said}"
    assert status["abort"] is True
    assert status["currentStepIndex"] == 0
    (run,) = story.every("AnalysisRun")
    told = {"name": run["metadata"]["name"], "status": "Failed", "message": FAILED}
    assert status["canary"]["currentStepAnalysisRunStatus"] == told
    assert story.until_told("RolloutAborted", said) == said
    story.until("no weight", lambda: story.status()["canary"]["weights"]["canary"]["weight"] == 0)
    assert story.weight() == "0"


def test_a_retry_makes_another_run(story: Story, judge: Judge) -> None:
    judge.value = "0"
    story.measure()
    story.deploy([ANALYSIS, {"pause": {}}])
    story.release(2)
    hash_value = story.until_phase("Degraded")["status"]["currentPodHash"]
    judge.value = "1"
    story.patch_status({"abort": False})
    story.until_phase("Paused")

    assert {run["metadata"]["name"] for run in story.every("AnalysisRun")} == {
        f"web-{hash_value}-2-0",
        f"web-{hash_value}-2-0.1",
    }


def test_an_open_verdict_pauses_until_somebody_promotes(story: Story, judge: Judge) -> None:
    judge.value = "0.7"
    story.measure(failureCondition="result[0] < 0.5")
    story.deploy([{"setWeight": 20}, ANALYSIS, {"pause": {}}])
    story.release(2)
    status = story.until_phase("Paused")["status"]

    assert status["message"] == "InconclusiveAnalysisRun"
    assert [pause["reason"] for pause in status["pauseConditions"]] == ["InconclusiveAnalysisRun"]
    assert status["controllerPause"] is True
    assert status["currentStepIndex"] == 1
    assert status["canary"]["currentStepAnalysisRunStatus"]["status"] == "Inconclusive"
    story.patch_status({"pauseConditions": None, "controllerPause": False, "currentStepIndex": 2})
    story.until("the next pause", lambda: story.status()["message"] == "CanaryPauseStep")
    assert story.status()["currentStepIndex"] == 2
    assert len(story.every("AnalysisRun")) == 1


def test_an_analysis_in_the_background_runs_until_the_end(story: Story) -> None:
    story.measure(interval="1s")
    background = {"templates": [{"templateName": "success-rate"}]}
    story.deploy([{"setWeight": 20}, {"pause": {}}], canary={"analysis": background})
    assert story.every("AnalysisRun") == []
    story.release(2)
    hash_value = story.until_phase("Paused")["status"]["currentPodHash"]
    name = f"web-{hash_value}-2"
    story.until("Running", lambda: story.get("AnalysisRun", name)["status"]["phase"] == "Running")

    assert story.get("AnalysisRun", name)["metadata"]["labels"]["rollout-type"] == "Background"
    assert "step-index" not in story.get("AnalysisRun", name)["metadata"]["labels"]
    told = {"name": name, "status": "Running"}
    story.until("its phase", lambda: story.status()["canary"]["currentBackgroundAnalysisRunStatus"] == told)
    story.patch_status({"pauseConditions": None})
    status = story.until_phase("Healthy")["status"]
    assert "currentBackgroundAnalysisRunStatus" not in status["canary"]
    run = ended(story, name)
    assert (run["phase"], run["message"]) == ("Successful", "Run Terminated")


def test_an_analysis_in_the_background_that_fails_aborts(story: Story, judge: Judge) -> None:
    story.measure(interval="1s")
    background = {"templates": [{"templateName": "success-rate"}]}
    story.deploy([{"setWeight": 20}, {"pause": {}}], canary={"analysis": background})
    story.release(2)
    story.until_phase("Paused")
    judge.value = "0"
    status = story.until_phase("Degraded")["status"]

    said = f"Rollout aborted update to revision 2: Background analysis phase error/failed: {FAILED}"
    assert status["message"] == f"RolloutAborted: {said}"
    assert status["canary"]["currentBackgroundAnalysisRunStatus"]["status"] == "Failed"


def test_finished_runs_beyond_the_limits_are_deleted(story: Story, judge: Judge) -> None:
    story.measure()
    limits = {"successfulRunHistoryLimit": 1, "unsuccessfulRunHistoryLimit": 0}
    story.deploy([ANALYSIS, ANALYSIS, ANALYSIS, {"pause": {}}], analysis=limits)
    story.release(2)
    hash_value = story.until_phase("Paused")["status"]["currentPodHash"]

    story.until("one run left", lambda: len(story.every("AnalysisRun")) == 1)
    assert story.every("AnalysisRun")[0]["metadata"]["name"] == f"web-{hash_value}-2-2"


def test_a_run_alone_passes(story: Story) -> None:
    story.create(a_run(story.metric(count=2, interval="1s")))
    status = ended(story)

    assert (status["phase"], status.get("message", "")) == ("Successful", "")
    assert status["runSummary"] == {"count": 1, "successful": 1}
    assert status["dryRunSummary"] == {}
    (result,) = status["metricResults"]
    assert (result["name"], result["phase"]) == ("rate", "Successful")
    assert (result["count"], result["successful"]) == (2, 2)
    assert result["metadata"] == {"ResolvedPrometheusQuery": "up"}
    assert [each["value"] for each in result["measurements"]] == ["[1]", "[1]"]
    assert all(each["startedAt"] <= each["finishedAt"] for each in result["measurements"])
    assert status["startedAt"] < status["completedAt"]
    assert story.until_told("MetricSuccessful", kind="AnalysisRun") == "Metric 'rate' Completed. Result: Successful"
    assert story.until_told("AnalysisRunSuccessful", kind="AnalysisRun") == "Analysis Completed. Result: Successful"


def test_a_failure_ends_the_other_metrics(story: Story, judge: Judge) -> None:
    judge.value = "0"
    later = story.metric(name="later", initialDelay="1h")
    endless = story.metric(name="endless", interval="1h", successCondition="result[0] == 0")
    story.create(a_run(story.metric(), later, endless))
    status = ended(story)

    assert (status["phase"], status["message"]) == ("Failed", FAILED)
    results = {result["name"]: result["phase"] for result in status["metricResults"]}
    assert results["rate"] == "Failed"
    assert results.get("endless", "Successful") == "Successful"
    assert "later" not in results
    assert status["runSummary"]["count"] == 3
    assert status["runSummary"]["failed"] == 1


def test_a_rehearsal_never_fails_a_run(story: Story, judge: Judge) -> None:
    judge.value = "0"
    story.create(a_run(story.metric(), dryRun=[{"metricName": "rate"}]))
    status = ended(story)

    assert (status["phase"], status.get("message", "")) == ("Successful", "")
    assert status["dryRunSummary"] == {"count": 1, "failed": 1}
    (result,) = status["metricResults"]
    assert result["dryRun"] is True
    assert result["phase"] == "Failed"
    assert result["message"] == "Metric assessed Failed due to failed (1) > failureLimit (0)"


def test_a_run_that_is_ended_at_once_is_successful(story: Story) -> None:
    story.create(a_run(story.metric(initialDelay="1h"), terminate=True))
    status = ended(story)

    assert (status["phase"], status["message"]) == ("Successful", "Run Terminated")


def test_a_condition_that_breaks_is_an_error_with_its_message(story: Story) -> None:
    story.create(a_run(story.metric(successCondition="result[0]", consecutiveErrorLimit=0)))
    status = ended(story)

    said = 'Metric "rate" assessed Error due to consecutiveErrors (1) > consecutiveErrorLimit (0): "Error Message: '
    assert status["phase"] == "Error"
    assert status["message"].startswith(said)
    assert "expected bool, but got float64" in status["message"]
    (result,) = status["metricResults"]
    assert (result["error"], result["consecutiveError"]) == (1, 1)
    assert "count" not in result
    assert result["message"] == result["measurements"][0]["message"]


def test_an_argument_without_value_is_told(story: Story) -> None:
    metric = story.metric(successCondition="result[0] >= {{args.least}}")
    story.create(a_run(metric, args=[{"name": "least"}]))
    status = ended(story)

    assert status["phase"] == "Error"
    assert status["message"].startswith("Unable to resolve metric arguments: ")
