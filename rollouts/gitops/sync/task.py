"""One object in one phase of a sync, and what has become of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rollouts.gitops.hooks import Phase
from rollouts.gitops.keys import Key, key_from, key_row
from rollouts.gitops.links import images_of
from rollouts.gitops.tracking import SYNC_ID
from rollouts.gitops.wanted import Wanted
from rollouts.kit.parts import objects
from rollouts.kube import object as kube
from rollouts.kube.ref import Kind, Manifest, Ref

RUNNING, SUCCEEDED, FAILED, ERROR, TERMINATING = "Running", "Succeeded", "Failed", "Error", "Terminating"
SYNCED, SYNC_FAILED, PRUNED, PRUNE_SKIPPED = "Synced", "SyncFailed", "Pruned", "PruneSkipped"
MESSAGE_MAX = 1024
IMAGES_MAX = 50


@dataclass(frozen=True, slots=True)
class Result:
    """A row of `syncResult.resources`. phase: `hookPhase`, which tells of every object how far it is."""

    status: str
    phase: str
    message: str = ""

    @property
    def is_running(self) -> bool:
        """Whether it was written and is not yet known to be well."""
        return self.phase in (RUNNING, TERMINATING)

    @property
    def is_failed(self) -> bool:
        """Whether it came to a bad end."""
        return self.status == SYNC_FAILED or self.phase in (FAILED, ERROR)


@dataclass(frozen=True, slots=True)
class Task:
    """Apply or prune one object. wanted: None for a prune.  hook: the phase that it is a hook of.

    is_last: a prune that waits for everything else.  is_beside: a task that makes no step of its own (a namespace).
    """

    key: Key
    version: str
    kind: Kind | None
    phase: Phase
    wave: int
    wanted: Wanted | None
    live: Manifest | None
    hook: Phase | None = None
    result: Result | None = None
    is_last: bool = False
    is_beside: bool = False
    differs: bool = True

    @property
    def is_prune(self) -> bool:
        """Whether the object is to go."""
        return self.wanted is None

    @property
    def manifest(self) -> Manifest:
        """What is to be written."""
        assert self.wanted is not None
        return self.wanted.manifest

    @property
    def ref(self) -> Ref | None:
        """The object in the cluster, None where its kind is not served."""
        return Ref(self.kind, self.key.namespace, self.key.name) if self.kind else None

    @property
    def slot(self) -> tuple[Key, str]:
        """What tells this task from the others of the sync."""
        return self.key, self.phase.value

    def mark(self, sync_id: str) -> str:
        """What is written on the object: the sync that made it, and the phase where it is made in several."""
        has_several = self.hook is not None and self.wanted is not None and len(self.wanted.phases) > 1
        return f"{sync_id}/{self.phase.value}" if has_several else sync_id

    def is_made_by(self, sync_id: str) -> bool:
        """Whether the live object was made by this very sync, in this phase."""
        return self.live is not None and kube.annotations(self.live).get(SYNC_ID) == self.mark(sync_id)

    def row(self) -> dict[str, Any]:
        """The task's row in `syncResult.resources`."""
        assert self.result is not None
        row = key_row(self.key, self.version)
        row |= {"status": self.result.status, "hookPhase": self.result.phase, "syncPhase": self.phase.value}
        if self.hook:
            row["hookType"] = self.hook.value
        if self.result.message:
            row["message"] = self.result.message[:MESSAGE_MAX]
        if self.wanted is not None and (images := sorted(set(images_of(self.manifest)))[:IMAGES_MAX]):
            row["images"] = images
        return row


def results(rows: Any) -> dict[tuple[Key, str], Result]:
    """What the rows of `syncResult.resources` say; a row that is no row says nothing."""
    found: dict[tuple[Key, str], Result] = {}
    for row in objects(rows):
        key = key_from(row)
        if key is None:
            continue
        words = (str(row.get(name) or "") for name in ("status", "hookPhase", "message"))
        found[key, str(row.get("syncPhase") or "Sync")] = Result(*words)
    return found
