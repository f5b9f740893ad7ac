"""Durations, aborts and the four figures of delivery, from statuses alone."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from rollouts.kube.kinds import ROLLOUT
from rollouts.kube.ref import Ref
from rollouts.shell.cache import Change
from rollouts.shell.deliveries import COMMITTED, Deliveries

WEB = Ref(ROLLOUT, "shop", "web")
BEGAN = {"rolloutStartedAt": "2026-03-01T10:00:00Z"}


def a_rollout(duration: dict[str, Any] | None, message: str = "", **annotations: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "web", "namespace": "shop", "uid": "u-1", "annotations": annotations},
        "status": {"message": message, **({"duration": duration} if duration else {})},
    }


def ended(how: str, at: str = "10:05:00", **more: Any) -> dict[str, Any]:
    return {**BEGAN, "finishedAt": f"2026-03-01T{at}Z", "completionStatus": how, **more}


class Seen:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.deliveries = Deliveries(self.registry)
        self.before: dict[str, Any] | None = None

    def see(self, rollout: dict[str, Any] | None) -> None:
        self.deliveries.see(Change(WEB, self.before, rollout))
        self.before = rollout

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


@pytest.fixture
def seen() -> Seen:
    return Seen()


def test_a_promoted_update_is_counted_with_its_time_and_what_people_held_of_it(seen: Seen) -> None:
    seen.see(a_rollout(BEGAN))
    seen.see(a_rollout(ended("Promoted", totalManualPauseDurationSeconds=60)))

    who = {"namespace": "shop", "status": "Promoted"}
    assert seen.value("rollout_deployments_total", **who) == 1
    assert seen.value("rollout_duration_seconds_sum", **who) == 300
    assert seen.value("rollout_progression_duration_seconds_sum", **who) == 240
    assert seen.value("rollout_manual_pause_duration_seconds_sum", **who) == 60


def test_an_end_is_counted_once_however_often_the_status_is_written(seen: Seen) -> None:
    seen.see(a_rollout(BEGAN))
    for message in ("one", "two", "three"):
        seen.see(a_rollout(ended("Promoted"), message))

    assert seen.value("rollout_deployments_total", namespace="shop", status="Promoted") == 1


def test_an_update_that_ended_before_this_process_began_is_not_counted(seen: Seen) -> None:
    seen.see(a_rollout(ended("Promoted")))
    seen.see(a_rollout(ended("Promoted"), "healthy"))

    assert seen.value("rollout_deployments_total", namespace="shop", status="Promoted") is None


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ('RolloutAborted: Rollout aborted update to revision 2: Metric "errors" assessed Failed', "analysis"),
        ("ProgressDeadlineExceeded: ReplicaSet has timed out progressing", "deadline"),
        ("RolloutAborted: Rollout aborted update to revision 2", "request"),
    ],
)
def test_an_abort_is_counted_by_what_did_it(seen: Seen, message: str, reason: str) -> None:
    seen.see(a_rollout(BEGAN))
    seen.see(a_rollout(ended("Aborted"), message))

    assert seen.value("rollout_abort_total", reason=reason) == 1


def test_the_time_to_restore_runs_from_the_first_failure_to_the_next_good_update(seen: Seen) -> None:
    for duration in (
        BEGAN,
        ended("Aborted", "10:05:00"),
        BEGAN,
        ended("Aborted", "10:15:00"),
        BEGAN,
        ended("Promoted", "10:25:00"),
    ):
        seen.see(a_rollout(duration))

    ratio = next(iter(seen.deliveries.change_failure().samples))
    assert seen.value("rollout_restore_seconds_sum", namespace="shop") == 1200
    assert seen.value("rollout_restore_seconds_count", namespace="shop") == 1
    assert (ratio.labels, round(ratio.value, 3)) == ({"namespace": "shop"}, 0.667)


def test_the_lead_time_runs_from_the_commit_that_the_rollout_names(seen: Seen) -> None:
    named = {COMMITTED: "2026-03-01T09:05:00Z"}
    seen.see(a_rollout(BEGAN, **named))
    seen.see(a_rollout(ended("Promoted"), **named))

    assert seen.value("rollout_lead_time_seconds_sum", namespace="shop") == 3600


@pytest.mark.parametrize(
    "odd", ["text", {"finishedAt": "soon", "completionStatus": "Promoted"}, {"completionStatus": 7}]
)
def test_a_status_that_somebody_else_wrote_breaks_nothing(seen: Seen, odd: Any) -> None:
    seen.see(a_rollout(BEGAN))
    seen.see(a_rollout(odd))
    seen.see(None)

    assert b"rollout_deployments_total{" not in generate_latest(seen.registry)
