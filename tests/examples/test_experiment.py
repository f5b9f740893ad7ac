"""The story of 05-experiment, on the embedded cluster with the controller as a process."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from rollouts.devplane.manifests import examples_folder
from tests.contract.story import HASH, Story
from tests.realplane.judge import Judge

HASTE = (
    (r"interval: \d+s", "interval: 1s"),
    (r"initialDelay: \d+s", "initialDelay: 0s"),
    (r"duration: \d+s", "duration: 1s"),
    (r"DelaySeconds: \d+", "DelaySeconds: 1"),
)


def opened(story: Story, prometheus: str) -> None:
    """Create the example's objects, with shorter waits, and wait for the first version."""
    for file in sorted((examples_folder() / "05-experiment").glob("*.yaml")):
        text = re.sub(r"http://prometheus\S+", prometheus, file.read_text())
        for pattern, instead in HASTE:
            text = re.sub(pattern, instead, text)
        story.create(*yaml.safe_load_all(text))
    story.until_phase("Healthy")


def release(story: Story, tag: str) -> None:
    """Release another version, as `kubectl rollouts set image` does."""
    containers = story.rollout()["spec"]["template"]["spec"]["containers"]
    story.patch({"spec": {"template": {"spec": {"containers": [{**containers[0], "image": f"demo/web:{tag}"}]}}}})


@pytest.mark.parametrize("is_good", [True, False])
def test_both_versions_run_side_by_side_before_the_release_goes_on(story: Story, judge: Judge, is_good: bool) -> None:
    opened(story, judge.url)
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
