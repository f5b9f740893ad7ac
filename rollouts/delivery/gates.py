"""Verdicts of analyses, and deadlines: go on, hold, or give up."""

from __future__ import annotations

from dataclasses import replace

from analysis.errors import AnalysisError
from rollouts.delivery import experiments, failfast, marks, notes, plugins, progress, runs
from rollouts.delivery.commands import abort
from rollouts.delivery.latch import PAUSE_EXPERIMENT, PAUSE_INCONCLUSIVE, Pause
from rollouts.delivery.phase import Event
from rollouts.delivery.seen import DeliverySeen
from rollouts.delivery.turning import Turning
from rollouts.kit.instant import Instant

_CALLED = {
    marks.RUN_STEP: "Step-based",
    marks.RUN_BACKGROUND: "Background",
    marks.RUN_PRE: "Blue/green pre-promotion",
    marks.RUN_POST: "Blue/green post-promotion",
}
"""Type of a run → its name in the contract's messages."""


def judged(seen: DeliverySeen, now: Instant) -> Turning | None:
    """What the runs of this update demand. A run that is missing or was cancelled never counts as passed."""
    latch = seen.latch
    if not latch.is_updating or latch.aborted:
        return None
    background, inline = runs.background_run(seen, latch), runs.step_run(seen, latch)
    for run in (background, inline):
        if run is not None and run.phase in ("Failed", "Error"):
            return abort(seen, f"{_CALLED[run.type]} analysis phase error/failed: {run.message}".rstrip(": "), now)
    trial = experiments.current(seen, latch)
    if trial is not None and trial.phase in ("Failed", "Error"):
        return abort(seen, f"experiment {trial.name} is {trial.phase}: {trial.message}".rstrip(": "), now)
    if failed := plugins.failure(seen, latch):
        return abort(seen, failed, now)
    if broken := _unbuildable(seen):
        return abort(seen, broken, now)
    if any(pause.reason in (PAUSE_INCONCLUSIVE, PAUSE_EXPERIMENT) for pause in latch.pauses):
        return None
    if latch.controller_pause and not latch.pauses:
        return None  # somebody has just ended the pause; commands.py acts on it
    if (inline is not None and inline.is_open) or (background is not None and background.phase == "Inconclusive"):
        return _held(seen, PAUSE_INCONCLUSIVE, "the analysis came to no verdict, so a person decides", now)
    if trial is not None and trial.is_open:
        return _held(seen, PAUSE_EXPERIMENT, "the experiment came to no verdict, so a person decides", now)
    return None


def _held(seen: DeliverySeen, reason: str, rule: str, now: Instant) -> Turning:
    latch = seen.latch
    held = replace(latch, pauses=(*latch.pauses, Pause(reason, now)), controller_pause=True)
    told = () if latch.pauses else (notes.paused(seen, reason),)
    return Turning(held, Event.PAUSE, rule, told)


def late(seen: DeliverySeen, now: Instant) -> Turning | None:
    """The progress deadline is over, and the user wants that to be an abort."""
    latch = seen.latch
    if not seen.spec.progress_deadline_abort or not latch.is_updating or latch.aborted:
        return None
    return abort(seen, progress.late_sentence(seen), now) if progress.is_late(seen, now) else None


def failing(seen: DeliverySeen, now: Instant) -> Turning | None:
    """Pods of the new version cannot start, and the user does not want to wait for the deadline."""
    why = failfast.sentence(seen, now)
    return abort(seen, why, now) if why else None


def _unbuildable(seen: DeliverySeen) -> str:
    """Why a run that the latch asks for cannot be made, "" where it can (or exists)."""
    for name, analysis, step in runs.wanted(seen, seen.latch):
        if seen.run_named(name) is None:
            try:
                runs.spec_of(seen, analysis)
            except AnalysisError as error:
                return f"{_CALLED[runs.label(seen, step)[0]]} analysis phase error/failed: {error}"
    return ""
