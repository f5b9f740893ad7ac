"""Metrics that are Jobs: begun once, read by their conditions, ended with their run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from rollouts.core.plan import Create, Delete, Plan
from rollouts.kube import kinds
from rollouts.kube.ref import Kind, Ref
from tests.runs.test_runs import START, World

POD = {"restartPolicy": "Never", "containers": [{"name": "test", "image": "shop/test:1"}]}
JOB: dict[str, Any] = {"metadata": {"labels": {"team": "shop"}}, "spec": {"backoffLimit": 0, "template": {"spec": POD}}}
NAME = "u1.smoke.1"


def a_metric(name: str = "smoke", **more: Any) -> dict[str, Any]:
    return {"name": name, "provider": {"job": JOB}, **more}


@dataclass
class Cluster(World):
    """A run and the Jobs beside it."""

    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    pods: list[dict[str, Any]] = field(default_factory=list)
    refusal: str = ""
    is_known: bool = True
    made: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    def knows(self, kind: Kind) -> bool:
        assert kind in (kinds.JOB, kinds.POD)
        return self.is_known

    def owned_by(self, kind: Kind, uid: str) -> tuple[dict[str, Any], ...]:
        if kind == kinds.POD:
            return tuple(self.pods)
        return tuple(self.jobs[name] for name in sorted(self.jobs))

    def refused(self, ref: Ref) -> str:
        return self.refusal

    def turn(self) -> Plan:
        plan = super().turn()
        for action in plan.actions:
            if isinstance(action, Create) and not self.refusal:
                meta = {**action.body["metadata"], "uid": f"j{len(self.made)}", "resourceVersion": "7"}
                self.jobs[action.ref.name] = {**action.body, "metadata": meta}
                self.made.append(action.ref.name)
            elif isinstance(action, Delete):
                del self.jobs[action.ref.name]
                self.gone.append(action.ref.name)
        return plan

    def settle(self) -> Plan:
        for _ in range(30):
            plan = self.turn()
            if not plan.latch and not plan.actions:
                return plan
        raise AssertionError("the run does not come to rest")

    def settle_refused(self) -> None:
        self.refusal = "jobs.batch is forbidden"
        for _ in range(10):
            self.turn()

    def end(self, name: str, kind: str, message: str = "") -> None:
        done = {"type": kind, "status": "True", "message": message, "lastTransitionTime": "2026-03-01T12:01:00Z"}
        started = {"startTime": "2026-03-01T12:00:30Z", "conditions": [done]}
        self.jobs[name]["status"] = started
        self.settle()


def a_cluster(*metrics: Any, **more: Any) -> Cluster:
    return Cluster({"metrics": list(metrics) or [a_metric()], **more})


def test_one_job_is_begun_for_one_measurement_and_is_the_runs_own() -> None:
    world = a_cluster()
    world.settle()
    world.settle()
    job = world.jobs[NAME]

    assert world.made == [NAME]
    assert job["metadata"]["labels"] == {"team": "shop", "analysisrun.argoproj.io/uid": "u1"}
    assert job["metadata"]["annotations"]["analysisrun.argoproj.io/metric-name"] == "smoke"
    assert job["metadata"]["ownerReferences"][0]["uid"] == "u1"
    assert job["spec"]["backoffLimit"] == 0
    assert job["spec"]["template"]["spec"] == POD
    assert job["spec"]["template"]["metadata"]["labels"]["analysisrun.argoproj.io/uid"] == "u1"


@pytest.mark.parametrize(("kind", "phase"), [("Complete", "Successful"), ("Failed", "Failed")])
def test_a_jobs_end_is_the_verdict(kind: str, phase: str) -> None:
    world = a_cluster()
    world.settle()
    world.end(NAME, kind, "BackoffLimitExceeded")

    assert world.now_status["phase"] == phase
    assert world.metric()["measurements"][0]["metadata"] == {"job-name": NAME, "job-namespace": "shop"}
    assert world.metric()["measurements"][0]["startedAt"].startswith("2026-03-01T12:00:30")


def test_the_next_measurement_is_another_job_after_the_interval() -> None:
    world = a_cluster(a_metric(count=2, interval="1m"))
    world.settle()
    world.end(NAME, "Complete")
    assert world.made == [NAME]

    world.now = START.plus(180)
    world.settle()

    assert world.made == [NAME, "u1.smoke.2"]


def test_nothing_is_begun_before_it_is_known_which_jobs_there_are() -> None:
    world = a_cluster()
    world.is_known = False
    world.settle()

    assert world.made == []
    assert world.now_status["phase"] == "Running"


def test_a_job_that_the_api_server_refuses_is_an_error_with_its_words() -> None:
    world = a_cluster(a_metric(consecutiveErrorLimit=0))
    world.settle_refused()

    assert world.now_status["phase"] == "Error"
    assert "forbidden" in world.metric()["measurements"][0]["message"]


def test_a_run_that_is_ended_takes_its_jobs_with_it() -> None:
    world = a_cluster()
    world.settle()
    world.spec["terminate"] = True
    world.manifest["spec"] = world.spec
    world.settle()

    assert world.gone == [NAME]
    assert world.now_status["phase"] == "Inconclusive"
    taken = world.metric()["measurements"]
    assert [(each["phase"], each["message"]) for each in taken] == [("Inconclusive", "Metric Terminated")]


def test_a_job_that_ends_with_another_metrics_failure_proves_nothing() -> None:
    world = a_cluster(a_metric(), a_metric("other"))
    world.settle()
    world.end("u1.other.1", "Failed", "BackoffLimitExceeded")

    assert world.now_status["phase"] == "Failed"
    assert [each["phase"] for each in world.now_status["metricResults"]] == ["Inconclusive", "Failed"]
    assert world.gone == [NAME]


def test_a_job_that_had_ended_before_its_run_keeps_its_verdict() -> None:
    world = a_cluster(a_metric(count=2, interval="1m"))
    world.settle()
    world.end(NAME, "Complete")
    world.spec["terminate"] = True
    world.manifest["spec"] = world.spec
    world.settle()

    assert world.now_status["phase"] == "Successful"


def test_a_name_too_long_for_a_label_is_shortened_and_stays_the_same() -> None:
    world = a_cluster(a_metric("a-metric-" + "x" * 60))
    world.settle()
    again = a_cluster(a_metric("a-metric-" + "x" * 60))
    again.settle()

    assert world.made == again.made
    assert len(world.made[0]) <= 63


def test_a_job_that_runs_is_told_in_the_status_and_counts_for_nothing() -> None:
    world = a_cluster()
    world.settle()
    result = world.metric()

    assert result["phase"] == "Running"
    assert [each["phase"] for each in result["measurements"]] == ["Running"]
    assert result["measurements"][0]["metadata"]["job-name"] == NAME
    assert "count" not in result
    world.end(NAME, "Complete")
    assert [each["phase"] for each in world.metric()["measurements"]] == ["Successful"]


def test_jobs_whose_measurements_are_no_longer_kept_are_deleted() -> None:
    kept = [{"metricName": "smoke", "limit": 2}]
    world = a_cluster(a_metric(interval="1s"), measurementRetention=kept)
    for number in range(1, 6):
        world.now = world.now.plus(60.0)
        world.settle()
        world.end(f"u1.smoke.{number}", "Complete")

    assert world.gone == ["u1.smoke.1", "u1.smoke.2", "u1.smoke.3"]
    assert len(world.metric()["measurements"]) == 2


def test_a_job_that_somebody_deletes_is_begun_again_and_never_counts_as_passed() -> None:
    world = a_cluster()
    world.settle()
    del world.jobs[NAME]
    world.settle()

    assert world.made == [NAME, NAME]
    assert world.now_status["phase"] == "Running"


@pytest.mark.parametrize("why", ["BackoffLimitExceeded", "DeadlineExceeded", "PodFailurePolicy"])
def test_a_job_that_is_killed_has_failed_and_says_why(why: str) -> None:
    world = a_cluster()
    world.settle()
    world.end(NAME, "Failed", why)

    assert world.now_status["phase"] == "Failed"
    assert world.metric()["measurements"][0]["message"] == why


def a_pod_that_waits(reason: str) -> dict[str, Any]:
    waiting = {"waiting": {"reason": reason, "message": "Back-off pulling image"}}
    return {"metadata": {"name": "p1"}, "status": {"containerStatuses": [{"name": "test", "state": waiting}]}}


@pytest.mark.parametrize(("reason", "phase"), [("ImagePullBackOff", "Inconclusive"), ("ContainerCreating", "Running")])
def test_a_job_whose_image_cannot_be_pulled_proves_nothing(reason: str, phase: str) -> None:
    world = a_cluster()
    world.settle()
    world.pods = [a_pod_that_waits(reason)]
    world.settle()

    assert world.now_status["phase"] == phase
    assert world.gone == ([NAME] if phase == "Inconclusive" else [])


def test_a_job_that_cannot_begin_is_counted_once_and_says_why() -> None:
    world = a_cluster()
    world.settle()
    world.pods = [a_pod_that_waits("ImagePullBackOff")]
    world.settle()

    assert world.metric()["inconclusive"] == 1
    assert [each["message"] for each in world.metric()["measurements"]] == ["ImagePullBackOff: Back-off pulling image"]


def test_a_first_failed_pull_is_waited_out() -> None:
    world = a_cluster()
    world.settle()
    world.jobs[NAME]["metadata"]["creationTimestamp"] = world.now.rfc3339_whole()
    world.pods = [a_pod_that_waits("ErrImagePull")]
    plan = world.settle()
    assert world.now_status["phase"] == "Running"

    assert plan.wake is not None
    world.now = plan.wake
    world.settle()
    assert world.now_status["phase"] == "Inconclusive"


def test_a_job_with_a_deadline_ends_by_it() -> None:
    world = a_cluster(a_metric(provider={"job": {"spec": {**JOB["spec"], "activeDeadlineSeconds": 30}}}))
    world.settle()
    world.pods = [a_pod_that_waits("ImagePullBackOff")]
    world.settle()
    assert world.now_status["phase"] == "Running"

    world.end(NAME, "Failed", "Job was active longer than specified deadline")
    assert world.now_status["phase"] == "Failed"
