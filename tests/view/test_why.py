"""What holds a Rollout, or what aborted it, as a sentence with the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from rollouts.view.facts import World
from rollouts.view.why import lines, why
from tests.view.objects import NOW, aborted_canary, fresh, paused_canary, rollout, run

RULES = {"metrics": [{"name": "success-rate", "successCondition": "result[0] >= 0.95", "count": 5, "failureLimit": 0}]}
FREE: dict[str, Any] = {"pauseConditions": None, "controllerPause": False}
BUSY = {**FREE, "phase": "Progressing", "message": "waiting for all steps to complete", "currentStepIndex": 2}


def judged(phase: str, *values: tuple[str, str], **counts: int) -> Mapping[str, Any]:
    """A run of the newest revision whose one metric ended so."""
    made = {**run("web-bb-2", phase, **counts), "spec": RULES}
    taken = [{"value": value, "phase": verdict} for value, verdict in values]
    result = {**made["status"]["metricResults"][0], "measurements": taken}
    return {**made, "status": {**made["status"], "metricResults": [result]}}


def at(status: Mapping[str, Any], *runs: Mapping[str, Any], **spec: Any) -> World:
    """The paused canary with another status."""
    return replace(paused_canary(), rollout=rollout(status, **spec), runs=runs)


FAILED = judged("Failed", ("[0.99]", "Successful"), ("[0.93]", "Failed"), failed=1, count=2)
ABORTED = {**aborted_canary().rollout["status"], "abortedAt": "2026-05-04T12:07:00Z"}

TABLE: list[tuple[str, World, str, tuple[str, ...]]] = [
    ("nobody looked", fresh(), "NotSeen", ("No controller has looked at web",)),
    ("not this generation", at({"observedGeneration": "6"}), "NotSeen", ("generation 7", "last saw 6")),
    (
        "the spec is refused",
        at({"conditions": [{"type": "InvalidSpec", "message": "spec.replicas: Invalid value"}]}),
        "InvalidSpec",
        ("web is refused: spec.replicas: Invalid value",),
    ),
    (
        "a metric aborted it",
        at(ABORTED, FAILED),
        "Aborted",
        (
            "was aborted 3m ago because success-rate failed 1 of 2 measurements (0 allowed), the last was [0.93] "
            "against result[0] >= 0.95",
            "all traffic is with aa again",
            "web-bb-2: success-rate is Failed: [0.99], [0.93]",
            "rollouts retry rollout web",
        ),
    ),
    ("a person aborted it", at(ABORTED), "Aborted", ("somebody asked for it",)),
    (
        "a deadline aborted it",
        at({**ABORTED, "message": "RolloutAborted: Rollout aborted update to revision 2: no progress in 600 s"}),
        "Aborted",
        ("because no progress in 600 s",),
    ),
    (
        "a step waits for a person",
        at({}),
        "CanaryPauseStep",
        ("waited for 5m for a person at step 2 of 3, with 20 %", "rollouts promote web"),
    ),
    (
        "a step's analysis measures while a part of the pods is new",
        at({**BUSY, "message": "more replicas need to be updated", "currentStepIndex": 0},
           judged("Running", ("[0.99]", "Successful"), count=1),
           strategy={"canary": {"steps": [{"analysis": {}}, {"pause": {}}]}}),
        "Analysis",
        ("web waits at step 1 of 2 (analysis) for its analysis: ",),
    ),
    ("a hand on the brake", at({}, paused=True), "PausedByHand", ("paused by hand", "rollouts resume web")),
    (
        "an analysis could not decide",
        at(
            {"pauseConditions": [{"reason": "InconclusiveAnalysisRun"}]},
            judged("Inconclusive", inconclusive=2, count=5),
        ),
        "InconclusiveAnalysisRun",
        ("success-rate was inconclusive in 2 of 5 measurements",),
    ),
    (
        "an analysis is not over",
        at(BUSY, judged("Running", ("[0.97]", "Successful"), successful=1, count=1)),
        "Analysis",
        ("at step 3 of 3 (setWeight: 60) for its analysis: success-rate has 1 of 5 measurements, the last was [0.97]",),
    ),
    (
        "pods are not ready",
        replace(aborted_canary(), rollout=rollout({**BUSY, "updatedReplicas": 3, "availableReplicas": 2})),
        "PodsNotReady",
        ("2 of 5 are available, 3 are of the new version", "pod web-bb-1: CrashLoopBackOff", "restarted 4 times"),
    ),
    ("nothing", at({**FREE, "phase": "Healthy"}), "Healthy", ("Nothing holds web", "6 of 5 pods are available")),
]  # fmt: skip


@pytest.mark.parametrize(("story", "world", "reason", "told"), TABLE, ids=[row[0] for row in TABLE])
def test_the_reason_is_told_with_its_numbers(story: str, world: World, reason: str, told: tuple[str, ...]) -> None:
    answer = why(world, NOW)
    text = "\n".join(lines(answer))

    assert answer.reason == reason
    assert [part for part in told if part not in text] == [], text


def test_a_step_that_waits_for_an_experiment_names_it_and_how_far_it_is() -> None:
    trial = {"metadata": {"name": "web-bb-2-2"}, "status": {"phase": "Running"}}
    world = at({**BUSY, "canary": {"currentExperiment": "web-bb-2-2"}})
    found = why(replace(world, experiments=(trial,)), NOW)

    assert found.reason == "Experiment"
    assert "for the Experiment web-bb-2-2, which is Running" in "\n".join(lines(found))


def test_a_step_that_waits_for_a_plugin_names_it_and_what_it_said() -> None:
    steps = [{"setWeight": 20}, {"pause": {}}, {"plugin": {"name": "example.com/smoke"}}]
    said = {"index": 2, "operation": "Run", "phase": "Error", "message": "no step plugin is installed"}
    world = paused_canary()
    spec = {**world.rollout["spec"], "strategy": {"canary": {"steps": steps}}}
    status = {**world.rollout["status"], **BUSY, "message": "more replicas need to be updated"}

    def told(statuses: list[dict[str, Any]]) -> str:
        canary = {"stepPluginStatuses": statuses}
        asked = {**world.rollout, "spec": spec, "status": {**status, "canary": canary}}
        return "\n".join(lines(why(replace(world, rollout=asked), NOW)))

    assert "at step 3 of 3 (plugin) for example.com/smoke, which is Error: no step plugin is installed." in told([said])
    assert "for example.com/smoke, which was not called yet." in told([])
