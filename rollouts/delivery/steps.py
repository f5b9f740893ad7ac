"""The step cursor: when a step is done, and what entering the next one means."""

from __future__ import annotations

from dataclasses import replace

from rollouts.api.rollout import CanaryStep, SetCanaryScale
from rollouts.delivery import capacity, experiments, managed, plugins, runs
from rollouts.delivery.latch import PAUSE_STEP, Latch, Pause
from rollouts.delivery.seen import DeliverySeen
from rollouts.kit.instant import Instant
from rollouts.kube import object as obj

PAUSE_TOLD_S_MAX = 5.0  # a write of ours that is told later than this was told by no watch, but by a new list


def weight_at(seen: DeliverySeen, step: int) -> int:
    """The canary's share of the traffic while the update stands at a step: the last setWeight up to there."""
    passed = seen.canary.steps[: step + 1]
    return next((each.set_weight for each in reversed(passed) if each.set_weight is not None), 0)


def is_done(seen: DeliverySeen, latch: Latch, now: Instant) -> bool:
    """Whether the current step has reached what it is for."""
    step = seen.canary.steps[latch.step]
    if step.set_weight is not None:
        return _weight_reached(seen, step.set_weight) if seen.is_routed else _ratio_reached(seen, step.set_weight)
    if step.set_canary_scale is not None:
        return _has_pods(seen, weight_at(seen, latch.step))
    if managed.is_set(step):
        return managed.is_done(seen, seen.weight_high)
    if step.pause is not None:
        due = pause_due(seen, latch) if len(latch.pauses) == 1 else None
        return due is not None and due <= now
    if step.plugin is not None:
        return plugins.is_done(latch)
    if step.experiment is not None:
        trial = experiments.current(seen, latch)
        return trial is not None and trial.has_passed
    run = runs.step_run(seen, latch)
    # Only a run of its own accord is a verdict: one that was terminated may call itself Successful unmeasured.
    return run is not None and run.has_passed


def _weight_reached(seen: DeliverySeen, weight: int) -> bool:
    reachable = capacity.weight_within(seen, weight)
    if not (seen.weight_low == seen.weight_high == reachable) or seen.is_verified is False:
        return False
    if reachable and seen.canary_service.hash != seen.template.hash:
        return False
    return not seen.replicas or _is_ready(seen, capacity.canary_pods(seen, weight))


def _has_pods(seen: DeliverySeen, weight: int) -> bool:
    """Whether the canary has exactly the pods that it is to have, and enough of them available."""
    wanted = capacity.canary_pods(seen, weight)
    present = seen.current.wanted if seen.current else 0
    return present == wanted and _is_ready(seen, wanted)


def _ratio_reached(seen: DeliverySeen, weight: int) -> bool:
    """Whether the pods of both versions stand in the ratio of the weight, and those of former versions are gone."""
    if seen.current is None or seen.stable is None:
        return False
    canary, stable = capacity.plain_sizes(seen, weight)
    are_sized = (seen.current.wanted, seen.stable.wanted) == (canary, stable)
    # Pods that are to leave still serve until their ReplicaSet has told them to.
    are_gone = seen.current.pods <= canary and seen.stable.pods <= stable
    is_rest_gone = not any(each.wanted or each.available for each in seen.older)
    return are_sized and are_gone and _is_ready(seen, canary) and is_rest_gone


def _is_ready(seen: DeliverySeen, pods: int) -> bool:
    return (seen.current.usable if seen.current else 0) >= capacity.enough(seen, pods)


def pause_due(seen: DeliverySeen, latch: Latch) -> Instant | None:
    """When the timed pause of the current step ends, whatever else may hold the update; None where it never does."""
    step = current(seen, latch)
    if step is None or step.pause is None or step.pause.duration_s is None:
        return None
    start = next((each.start for each in latch.pauses if each.reason == PAUSE_STEP), None)
    if start is None:
        return None
    if seen.pause_known is not None and 0 < seen.pause_known.since(start) < PAUSE_TOLD_S_MAX:
        # Whoever watches learnt of the pause when its write was told, not when it was decided: a busy API server
        # would cut a short pause shorter. After a restart, or a lost watch, the written start alone counts.
        start = seen.pause_known
    return start.plus(step.pause.duration_s)


def is_pause_astray(seen: DeliverySeen, latch: Latch, now: Instant) -> bool:
    """Whether the start of a pause cannot be."""
    born = obj.created(seen.rollout)
    return any(pause.is_astray(born, now) for pause in latch.pauses)


def current(seen: DeliverySeen, latch: Latch) -> CanaryStep | None:
    """The step at which the update stands, None once all are done."""
    return seen.canary.steps[latch.step] if latch.step < len(seen.canary.steps) else None


def enter(seen: DeliverySeen, latch: Latch, step: int, now: Instant) -> Latch:
    """The latch that stands at a step: its analysis or experiment named, its pause begun if it may begin."""
    latch = replace(latch, step=step, step_run="", experiment="")
    if latch.is_updating and not latch.background_run and runs.background_due(seen, step):
        latch = replace(latch, background_run=runs.next_name(seen, None))
    if step < len(seen.canary.steps) and latch.is_updating:
        if seen.canary.steps[step].pause is not None:
            if may_pause(seen, latch):
                latch = replace(latch, pauses=(Pause(PAUSE_STEP, now),), controller_pause=True)
        elif seen.canary.steps[step].analysis is not None:
            latch = replace(latch, step_run=runs.next_name(seen, step))
        elif seen.canary.steps[step].experiment is not None:
            latch = replace(latch, experiment=experiments.next_name(seen, step))
        latch = plugins.entered(seen, latch, step, now)
    return latch


def may_pause(seen: DeliverySeen, latch: Latch) -> bool:
    """Whether what stands beside a pause is there, as the contract's clients expect once they see it: pods and run."""
    is_judged = not latch.background_run or seen.run_named(latch.background_run) is not None
    return seen.current is not None and is_judged


def text(step: CanaryStep) -> str:
    """The step as the contract's events and clients print it."""
    if step.set_weight is not None:
        return f"setWeight: {step.set_weight}"
    if step.pause is not None:
        return "pause" if step.pause.duration is None else f"pause: {step.pause.duration}"
    if step.set_canary_scale is not None:
        return f"setCanaryScale{{{_scale_text(step.set_canary_scale)}}}"
    if managed.is_set(step):
        return managed.text(step)
    if step.plugin is not None:
        return f"plugin: {step.plugin.name}"
    return "analysis" if step.experiment is None else "experiment"


def _scale_text(scale: SetCanaryScale) -> str:
    if scale.match_traffic_weight:
        return "matchTrafficWeight: true"
    return f"weight: {scale.weight}" if scale.replicas is None else f"replicas: {scale.replicas}"
