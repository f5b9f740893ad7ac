"""Conditions of a status: times move only when something flips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rollouts.kit.instant import Instant


@dataclass(frozen=True, slots=True)
class Condition:
    """What a condition should say. status: True, False or Unknown."""

    type: str
    status: str
    reason: str
    message: str


def find(conditions: object, kind: str) -> Mapping[str, Any]:
    """The condition of that type, empty where there is none (or where the list was edited into something else)."""
    if isinstance(conditions, Sequence) and not isinstance(conditions, str):
        for each in conditions:
            if isinstance(each, Mapping) and each.get("type") == kind:
                return each
    return {}


def merge(before: object, wanted: Iterable[Condition], now: Instant) -> list[dict[str, Any]]:
    """The wanted conditions in their order, each with the times of its predecessor where it says the same."""
    return [_with_times(find(before, each.type), each, now) for each in wanted]


def _with_times(before: Mapping[str, Any], wanted: Condition, now: Instant) -> dict[str, Any]:
    body = {"type": wanted.type, "status": wanted.status, "reason": wanted.reason, "message": wanted.message}
    if before and all(before.get(key) == value for key, value in body.items()) and before.get("lastTransitionTime"):
        return dict(before)
    flipped = before.get("status") != wanted.status
    began = now.rfc3339_whole() if flipped else before.get("lastTransitionTime") or now.rfc3339_whole()
    return {**body, "lastUpdateTime": now.rfc3339(), "lastTransitionTime": began}
