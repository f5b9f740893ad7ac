"""Answers wait here under their ask's id until the room that asked has read them."""

from __future__ import annotations

from collections.abc import Container, Iterable

from rollouts.core.plan import Answer, Ask
from rollouts.kube.ref import Ref


class Answers:
    """Who asked what, and what came back. Bounded by `limit` askings; beyond it a new ask waits for a free place."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._asked: dict[str, Ref] = {}
        self._answer: dict[str, Answer] = {}
        self._of_key: dict[Ref, dict[str, None]] = {}

    def __len__(self) -> int:
        return len(self._asked)

    def new(self, key: Ref, asks: Iterable[Ask]) -> tuple[Ask, ...]:
        """Those of the asks that are to be put to the world now; an id under way or answered is not asked again."""
        fresh = []
        for ask in asks:
            if ask.id in self._asked or len(self._asked) >= self._limit:
                continue
            self._asked[ask.id] = key
            self._of_key.setdefault(key, {})[ask.id] = None
            fresh.append(ask)
        return tuple(fresh)

    def put(self, answer: Answer) -> Ref | None:
        """Keep an answer; the key that waits for it, or None where nobody does any more."""
        key = self._asked.get(answer.ask_id)
        if key is None or answer.ask_id in self._answer:
            return None
        self._answer[answer.ask_id] = answer
        return key

    def get(self, ask_id: str) -> Answer | None:
        """The answer, or None while there is none."""
        return self._answer.get(ask_id)

    def clear(self) -> None:
        """Forget everything: nobody asks any more."""
        self._asked.clear()
        self._answer.clear()
        self._of_key.clear()

    def keep_only(self, key: Ref, wanted: Container[str]) -> None:
        """Forget the askings of a key that it neither read nor asked in its latest turn."""
        mine = self._of_key.get(key)
        if not mine:
            return
        for ask_id in [ask_id for ask_id in mine if ask_id not in wanted]:
            del mine[ask_id], self._asked[ask_id]
            self._answer.pop(ask_id, None)
        if not mine:
            del self._of_key[key]
