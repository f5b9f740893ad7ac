"""The story of 04-blue-green, on the embedded cluster with the controller as a process."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.story import HASH, Story
from tests.examples.opening import opened, release
from tests.realplane.judge import Judge

HASTE = (
    (r"interval: \d+s", "interval: 1s"),
    (r"initialDelay: \d+s", "initialDelay: 0s"),
    (r"DelaySeconds: \d+", "DelaySeconds: 2"),
)


def selected(story: Story, service: str) -> str:
    """The hash that a Service selects."""
    return str(story.get("Service", service)["spec"]["selector"].get(HASH, ""))


def sizes(story: Story) -> dict[str, Any]:
    """Image → pods that its ReplicaSet is to have."""
    sets = story.every("ReplicaSet")
    return {each["spec"]["template"]["spec"]["containers"][0]["image"]: each["spec"]["replicas"] for each in sets}


@pytest.mark.parametrize("is_good", [True, False])
def test_a_version_is_looked_at_promoted_and_judged(story: Story, judge: Judge, is_good: bool) -> None:
    opened(story, "04-blue-green", judge.url, HASTE)
    stable = story.status()["stableRS"]
    judge.value = "1" if is_good else "0.5"
    release(story, "next")
    paused = story.until_phase("Paused")["status"]

    assert paused["message"] == "BlueGreenPause"
    assert (selected(story, "web-active"), selected(story, "web-preview")) == (stable, paused["currentPodHash"])
    assert sizes(story) == {"demo/web:good-1": 4, "demo/web:next": 1}

    story.patch_status({"pauseConditions": None})
    done = story.until_phase("Healthy" if is_good else "Degraded")["status"]
    winner = paused["currentPodHash"] if is_good else stable
    story.until("the requests are where they belong", lambda: selected(story, "web-active") == winner)

    assert done["stableRS"] == winner
