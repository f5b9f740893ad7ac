"""Three kinds of error, by whose turn it is to act."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """The user's to fix: a value, not an exception. Becomes a condition, an event and a lint finding; not retried.

    reason: a CamelCase code that tests and tools match.  at: the field path (`spec.strategy.canary.steps[2].pause`).
    text: the message of the contract, verbatim where the contract has one.  fix: what to write instead, one line.
    got: the refused value as the field error shows it (JSON), "" where it shows none.
    told_at: the path that the contract's condition shows, where that is not the field's own.
    """

    reason: str
    at: str
    text: str
    fix: str = ""
    kind: str = "Invalid value"  # the field error's type as Kubernetes words it: Required value, Forbidden, …
    got: str = ""
    told_at: str = ""

    def __str__(self) -> str:
        return f"{self.at}: {self.text}" if self.at else self.text


class HiccupError(Exception):
    """The world's: a timeout, a conflict, a 5xx. The key is tried again with back-off."""


class BrokenError(AssertionError):
    """Ours: an assertion of the house does not hold. The key is quarantined, all others run on."""
