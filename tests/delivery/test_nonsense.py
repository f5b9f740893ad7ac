"""Nonsense in every field of a status: nothing breaks, nothing is promoted, an update stays where it is."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from tests.builders import a_rollout
from tests.delivery.world import WEB, World, deployed
from tests.experiments.world import TRIAL, Lab, an_experiment

HOLD: tuple[dict[str, Any], ...] = ({"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}})
NONSENSE: tuple[Any, ...] = ("x", "", -1, 2**40, 1.5, True, [], ["x"], [None], {}, {"a": 1}, "2126-01-01T00:00:00Z")
A_PROMOTION: dict[tuple[Any, ...], Any] = {("pauseConditions",): []}  # what a person writes to say so


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value in a value."""
    if at:
        yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from places(each, (*at, key))


def with_nonsense(world: World, ref: Any, at: tuple[Any, ...], nonsense: Any) -> World:
    """Another world, in which somebody wrote that into a status."""
    other = copy.deepcopy(world)
    changed = copy.deepcopy(dict(other.objects[ref]))
    place: Any = changed["status"]
    for key in at[:-1]:
        place = place[key]
    place[at[-1]] = nonsense
    other.replace(ref, changed)
    return other


@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
def test_nonsense_anywhere_in_the_status_of_an_update_changes_nothing(nonsense: Any) -> None:
    world = deployed(a_rollout(4, steps=HOLD))
    world.set_image("shop/web:2")
    world.until("Paused")
    del world.letters[:]
    stable = world.hash_of("1")

    for at in places(world.status):
        if A_PROMOTION.get(at) == nonsense:
            continue
        other = with_nonsense(world, WEB, at, nonsense)
        other.settle(50.0)
        found = (other.status["stableRS"], other.weight, other.status["phase"], other.sizes())

        assert found == (stable, 20, "Paused", {"1": 4, "2": 1}), at


@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
def test_nonsense_anywhere_in_the_status_of_an_experiment_does_not_end_it(nonsense: Any) -> None:
    lab = Lab(an_experiment(duration="1h", analyses=[{"name": "a", "templateName": "success-rate"}]))
    lab.settle(20.0)
    del lab.letters[:]

    for at in places(lab.status):
        other = with_nonsense(lab, TRIAL, at, nonsense)
        other.settle(20.0)

        assert other.status["phase"] == "Running", at
