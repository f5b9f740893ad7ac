"""What a room may look at: the cache, read only. The shell's reader records what was read, so that it knows whom a
later change concerns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from rollouts.core.plan import Answer
from rollouts.kit.instant import Instant
from rollouts.kube.ref import Kind, Manifest, Ref

T = TypeVar("T")


class Reader(Protocol):
    """The cache as `gather` sees it. All methods are O(answer), never O(cluster)."""

    def get(self, ref: Ref) -> Manifest | None:
        """The object, or None where it does not exist."""
        ...

    def owned_by(self, kind: Kind, uid: str) -> tuple[Manifest, ...]:
        """Objects of a kind whose ownerReference with `controller: true` names that uid, ordered by name."""
        ...

    def select(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> tuple[Manifest, ...]:
        """Objects of a kind in a namespace that carry all these labels, ordered by name."""
        ...

    def answer(self, ask_id: str) -> Answer | None:
        """The answer to an Ask, or None while there is none."""
        ...

    def refused(self, ref: Ref) -> str:
        """Why the API server last refused this key's write to that object, "" where it did not or has since done it."""
        ...

    def recalled(self) -> Any:
        """What this key's latest plan with writes left to be recalled, all of which went through; None: nothing."""
        ...

    def nudged_at(self) -> Instant | None:
        """When somebody last told this process that the key should look at the world; a restart forgets it."""
        ...

    def known_since(self, word: str) -> Instant | None:
        """When this process first read `word` for this key, so no earlier than a watch could tell it; None: unknown.

        A word names a fact in the objects (the start of a pause, say); one that a turn does not read is forgotten.
        """
        ...

    def knows(self, kind: Kind) -> bool:
        """Whether objects of a kind are watched that are watched on demand only.

        Asking is the demand: where the answer is no, the watch begins and the key comes round once the kind is listed.
        """
        ...

    def complaint(self, kind: Kind) -> str:
        """Why a kind that was asked for is not known yet, "" where the API server has not said."""
        ...

    def parsed(self, manifest: Manifest, parse: Callable[[Manifest], T]) -> T:
        """`parse(manifest)`, done once per (uid, generation) and parser: parse must read nothing but
        metadata.{name,namespace,uid,generation} and spec."""
        ...
