"""What a status says for readers beyond the contract: kstatus, `kubectl wait`, and faces with buttons.

All of it follows from what the status says anyway, so that it never costs a write of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollouts.delivery.latch import Latch
from rollouts.delivery.phase import Phase, phase_of
from rollouts.delivery.seen import DeliverySeen, StatusCompat
from rollouts.kit import mergepatch
from rollouts.kube import conditions
from rollouts.kube.conditions import OBSERVED, Condition

ACTIONS_FIELD = "allowedActions"
INVALID = "InvalidSpec"
_STANDARD = ("Ready", "Reconciling", "Stalled")
_UNDER_WAY = ("Progressing", "Paused")


def standard(compat: StatusCompat, phase: str, reason: str, message: str) -> tuple[Condition, ...]:
    """Ready, Reconciling and Stalled. A paused update is still under way; one that has failed waits for somebody.

    For clients of the contract InvalidSpec stands alone.
    """
    if compat == "shadow" or (compat == "argo" and reason == INVALID):
        return ()
    words = message or "Rollout is healthy"
    return (
        Condition("Ready", _flag(phase == "Healthy"), reason, words),
        Condition("Reconciling", "True", reason, words)
        if phase in _UNDER_WAY
        else Condition("Reconciling", "False", "NotReconciling", ""),
        Condition("Stalled", "True", reason, words)
        if phase == "Degraded"
        else Condition("Stalled", "False", "NotStalled", ""),
    )


def at_the_top(compat: StatusCompat, generation: int) -> str | int | None:
    """status.observedGeneration: text for the contract's clients, or a number, or left to the conditions."""
    if compat == "kstatus":
        return None
    return generation if compat == "int" else str(generation)


def in_each_condition(compat: StatusCompat, generation: int) -> int | None:
    """conditions[].observedGeneration, where the top says nothing."""
    return generation if compat == "kstatus" else None


def form(compat: StatusCompat | None, status: Mapping[str, Any]) -> StatusCompat:
    """For whom to write a status: as that is wished, or else for those for whom it was written last."""
    if compat == "shadow" and (not status or _is_ours(status)):
        compat = None
    if compat is not None:
        return compat
    told = status.get(OBSERVED)
    if told is None and conditions.observed_generation(status) is not None:
        return "kstatus"
    return "int" if isinstance(told, int) and not isinstance(told, bool) else "argo"


def difference(before: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch between two statuses; empty where nothing in it is worth a write.

    The allowed actions travel with what they follow from. So does the generation in the conditions on a cluster whose
    CRD drops it there: it would never be seen to arrive.
    """
    body = mergepatch.derive(before, wanted)
    quiet = {ACTIONS_FIELD}
    if "conditions" in body and _is_dropped(before) and _bare(before) == _bare(wanted):
        quiet.add("conditions")
    return {} if body.keys() <= quiet else body


def is_observed_alike(before: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether both statuses speak of the same generation, as far as the first one can tell."""
    told = conditions.observed_generation(before)
    return told is None or told == conditions.observed_generation(wanted)


def allowed_actions(seen: DeliverySeen, latch: Latch) -> list[str] | None:
    """The words of the command line that would do something now, in the order of a face's buttons; None in a shadow."""
    if seen.compat == "shadow":
        return None
    phase = phase_of(latch, seen.step_count)
    is_under_way = phase in (Phase.STEPPING, Phase.PAUSED, Phase.PROMOTING)
    is_held = phase is Phase.PAUSED or (phase is Phase.STEPPING and seen.blue_green is None)
    is_paused = seen.spec.paused
    table = {
        "promote": is_held,
        "promote-full": is_under_way and phase is not Phase.PROMOTING,
        "abort": is_under_way,
        "retry": phase is Phase.ABORTED,
        "pause": not is_paused,
        "resume": is_paused or phase is Phase.PAUSED,
        "restart": phase is not Phase.NEW,
        "undo": any(each is not seen.current and each.revision for each in seen.sets),
    }
    return [word for word, is_allowed in table.items() if is_allowed]


def _is_dropped(status: Mapping[str, Any]) -> bool:
    """Whether we wrote this status without its generation being kept anywhere."""
    return _is_ours(status) and conditions.observed_generation(status) is None


def _is_ours(status: Mapping[str, Any]) -> bool:
    return all(conditions.find(status.get("conditions"), kind) for kind in _STANDARD)


def _bare(status: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [conditions.bare(each) for each in conditions.listed(status.get("conditions"))]


def _flag(value: bool) -> str:
    return "True" if value else "False"
