"""What happened, kind by kind: the event log behind watches, paged lists and stale snapshots."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rollouts.devplane import errors
from rollouts.kube.ref import Kind, Manifest

EventType: TypeAlias = Literal["ADDED", "MODIFIED", "DELETED"]
Test: TypeAlias = Callable[[Manifest], bool]


@dataclass(frozen=True, slots=True)
class Commit:
    """One committed write: the object before (None: created) and after, in a deletion the last state.

    manager: who wrote, as the caller told it.  subresource: through which door.
    """

    version: int
    kind: Kind
    type: EventType
    object: Manifest
    previous: Manifest | None
    manager: str = ""
    subresource: str = ""


class History:
    """The commits of one kind, oldest first, at most `size_max` of them."""

    def __init__(self, size_max: int) -> None:
        self._commits: deque[Commit] = deque(maxlen=size_max)
        self._oldest = 0  # versions up to this one have been forgotten

    def add(self, commit: Commit) -> None:
        """Remember a commit; the oldest is forgotten when the log is full."""
        if len(self._commits) == self._commits.maxlen:
            self._oldest = self._commits[0].version
        self._commits.append(commit)

    def compact(self, version: int) -> None:
        """Forget every commit up to a version."""
        while self._commits and self._commits[0].version <= version:
            self._commits.popleft()
        self._oldest = max(self._oldest, version)

    def since(self, version: int) -> list[Commit]:
        """Commits later than a version. Raises Expired where some of them have been forgotten."""
        if version < self._oldest:
            raise errors.expired(version, self._oldest)
        if not self._commits or self._commits[-1].version <= version:
            return []
        commits = list(self._commits)
        return commits[bisect_right(commits, version, key=lambda commit: commit.version) :]


def visible(commits: Iterable[Commit], test: Test | None) -> list[tuple[EventType, Manifest]]:
    """What a watcher with a selector is told: an object that begins to match is ADDED, one that ceases is DELETED."""
    told: list[tuple[EventType, Manifest]] = []
    for commit in commits:
        if test is None:
            told.append((commit.type, commit.object))
            continue
        before = commit.previous is not None and test(commit.previous)
        after = commit.type != "DELETED" and test(commit.object)
        if after:
            told.append(("MODIFIED" if before else "ADDED", commit.object))
        elif before:
            told.append(("DELETED", commit.object))
    return told
