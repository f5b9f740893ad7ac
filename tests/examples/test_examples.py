"""The examples' stories on the embedded cluster, with the controller as a process and requests through Traefik."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from rollouts.devplane.demo import Line, Outcome, perform
from rollouts.devplane.manifests import examples_folder, for_demo, load
from rollouts.devplane.stage import Settings
from rollouts.devplane.story import Scenario

FOLDERS = sorted(path.name for path in examples_folder().glob("[0-9][0-9]-*"))
BACKGROUND = "03-background-analysis"
SPEED = 15.0


class Silence:
    """A screen that remembers only the events."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def say(self, text: str) -> None: ...

    def line(self, line: Line) -> None: ...

    def event(self, at_s: float, event: dict) -> None:
        self.reasons.append(event["reason"])

    def end(self, outcome: Outcome) -> None: ...


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_example_tells_its_story(folder: str):
    text = (examples_folder() / folder / "README.md").read_text()

    assert "## The story to expect" in text


@pytest.mark.slow
async def test_a_background_analysis_accompanies_a_good_release_to_its_end():
    screen = Silence()
    scenario = Scenario("background", "good", "demo/web:good-2", weights=(5, 20, 50, 100))
    outcome = await perform(Settings(speed=SPEED, example=BACKGROUND, embedded_metrics=True), scenario, screen)

    assert outcome.faults == []
    assert "AnalysisRunRunning" in screen.reasons
    assert "AnalysisRunSuccessful" in screen.reasons


@pytest.mark.slow
async def test_a_background_analysis_sends_a_bad_release_back():
    scenario = Scenario("background-bad", "bad", "demo/web:bad-2", aborts=True, weights=(5, 20, 50, 100))
    outcome = await perform(Settings(speed=SPEED, example=BACKGROUND, embedded_metrics=True), scenario, Silence())

    assert outcome.faults == []


def test_the_patch_of_the_bad_release_changes_the_image_alone():
    rollout = next(one for one in load(examples_folder() / "01-canary-nginx") if one["kind"] == "Rollout")
    patch = yaml.safe_load((examples_folder() / "02-bad-release" / "patch.yaml").read_text())
    before = rollout["spec"]["template"]["spec"]["containers"][0]
    after = patch["spec"]["template"]["spec"]["containers"][0]

    assert {key for key in before | after if before.get(key) != after.get(key)} == {"image"}


def test_the_demo_changes_only_where_prometheus_is_and_how_long_things_take():
    manifests = load(examples_folder() / "01-canary-nginx")
    same = for_demo(manifests, "http://prometheus.monitoring.svc.cluster.local:9090", 1)

    assert same == manifests


def test_a_faster_demo_shortens_pauses_intervals_and_ranges_alike():
    manifests = for_demo(load(examples_folder() / "01-canary-nginx"), "http://127.0.0.1:1", 4)
    template, rollout = manifests[0], manifests[-1]
    metric = template["spec"]["metrics"][0]
    canary = rollout["spec"]["strategy"]["canary"]

    assert canary["steps"][1] == {"pause": {"duration": "7500ms"}}
    assert canary["scaleDownDelaySeconds"] == 8
    assert metric["interval"] == "2500ms"
    assert "[15s]" in metric["provider"]["prometheus"]["query"]
    assert metric["provider"]["prometheus"]["address"] == "http://127.0.0.1:1"


ORDER = ["AnalysisTemplate", "Service", "Service", "Ingress", "Rollout"]


def test_every_manifest_of_the_examples_is_one_that_the_demo_can_order():
    for folder in FOLDERS:
        kinds = [one["kind"] for one in load(Path(examples_folder() / folder))]

        assert kinds in ([], ORDER, ORDER[1:])
