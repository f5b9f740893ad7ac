"""An example's objects on the embedded cluster, with shorter waits, and a release of another version."""

from __future__ import annotations

import re
from collections.abc import Sequence

import yaml

from rollouts.devplane.manifests import examples_folder
from tests.contract.story import Story


def opened(story: Story, example: str, prometheus: str, haste: Sequence[tuple[str, str]]) -> None:
    """Create the objects and wait for the first version. haste: patterns of waits, and what stands instead."""
    for file in sorted((examples_folder() / example).glob("*.yaml")):
        text = re.sub(r"http://prometheus\S+", prometheus, file.read_text())
        for pattern, instead in haste:
            text = re.sub(pattern, instead, text)
        story.create(*yaml.safe_load_all(text))
    story.until_phase("Healthy")


def release(story: Story, tag: str) -> None:
    """Release another version, as `kubectl rollouts set image` does."""
    containers = story.rollout()["spec"]["template"]["spec"]["containers"]
    story.patch({"spec": {"template": {"spec": {"containers": [{**containers[0], "image": f"demo/web:{tag}"}]}}}})
