"""Metrics that are Jobs, alone and in an update: names, verdicts, what a client sees while they run."""

from __future__ import annotations

from typing import Any

from tests.builders import NAMESPACE, a_template_of_analysis
from tests.contract.story import Object, Story

WHY = "Error Message: Job has reached the specified backoff limit"
FAILED = f'Metric "smoke" assessed Failed due to failed (1) > failureLimit (0): "{WHY}"'


def a_job(**life: str) -> Object:
    """A metric whose Job's pod lives as told."""
    marks = {f"player.rollouts.test/{name.replace('_', '-')}": value for name, value in life.items()}
    pod = {"restartPolicy": "Never", "containers": [{"name": "smoke", "image": "shop/smoke:1"}]}
    template = {"metadata": {"annotations": marks}, "spec": pod}
    return {"name": "smoke", "provider": {"job": {"spec": {"backoffLimit": 0, "template": template}}}}


def measured_by(story: Story, name: str = "smoke", **life: str) -> Object:
    """A template with such a metric; returns the step that asks for it."""
    story.create(a_template_of_analysis(name, metrics=[a_job(**life)]))
    return {"analysis": {"templates": [{"templateName": name}]}}


def result_of(story: Story, name: str) -> Any:
    """What the only metric of a run came to."""
    (result,) = story.get("AnalysisRun", name)["status"]["metricResults"]
    return result


def test_a_job_is_found_by_the_status_of_its_run(story: Story) -> None:
    made = {"kind": "AnalysisRun", "metadata": {"name": "alone", "namespace": NAMESPACE}}
    story.create({"apiVersion": "argoproj.io/v1alpha1", **made, "spec": {"metrics": [a_job(run="1.5")]}})
    story.until("a measurement", lambda: result_of(story, "alone")["measurements"])
    (job,) = story.every("Job")
    uid = story.get("AnalysisRun", "alone")["metadata"]["uid"]

    assert job["metadata"]["name"] == f"{uid}.smoke.1"
    assert job["metadata"]["labels"]["analysisrun.argoproj.io/uid"] == uid
    marks = {"name": "alone", "metric-name": "smoke", "namespace": story.namespace}
    assert job["metadata"]["annotations"] == {f"analysisrun.argoproj.io/{key}": value for key, value in marks.items()}
    result = result_of(story, "alone")
    assert (result["phase"], result["measurements"][0]["phase"]) == ("Running", "Running")
    assert result["measurements"][0]["metadata"]["job-name"] == job["metadata"]["name"]
    story.until("its end", lambda: result_of(story, "alone")["phase"] == "Successful")
    (measurement,) = result_of(story, "alone")["measurements"]
    assert measurement["phase"] == "Successful"
    assert measurement["startedAt"] <= measurement["finishedAt"]
    assert measurement["metadata"]["job-name"] == job["metadata"]["name"]


def test_a_job_that_fails_aborts_and_a_retry_at_another_size_makes_one_run_more(story: Story) -> None:
    step = measured_by(story, exit_code="1")
    story.deploy([{"setWeight": 50}, step, {"setWeight": 100}])
    story.release(2)
    message = story.until_phase("Degraded")["status"]["message"]
    assert message.endswith(f"Step-based analysis phase error/failed: {FAILED}")
    (run,) = story.every("AnalysisRun")
    story.patch({"spec": {"metrics": [a_job()]}}, "AnalysisTemplate", "smoke")
    story.patch({"spec": {"replicas": 3}})
    story.patch_status({"abort": False})
    story.until("the second version", lambda: story.status()["stableRS"] == story.status()["currentPodHash"])
    story.until_phase("Healthy")

    phases = {each["metadata"]["name"]: each["status"]["phase"] for each in story.every("AnalysisRun")}
    name = run["metadata"]["name"]
    assert phases == {name: "Failed", f"{name}.1": "Successful"}
    assert story.replica_set(2)["spec"]["replicas"] == 3


def test_an_image_that_cannot_be_pulled_pauses_the_update(story: Story) -> None:
    step = measured_by(story, image_error="true")
    story.deploy([{"setWeight": 50}, step])
    story.release(2)
    status = story.until_phase("Paused")["status"]
    (run,) = story.every("AnalysisRun")
    (result,) = run["status"]["metricResults"]

    assert status["message"] == "InconclusiveAnalysisRun"
    assert (run["status"]["phase"], result["phase"]) == ("Inconclusive", "Inconclusive")
    assert [each["phase"] for each in result["measurements"]] == ["Inconclusive"]


def test_a_pull_error_in_the_background_pauses_beside_a_running_step(story: Story) -> None:
    step = measured_by(story, run="60")
    measured_by(story, "broken", image_error="true")
    story.deploy([{"setWeight": 50}, step], canary={"analysis": {"templates": [{"templateName": "broken"}]}})
    story.release(2)
    story.until_phase("Paused")

    story.until("both", lambda: {
        each["metadata"]["labels"]["rollout-type"]: each["status"]["phase"] for each in story.every("AnalysisRun")
    } == {"Background": "Inconclusive", "Step": "Running"})  # fmt: skip


def test_a_job_in_the_background_that_never_ends_is_no_success(story: Story) -> None:
    measured_by(story, run="600")
    story.deploy([{"setWeight": 50}, {"pause": {}}], canary={"analysis": {"templates": [{"templateName": "smoke"}]}})
    story.release(2)
    story.until_phase("Paused")
    story.until("running", lambda: story.every("AnalysisRun")[0]["status"]["phase"] == "Running")
    story.until("its Job", lambda: story.every("Job"))
    story.patch_status({"pauseConditions": None})
    story.until_phase("Healthy")

    story.until("its end", lambda: story.every("AnalysisRun")[0]["status"]["phase"] == "Inconclusive")
    (result,) = story.every("AnalysisRun")[0]["status"]["metricResults"]
    assert [each["phase"] for each in result["measurements"]] == ["Inconclusive"]
    story.until("no Job", lambda: story.every("Job") == [])


def test_a_job_that_is_deleted_is_begun_again_and_never_passes(story: Story) -> None:
    story.deploy([measured_by(story, run="2"), {"pause": {}}])
    story.release(2)
    story.until("its Job", lambda: story.every("Job"))
    (job,) = story.every("Job")
    story.ask("DELETE", story.path("Job", job["metadata"]["name"]), {"propagationPolicy": "Background"})
    story.until("another", lambda: story.every("Job")[0]["metadata"]["uid"] != job["metadata"]["uid"])

    (run,) = story.every("AnalysisRun")
    assert run["status"]["phase"] == "Running"
    story.until_phase("Paused")
