"""An AnalysisRun from its first turn to its end, as its owner and its watchers see it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.asks import HttpReply, SecretRef, secrets
from rollouts.core.plan import Answer, Ask, Delete, Plan
from rollouts.kit import mergepatch
from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.kube.ref import Ref
from rollouts.runs import gather, reconcile
from rollouts.runs.status import STATUS_BYTES_MAX

START = Instant.parse("2026-03-01T12:00:00.250000Z")
assert START
REF = Ref(kinds.ANALYSIS_RUN, "shop", "web-5-2")
INVALID = "Analysis spec invalid"
PROMETHEUS = {"prometheus": {"address": "http://prom:9090", "query": "error_rate"}}


def a_metric(name="error-rate", **fields):
    return {"name": name, "successCondition": "result[0] <= 0.05", "provider": PROMETHEUS, **fields}


def a_vector(value: str | None) -> HttpReply:
    """The body of Prometheus' answer to an instant query: one series, or none."""
    rows = [] if value is None else [{"metric": {"job": "web"}, "value": [1_772_366_400.25, value]}]
    body = {"status": "success", "data": {"resultType": "vector", "result": rows}}
    return HttpReply(200, json.dumps(body).encode())


@dataclass
class World:
    """One run, its stored object and the answers that wait for it; time stands until it is told to move."""

    spec: dict[str, Any]
    status: Any = None
    now: Instant = START
    manifest: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: dict[str, tuple[Instant, Ask]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    writes: int = 0
    address: str = ""

    def __post_init__(self) -> None:
        meta = {"name": "web-5-2", "namespace": "shop", "uid": "u1", "resourceVersion": "1", "generation": 1}
        stamp = {"creationTimestamp": START.rfc3339_whole()}
        self.manifest = {"metadata": meta | stamp, "spec": self.spec}
        if self.status is not None:
            self.manifest["status"] = self.status

    def get(self, ref: Ref) -> dict[str, Any] | None:
        return self.manifest if ref == REF else None

    def answer(self, ask_id: str) -> Answer | None:
        return self.answers.get(ask_id)

    def refused(self, ref: Ref) -> str:
        return ""

    def recalled(self) -> Any:
        return None

    def nudged_at(self) -> None:
        return None

    def known_since(self, word: str) -> None:
        return None

    def knows(self, kind: Any) -> bool:
        return True

    def parsed(self, manifest: Any, parse: Any) -> Any:
        return parse(manifest)

    def turn(self) -> Plan:
        """One gather, one reconcile, and what follows from the plan."""
        seen = gather(REF, self, prometheus_address=self.address)  # type: ignore[arg-type]  # what a run reads of one
        assert seen
        plan = reconcile(seen, self.now)
        plan.check(self.now)
        if plan.latch:
            assert plan.latch.subresource == ""
            meta = {**self.manifest["metadata"], "resourceVersion": str(self.writes + 2)}
            self.manifest = {**mergepatch.apply(self.manifest, plan.latch.body), "metadata": meta}
            self.writes += 1
        for ask in plan.asks:
            self.asked.setdefault(ask.id, (self.now, ask))
        self.notes += [f"{note.severity} {note.reason}" for note in plan.notes]
        return plan

    def settle(self) -> Plan:
        """Turns until nothing is written any more."""
        for _ in range(20):
            plan = self.turn()
            if not plan.latch:
                return plan
        raise AssertionError("the run does not come to rest")

    def reply(self, value: str | HttpReply | None = "0.01", *, error: str = "", after_s: float = 0.1) -> None:
        """Answer every open question, and let the run take it in."""
        self.now = self.now.plus(after_s)
        for ask_id, (since, _) in list(self.asked.items()):
            if ask_id not in self.answers:
                body = value if isinstance(value, HttpReply) else a_vector(value)
                self.answers[ask_id] = Answer(ask_id, since, self.now, None if error else body, error)
        self.settle()

    def sleep(self) -> None:
        """Move on to the moment that the run wants to be woken."""
        plan = self.settle()
        assert plan.wake
        self.now = plan.wake
        self.settle()

    @property
    def now_status(self) -> dict[str, Any]:
        return self.manifest.get("status", {})

    def metric(self, index: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = self.now_status["metricResults"][index]
        return found


def a_run(*metrics: Any, **spec: Any) -> World:
    return World({"metrics": list(metrics) or [a_metric()], **spec})


def test_a_run_starts_asks_and_succeeds():
    world = a_run()

    world.turn()
    assert world.now_status == {
        "phase": "Running", "startedAt": "2026-03-01T12:00:00.250000Z", "runSummary": {"count": 1}, "dryRunSummary": {},
    }  # fmt: skip

    world.settle()
    assert list(world.asked) == ["u1/error-rate/0"]

    world.reply("0.01")
    assert world.now_status == {
        "phase": "Successful",
        "startedAt": "2026-03-01T12:00:00.250000Z",
        "completedAt": "2026-03-01T12:00:00.350000Z",
        "runSummary": {"count": 1, "successful": 1},
        "dryRunSummary": {},
        "metricResults": [
            {
                "name": "error-rate",
                "phase": "Successful",
                "count": 1,
                "successful": 1,
                "consecutiveSuccess": 1,
                "metadata": {"ResolvedPrometheusQuery": "error_rate"},
                "measurements": [
                    {
                        "phase": "Successful",
                        "value": "[0.01]",
                        "startedAt": "2026-03-01T12:00:00.250000Z",
                        "finishedAt": "2026-03-01T12:00:00.350000Z",
                    }
                ],
            }
        ],
    }
    assert world.notes == ["Normal MetricSuccessful", "Normal AnalysisRunSuccessful"]
    assert world.writes == 2


def test_a_failed_measurement_beyond_the_limit_fails_the_run():
    world = a_run(a_metric(count=5, interval="10s", failureLimit=1))
    world.settle()

    world.reply("0.3")
    assert world.now_status["phase"] == "Running"
    world.sleep()
    world.reply("0.4")

    assert world.now_status["phase"] == "Failed"
    assert world.now_status["message"] == 'Metric "error-rate" assessed Failed due to failed (2) > failureLimit (1)'
    assert [taken["value"] for taken in world.metric()["measurements"]] == ["[0.3]", "[0.4]"]
    assert world.notes == ["Warning MetricFailed", "Warning AnalysisRunFailed"]


def test_the_next_measurement_waits_for_its_interval_after_the_end_of_the_last():
    world = a_run(a_metric(count=2, interval="10s"))
    world.settle()
    world.reply("0.01", after_s=2.5)

    assert world.settle().wake == START.plus(12.5)

    world.sleep()
    assert list(world.asked) == ["u1/error-rate/0", "u1/error-rate/1"]


def test_an_initial_delay_holds_the_first_question_back():
    world = a_run(a_metric(initialDelay="30s"))

    assert world.settle().wake == START.plus(30)
    assert world.asked == {}

    world.sleep()
    assert len(world.asked) == 1


def test_after_an_error_the_run_asks_again_in_ten_seconds():
    world = a_run(a_metric(interval="1h", count=3))
    world.settle()
    world.reply(error="connection refused")

    assert world.metric()["measurements"][0]["message"] == "connection refused"
    assert world.metric()["consecutiveError"] == 1
    assert world.settle().wake == world.now.plus(10)


def test_too_many_errors_in_a_row_end_the_run():
    world = a_run(a_metric(consecutiveErrorLimit=1))
    world.settle()
    world.reply(HttpReply(503, b"busy"))
    world.sleep()
    world.reply(HttpReply(503, b"busy"))

    assert world.now_status["phase"] == "Error"
    assert world.now_status["message"] == (
        'Metric "error-rate" assessed Error due to consecutiveErrors (2) > consecutiveErrorLimit (1): '
        '"Error Message: server_error: server error: 503"'
    )
    assert world.notes == ["Warning MetricError", "Warning AnalysisRunError"]


def test_a_question_that_cannot_be_asked_is_an_error_at_once():
    world = a_run(a_metric(provider={"prometheus": {"address": "prom:9090", "query": "up"}}))
    world.settle()

    assert world.asked == {}
    assert world.metric()["measurements"][0]["message"].startswith("prometheus address is not a URL")
    assert world.settle().wake == START.plus(10)


def test_the_address_may_be_the_controllers():
    world = a_run(a_metric(provider={"prometheus": {"query": "up"}}))
    world.address = "http://everyone:9090"
    world.settle()

    assert next(iter(world.asked.values()))[1].question.url == "http://everyone:9090"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"metrics": []}, "Analysis spec invalid: no metrics specified"),
        ({"metrics": [a_metric(count=2)]}, f"{INVALID}: metrics[0]: interval must be specified when count > 1"),
        (
            {"metrics": [a_metric()], "dryRun": [{"metricName": "x"}]},
            "Analysis spec invalid: dryRun[0]: Rule didn't match any metric name(s)",
        ),
        (
            {"metrics": [a_metric(successCondition="{{args.x}}")]},
            "Unable to resolve metric arguments: failed to resolve {{args.x}}",
        ),
        ({"metrics": "many"}, "Analysis spec invalid: no metrics specified"),
        ({}, "Analysis spec invalid: no metrics specified"),
    ],
)  # fmt: skip
def test_a_run_that_cannot_start_is_an_error_with_its_reason(spec, message):
    world = World(spec)
    world.settle()

    assert (world.now_status["phase"], world.now_status["message"]) == ("Error", message)
    assert world.now_status["completedAt"] == START.rfc3339()
    assert world.notes == ["Warning AnalysisRunError"]


def test_a_provider_that_cannot_be_asked_is_refused_by_the_name_of_its_field():
    world = a_run(a_metric(provider={"job": {"spec": {}}}))
    world.settle()

    assert world.now_status["message"].startswith("Analysis spec invalid: metrics[0].provider.job.spec")


def test_a_terminated_run_succeeds_without_another_question():
    world = a_run(a_metric(interval="10s"))
    world.settle()
    world.reply("0.01")
    world.manifest = {**world.manifest, "spec": {**world.spec, "terminate": True}}
    world.settle()

    assert (world.now_status["phase"], world.now_status["message"]) == ("Successful", "Run Terminated")
    assert len(world.asked) == 1


def test_a_run_terminated_before_its_first_turn_succeeds():
    world = a_run(terminate=True)
    world.settle()

    assert world.now_status["phase"] == "Successful"
    assert world.asked == {}


def test_a_dry_run_is_told_apart():
    world = a_run(a_metric("real"), a_metric("rehearsal"), dryRun=[{"metricName": "rehe.*"}])
    world.settle()
    world.answers["u1/real/0"] = Answer("u1/real/0", world.now, world.now, a_vector("0.01"))
    world.reply("0.9")

    assert world.now_status["phase"] == "Successful"
    assert world.now_status["runSummary"] == {"count": 1, "successful": 1}
    assert world.now_status["dryRunSummary"] == {"count": 1, "failed": 1}
    assert world.metric(1)["dryRun"] is True
    assert world.metric(1)["message"] == "Metric assessed Failed due to failed (1) > failureLimit (0)"


@pytest.mark.parametrize(("rules", "kept"), [([], 10), ([{"metricName": "error.*", "limit": 3}], 3)])
def test_the_latest_measurements_are_kept(rules, kept):
    world = a_run(a_metric(count=15, interval="1s"), measurementRetention=rules)
    world.settle()
    for number in range(15):
        world.reply(f"0.0{number % 5}")
        if number < 14:
            world.sleep()

    assert world.now_status["phase"] == "Successful"
    assert world.metric()["count"] == 15
    assert len(world.metric()["measurements"]) == kept


def test_several_metrics_are_recorded_in_one_write():
    world = a_run(a_metric("a"), a_metric("b"), a_metric("c"))
    world.settle()
    before = world.writes
    world.reply("0.01")

    assert world.writes == before + 1
    assert world.now_status["runSummary"] == {"count": 3, "successful": 3}


def test_a_restart_asks_the_open_question_again_under_its_name_and_counts_on():
    world = a_run(a_metric(count=3, interval="10s", failureLimit=1))
    world.settle()
    world.reply("0.5")
    world.sleep()
    open_question = list(world.asked)[-1]

    world.answers.clear()
    world.asked.clear()
    world.settle()
    assert list(world.asked) == [open_question] == ["u1/error-rate/1"]

    world.reply("0.5")
    assert world.now_status["phase"] == "Failed"
    assert world.metric()["failed"] == 2


def test_a_secret_stays_an_empty_slot():
    secret = {"name": "token", "valueFrom": {"secretKeyRef": {"name": "prom", "key": "token"}}}
    headers = [{"key": "Authorization", "value": "Bearer {{args.token}}"}]
    provider = {"prometheus": {**PROMETHEUS["prometheus"], "query": 'up{t="{{args.token}}"}', "headers": headers}}
    world = a_run(a_metric(provider=provider), args=[secret])
    world.settle()
    ask = next(iter(world.asked.values()))[1]

    assert secrets(ask.question) == (SecretRef("prom", "token"),)
    assert ask.namespace == "shop"

    world.reply(error="secret shop/prom key token missing")
    assert world.metric()["measurements"][0]["message"] == "secret shop/prom key token missing"
    assert world.metric()["metadata"] == {"ResolvedPrometheusQuery": 'up{t="*****"}'}


@pytest.mark.parametrize(
    ("ttl", "value", "kept_s"),
    [
        ({"secondsAfterCompletion": 60}, "0.01", 60),
        ({"secondsAfterSuccess": 30, "secondsAfterCompletion": 60}, "0.01", 30),
        ({"secondsAfterFailure": 90, "secondsAfterCompletion": 60}, "0.9", 90),
        ({"secondsAfterFailure": 90}, "0.01", None),
        ({}, "0.01", None),
    ],
)
def test_a_finished_run_is_deleted_when_its_time_is_over(ttl, value, kept_s):
    world = a_run(ttlStrategy=ttl)
    world.settle()
    world.reply(value)
    plan = world.settle()

    assert plan.wake == (world.now.plus(kept_s) if kept_s else None)
    assert plan.actions == ()

    if kept_s:
        world.now = world.now.plus(kept_s)
        assert [type(action) for action in world.turn().actions] == [Delete]


def test_a_run_that_never_started_is_deleted_too():
    world = World({"metrics": [], "ttlStrategy": {"secondsAfterFailure": 5}})
    world.settle()
    world.now = world.now.plus(5)

    assert [str(action) for action in world.turn().actions] == ["delete AnalysisRun/shop/web-5-2"]


def test_a_finished_run_is_left_alone():
    world = a_run()
    world.settle()
    world.reply("0.01")
    writes = world.writes
    world.now = world.now.plus(86_400)

    assert world.turn().is_quiet
    assert world.writes == writes


def test_a_long_status_keeps_within_its_budget_and_says_so():
    world = a_run(
        *(a_metric(f"m{number}", count=20, interval="1s") for number in range(40)),
        measurementRetention=[{"metricName": ".*", "limit": 50}],
    )
    world.settle()
    for number in range(20):
        world.reply("0.01")
        if number < 19:
            world.sleep()

    assert world.now_status["phase"] == "Successful"
    assert world.metric()["count"] == 20
    assert len(json.dumps(world.now_status)) <= STATUS_BYTES_MAX
    assert "truncated" in world.metric()["metadata"]


def test_a_huge_answer_does_not_fill_the_status():
    rows = [{"metric": {"i": str(i)}, "value": [1.0, f"0.{i:09d}1"]} for i in range(5000)]
    body = {"status": "success", "data": {"resultType": "vector", "result": rows}}
    world = a_run(a_metric(successCondition="len(result) > 0"))
    world.settle()
    world.reply(HttpReply(200, json.dumps(body).encode()))

    assert world.metric()["measurements"][0]["value"].endswith("5000 values]")
    assert len(json.dumps(world.now_status)) < 8 * 1024


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["Running", "Failed", "2026-03-01T12:00:00Z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["phase", "name", "message", "count", "failed", "error", "measurements", "startedAt", "finishedAt", "metadata"]
    ), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
STATUS = st.dictionaries(
    st.sampled_from(["phase", "message", "startedAt", "completedAt", "metricResults", "runSummary", "dryRunSummary"]),
    JSON,
    max_size=5,
)


@settings(max_examples=150, deadline=None)
@given(STATUS | JSON)
def test_a_status_of_any_shape_is_survived(status):
    world = World({"metrics": [a_metric(count=3, interval="1s")], "ttlStrategy": {"secondsAfterFailure": 5}}, status)

    world.settle()
    world.reply("0.01")
    plan = world.settle()

    assert plan.is_quiet or plan.asks or plan.actions


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["0.01", "0.9", None, "NaN", "error"]), min_size=1, max_size=12), st.data())
def test_a_restart_between_any_two_turns_changes_no_verdict(values, data):
    """The same answers at the same moments, with and without a loss of everything that is not stored."""

    def story(restarts: set[int]) -> dict[str, Any]:
        world = a_run(a_metric(count=6, interval="5s", failureLimit=2, consecutiveErrorLimit=2))
        world.settle()
        for number, value in enumerate(values):
            if world.now_status["phase"] != "Running":
                break
            if number in restarts:
                world.answers.clear()
                world.asked.clear()
                world.settle()
            world.reply(None if value in (None, "error") else value, error="down" if value == "error" else "")
            if world.now_status["phase"] == "Running":
                world.sleep()
        return world.now_status

    restarts = data.draw(st.sets(st.integers(0, len(values))))

    assert story(restarts) == story(set())
