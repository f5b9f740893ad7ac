"""Running beside another controller of the same API: what this one would write, and the other has not written.

Both are told of a change at the same moment, so a difference counts only once it has lasted: the other one needs its
time too. Each is told once, and once more when it is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rollouts.core.plan import Note, Patch, Plan
from rollouts.kit.instant import Instant
from rollouts.kube.ref import Ref

DEEDS_TOLD_MAX = 6
DEED_CHARACTERS_MAX = 160


@dataclass(slots=True)
class _Difference:
    """What one key's plans have been wanting, since when, and whether it was told."""

    wants: tuple[str, ...]
    since: Instant
    is_deed: bool
    is_told: bool = False


class Shadow:
    """The differences of the moment, by root. patience_s: how long one must last before it is told."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._found: dict[Ref, _Difference] = {}

    @property
    def counts(self) -> Mapping[str, int]:
        """Roots that differ for longer than patience allows: in what is done, or only in what is reported."""
        told = [each.is_deed for each in self._found.values() if each.is_told]
        return {"deeds": sum(told), "reports": len(told) - sum(told)}

    def saw(self, ref: Ref, uid: str, plan: Plan, now: Instant) -> tuple[Note, ...]:
        """Take in what a key's room wants now; returns what is to be told of it."""
        before = self._found.get(ref)
        if not plan.writes:
            self._found.pop(ref, None)
            over = "what is stored is what this controller would write"
            return (Note("ShadowAgrees", over, ref, uid),) if before is not None and before.is_told else ()
        wants = tuple(_want(action) for action in plan.writes)
        if before is None or before.wants != wants:
            is_deed = plan.latch is not None or bool(plan.actions)
            before = self._found[ref] = _Difference(wants, now, is_deed, is_told=False)
        if before.is_told or now.since(before.since) < self._patience_s:
            return ()
        before.is_told = True
        return (_told(ref, uid, before, plan.rule),)

    def due(self, ref: Ref) -> Instant | None:
        """When the difference of a key will have lasted for long enough, None where there is none to wait for."""
        found = self._found.get(ref)
        return None if found is None or found.is_told else found.since.plus(self._patience_s)

    def forget(self, ref: Ref) -> None:
        """The root is no more."""
        self._found.pop(ref, None)


def _told(ref: Ref, uid: str, found: _Difference, rule: str) -> Note:
    shown = "; ".join(found.wants[:DEEDS_TOLD_MAX])
    more = f"; and {len(found.wants) - DEEDS_TOLD_MAX} more" if len(found.wants) > DEEDS_TOLD_MAX else ""
    fields = {"rule": rule, "what": "deeds" if found.is_deed else "reports"}
    severity = "Warning" if found.is_deed else "Normal"
    return Note("ShadowDiffers", f"would {shown}{more}", ref, uid, severity, fields)  # type: ignore[arg-type]  # both are severities


def _want(action: object) -> str:
    """A write without its times: those differ at every look. Of a status only the fields are named."""
    if (
        isinstance(action, Patch)
        and isinstance(action.body, Mapping)
        and isinstance(action.body.get("status"), Mapping)
    ):
        return f"write status of {action.ref}: {', '.join(sorted(action.body['status']))}"
    text = str(action)
    return text if len(text) <= DEED_CHARACTERS_MAX else f"{text[: DEED_CHARACTERS_MAX - 1]}…"
