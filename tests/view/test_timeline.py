"""What happened to a Rollout, as text, data and a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from rollouts.kit.instant import Instant
from rollouts.view.facts import World
from rollouts.view.picture import Axis, picture, svg
from rollouts.view.style import UNICODE, Style
from rollouts.view.timeline import as_data, lines, timeline
from tests.snapshots import matches
from tests.view.objects import NOW, aborted_canary, event, run

HERE = Path(__file__).parent
TOLD = [
    ("RolloutUpdated", "Rollout updated to revision 1", "12:00:00"),
    ("RolloutCompleted", "Rollout completed update to revision 1 (aa): Initial deploy", "12:00:10"),
    ("RolloutUpdated", "Rollout updated to revision 2", "12:04:00"),
    ("ScalingReplicaSet", "Scaled up ReplicaSet web-bb (revision 2) from 0 to 1", "12:04:01"),
    ("TrafficWeightUpdated", "Traffic weight updated from 0 to 20", "12:04:05"),
    ("RolloutStepCompleted", "Rollout step 1/3 completed (setWeight: 20)", "12:04:06"),
    ("RolloutPaused", "Rollout is paused (CanaryPauseStep)", "12:04:06"),
    ("RolloutResumed", "Rollout is resumed", "12:05:30"),
    ("TrafficWeightUpdated", "Traffic weight updated from 20 to 60", "12:05:31"),
    ("RolloutAborted", "Rollout aborted update to revision 2: <script>", "12:06:30"),
    ("TrafficWeightUpdated", "Traffic weight updated from 60 to 0", "12:06:31"),
]


def world(*, with_events: bool = True) -> World:
    """An update that was judged bad at 60 %."""
    told = [
        event(f"web.{number:04}", reason, message, f"2026-05-04T{at}Z")
        for number, (reason, message, at) in enumerate(TOLD)
    ]
    taken: list[Mapping[str, Any]] = [
        {"value": "[0.99]", "phase": "Successful", "finishedAt": "2026-05-04T12:05:00.250000Z"},
        {"value": "[0.93]", "phase": "Failed", "finishedAt": "2026-05-04T12:06:29Z"},
    ]
    judged = run("web-bb-2", "Failed")
    result = {**judged["status"]["metricResults"][0], "measurements": taken}
    runs = ({**judged, "status": {**judged["status"], "metricResults": [result]}},)
    return replace(aborted_canary(), events=tuple(told) if with_events else (), runs=runs)


def test_the_story_is_told_in_order() -> None:
    matches(HERE / "timeline.txt", "\n".join(lines(timeline(world(), NOW), Style(UNICODE))) + "\n")


def test_each_moment_is_data_too() -> None:
    moments = as_data(timeline(world(), NOW, revisions=1))

    assert [moment["weight"] for moment in moments if moment["what"] == "weight"] == [20, 60, 0]
    assert [moment["verdict"] for moment in moments if moment["what"] == "measured"] == ["Successful", "Failed"]
    assert {moment["revision"] for moment in moments} == {2}
    assert moments[-1]["what"] == "now"


def test_scaling_is_told_only_where_everything_is() -> None:
    some, everything = timeline(world(), NOW), timeline(world(), NOW, everything=True)

    assert len(everything) == len(some) + 1


def test_revisions_whose_events_are_gone_still_begin_somewhere() -> None:
    moments = timeline(world(with_events=False), NOW)

    assert [moment.revision for moment in moments if moment.what == "revision"] == [1, 2]


def test_the_picture_is_a_document_that_steers_nothing() -> None:
    text = svg(picture("shop/web <b>", timeline(world(), NOW)))
    matches(HERE / "timeline.svg", text)

    root = ElementTree.fromstring(text)
    assert {each.tag.rpartition("}")[2] for each in root.iter()} <= {"svg", "rect", "line", "circle", "text", "title"}


def test_a_long_silence_takes_little_room() -> None:
    start = NOW.seconds
    at = [Instant.of(start + seconds) for seconds in (0, 10, 20, 30, 86_400, 86_410)]
    axis = Axis.of(at)

    assert axis.x(at[3]) - axis.x(at[0]) > 0.3 * (axis.x(at[-1]) - axis.x(at[0]))


def test_a_png_is_drawn_of_the_same_shapes() -> None:
    image = pytest.importorskip("PIL.Image")
    from io import BytesIO

    from rollouts.cli.png import SCALE, png

    drawn = picture("shop/web", timeline(world(), NOW))
    made = image.open(BytesIO(png(drawn)))

    assert made.size == (drawn.width * SCALE, drawn.height * SCALE)
    assert len(made.getcolors(100_000) or ()) > 10
