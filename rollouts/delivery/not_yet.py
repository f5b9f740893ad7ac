"""Fields of the contract whose behaviour is still to come: one table, from which later work deletes rows.

A spec that uses one of them is refused by name. Nothing is ever ignored in silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rollouts.api.common import Model, aliases
from rollouts.api.rollout import RolloutSpec
from rollouts.core.errors import Refusal

NOT_YET: Mapping[str, str] = {
    "spec.strategy.canary.steps[].experiment.templates[].weight": "leave it out",
}
"""Field path (`[]` for every element) → what to do meanwhile."""


def not_yet(spec: RolloutSpec) -> Iterator[Refusal]:
    """A refusal for each field of the table that the spec uses."""
    for path, instead in NOT_YET.items():
        for at in _given(spec, path.split(".")[1:], "spec"):
            yield _refusal(at, instead)


def _refusal(at: str, instead: str) -> Refusal:
    field = at.rpartition(".")[2]
    return Refusal("NotSupportedYet", at, f"{field} is not supported by this version", fix=instead, kind="Forbidden")


def _given(model: Model, path: list[str], at: str) -> Iterator[str]:
    """Concrete paths at which a field is given a value other than its default. Bounded by the table's depth."""
    alias, is_list = path[0].removesuffix("[]"), path[0].endswith("[]")
    name = aliases(type(model))[alias]
    value, here = getattr(model, name), f"{at}.{alias}"
    if len(path) == 1:
        if value != type(model).model_fields[name].default:
            yield here
    elif is_list:
        for index, each in enumerate(value):
            yield from _given(each, path[1:], f"{here}[{index}]")
    elif value is not None:
        yield from _given(value, path[1:], here)
