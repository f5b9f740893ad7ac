"""Every Note that the room of Applications can say, with the contract's reasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rollouts.core.plan import Note
from rollouts.gitops.operation import is_automated
from rollouts.gitops.seen import AppSeen
from rollouts.gitops.sync.task import SUCCEEDED
from rollouts.kit.parts import at


def began(seen: AppSeen, operation: Mapping[str, Any], revision: str) -> Note:
    """A sync begins."""
    who = _who(operation)
    to = f" to {revision}" if revision else ""
    return Note(
        "OperationStarted",
        f"{who} initiated sync{to}",
        seen.ref,
        seen.uid,
        fields={"user": who, "revision": revision},
    )


def ended(seen: AppSeen, operation: Mapping[str, Any], phase: str, message: str, revision: str) -> Note:
    """A sync is over."""
    to = f" to {revision}" if revision else ""
    said = f"Sync operation{to} {'succeeded' if phase == SUCCEEDED else f'failed: {message}'}"
    fields = {"user": _who(operation), "revision": revision, "phase": phase}
    return Note(
        "OperationCompleted", said, seen.ref, seen.uid, "Normal" if phase == SUCCEEDED else "Warning", fields=fields
    )


def changed(seen: AppSeen, after: Mapping[str, Any]) -> Iterator[Note]:
    """Sync status or health changed."""
    for part, name in (("sync", "sync"), ("health", "health")):
        before = _word(seen.status, part)
        now = _word(after, part)
        if now and now != before:
            said = f"Updated {name} status: {before or 'none'} -> {now}"
            yield Note("ResourceUpdated", said, seen.ref, seen.uid, fields={"before": before, "after": now})


def pruned(seen: AppSeen, name: str) -> Note:
    """An object of an Application that is being deleted goes."""
    return Note("ResourceDeleted", f"Deleted {name}", seen.ref, seen.uid, fields={"object": name})


def _who(operation: Mapping[str, Any]) -> str:
    if is_automated(operation):
        return "automated sync"
    return str(at(operation, "initiatedBy", "username") or "unknown user")


def _word(status: Mapping[str, Any], name: str) -> str:
    return str(at(status, name, "status") or "")
