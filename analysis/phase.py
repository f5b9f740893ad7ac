"""The phases of a measurement, a metric and a run."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Phase(StrEnum):
    """How far something is, and how it ended; the text is the API's."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    ERROR = "Error"
    INCONCLUSIVE = "Inconclusive"

    @property
    def is_completed(self) -> bool:
        """Whether it will not change any more."""
        return self not in (Phase.PENDING, Phase.RUNNING)

    @property
    def is_bad(self) -> bool:
        """Whether one metric in this phase ends the whole run."""
        return self in (Phase.FAILED, Phase.ERROR, Phase.INCONCLUSIVE)


_FROM_BEST = (Phase.SUCCESSFUL, Phase.RUNNING, Phase.PENDING, Phase.INCONCLUSIVE, Phase.ERROR, Phase.FAILED)


def parse(text: object) -> Phase | None:
    """The phase with that name, or None for any other value."""
    return Phase(text) if isinstance(text, str) and text in _NAMES else None


def worst(phases: Iterable[Phase]) -> Phase:
    """The worst of some phases; of none at all, Successful."""
    return max(phases, key=_FROM_BEST.index, default=Phase.SUCCESSFUL)


_NAMES = frozenset(phase.value for phase in Phase)
