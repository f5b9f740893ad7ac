"""The next decision of an update, if one is due: new spec, commands, verdicts, steps, promotion, in this order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from rollouts.core.plan import Note
from rollouts.delivery import (
    calling,
    calls,
    capacity,
    commands,
    experiments,
    gates,
    history,
    notes,
    phase,
    plugins,
    roles,
    routing,
    runs,
    stages,
    steps,
)
from rollouts.delivery.latch import PAUSE_STEP, Latch
from rollouts.delivery.phase import Event, Phase, phase_of
from rollouts.delivery.seen import DeliverySeen
from rollouts.delivery.turning import Turning
from rollouts.kit.instant import Instant
from rollouts.kube import object as obj
from rollouts.kube.conditions import find, observed_generation


def advance(seen: DeliverySeen, now: Instant) -> Turning | None:
    """The first turning that is due, None while the update stays where it is."""
    count = seen.step_count
    for due in TURNINGS[seen.strategy]:
        if turning := due(seen, now):
            phase.check(phase_of(seen.latch, count), turning.event, phase_of(turning.latch, count))
            return turning
    return None


def _collided(seen: DeliverySeen, now: Instant) -> Turning | None:
    if not seen.template.collides:
        return None
    latch = replace(seen.latch, collisions=(seen.latch.collisions or 0) + 1)
    return Turning(latch, Event.COLLIDE, f"{seen.ref.name}-{seen.template.hash} is the name of something else")


def _rehashed(seen: DeliverySeen, now: Instant) -> Turning | None:
    """The same steps under a hash that somebody else computed in another way: the update stays where it is.

    Steps that were observed in this very generation cannot have changed since, unless the spec was refused meanwhile.
    """
    is_same = bool(seen.latch.step_hash) and seen.template.hash == seen.latch.current
    observed = observed_generation(seen.status)
    if not is_same or seen.step_hash == seen.latch.step_hash or observed != obj.generation(seen.rollout):
        return None
    if find(seen.status.get("conditions"), "InvalidSpec"):
        return None
    rule = "the steps are those that were observed; only their hash is written in another way"
    return Turning(replace(seen.latch, step_hash=seen.step_hash), Event.REHASH, rule)


def _deployed(seen: DeliverySeen, now: Instant) -> Turning | None:
    """The template or the steps changed: everything remembered of the former update is dropped."""
    is_new = seen.template.hash != seen.latch.current
    if not is_new and seen.step_hash == seen.latch.step_hash:
        return None
    fresh = Latch(
        current=seen.template.hash,
        stable=seen.latch.stable,
        step_hash=seen.step_hash,
        collisions=seen.latch.collisions,
        ping_pong=seen.latch.ping_pong,
        calls=calls.carried(seen.latch.calls, now),
    )
    # Without pods there is no traffic to shift and nothing to judge: the steps are walked at once.
    is_near_return = is_new and fresh.is_updating and history.is_near_return(seen)
    has_steps = fresh.is_updating and seen.replicas > 0 and not is_near_return
    start = stages.opening(seen) if seen.blue_green and has_steps else 0
    latch = steps.enter(seen, fresh, start if has_steps else seen.step_count, now)
    rule = f"revision {seen.revision} has a new pod template" if is_new else "the steps have changed"
    if is_near_return:
        rule = f"revision {seen.revision} returns to a version within the rollback window"
    told = tuple(_told_of_deploy(seen, latch, is_new=is_new, is_near_return=is_near_return))
    return Turning(latch, Event.DEPLOY, rule, told)


def _told_of_deploy(seen: DeliverySeen, after: Latch, *, is_new: bool, is_near_return: bool) -> Iterator[Note]:
    if not seen.latch.current and observed_generation(seen.status) is None:
        yield notes.added(seen)
    if is_new:
        yield notes.updated(seen)
        if seen.current is not None and after.is_updating and not seen.latch.is_updating:
            yield notes.started(seen)  # no ReplicaSet will be created whose note would say it
    if is_new and seen.latch.current and after.stable == after.current and seen.canary.steps:
        yield notes.skipped(seen)
    if is_near_return and seen.canary.steps and seen.current is not None and seen.current.wanted:
        yield notes.skipped(seen, "Rollback to active ReplicaSets within RollbackWindow")
    if seen.latch.pauses and not seen.latch.aborted:
        yield notes.resumed(seen)
    if after.pauses:
        yield notes.paused(seen, after.pauses[0].reason)


def _righted(seen: DeliverySeen, now: Instant) -> Turning | None:
    """A pause whose start cannot be begins now; a step's pause at a step that is none is dropped.

    So is one that is over, where something else still holds the update: that alone is told from then on.
    """
    latch = seen.latch
    if not latch.is_updating or latch.aborted or not latch.pauses:
        return None
    step = steps.current(seen, latch)
    kept = tuple(each for each in latch.pauses if each.reason != PAUSE_STEP or (step is not None and step.pause))
    if kept != latch.pauses:
        free = replace(latch, pauses=kept, controller_pause=bool(kept))
        return Turning(free, Event.RESUME, "the step at which the update stands is no pause")
    if not steps.is_pause_astray(seen, latch, now):
        due = steps.pause_due(seen, latch)
        if len(kept) < 2 or due is None or due > now or seen.spec.paused:
            return None
        held = tuple(each for each in kept if each.reason != PAUSE_STEP)
        return Turning(replace(latch, pauses=held), Event.PAUSE, "the pause is over, but something else holds it")
    righted = replace(latch, pauses=tuple(replace(each, start=now) for each in kept))
    return Turning(righted, Event.PAUSE, "the start of the pause cannot be, so it begins now")


def _entered(seen: DeliverySeen, now: Instant) -> Turning | None:
    """A step is entered at which somebody put the update, or a pause that had to wait: an analysis gets its name."""
    latch = seen.latch
    if phase_of(latch, len(seen.canary.steps)) not in (Phase.STEPPING, Phase.PROMOTING) or latch.controller_pause:
        return None
    step = steps.current(seen, latch)
    begins_pause = step is not None and step.pause is not None and steps.may_pause(seen, latch)
    lacks_run = step is not None and step.analysis is not None and not runs.is_for(seen, latch.step_run, latch.step)
    lacks_run = lacks_run or _lacks_experiment(seen)
    lacks_run = lacks_run or (step is not None and plugins.entered(seen, latch, latch.step, now) != latch)
    wants_background = runs.background_due(seen, latch.step) and not latch.promote_full
    lacks_background = wants_background and not runs.is_for(seen, latch.background_run, None)
    if not (begins_pause or lacks_run or lacks_background):
        return None
    after = latch
    if begins_pause or lacks_run:
        after = steps.enter(seen, latch, latch.step, now)
    if lacks_background:
        after = replace(after, background_run=runs.next_name(seen, None))
    if after.pauses:
        return Turning(
            after, Event.PAUSE, "the update stands at a pause", (notes.paused(seen, after.pauses[0].reason),)
        )
    what = "an experiment" if after.experiment != latch.experiment else "an analysis"
    what = "a step plugin" if after.calls != latch.calls else what
    return Turning(after, Event.RUN, f"{what} is due")


def _lacks_experiment(seen: DeliverySeen) -> bool:
    step = seen.latch.step
    asked = experiments.step_experiment(seen, step) is not None
    return asked and not experiments.is_for(seen, seen.latch.experiment, step)


def _stepped(seen: DeliverySeen, now: Instant) -> Turning | None:
    latch, count = seen.latch, len(seen.canary.steps)
    here = phase_of(latch, count)
    if seen.spec.paused or here not in (Phase.STEPPING, Phase.PAUSED) or latch.step >= count:
        return None
    step = seen.canary.steps[latch.step]
    if (here is Phase.PAUSED) != (step.pause is not None) or not steps.is_done(seen, latch, now):
        return None
    rule = f"step {latch.step + 1}/{count} is done ({steps.text(step)})"
    return commands.finish_step(seen, latch, rule, now, was_paused=here is Phase.PAUSED)


def _promoted(seen: DeliverySeen, now: Instant) -> Turning | None:
    """The version carries everything that there is to carry: from now on it is the stable one."""
    latch, count = seen.latch, len(seen.canary.steps)
    here = phase_of(latch, count)
    if seen.spec.paused or here not in (Phase.FIRST, Phase.PROMOTING) or seen.current is None:
        return None
    if here is Phase.PROMOTING and not (capacity.is_proven(seen) and roles.are_borne(seen)):
        return None
    if seen.current.usable < capacity.enough(seen, seen.replicas) or seen.current.wanted < seen.replicas:
        return None
    why = "Initial deploy" if here is Phase.FIRST else f"Completed all {count} canary steps"
    if latch.promote_full:
        why = "Full promotion requested"
    elif here is Phase.PROMOTING and history.is_near_return(seen):
        why = history.NEAR_RETURN
    settled = replace(
        latch.cleared(),
        stable=latch.current,
        step=count,
        ping_pong=routing.other(latch.ping_pong if latch.stable else routing.PONG) if seen.canary.ping_pong else "",
    )
    rule = f"{seen.template.hash} is fully available" + (" and has all the traffic" if latch.stable else "")
    return Turning(settled, Event.PROMOTE, rule, (notes.completed(seen, why),))


_Due: TypeAlias = Callable[[DeliverySeen, Instant], Turning | None]

_COMMON: tuple[_Due, ...] = (
    _collided,
    _rehashed,
    _deployed,
    commands.tidied,
    commands.aborted,
    commands.retried,
    calling.answered,
    gates.judged,
    gates.failing,
    gates.late,
    commands.promoted_in_full,
    commands.resumed,
)

TURNINGS: Mapping[str, tuple[_Due, ...]] = {
    "canary": (*_COMMON, calling.owed, _righted, _entered, _stepped, _promoted),
    "blueGreen": (
        *_COMMON,
        stages.righted,
        stages.timed_out,
        stages.begun,
        stages.released,
        stages.watched,
        stages.promoted,
    ),
}
"""Strategy → every reason to turn, the most pressing first."""
