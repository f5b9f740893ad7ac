"""Conditions of a status: times move only when something flips. And the generation that a status speaks of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rollouts.kit.instant import Instant

OBSERVED = "observedGeneration"


@dataclass(frozen=True, slots=True)
class Condition:
    """What a condition should say. status: True, False or Unknown."""

    type: str
    status: str
    reason: str
    message: str


def find(conditions: object, kind: str) -> Mapping[str, Any]:
    """The condition of that type, empty where there is none (or where the list was edited into something else)."""
    for each in listed(conditions):
        if each.get("type") == kind:
            return each
    return {}


def listed(conditions: object) -> Sequence[Mapping[str, Any]]:
    """Every condition that is one; what a list was edited into otherwise is left out."""
    if not isinstance(conditions, list | tuple):
        return ()
    for each in conditions:
        if type(each) is not dict:  # read on every turn: JSON's own type spares the slower question
            return [each for each in conditions if isinstance(each, Mapping)]
    return conditions


def merge(
    before: object, wanted: Iterable[Condition], now: Instant, *, generation: int | None = None
) -> list[dict[str, Any]]:
    """The wanted conditions in their order, each with the times of its predecessor where it says the same.

    generation: what each of them is about, where each of them is to say so.
    """
    about = {} if generation is None else {OBSERVED: generation}
    known = {kind: each for each in reversed(listed(before)) if isinstance(kind := each.get("type"), str)}
    return [{**_with_times(bare(known.get(each.type, {})), each, now), **about} for each in wanted]


def bare(condition: Mapping[str, Any]) -> dict[str, Any]:
    """A condition without the generation that it is about."""
    return {key: value for key, value in condition.items() if key != OBSERVED}


def observed_generation(status: object) -> int | None:
    """The generation that a status is about, at its top as text or number, or else in its conditions; None: untold."""
    if not isinstance(status, Mapping):
        return None
    told = status.get(OBSERVED)
    if told is None:
        told = next((each[OBSERVED] for each in listed(status.get("conditions")) if OBSERVED in each), None)
    try:
        return int(str(told))
    except ValueError:
        return None


def _with_times(before: Mapping[str, Any], wanted: Condition, now: Instant) -> dict[str, Any]:
    body = {"type": wanted.type, "status": wanted.status, "reason": wanted.reason, "message": wanted.message}
    if before.get("lastTransitionTime") and before.items() >= body.items():
        return dict(before)
    flipped = before.get("status") != wanted.status
    began = now.rfc3339_whole() if flipped else before.get("lastTransitionTime") or now.rfc3339_whole()
    return {**body, "lastUpdateTime": now.rfc3339(), "lastTransitionTime": began}
