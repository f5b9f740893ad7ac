"""The course of a blue-green update: looked at, released, switched, judged once more, promoted.

The latch counts two stages. At stage 0 the new version is looked at, behind its pause and its analysis; at stage 1 it
is released: it grows to full size, the active Service turns to it, and the analysis after the switch decides.
The name of a run at stage 0 also remembers that the pause was begun.
"""

from __future__ import annotations

from dataclasses import replace

from rollouts.core.plan import Note
from rollouts.delivery import bluegreen, history, notes, runs
from rollouts.delivery.latch import PAUSE_BLUE_GREEN, Latch, Pause
from rollouts.delivery.phase import Event, Phase, phase_of
from rollouts.delivery.seen import DeliverySeen
from rollouts.delivery.turning import Turning
from rollouts.kit.instant import Instant
from rollouts.kube import object as obj

LOOKED_AT, RELEASED = 0, 1


def opening(seen: DeliverySeen) -> int:
    """The stage at which an update begins: what proved itself and still has its pods is not looked at again."""
    current = seen.current
    if not seen.replicas or history.is_near_return(seen):
        return RELEASED
    if current is None:
        return LOOKED_AT
    is_still_up = current.deadline is not None and current.wanted > 0 and not current.is_given_up
    return RELEASED if is_still_up or seen.stable_service.hash == current.hash else LOOKED_AT


def pause_due(seen: DeliverySeen, latch: Latch) -> Instant | None:
    """When the pause before the switch ends by itself, None where somebody has to end it."""
    seconds = bluegreen.strategy(seen).auto_promotion_seconds
    begun = next((each.start for each in latch.pauses if each.reason == PAUSE_BLUE_GREEN), None)
    return begun.plus(seconds) if begun is not None and seconds > 0 else None


def is_ready(seen: DeliverySeen) -> bool:
    """Whether the new version has all the pods that it is looked at with, and the preview Service leads to them."""
    wanted, preview = bluegreen.preview_size(seen, Phase.STEPPING), seen.canary_service
    is_shown = not wanted or not preview.is_named or preview.hash == seen.latch.current
    return seen.current is not None and seen.current.wanted == wanted and seen.current.usable >= wanted and is_shown


def is_waiting(seen: DeliverySeen, phase: Phase) -> bool:
    """Whether the update waits for pods or for the switch, so that its deadline runs; a run has limits of its own."""
    if phase is Phase.STEPPING:
        return not is_ready(seen)
    return phase is Phase.FIRST or (phase is Phase.PROMOTING and not bluegreen.is_active(seen))


def sentence(seen: DeliverySeen) -> str:
    """What the update stands at, for `explain`."""
    if not bluegreen.is_released(seen):
        return "the new version is looked at" if is_ready(seen) else "the new version waits for its pods"
    if not bluegreen.is_active(seen):
        return "the new version is released: it grows to full size and takes all the traffic"
    return "the new version has all the traffic, and is judged once more"


def begun(seen: DeliverySeen, now: Instant) -> Turning | None:
    """The new version is there: its pause begins, its analysis gets a name."""
    latch = seen.latch
    if seen.spec.paused or phase_of(latch, seen.step_count) not in (Phase.STEPPING, Phase.PAUSED) or not is_ready(seen):
        return None
    after = latch
    if not latch.pauses and not latch.controller_pause and not latch.step_run and _pauses(seen):
        after = replace(after, pauses=(Pause(PAUSE_BLUE_GREEN, now),), controller_pause=True)
    if runs.step_analysis(seen, LOOKED_AT) and not runs.is_for(seen, latch.step_run, LOOKED_AT):
        after = replace(after, step_run=runs.next_name(seen, LOOKED_AT))
    if after == latch:
        return None
    if after.pauses != latch.pauses:
        told = (notes.paused(seen, PAUSE_BLUE_GREEN),)
        return Turning(after, Event.PAUSE, "the new version is there, and waits for somebody or for its time", told)
    return Turning(after, Event.RUN, "the new version is there, and its analysis is due")


def _pauses(seen: DeliverySeen) -> bool:
    given = bluegreen.strategy(seen)
    return given.auto_promotion_enabled is False or given.auto_promotion_seconds > 0


def righted(seen: DeliverySeen, now: Instant) -> Turning | None:
    """A pause whose start cannot be begins now."""
    latch, born = seen.latch, obj.created(seen.rollout)
    if not latch.is_updating or latch.aborted:
        return None
    kept = tuple(replace(each, start=now) if each.is_astray(born, now) else each for each in latch.pauses)
    if kept == latch.pauses:
        return None
    rule = "the start of the pause cannot be, so it begins now"
    return Turning(replace(latch, pauses=kept), Event.PAUSE, rule)


def timed_out(seen: DeliverySeen, now: Instant) -> Turning | None:
    """The pause has lasted for autoPromotionSeconds."""
    due = pause_due(seen, seen.latch)
    if due is None or due > now or seen.spec.paused or seen.latch.aborted or not seen.latch.is_updating:
        return None
    kept = tuple(each for each in seen.latch.pauses if each.reason != PAUSE_BLUE_GREEN)
    free = replace(seen.latch, pauses=kept, controller_pause=bool(kept))
    return unpaused(seen, free, "autoPromotionSeconds are over", notes.resumed(seen))


def unpaused(seen: DeliverySeen, free: Latch, rule: str, *told: Note) -> Turning:
    """A pause is over. Without an analysis to wait for, nothing but it held the new version back."""
    if free.step == LOOKED_AT and not free.step_run and not free.pauses:
        free = replace(free, step=RELEASED)
    return Turning(free, Event.RESUME, rule, told)


def released(seen: DeliverySeen, now: Instant) -> Turning | None:
    """Nothing holds the new version back any more."""
    latch = seen.latch
    if seen.spec.paused or phase_of(latch, seen.step_count) is not Phase.STEPPING or not is_ready(seen):
        return None
    if runs.step_analysis(seen, LOOKED_AT) and not _has_passed(seen):
        return None
    return Turning(replace(latch, step=RELEASED, step_run=""), Event.STEP, "the new version may take over")


def watched(seen: DeliverySeen, now: Instant) -> Turning | None:
    """The active Service has turned: the analysis after the switch gets its name."""
    latch = seen.latch
    is_due = phase_of(latch, seen.step_count) is Phase.PROMOTING and bluegreen.is_active(seen)
    if not is_due or not _is_judged_after(seen) or runs.is_for(seen, latch.step_run, RELEASED):
        return None
    after = replace(latch, step=RELEASED, step_run=runs.next_name(seen, RELEASED))
    return Turning(after, Event.RUN, "the active Service has turned, and the analysis after it is due")


def promoted(seen: DeliverySeen, now: Instant) -> Turning | None:
    """The version carries everything and has passed what comes after the switch: it is the stable one from now on."""
    latch, current = seen.latch, seen.current
    here = phase_of(latch, seen.step_count)
    if seen.spec.paused or here not in (Phase.FIRST, Phase.PROMOTING) or current is None:
        return None
    if current.usable < seen.replicas or current.wanted < seen.replicas:
        return None
    if here is Phase.PROMOTING and not bluegreen.is_active(seen):
        return None
    if here is Phase.PROMOTING and _is_judged_after(seen) and not _has_passed(seen):
        return None
    why = "Initial deploy" if here is Phase.FIRST else "Completed blue-green update"
    if latch.promote_full:
        why = "Full promotion requested"
    elif history.is_near_return(seen):
        why = history.NEAR_RETURN
    settled = Latch(current=latch.current, stable=latch.current, step=seen.step_count, collisions=latch.collisions)
    rule = f"{seen.template.hash} is fully available" + (" and has all the traffic" if latch.stable else "")
    return Turning(settled, Event.PROMOTE, rule, (notes.completed(seen, why),))


def _is_judged_after(seen: DeliverySeen) -> bool:
    is_proved = seen.latch.promote_full or bluegreen.is_fast_return(seen) or history.is_near_return(seen)
    return seen.replicas > 0 and not is_proved and runs.step_analysis(seen, RELEASED) is not None


def _has_passed(seen: DeliverySeen) -> bool:
    run = runs.step_run(seen, seen.latch)
    return run is not None and run.has_passed
