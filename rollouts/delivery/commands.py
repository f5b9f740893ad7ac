"""What people write into the status, turned into latches: abort, retry, promote, and resume."""

from __future__ import annotations

from dataclasses import replace

from rollouts.delivery import calls, experiments, notes, runs, stages, steps
from rollouts.delivery.latch import Latch
from rollouts.delivery.phase import Event, Phase, phase_of
from rollouts.delivery.seen import DeliverySeen
from rollouts.delivery.turning import Turning
from rollouts.kit.instant import Instant


def abort_sentence(seen: DeliverySeen, why: str = "") -> str:
    """The contract's message for an aborted update."""
    return f"Rollout aborted update to revision {seen.revision}" + (f": {why}" if why else "")


def abort(seen: DeliverySeen, why: str, now: Instant) -> Turning:
    """The update is given up: all traffic goes back to the stable version until somebody retries."""
    latch = replace(
        seen.latch,
        aborted=True,
        aborted_at=now,
        promote_full=False,
        pauses=(),
        controller_pause=False,
        step=0,
    )
    message = abort_sentence(seen, why)
    return Turning(latch, Event.ABORT, message, (notes.aborted(seen, message),), message)


def aborted(seen: DeliverySeen, now: Instant) -> Turning | None:
    """Somebody wrote `abort: true`."""
    is_new = phase_of(seen.latch, seen.step_count) is Phase.ABORTED and seen.latch.aborted_at is None
    return abort(seen, "", now) if is_new else None


def retried(seen: DeliverySeen, now: Instant) -> Turning | None:
    """Somebody took an abort back: the steps begin anew."""
    if seen.latch.aborted or seen.latch.aborted_at is None or not seen.latch.is_updating:
        return None
    fresh = replace(seen.latch.cleared(), calls=calls.carried(seen.latch.calls, now))
    latch = steps.enter(seen, fresh, stages.opening(seen) if seen.blue_green else 0, now)
    told = (notes.paused(seen, latch.pauses[0].reason),) if latch.pauses else ()
    return Turning(latch, Event.RETRY, "the aborted update was retried", told)


def promoted_in_full(seen: DeliverySeen, now: Instant) -> Turning | None:
    """Somebody wrote `promoteFull: true`: what is left of steps, pauses and analyses is skipped.

    After an abort it takes the abort back; an abort that comes later, or at the same time, goes before it.
    """
    latch, count = seen.latch, seen.step_count
    if not latch.promote_full or not latch.is_updating:
        return None
    done = replace(latch.cleared(), step=count, promote_full=True)
    told = (notes.resumed(seen),) if latch.pauses else ()
    return Turning(done, Event.PROMOTE_FULL, "a full promotion was asked for", told) if done != latch else None


def resumed(seen: DeliverySeen, now: Instant) -> Turning | None:
    """Somebody cleared the pause; the contract tells of pauses that end by themselves alone."""
    latch = seen.latch
    if not latch.controller_pause or latch.pauses or not latch.is_updating or latch.aborted or seen.spec.paused:
        return None
    step = steps.current(seen, latch)
    free = replace(latch, controller_pause=False)
    rule = "the pause was ended by hand"
    if step is not None and step.pause is not None:
        return finish_step(seen, free, rule, now)
    if runs.step_analysis(seen, latch.step) is not None and _needs_another(seen, latch):
        free = replace(free, step_run=runs.next_name(seen, latch.step))
    trial = experiments.current(seen, latch)
    if trial is not None and trial.is_open:
        free = replace(free, experiment=experiments.next_name(seen, latch.step))
    background = runs.background_run(seen, latch)
    if background is not None and background.phase == "Inconclusive":
        free = replace(free, background_run=runs.next_name(seen, None))
    if seen.blue_green:
        return stages.unpaused(seen, free, rule)
    return Turning(free, Event.RESUME, rule)


def _needs_another(seen: DeliverySeen, latch: Latch) -> bool:
    """Whether the step's run has said all that it will and yet decided nothing."""
    run = runs.step_run(seen, latch)
    return run is not None and (run.phase == "Inconclusive" or run.is_terminated)


def tidied(seen: DeliverySeen, now: Instant) -> Turning | None:
    """Commands that find nothing in progress are taken back; they change nothing else."""
    if seen.latch.is_updating or not seen.latch.current:
        return None
    clean = seen.latch.cleared()
    if clean == seen.latch:
        return None
    return Turning(clean, Event.TIDY, "nothing is in progress for a command to act on")


def finish_step(seen: DeliverySeen, latch: Latch, rule: str, now: Instant, *, was_paused: bool = False) -> Turning:
    """The current step is done; the next one is entered in the same breath."""
    step = latch.step
    after = steps.enter(seen, replace(latch, pauses=(), controller_pause=False), step + 1, now)
    told = [notes.step_done(seen, step)]
    if was_paused:
        told.append(notes.resumed(seen))
    if after.pauses:
        told.append(notes.paused(seen, after.pauses[0].reason))
    return Turning(after, Event.STEP, rule, tuple(told))
