"""The operation of an Application: asked for by somebody, taken up, tried, tried again, ended.

All of it stands in the object: `operation` is the wish, `status.operationState` how far it is. Running with a
`finishedAt` means: waiting for the next try.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rollouts.api.application import ApplicationSpec
from rollouts.gitops.hooks import Phase, generated_name
from rollouts.gitops.sync.task import ERROR, FAILED, RUNNING, SUCCEEDED, TERMINATING
from rollouts.gitops.wanted import Wanted
from rollouts.kit import mergepatch
from rollouts.kit.instant import Instant
from rollouts.kit.parts import at, items, part
from rollouts.kube.ref import Manifest

OVER = frozenset({SUCCEEDED, FAILED, ERROR})
HELD = "Sync operation blocked by sync window"


@dataclass(frozen=True, slots=True)
class Applied:
    """What a sync did last, as the process that did it recalls it: its results are not yet in the status."""

    sync_id: str
    rows: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Running:
    """A sync under way. state: `status.operationState`.  sync_options: its own, or the spec's where it names none.

    revisions: what it is pinned to, empty until they are known.  manifests: given by hand, in the place of a source's.
    """

    state: Mapping[str, Any]
    sync: Mapping[str, Any]
    started_at: str
    phase: str
    retry_count: int
    revisions: tuple[str, ...]
    sync_options: tuple[str, ...]
    manifests: tuple[Any, ...] | None = None

    @property
    def sync_id(self) -> str:
        """This very try."""
        return f"{self.started_at}#{self.retry_count}"

    @property
    def rows(self) -> Any:
        """What is recorded of its tasks."""
        return at(self.state, "syncResult", "resources")

    @property
    def is_automated(self) -> bool:
        """Whether the controller itself asked for it."""
        return is_automated(self.state.get("operation"))

    @property
    def is_held(self) -> bool:
        """Whether it waits to begin, and has said so: what is compared meanwhile is none of its business."""
        return self.phase == RUNNING and not self.revisions and str(self.state.get("message")).startswith(HELD)

    def with_rows(self, rows: tuple[Mapping[str, Any], ...]) -> Running:
        """This sync with the results of its tasks."""
        pinned = part(self.state, "syncResult")
        return replace(self, state={**self.state, "syncResult": {**pinned, "resources": list(rows)}})

    def wishes(self, sources: tuple[Mapping[str, Any], ...]) -> tuple[str, ...]:
        """The revision that is wished for each source."""
        found = [str(each) for each in items(self.sync, "revisions")]
        if not found and self.sync.get("revision"):
            found = [str(self.sync["revision"])]
        own = [str(each.get("targetRevision") or "") for each in sources]
        return tuple(found[index] if index < len(found) and found[index] else own[index] for index in range(len(own)))

    def hook_name(self, one: Wanted, phase: Phase) -> str:
        """The name of a hook that has none, in this try."""
        return generated_name(one.generate_name, self.revisions[0] if self.revisions else "", phase, self.sync_id)


def status_of(manifest: Manifest) -> Mapping[str, Any]:
    """The status, empty where it is none."""
    return part(manifest, "status")


def state_of(manifest: Manifest) -> Mapping[str, Any]:
    """The latest operation's state, empty where there is none."""
    return part(manifest, "status", "operationState")


def active(manifest: Manifest, spec: ApplicationSpec | None) -> Running | None:
    """The sync that is under way now; None where there is none, or one that waits for its next try."""
    state = state_of(manifest)
    phase = state.get("phase")
    if phase not in (RUNNING, TERMINATING) or (phase == RUNNING and state.get("finishedAt")):
        return None
    sync = sync_of(state.get("operation"))
    pinned = part(state, "syncResult")
    revisions = pinned.get("revisions") or ([pinned["revision"]] if pinned.get("revision") else [])
    words = sync.get("syncOptions")
    if not isinstance(words, list):
        words = list(spec.sync_policy.sync_options) if spec and spec.sync_policy else []
    return Running(
        state=state,
        sync=sync,
        started_at=str(state.get("startedAt") or ""),
        phase=str(phase),
        retry_count=whole(state.get("retryCount")),
        revisions=tuple(str(each) for each in revisions),
        sync_options=tuple(str(each) for each in words),
        manifests=_given(sync.get("manifests")),
    )


def requested(manifest: Manifest) -> Mapping[str, Any] | None:
    """The operation that somebody asks for and nobody has taken up."""
    wish = manifest.get("operation")
    if not isinstance(wish, Mapping) or state_of(manifest).get("phase") in (RUNNING, TERMINATING):
        return None
    return wish


def is_waiting(manifest: Manifest) -> bool:
    """Whether a sync that failed waits for its next try."""
    state = state_of(manifest)
    return state.get("phase") == RUNNING and bool(state.get("finishedAt"))


def sync_of(operation: Any) -> Mapping[str, Any]:
    """The sync that an operation is, empty where it says nothing of it."""
    return part(operation, "sync")


def is_automated(operation: Any) -> bool:
    """Whether an operation was begun by the controller itself."""
    return at(operation, "initiatedBy", "automated") is True


def spec_sources(manifest: Manifest) -> tuple[Mapping[str, Any], ...]:
    """The sources of the spec, as written."""
    spec = manifest.get("spec")
    found = (spec.get("sources") or [spec.get("source")]) if isinstance(spec, Mapping) else []
    return tuple(each for each in found if isinstance(each, Mapping))


def is_told(told: Any, sources: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a status speaks of these very sources. What is null in a source says something to Helm, but a status,
    which is written by patches, cannot repeat it."""
    return bool(mergepatch.without_nulls(list(told)) == mergepatch.without_nulls([dict(each) for each in sources]))


def pinned_sources(manifest: Manifest, running: Running | None) -> tuple[Mapping[str, Any], ...]:
    """The sources that count: of the sync under way where it names its own (a rollback), else of the spec."""
    if running is not None:
        named = running.sync.get("sources") or ([running.sync["source"]] if running.sync.get("source") else [])
        found = tuple(each for each in named if isinstance(each, Mapping))
        if found:
            return found
    return spec_sources(manifest)


def whole(value: Any) -> int:
    """A whole number of status, 0 where it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def started(running: Running, now: Instant) -> Instant:
    """When it began."""
    return Instant.parse(running.started_at) or now


def _given(manifests: Any) -> tuple[Any, ...] | None:
    """Manifests that somebody gave by hand, as JSON texts; a text that is none is kept, to be complained about."""
    if not isinstance(manifests, list) or not manifests:
        return None
    found = []
    for text in manifests:
        try:
            found.append(json.loads(text))
        except (TypeError, ValueError):
            found.append(None)
    return tuple(found)
