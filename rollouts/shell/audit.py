"""The audit trail: who changed what, why, from which commit; appended to, never rewritten, line sealed by line.

Each record holds the hash of the one before it, so that a line that was changed or taken out shows. The same records
go to the log, for whoever collects logs.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rollouts.kit.canonical import sorted_json
from rollouts.kit.parts import part
from rollouts.kube import object as obj
from rollouts.kube.kinds import APPLICATION
from rollouts.kube.ref import Manifest
from rollouts.shell import logs
from rollouts.shell.cache import Change

FIRST = "0" * 64
ENDED = frozenset({"Succeeded", "Failed", "Error"})
TAIL_BYTES_MAX = 1 << 20
KNOWN_MAX = 50_000


class Audit:
    """Listens to the cache's changes. path: the file, None for the log alone."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._last = FIRST
        self._known: dict[str, None] = {}  # ids in their order
        if path is not None and path.exists():
            for record in _tail(path):
                self._last = str(record.get("hash") or FIRST)
                self._known[str(record.get("id"))] = None

    def see(self, change: Change) -> None:
        """Record the beginning or the end of an operation."""
        if change.ref.kind != APPLICATION or change.after is None:
            return
        before, after = _operation(change.before), _operation(change.after)
        if not after or (change.before is None and self._path is None) or after == before:
            return
        record = _record(change.after, after)
        if record["id"] not in self._known and (before.get("phase"), before.get("startedAt")) != (
            after.get("phase"),
            after.get("startedAt"),
        ):
            self._append(record)

    def _append(self, record: dict[str, Any]) -> None:
        self._known[record["id"]] = None
        if len(self._known) > KNOWN_MAX:
            del self._known[next(iter(self._known))]
        record = {**record, "before": self._last}
        record["hash"] = sealed(record)
        logs.info("audit", **{name: value for name, value in record.items() if name not in ("hash", "before")})
        try:
            if self._path is not None:
                _write(self._path, (sorted_json(record) + "\n").encode())
        except OSError as error:  # the log has it; a full disk must not stop an abort
            logs.error("audit record not in the file", error, file=str(self._path), id=record["id"])
            return
        self._last = record["hash"]


def _write(path: Path, line: bytes) -> None:
    """Append a line, whole or not at all. Raises OSError."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(file).st_size
        if os.write(file, line) < len(line):
            os.ftruncate(file, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file)
    finally:
        os.close(file)


def sealed(record: Mapping[str, Any]) -> str:
    """The hash over a record, the hash of the one before it included."""
    words = {name: value for name, value in record.items() if name != "hash"}
    return hashlib.sha256(sorted_json(words).encode()).hexdigest()


def broken_line(path: Path) -> int | None:
    """The number of the first line that was tampered with, None where the trail is whole."""
    before = FIRST
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            record = _parsed(line)
            if record is None or record.get("before") != before or sealed(record) != record.get("hash"):
                return number
            before = str(record["hash"])
    return None


def _record(application: Manifest, state: Mapping[str, Any]) -> dict[str, Any]:
    operation = state.get("operation") or {}
    sync, by = operation.get("sync") or {}, operation.get("initiatedBy") or {}
    result = state.get("syncResult") or {}
    phase, started = str(state.get("phase") or ""), str(state.get("startedAt") or "")
    revisions = result.get("revisions") or [result.get("revision") or sync.get("revision") or ""]
    what = "dry run" if sync.get("dryRun") else "rollback" if sync.get("source") else "sync"
    told = "ended" if phase in ENDED else "began"
    return {
        "id": f"{obj.uid(application)}/{started}/{phase if phase in ENDED else 'began'}",
        "time": str(state.get("finishedAt") or started),
        "application": f"{obj.namespace(application)}/{obj.name(application)}",
        "who": str(by.get("username") or ("automated" if by.get("automated") else "unknown")),
        "what": what if told == "began" else f"{what} {phase.lower()}",
        "why": "; ".join(f"{each.get('name')}: {each.get('value')}" for each in operation.get("info") or ())
        or ("the cluster differed from git" if by.get("automated") else "asked for"),
        "revisions": [str(each) for each in revisions if each],
        "selected": len(sync.get("resources") or ()),
        "prune": bool(sync.get("prune")),
        "said": str(state.get("message") or "")[:500] if told == "ended" else "",
    }


def _operation(application: Manifest | None) -> Mapping[str, Any]:
    return part(application, "status", "operationState")


def _tail(path: Path) -> list[Mapping[str, Any]]:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES_MAX))
        lines = file.read().splitlines()
    return [record for record in map(_parsed, lines) if record is not None]


def _parsed(line: bytes) -> Mapping[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, Mapping) else None
