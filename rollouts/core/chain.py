"""Named checks in the order in which the contract reports them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from rollouts.core.errors import Refusal

Seen = TypeVar("Seen")


@dataclass(frozen=True, slots=True)
class Rule(Generic[Seen]):
    """One check: yields a Refusal for each place where `seen` breaks it. `name` is the code that tests match."""

    name: str
    check: Callable[[Seen], Iterable[Refusal]]
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Chain(Generic[Seen]):
    """Rules in order. The first Refusal speaks in the condition; all of them appear in lint and in the event."""

    rules: tuple[Rule[Seen], ...]

    def all(self, seen: Seen) -> Iterator[Refusal]:
        """Every refusal, in the contract's order."""
        for rule in self.rules:
            yield from rule.check(seen)

    def first(self, seen: Seen) -> Refusal | None:
        """The first refusal, or None where the value is acceptable."""
        return next(self.all(seen), None)

    def __str__(self) -> str:
        return "\n".join(f"{rule.name}: {rule.sentence}" for rule in self.rules)
