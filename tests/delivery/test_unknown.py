"""Fields of a later version: they do nothing, and the user is told so."""

from __future__ import annotations

from typing import Any

from tests.builders import a_rollout
from tests.delivery.world import WEB, World, deployed

HOLD = ({"setWeight": 20}, {"pause": {}})
IGNORED = "not known to this version, and ignored: "


def told(world: World) -> str:
    """What the condition says, "" where there is none."""
    found = [each["message"] for each in world.status["conditions"] if each["type"] == "UnknownField"]
    return str(found[0]) if found else ""


def warnings(world: World) -> list[str]:
    return [note.message for note in world.notes if note.reason == "UnknownField"]


def test_a_field_of_a_later_version_is_ignored_and_told_once() -> None:
    world = World(a_rollout(2, steps=HOLD, canary={"surgeProtection": {"limit": 3}}, autoHeal=True))
    world.settle(60.0)
    world.set_image("shop/web:2")
    world.until("Paused")

    said = f"{IGNORED}spec.strategy.canary.surgeProtection, spec.autoHeal"
    assert (world.weight, told(world), warnings(world)) == (20, said, [said])


def test_the_warning_goes_with_the_field_and_comes_back_with_another() -> None:
    world = deployed(a_rollout(2, steps=HOLD, autoHeal=True))

    world.patch(WEB, {"spec": {"autoHeal": None}})
    world.settle(5.0)
    assert told(world) == ""
    world.patch(WEB, {"spec": {"autoScale": True}})
    world.settle(5.0)

    assert told(world) == f"{IGNORED}spec.autoScale"
    assert warnings(world) == [f"{IGNORED}spec.autoHeal", f"{IGNORED}spec.autoScale"]


def test_many_fields_are_counted() -> None:
    many: dict[str, Any] = {f"later{number:02}": "x" for number in range(30)}
    world = deployed(a_rollout(1, steps=HOLD, **many))

    assert told(world).endswith("spec.later09 and 20 more")
