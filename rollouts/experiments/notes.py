"""Every Note that this room can say, with the contract's reasons."""

from __future__ import annotations

from collections.abc import Iterator

from rollouts.core.plan import Note, Severity
from rollouts.experiments.seen import ExperimentSeen, TemplateSeen
from rollouts.experiments.state import State

_BAD = frozenset({"Failed", "Error", "Inconclusive"})


def turning_points(seen: ExperimentSeen, after: State) -> Iterator[Note]:
    """A note for whatever has another phase after a decision: sets, analyses, and the experiment itself."""
    for before, now in zip(seen.state.templates, after.templates, strict=True):
        if before.phase != now.phase:
            yield _turned(
                seen, "Template", f"Template '{now.name}'", (before.phase.value, now.phase.value, now.message)
            )
    told = {each.name: each.phase for each in seen.state.runs}
    for run in after.runs:
        was = told.get(run.name)
        if run.phase is not None and run.phase != was:
            phases = (was.value if was else "", run.phase.value, run.message)
            yield _turned(seen, "AnalysisRun", f"AnalysisRun '{run.name}'", phases)
    if after.phase is not None and after.phase != seen.state.phase:
        former = seen.state.phase.value if seen.state.phase else ""
        yield _turned(seen, "Experiment", "Experiment", (former, after.phase.value, after.message))


def created(seen: ExperimentSeen, name: str) -> Note:
    """A ReplicaSet comes into being."""
    return _note(seen, "NewReplicaSetCreated", f"Created ReplicaSet {name}")


def scaled(seen: ExperimentSeen, name: str, before: int, after: int) -> Note:
    """A ReplicaSet changes its size."""
    way = "up" if after > before else "down"
    return _note(seen, "ScalingReplicaSet", f"Scaled {way} ReplicaSet {name} from {before} to {after}")


def scaled_from_none(seen: ExperimentSeen, each: TemplateSeen) -> tuple[Note, ...]:
    """A ReplicaSet that comes with pods."""
    return (scaled(seen, each.place.ref.name, 0, each.replicas),) if each.replicas else ()


def run_ended(seen: ExperimentSeen, name: str) -> Note:
    """An AnalysisRun is no longer needed."""
    return _note(seen, "AnalysisRunTerminating", f"Terminating AnalysisRun '{name}'")


def _turned(seen: ExperimentSeen, what: str, called: str, phases: tuple[str, str, str]) -> Note:
    before, after, message = phases
    said = f"{called} transitioned from {before} -> {after}" if before else f"{called} is {after}"
    severity: Severity = "Warning" if after in _BAD else "Normal"
    return _note(seen, f"{what}{after}", said + (f": {message}" if message else ""), severity)


def _note(seen: ExperimentSeen, reason: str, message: str, severity: Severity = "Normal") -> Note:
    return Note(reason, message, seen.ref, seen.uid, severity)
