"""The phase as every client of the contract reads it."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.view.phase import Phase, phase_of
from rollouts.view.style import State
from tests.view.objects import rollout

NO_PHASE: dict[str, Any] = {"phase": "", "message": "", "pauseConditions": None, "controllerPause": False}
DONE = {
    **NO_PHASE,
    "currentPodHash": "bb",
    "stableRS": "bb",
    "updatedReplicas": 5,
    "replicas": 5,
    "availableReplicas": 5,
}
CONDITION = {"type": "Progressing", "status": "False", "reason": "RolloutAborted", "message": "by hand"}
INVALID = {"type": "InvalidSpec", "status": "True", "reason": "InvalidSpec", "message": "no strategy"}


@pytest.mark.parametrize(
    ("story", "status", "spec", "expected"),
    [
        ("what the controller wrote", {}, {}, "Paused - CanaryPauseStep"),
        (
            "a spec it has not seen",
            {"observedGeneration": "6"},
            {},
            "Progressing - waiting for rollout spec update to be observed",
        ),
        (
            "a spec it has not seen, by number",
            {"observedGeneration": 6},
            {},
            "Progressing - waiting for rollout spec update to be observed",
        ),
        (
            "a spec it has not seen, by its conditions",
            {"observedGeneration": None, "conditions": [{"type": "Ready", "observedGeneration": 6}]},
            {},
            "Progressing - waiting for rollout spec update to be observed",
        ),
        ("a generation from the future", {"observedGeneration": "8"}, {}, "Paused - CanaryPauseStep"),
        ("an unreadable generation", {"observedGeneration": "6bc"}, {}, "Paused - CanaryPauseStep"),
        ("a pause just lifted", {"pauseConditions": None}, {}, "Progressing - waiting for rollout to unpause"),
        (
            "a workload nobody has counted",
            {},
            {"workloadRef": {"name": "web"}, "template": None},
            "Paused - CanaryPauseStep",
        ),
        ("an invalid spec", {**NO_PHASE, "conditions": [INVALID]}, {}, "Degraded - InvalidSpec: no strategy"),
        ("an abort", {**NO_PHASE, "conditions": [CONDITION]}, {}, "Degraded - RolloutAborted: by hand"),
        ("a hand on the brake", NO_PHASE, {"paused": True}, "Paused - manually paused"),
        ("too few updated", NO_PHASE, {}, "Progressing - more replicas need to be updated"),
        (
            "updated, not available",
            {**DONE, "availableReplicas": 4},
            {},
            "Progressing - updated replicas are still becoming available",
        ),
        ("steps left", {**DONE, "stableRS": "aa"}, {}, "Progressing - waiting for all steps to complete"),
        (
            "old pods left without a router",
            {**DONE, "replicas": 6},
            {"strategy": {"canary": {}}},
            "Progressing - old replicas are pending termination",
        ),
        ("all done", DONE, {}, "Healthy"),
        (
            "the other service still active",
            DONE,
            {"strategy": {"blueGreen": {}}},
            "Progressing - active service cutover pending",
        ),
    ],
)
def test_phase(story: str, status: dict[str, Any], spec: dict[str, Any], expected: str) -> None:
    assert str(phase_of(rollout(status, **spec))) == expected, story


def test_a_referenced_workload_must_have_been_seen_too() -> None:
    made = rollout(workloadRef={"name": "web"})
    noted = {**made, "metadata": {**made["metadata"], "annotations": {"rollout.argoproj.io/workload-generation": "3"}}}

    assert phase_of(noted).message == "waiting for rollout spec update to be observed for the reference workload"


def test_an_unknown_phase_is_shown_as_it_is() -> None:
    assert Phase("Resting").state is State.UNKNOWN
