"""What a person reads about one Rollout, as pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rollouts.view import table
from rollouts.view.facts import World
from rollouts.view.page import page
from rollouts.view.style import ASCII, UNICODE, Style, fitted, width
from tests.snapshots import matches
from tests.view import objects

HERE = Path(__file__).parent
PLAIN = Style(UNICODE, colour=False)


@pytest.mark.parametrize(
    ("name", "world", "style", "wide"),
    [
        ("paused-canary", objects.paused_canary(), PLAIN, False),
        ("paused-canary-wide", objects.paused_canary(), PLAIN, True),
        ("paused-canary-ascii", objects.paused_canary(), Style(ASCII), False),
        ("aborted-canary", objects.aborted_canary(), PLAIN, True),
        ("waiting-preview", objects.waiting_preview(), PLAIN, False),
        ("fresh", objects.fresh(), PLAIN, False),
    ],
)
def test_the_page_is_as_drawn(name: str, world: World, style: Style, wide: bool) -> None:
    lines = page(world, objects.NOW, style, wide=wide)

    matches(HERE / f"{name}.txt", "\n".join(lines) + "\n")


def test_the_ascii_page_holds_nothing_that_a_plain_terminal_cannot_show() -> None:
    lines = page(objects.aborted_canary(), objects.NOW, Style(ASCII), wide=True)

    assert "\n".join(lines).isascii()


def test_a_picture_that_is_too_large_for_the_terminal_is_cut_and_says_so() -> None:
    lines = page(objects.aborted_canary(), objects.NOW, Style(colour=True))

    shown = fitted(lines, 30, 10)

    assert len(shown) == 10
    assert shown[-1] == f"… {len(lines) - 9} more lines"
    assert max(width(line) for line in shown) == 30
    assert all(line.count("\x1b[") % 2 == 0 for line in shown)
    assert fitted(lines, 200, len(lines)) == lines


def test_a_wide_letter_takes_two_cells_and_a_combining_one_none() -> None:
    wide, combined = "灰度发布失败", "e\u0301te\u0301"

    assert (width(wide), width(combined)) == (12, 3)
    assert fitted([wide, f"\x1b[31m{wide}\x1b[0m"], 5, 2) == ["灰度", "\x1b[31m灰度\x1b[0m"]
    assert len({width(line) for line in table.lines(("A", "B"), [(wide, "x"), ("e", "y"), (combined, "z")])[1:]}) == 1


def test_colours_change_no_column() -> None:
    world = objects.aborted_canary()

    coloured = page(world, objects.NOW, Style(colour=True))

    assert any("\x1b[" in line for line in coloured)
    assert [width(line) for line in coloured] == [width(line) for line in page(world, objects.NOW, PLAIN)]


def test_a_name_from_the_cluster_never_steers_the_terminal() -> None:
    world = objects.paused_canary()
    hostile = objects.rollout({"message": "\x1b]0;owned\x07 line\nbreak \u202e"})

    text = "\n".join(page(replace(world, rollout=hostile), objects.NOW, PLAIN))

    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert " line break" in text


def test_an_image_of_an_experiment_names_its_template() -> None:
    world = objects.paused_canary()
    trial = objects.owned("Experiment", "trial", "u-web")
    marks = {"experiment.argoproj.io/template-name": "baseline"}
    pods = {**objects.owned("ReplicaSet", "trial-baseline", "u-trial", annotations=marks), "status": {"replicas": 1}}
    pods["spec"] = {"replicas": 1, "template": objects.template("web:1")}
    tried = replace(world, experiments=(trial,), replica_sets=(*world.replica_sets, pods))

    assert "Images:          web:1 (stable, Σ:baseline)" in page(tried, objects.NOW, PLAIN)


@pytest.mark.parametrize(
    ("story", "status", "shown"),
    [
        ("all steps are done", {"currentStepIndex": 3, "canary": {"weights": {"canary": {"weight": 0}}}}, "100"),
        ("nothing is available", {"availableReplicas": 0}, "0"),
    ],
)
def test_the_actual_weight_is_that_of_the_contract_where_no_weight_is_moved(
    story: str, status: dict[str, object], shown: str
) -> None:
    world = replace(objects.paused_canary(), rollout=objects.rollout(status))

    assert f"  ActualWeight:  {shown}" in page(world, objects.NOW, PLAIN)


def test_without_a_router_the_actual_weight_is_the_share_of_available_pods() -> None:
    canary = {"canary": {"steps": [{"setWeight": 20}, {"pause": {}}]}}
    world = replace(objects.paused_canary(), rollout=objects.rollout(strategy=canary))

    assert "  ActualWeight:  16" in page(world, objects.NOW, PLAIN)
