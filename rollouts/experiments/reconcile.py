"""What an Experiment needs next: a decision remembered, its pods and its judges, or its leave."""

from __future__ import annotations

from collections.abc import Iterator

from rollouts.core.plan import NOTES_MAX, Create, Note, Patch, Plan, Stage, status_patch
from rollouts.experiments import lifecycle, notes, runs, sets, status
from rollouts.experiments.seen import ExperimentSeen
from rollouts.experiments.sets import Told
from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Ref


def reconcile(seen: ExperimentSeen, now: Instant) -> Plan:
    """The letter of this turn: a decision stands alone, its effects come once it was read back."""
    if obj.is_deleting(seen.manifest):
        return Plan(rule="the experiment is being deleted")
    if turning := lifecycle.advance(seen, now):
        changes = status.changes(seen, turning.state, now)
        assert changes is not None, "a turning changes the status"
        patch = status_patch(kinds.EXPERIMENT, seen.ref, seen.manifest, changes)
        told = tuple(notes.turning_points(seen, turning.state))[:NOTES_MAX]
        return Plan(latch=patch, notes=told, rule=turning.rule)
    due = [*(sets.leaving(seen, now) if seen.state.is_over else _alive(seen)), *_ended_runs(seen, now)]
    # Grow before shrink; within a stage a Service goes before the pods that it selects.
    pairs = sorted(due, key=lambda pair: pair[0].stage)
    changes = status.changes(seen, seen.state, now)
    report = status_patch(kinds.EXPERIMENT, seen.ref, seen.manifest, changes) if changes else None
    said: tuple[Note, ...] = tuple(note for _, about in pairs for note in about)
    actions = tuple(action for action, _ in pairs)
    return Plan(actions=actions, status=report, notes=said, wake=_next_look(seen, now), rule=_rule(seen))


def _alive(seen: ExperimentSeen) -> Iterator[Told]:
    yield from sets.wanted(seen)
    yield from sets.strays(seen)
    for state, found in zip(seen.state.runs, seen.analyses, strict=True):
        if state.run and found.run is None and not state.is_over and not found.is_lost:
            ref = Ref(kinds.ANALYSIS_RUN, seen.ref.namespace, state.run)
            yield Create(ref, runs.body(seen, state.run, found.spec), seen.uid), ()


def _ended_runs(seen: ExperimentSeen, now: Instant) -> Iterator[Told]:
    """Runs that nobody waits for any more: all of them at the end, the others once the time is up."""
    is_up = lifecycle.is_time_up(seen, seen.state, now)
    for state, found in zip(seen.state.runs, seen.analyses, strict=False):
        run = found.run
        is_needed = not seen.state.is_over and (found.spec.required_for_completion or not is_up or state.phase is None)
        if run is None or is_needed or state.is_over or (run.get("spec") or {}).get("terminate") is True:
            continue
        ref = Ref(kinds.ANALYSIS_RUN, seen.ref.namespace, state.run)
        patch = Patch(ref, {"spec": {"terminate": True}}, obj.uid(run), obj.version(run), stage=Stage.SHRINK)
        yield patch, (notes.run_ended(seen, state.run),)


def _next_look(seen: ExperimentSeen, now: Instant) -> Instant | None:
    """No later than the first moment at which the clock alone changes what is due."""
    if seen.state.is_over:
        return sets.next_leave(seen, now)
    moments = (lifecycle.ends_at(seen, seen.state), *lifecycle.deadlines(seen))
    return min((each for each in moments if each is not None and each > now), default=None)


def _rule(seen: ExperimentSeen) -> str:
    if seen.state.is_over and sets.carries_traffic(seen):
        return "the experiment is over: its pods stay until no router leads to them"
    if seen.state.is_over:
        return f"the experiment is over ({seen.state.phase}): its pods leave after their delay"
    waiting = [each.name for each in seen.state.templates if each.phase.value != "Running"]
    if waiting:
        return f"the experiment waits for the pods of {', '.join(waiting)}"
    return "the experiment runs until its time is up and its analyses have passed"
