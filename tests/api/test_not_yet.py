"""A field whose behaviour is still to come is refused by name, never ignored."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.delivery.not_yet import NOT_YET
from rollouts.delivery.rules import check
from tests.api.cases import changed, with_step

CANARY = "spec.strategy.canary"


@pytest.mark.parametrize(
    ("manifest", "at"),
    [
        (with_step({"setWeight": 1}, {"experiment": {"templates": [{"name": "a", "specRef": "canary", "weight": 5}]}},
                   canary__trafficRouting={"smi": {}}), f"{CANARY}.steps[1].experiment.templates[0].weight"),
        (with_step({"plugin": {"name": "x"}}), f"{CANARY}.steps[0].plugin"),
    ],
)  # fmt: skip
def test_a_field_to_come_is_refused_by_its_path(manifest: dict[str, Any], at: str) -> None:
    assert [(each.reason, each.at) for each in check(manifest).refusals] == [("NotSupportedYet", at)]


def test_a_field_that_is_given_as_its_default_is_not_refused() -> None:
    assert check(changed(canary__steps=[], canary__pingPong=None)).refusals == ()


def test_every_row_says_what_to_do_instead() -> None:
    assert all(NOT_YET.values())
