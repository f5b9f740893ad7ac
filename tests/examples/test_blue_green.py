"""The story of 04-blue-green, on the embedded cluster with the controller as a process."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from rollouts.devplane.manifests import examples_folder
from tests.contract.story import HASH, Story
from tests.realplane.judge import Judge

HASTE = ((r"interval: \d+s", "interval: 1s"), (r"DelaySeconds: \d+", "DelaySeconds: 2"))


def opened(story: Story, prometheus: str) -> None:
    """Create the example's objects, with shorter waits, and wait for the first version."""
    for file in sorted((examples_folder() / "04-blue-green").glob("*.yaml")):
        text = re.sub(r"http://prometheus\S+", prometheus, file.read_text())
        for pattern, instead in HASTE:
            text = re.sub(pattern, instead, text)
        story.create(*yaml.safe_load_all(text))
    story.until_phase("Healthy")


def release(story: Story, tag: str) -> None:
    """Release another version, as `kubectl rollouts set image` does."""
    containers = story.rollout()["spec"]["template"]["spec"]["containers"]
    story.patch({"spec": {"template": {"spec": {"containers": [{**containers[0], "image": f"demo/web:{tag}"}]}}}})


def selected(story: Story, service: str) -> str:
    """The hash that a Service selects."""
    return str(story.get("Service", service)["spec"]["selector"].get(HASH, ""))


def sizes(story: Story) -> dict[str, Any]:
    """Image → pods that its ReplicaSet is to have."""
    sets = story.every("ReplicaSet")
    return {each["spec"]["template"]["spec"]["containers"][0]["image"]: each["spec"]["replicas"] for each in sets}


@pytest.mark.parametrize("is_good", [True, False])
def test_a_version_is_looked_at_promoted_and_judged(story: Story, judge: Judge, is_good: bool) -> None:
    opened(story, judge.url)
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
