"""Ages, lists, pods and events in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rollouts.view import events, health, rows
from rollouts.view.age import age, span
from rollouts.view.style import Style
from tests.snapshots import matches
from tests.view import objects

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0s"),
        (-1.5, "0s"),
        (-2, "<invalid>"),
        (119, "119s"),
        (120, "2m"),
        (123, "2m3s"),
        (599, "9m59s"),
        (600, "10m"),
        (3 * 3600 - 1, "179m"),
        (3 * 3600, "3h"),
        (5 * 3600 + 600, "5h10m"),
        (47 * 3600, "47h"),
        (48 * 3600, "2d"),
        (50 * 3600, "2d2h"),
        (8 * 86400, "8d"),
        (729 * 86400, "729d"),
        (770 * 86400, "2y40d"),
        (9 * 365 * 86400, "9y"),
    ],
)
def test_a_span_is_worded_as_kubectl_does(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_an_unknown_birthday_is_not_an_age_of_zero() -> None:
    assert age(None, objects.NOW) == "<unknown>"


@pytest.mark.parametrize("wide", [False, True])
def test_the_list_is_as_drawn(wide: bool) -> None:
    other = objects.rollout({"phase": "Healthy", "message": ""}, strategy={"blueGreen": {"activeService": "web"}})
    second = {**other, "metadata": {**other["metadata"], "name": "api", "namespace": "pay"}}

    lines = rows.rollouts([objects.rollout(), second], objects.NOW, Style(), rows.Columns(namespaces=True, wide=wide))

    matches(HERE / f"list{'-wide' if wide else ''}.txt", "\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"running": {}}, "✔ Running"),
        ({"waiting": {"reason": "ContainerCreating"}}, "◌ ContainerCreating"),
        ({"waiting": {"reason": "ImagePullBackOff"}}, "⚠ ImagePullBackOff"),
        ({"waiting": {"reason": "CrashLoopBackOff"}}, "✖ CrashLoopBackOff"),
        ({"terminated": {"exitCode": 0, "reason": "Completed"}}, "✔ Completed"),
        ({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}, "✖ OOMKilled"),
        ({"terminated": {"exitCode": 3}}, "✖ ExitCode:3"),
    ],
)
def test_a_pod_says_what_its_container_suffers_from(state: dict[str, Any], expected: str) -> None:
    assert Style().status(*health.of_pod(objects.pod("p", "aa", state))) == expected


def test_a_pod_that_leaves_says_so() -> None:
    made = objects.pod("p", "aa")
    leaving = {**made, "metadata": {**made["metadata"], "deletionTimestamp": "2026-05-04T12:00:00Z"}}

    assert health.of_pod(leaving)[1] == "Terminating"


def test_a_pod_in_its_init_containers_counts_them() -> None:
    made = objects.pod("p", "aa")
    begun = [{"state": {"terminated": {"exitCode": 0}}}, {"state": {"running": {}}}]

    assert health.of_pod({**made, "status": {"initContainerStatuses": begun}})[1] == "Init:1/2"


def test_events_are_told_oldest_first_and_only_the_last_ten() -> None:
    made = [objects.event(f"e{n:02}", f"R{n}", "m", f"2026-05-04T12:00:{n:02}Z") for n in range(12)]

    told = events.lines(reversed(made), objects.NOW)

    assert [line.split()[2] for line in told[1:]] == [f"R{n}" for n in range(2, 12)]


def test_an_event_that_repeats_says_how_often() -> None:
    made = {**objects.event("e", "ScalingReplicaSet", "Scaled up", "2026-05-04T12:09:00Z"), "count": 3}

    assert events.lines([made], objects.NOW)[1].endswith("Scaled up (x3)")
