"""An update as the letters that the room writes, one after the other; and the table of turns behind them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rollouts.core.errors import BrokenError
from rollouts.delivery.phase import TRANSITIONS, Event, Phase, check
from tests.builders import a_rollout
from tests.delivery.world import World, deployed
from tests.snapshots import matches

HERE = Path(__file__).parent / "letters"
STEPS = ({"setWeight": 40}, {"pause": {"duration": 10}})


def letters(world: World) -> str:
    """Every letter that wrote something; conditions are left to the tests that are about them."""
    told = []
    for plan in world.letters:
        if plan.writes:
            text = re.sub(r" status\.conditions=\[.*?\](?= status\.|$)", "", str(plan), flags=re.M)
            told.append(f"# {plan.rule}\n{text}\n")
    return "\n".join(told)


def test_a_first_deploy():
    matches(HERE / "first-deploy.txt", letters(deployed(a_rollout(2, steps=STEPS))))


def test_an_update():
    world = deployed(a_rollout(2, steps=STEPS))
    world.letters.clear()

    world.set_image("shop/web:2")
    world.settle(60.0)

    matches(HERE / "update.txt", letters(world))


def test_an_abort():
    world = deployed(a_rollout(2, steps=STEPS))
    world.set_image("shop/web:2")
    world.until("Paused")
    world.letters.clear()

    world.command(abort=True)
    world.settle(60.0)

    matches(HERE / "abort.txt", letters(world))


def test_every_event_has_its_row():
    assert set(TRANSITIONS) == set(Event)


def test_a_turn_outside_the_table_is_a_broken_law():
    with pytest.raises(BrokenError):
        check(Phase.ABORTED, Event.STEP, Phase.STEPPING)
