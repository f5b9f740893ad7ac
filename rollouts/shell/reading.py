"""Who read what: the reader that a gather gets, and the index that tells whom a change concerns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from rollouts.core.plan import Answer
from rollouts.kit.instant import Instant
from rollouts.kube.object import controller_uid
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.shell.answers import Answers
from rollouts.shell.cache import Cache, Change
from rollouts.shell.keys import Key

T = TypeVar("T")

# What was read: one object, the objects of an owner, the objects with labels (filed under one of them).
Token: TypeAlias = Ref | tuple[Kind, str] | tuple[Kind, str, str, str]
Labels: TypeAlias = tuple[tuple[str, str], ...]


class RecordingReader:
    """The cache as one gather sees it; `reads` and `answers` tell afterwards what the decision rests on."""

    def __init__(self, cache: Cache, answers: Answers, key: Key, now: Instant) -> None:
        self._cache = cache
        self._answers = answers
        self._key = key
        self._now = now
        self.words: dict[str, Instant] = {}
        self.reads: dict[Token, tuple[Labels, ...]] = {}
        self.asked: set[str] = set()
        self.lacking: dict[Kind, None] = {}

    def get(self, ref: Ref) -> Manifest | None:
        """The object, or None where it does not exist."""
        self.reads[ref] = ()
        return self._cache.get(ref)

    def owned_by(self, kind: Kind, uid: str) -> tuple[Manifest, ...]:
        """Objects of a kind that the uid controls, ordered by name."""
        self.reads[kind, uid] = ()
        return self._cache.table(kind).owned_by(uid)

    def select(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> tuple[Manifest, ...]:
        """Objects of a kind in a namespace that carry all these labels, ordered by name."""
        wanted = tuple(sorted(labels.items()))
        first = wanted[0] if wanted else ("", "")
        token = (kind, namespace, *first)
        self.reads[token] = (*self.reads.get(token, ()), wanted)
        return self._cache.table(kind).select(namespace, labels)

    def answer(self, ask_id: str) -> Answer | None:
        """The answer to an Ask, or None while there is none."""
        self.asked.add(ask_id)
        return self._answers.get(ask_id)

    def refused(self, ref: Ref) -> str:
        """Why the API server last refused this key's write to that object, "" where it did not."""
        return self._key.refusals.get((ref, ""), "")

    def recalled(self) -> Any:
        """What this key's latest plan with writes left to be recalled; None: nothing."""
        return self._key.recalled

    def nudged_at(self) -> Instant | None:
        """When somebody last told this process that the key should look at the world."""
        return self._key.nudged_at

    def complaint(self, kind: Kind) -> str:
        """What the API server said when the kind was to be listed."""
        return self._cache.complaints.get(kind, "")

    def known_since(self, word: str) -> Instant | None:
        """When this key's gather first read that word in this process."""
        since = self.words[word] = self._key.words.get(word, self._now)
        return since

    def knows(self, kind: Kind) -> bool:
        """Whether the kind is watched; if not, that was the demand for it."""
        if self._cache.is_listed(kind):
            return True
        self.lacking[kind] = None
        return False

    def parsed(self, manifest: Manifest, parse: Callable[[Manifest], T]) -> T:
        """`parse(manifest)`, done once per (uid, generation) and parser."""
        value: T = self._cache.parsed(manifest, parse)
        return value


class Readers:
    """For each thing that was read, the keys whose latest gather read it."""

    def __init__(self) -> None:
        self._of_key: dict[Ref, dict[Token, tuple[Labels, ...]]] = {}
        self._keys: dict[Token, dict[Ref, tuple[Labels, ...]]] = {}

    def record(self, key: Ref, reads: dict[Token, tuple[Labels, ...]]) -> None:
        """Take over what a key's gather has just read."""
        before = self._of_key.get(key)
        if before == reads:
            return
        for token in before or ():
            if token not in reads:
                self._drop(token, key)
        for token, labels in reads.items():
            self._keys.setdefault(token, {})[key] = labels
        self._of_key[key] = reads

    def forget(self, key: Ref) -> None:
        """A key that is no more reads nothing."""
        for token in self._of_key.pop(key, ()):
            self._drop(token, key)

    def concerned(self, change: Change) -> dict[Ref, None]:
        """The keys that read what has changed, in the order in which they first read it."""
        found: dict[Ref, None] = dict.fromkeys(self._keys.get(change.ref, ()))
        kind, namespace = change.ref.kind, change.ref.namespace
        for manifest in (change.before, change.after):
            if manifest is None:
                continue
            if (uid := controller_uid(manifest)) and (keys := self._keys.get((kind, uid))):
                found.update(dict.fromkeys(keys))
            found.update(self._selecting(kind, namespace, manifest))
        return found

    def _selecting(self, kind: Kind, namespace: str, manifest: Manifest) -> dict[Ref, None]:
        labels: Mapping[str, Any] = manifest["metadata"].get("labels") or {}
        found: dict[Ref, None] = {}
        for label, value in (("", ""), *labels.items()):
            for key, selectors in self._keys.get((kind, namespace, label, value), {}).items():
                if any(all(labels.get(name) == wanted for name, wanted in selector) for selector in selectors):
                    found[key] = None
        return found

    def _drop(self, token: Token, key: Ref) -> None:
        keys = self._keys.get(token)
        if keys is not None:
            keys.pop(key, None)
            if not keys:
                del self._keys[token]
