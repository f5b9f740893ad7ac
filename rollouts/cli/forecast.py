"""What a room would write if the world did nothing but take its writes: turn after turn, on a copy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, assert_never

from rollouts.core.plan import Action, Answer, Apply, Create, Delete, Evict, Patch, Replace
from rollouts.core.reader import Reader
from rollouts.kit import jsonpatch, mergepatch
from rollouts.kit.instant import Instant
from rollouts.kube import object as obj
from rollouts.kube.ref import Kind, Manifest, Ref

T = TypeVar("T")
TURNS_MAX = 24


@dataclass(frozen=True, slots=True)
class Forecast:
    """The writes in their order, what each found (None: nothing), the last rule, and whether it came to rest."""

    writes: tuple[tuple[Action, Manifest | None], ...]
    rule: str
    is_at_rest: bool


def forecast(room: Any, ref: Ref, reader: Reader, now: Instant) -> Forecast:
    """Let a room decide until it wants nothing more; time stands still, pods neither come nor go."""
    copy = Copy(reader)
    writes: list[tuple[Action, Manifest | None]] = []
    rule = ""
    for _ in range(TURNS_MAX):
        seen = room.gather(ref, copy)
        if seen is None:
            break
        plan = room.reconcile(seen, now)
        rule = plan.rule
        if not plan.writes:
            return Forecast(tuple(writes), rule, is_at_rest=True)
        for action in plan.writes:
            writes.append((action, copy.get(action.ref)))
            copy.carry(action)
    return Forecast(tuple(writes), rule, is_at_rest=False)


class Copy:
    """A Reader over another one, on which writes take effect at once."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._changed: dict[Ref, Manifest | None] = {}

    def carry(self, action: Action) -> None:
        """Let a write have happened."""
        before = self.get(action.ref)
        match action:
            case Create() | Replace():
                meta = {"uid": f"forecast-{len(self._changed)}", "generation": 1, "resourceVersion": "1"}
                meta |= (before or {}).get("metadata") or {}
                self._changed[action.ref] = {**action.body, "metadata": {**meta, **action.body["metadata"]}}
            case Apply():
                self._changed[action.ref] = mergepatch.apply(before or {}, action.body)
            case Patch():
                self._changed[action.ref] = _patched(before or {}, action)
            case Delete() | Evict():
                self._changed[action.ref] = None
            case _:
                assert_never(action)

    def get(self, ref: Ref) -> Manifest | None:
        """The object as it would be."""
        return self._changed[ref] if ref in self._changed else self._reader.get(ref)

    def owned_by(self, kind: Kind, uid: str) -> tuple[Manifest, ...]:
        """Objects that this uid would control."""
        return self._over(kind, self._reader.owned_by(kind, uid), lambda each: obj.controller_uid(each) == uid)

    def select(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> tuple[Manifest, ...]:
        """Objects that would carry all these labels."""
        found = self._reader.select(kind, namespace, labels)
        return self._over(
            kind,
            found,
            lambda each: obj.namespace(each) == namespace and labels.items() <= obj.labels(each).items(),
        )

    def answer(self, ask_id: str) -> Answer | None:
        """No answer: nothing is asked."""
        return None

    def refused(self, ref: Ref) -> str:
        """Nothing is refused here that was not refused before."""
        return self._reader.refused(ref)

    def recalled(self) -> Any:
        """Nothing was done before."""
        return None

    def nudged_at(self) -> Instant | None:
        """Nobody said anything."""
        return None

    def known_since(self, word: str) -> Instant | None:
        """Nothing was read before."""
        return None

    def knows(self, kind: Kind) -> bool:
        """What the reader knows."""
        return self._reader.knows(kind)

    def complaint(self, kind: Kind) -> str:
        """What the reader says."""
        return self._reader.complaint(kind)

    def parsed(self, manifest: Manifest, parse: Callable[[Manifest], T]) -> T:
        """What `parse` makes of the manifest."""
        return parse(manifest)

    def _over(self, kind: Kind, found: Iterable[Manifest], belongs: Callable[[Manifest], bool]) -> tuple[Manifest, ...]:
        kept = {ref: each for each in found if (ref := obj.ref(kind, each)) not in self._changed}
        for ref, each in self._changed.items():
            if ref.kind == kind and each is not None and belongs(each):
                kept[ref] = each
        return tuple(kept[ref] for ref in sorted(kept, key=lambda one: one.name))


def _patched(before: Manifest, patch: Patch) -> Manifest:
    if isinstance(patch.body, tuple):
        after: dict[str, Any] = jsonpatch.apply(before, list(patch.body))
    else:
        after = mergepatch.apply(before, patch.body)
    if after.get("spec") != before.get("spec"):
        after = {**after, "metadata": {**after["metadata"], "generation": obj.generation(before) + 1}}
    return after
