"""Experiments alone and inside a Rollout: sets, Services, analyses, phases, messages, events."""

from __future__ import annotations

from typing import Any

from tests.builders import NAMESPACE, a_template_of_analysis
from tests.contract.story import HASH, Object, Story, a_version
from tests.realplane.judge import Judge

ENDLESS: Object = {"interval": "60s"}
FAILED = 'Metric "rate" assessed Failed due to failed (1) > failureLimit (0)'


def a_set(name: str = "one", **more: Any) -> Object:
    """A set of one pod."""
    labels = {"app": "web", "set": name}
    template = a_version(1)
    template["metadata"]["labels"] = labels
    return {"name": name, "selector": {"matchLabels": labels}, "template": template, **more}


def an_experiment(*sets: Object, **spec: Any) -> Object:
    """An Experiment that belongs to nobody."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": "trial", "namespace": NAMESPACE},
        "spec": {"templates": list(sets or (a_set(),)), "scaleDownDelaySeconds": 1, **spec},
    }


def until_phase(story: Story, phase: str, name: str = "trial") -> Object:
    """The status of an Experiment once it has a phase."""
    story.until(f"Experiment {phase}", lambda: story.get("Experiment", name)["status"]["phase"] == phase)
    found: Object = story.get("Experiment", name)["status"]
    return found


def sets_of(story: Story, name: str = "trial") -> dict[str, Object]:
    """The ReplicaSets of an Experiment by the name of their template."""
    found = (each for each in story.every("ReplicaSet") if each["metadata"]["ownerReferences"][0]["name"] == name)
    return {each["metadata"]["annotations"]["experiment.argoproj.io/template-name"]: each for each in found}


def test_a_set_with_ports_has_a_service_while_it_lives(story: Story) -> None:
    served = a_set(service={})
    served["template"]["spec"]["containers"][0]["ports"] = [
        {"name": "one", "containerPort": 8080},
        {"name": "two", "containerPort": 8081, "protocol": "TCP"},
    ]
    story.create(an_experiment(served, duration="1s"))
    status = until_phase(story, "Running")
    found = sets_of(story)["one"]
    (service,) = story.every("Service")

    assert found["metadata"]["name"] == service["metadata"]["name"] == "trial-one"
    assert [(each["name"], each["port"]) for each in service["spec"]["ports"]] == [("one", 8080), ("two", 8081)]
    hash_value = found["metadata"]["labels"][HASH]
    assert service["spec"]["selector"] == {"app": "web", "set": "one", HASH: hash_value}
    assert found["spec"]["selector"]["matchLabels"][HASH] == hash_value
    (told,) = status["templateStatuses"]
    assert told.pop("lastTransitionTime")
    assert told == {
        "name": "one", "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
        "status": "Running", "serviceName": "trial-one", "podTemplateHash": hash_value,
    }  # fmt: skip
    assert status["availableAt"]
    until_phase(story, "Successful")
    story.until("no Service", lambda: story.every("Service") == [])
    story.until("no pods", lambda: sets_of(story)["one"]["status"]["replicas"] == 0)
    assert [each["status"] for each in story.get("Experiment", "trial")["status"]["templateStatuses"]] == ["Successful"]


def test_a_rehearsed_failure_is_told_apart_and_ends_nothing(story: Story, judge: Judge) -> None:
    judge.value = "0"
    story.measure()
    analyses = [{"name": "rate", "templateName": "success-rate"}]
    story.create(an_experiment(duration="1s", analyses=analyses, dryRun=[{"metricName": "ra.*"}]))
    status = until_phase(story, "Successful")
    run = story.get("AnalysisRun", "trial-rate")

    assert run["metadata"]["ownerReferences"][0]["kind"] == "Experiment"
    assert status["analysisRuns"] == [{"name": "rate", "analysisRun": "trial-rate", "phase": "Successful"}]
    assert run["status"]["dryRunSummary"] == {"count": 1, "failed": 1}
    assert run["status"]["metricResults"][0]["dryRun"] is True


def test_a_failed_analysis_fails_it_with_the_words_of_the_run(story: Story, judge: Judge) -> None:
    judge.value = "0"
    story.measure()
    story.create(an_experiment(analyses=[{"name": "rate", "templateName": "success-rate"}]))
    status = until_phase(story, "Failed")

    assert status["message"] == FAILED
    assert status["analysisRuns"] == [
        {"name": "rate", "analysisRun": "trial-rate", "phase": "Failed", "message": FAILED}
    ]
    said = story.until_told("AnalysisRunFailed", kind="Experiment")
    assert said == f"AnalysisRun 'rate' transitioned from Running -> Failed: {FAILED}"


def a_step(*analyses: Object, **more: Any) -> Object:
    """An experiment step with the pods of both versions."""
    sets = [{"name": "baseline", "specRef": "stable"}, {"name": "canary", "specRef": "canary"}]
    return {"experiment": {"templates": sets, "analyses": list(analyses), "scaleDownDelaySeconds": 1, **more}}


def test_a_step_runs_the_pods_of_both_versions_and_hands_their_hashes_on(story: Story) -> None:
    names = ("stable", "latest", "baseline", "canary")
    query = " ".join(f"{{{{args.{name}}}}}" for name in names)
    metric = story.metric(provider={"prometheus": {"address": story.prometheus, "query": query}})
    story.create(a_template_of_analysis("hashes", args=[{"name": name} for name in names], metrics=[metric]))
    values = [
        {"name": "stable", "valueFrom": {"podTemplateHashValue": "Stable"}},
        {"name": "latest", "valueFrom": {"podTemplateHashValue": "Latest"}},
        {"name": "baseline", "value": "{{templates.baseline.podTemplateHash}}"},
        {"name": "canary", "value": "{{templates.canary.podTemplateHash}}"},
    ]
    step = a_step({"name": "hashes", "templateName": "hashes", "args": values}, duration="1s")
    story.deploy([step, {"pause": {}}])
    assert story.every("Experiment") == []
    story.release(2)
    status = story.until_phase("Paused")["status"]
    (trial,) = story.every("Experiment")
    name, hash_value = trial["metadata"]["name"], status["currentPodHash"]

    assert name == f"web-{hash_value}-2-0"
    assert trial["metadata"]["annotations"]["rollout.argoproj.io/revision"] == "2"
    assert trial["status"]["phase"] == "Successful"
    assert "currentExperiment" not in status["canary"]
    made = sets_of(story, name)
    stable, latest = story.replica_set(1), story.replica_set(2)
    assert made["baseline"]["spec"]["template"]["spec"] == stable["spec"]["template"]["spec"]
    assert made["canary"]["spec"]["template"]["spec"] == latest["spec"]["template"]["spec"]
    given = [each["value"] for each in story.get("AnalysisRun", f"{name}-hashes")["spec"]["args"]]
    assert given == [each["metadata"]["labels"][HASH] for each in (stable, latest, made["baseline"], made["canary"])]
    assert len(set(given)) == 4


def test_a_step_whose_experiment_fails_aborts_the_update(story: Story, judge: Judge) -> None:
    judge.value = "0"
    story.measure()
    story.deploy([a_step({"name": "rate", "templateName": "success-rate"}), {"pause": {}}])
    story.release(2)
    status = story.until_phase("Degraded")["status"]

    assert status["abort"] is True
    assert status["message"].startswith("RolloutAborted: Rollout aborted update to revision 2: ")
    assert status["message"].endswith(FAILED)
    assert [each["status"]["phase"] for each in story.every("Experiment")] == ["Failed"]


def test_a_step_without_verdict_pauses(story: Story, judge: Judge) -> None:
    judge.value = "0.7"
    story.measure(failureCondition="result[0] < 0.5")
    story.deploy([a_step({"name": "rate", "templateName": "success-rate"}), {"pause": {}}])
    story.release(2)
    status = story.until_phase("Paused")["status"]

    assert status["message"] == "InconclusiveExperiment"
    assert [each["reason"] for each in status["pauseConditions"]] == ["InconclusiveExperiment"]


def test_a_required_analysis_ends_it_and_the_others_with_it(story: Story) -> None:
    story.measure()
    story.measure("for-ever", **ENDLESS)
    analyses = [
        {"name": "rate", "templateName": "success-rate", "requiredForCompletion": True},
        {"name": "watch", "templateName": "for-ever"},
    ]
    story.create(an_experiment(analyses=analyses))
    until_phase(story, "Successful")

    story.until("its end", lambda: story.get("AnalysisRun", "trial-watch")["spec"]["terminate"] is True)
    story.until("told", lambda: {
        each["name"]: each["phase"] for each in story.get("Experiment", "trial")["status"]["analysisRuns"]
    } == {"rate": "Successful", "watch": "Successful"})  # fmt: skip


def test_somebody_ends_it(story: Story) -> None:
    story.create(an_experiment())
    until_phase(story, "Running")
    story.patch({"spec": {"terminate": True}}, "Experiment", "trial")
    until_phase(story, "Successful")

    story.until("no pods", lambda: sets_of(story)["one"]["spec"]["replicas"] == 0)


def test_pods_that_do_not_come_fail_it(story: Story) -> None:
    late = a_set()
    late["template"]["metadata"]["annotations"]["player.rollouts.test/ready"] = "never"
    story.create(an_experiment(late, progressDeadlineSeconds=1))
    status = until_phase(story, "Failed")

    said = "Template 'one' exceeded its progressDeadlineSeconds (1)"
    assert status["message"] == status["templateStatuses"][0]["message"] == said
    assert status["templateStatuses"][0]["status"] == "Failed"
    assert story.until_told("TemplateFailed", kind="Experiment").endswith(said)


def test_measurements_are_kept_as_the_experiment_says(story: Story) -> None:
    story.measure(interval="1s")
    kept = [{"metricName": "ra.*", "limit": 2}]
    analyses = [{"name": "rate", "templateName": "success-rate"}]
    story.create(an_experiment(duration="4s", analyses=analyses, measurementRetention=kept))
    until_phase(story, "Successful")
    story.until("its end", lambda: story.get("AnalysisRun", "trial-rate")["status"]["completedAt"])

    (result,) = story.get("AnalysisRun", "trial-rate")["status"]["metricResults"]
    assert len(result["measurements"]) == 2
    assert result["count"] > 2
