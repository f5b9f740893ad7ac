"""The story of 05-experiment, on the embedded cluster with the controller as a process."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.story import HASH, Story
from tests.examples.opening import opened, release
from tests.realplane.judge import Judge

HASTE = (
    (r"interval: \d+s", "interval: 1s"),
    (r"initialDelay: \d+s", "initialDelay: 0s"),
    (r"duration: \d+s", "duration: 1s"),
    (r"DelaySeconds: \d+", "DelaySeconds: 1"),
)


@pytest.mark.parametrize("is_good", [True, False])
def test_both_versions_run_side_by_side_before_the_release_goes_on(story: Story, judge: Judge, is_good: bool) -> None:
    opened(story, "05-experiment", judge.url, HASTE)
    stable = story.status()["stableRS"]
    judge.value = "1" if is_good else "0.5"
    release(story, "next")
    done = story.until_phase("Healthy" if is_good else "Degraded")["status"]
    (trial,) = story.every("Experiment")
    told: dict[str, Any] = trial["status"]
    served = {each["spec"]["selector"].get(HASH) for each in story.every("Service") if "-2-2" not in name(each)}

    assert told["phase"] == ("Successful" if is_good else "Failed")
    assert (done["stableRS"] == stable) is not is_good
    assert name(trial).endswith("-2-2")
    assert not served & {each["podTemplateHash"] for each in told["templateStatuses"]}


def name(manifest: dict[str, Any]) -> str:
    """The name of an object."""
    return str(manifest["metadata"]["name"])
