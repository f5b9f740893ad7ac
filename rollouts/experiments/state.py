"""What an Experiment remembers: the decisions that must survive a crash, as they stand in its status."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from analysis.phase import Phase
from rollouts.kit.instant import Instant


class TemplatePhase(StrEnum):
    """How far a set of pods is; the text is the API's."""

    NEW = ""
    PROGRESSING = "Progressing"
    RUNNING = "Running"
    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    ERROR = "Error"


@dataclass(frozen=True, slots=True)
class Counts:
    """Pods of one set, as the status tells them."""

    pods: int = 0
    updated: int = 0
    ready: int = 0
    available: int = 0


@dataclass(frozen=True, slots=True)
class TemplateState:
    """One set of pods. since: when it last moved.  told: the counts of the status, by which progress is seen."""

    name: str
    phase: TemplatePhase = TemplatePhase.NEW
    message: str = ""
    since: Instant | None = None
    collisions: int | None = None
    told: Counts = Counts()

    def turned(self, phase: TemplatePhase, now: Instant, message: str = "") -> TemplateState:
        """The same in another phase, from now on."""
        return replace(self, phase=phase, since=now, message=message)


@dataclass(frozen=True, slots=True)
class RunState:
    """One analysis. run: the name of its AnalysisRun, "" while there is none.  phase, message: its verdict so far."""

    name: str
    run: str = ""
    phase: Phase | None = None
    message: str = ""

    @property
    def is_over(self) -> bool:
        """Whether it has come to a verdict."""
        return self.phase is not None and self.phase.is_completed


@dataclass(frozen=True, slots=True)
class State:
    """The remembered decisions of an Experiment. phase None: it was never begun, or is to begin again."""

    phase: Phase | None = None
    message: str = ""
    available_at: Instant | None = None
    templates: tuple[TemplateState, ...] = ()
    runs: tuple[RunState, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether the Experiment has come to its end."""
        return self.phase is not None and self.phase.is_completed
