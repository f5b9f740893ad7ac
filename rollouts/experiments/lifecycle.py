"""When an Experiment begins, is available, and ends, and how: one table, and the decision that is due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from analysis import duration, phase
from analysis.errors import AnalysisError
from analysis.phase import Phase
from rollouts.core.errors import BrokenError
from rollouts.experiments import rules, runs
from rollouts.experiments.seen import ExperimentSeen, SetSeen, TemplateSeen
from rollouts.experiments.state import Counts, RunState, State, TemplatePhase, TemplateState
from rollouts.experiments.status import MESSAGE_MAX, status_of
from rollouts.kit.instant import Instant
from rollouts.kube import object as kube


class Event(Enum):
    """What makes an Experiment turn."""

    BEGIN = "it is new, or to be run again"
    REFUSE = "its spec cannot be carried out"
    AVAILABLE = "all pods of all sets are available"
    FAIL = "a set of pods did not get ready in time"
    BREAK = "a set of pods cannot be made"
    JUDGE = "an analysis came to a verdict that ends it"
    TERMINATE = "somebody ends it"
    COMPLETE = "its time is up, and every analysis that it waits for has passed"


_ALIVE = frozenset({Phase.PENDING, Phase.RUNNING})
TRANSITIONS: Mapping[Event, tuple[frozenset[Phase | None], frozenset[Phase]]] = {
    Event.BEGIN: (frozenset({None}), frozenset({Phase.PENDING})),
    Event.REFUSE: (_ALIVE | {None}, frozenset({Phase.ERROR})),
    Event.AVAILABLE: (frozenset({Phase.PENDING}), frozenset({Phase.RUNNING})),
    Event.FAIL: (_ALIVE, frozenset({Phase.FAILED})),
    Event.BREAK: (_ALIVE, frozenset({Phase.ERROR})),
    Event.JUDGE: (frozenset({Phase.RUNNING}), frozenset({Phase.FAILED, Phase.ERROR, Phase.INCONCLUSIVE})),
    Event.TERMINATE: (_ALIVE | {None}, frozenset({Phase.SUCCESSFUL})),
    Event.COMPLETE: (frozenset({Phase.RUNNING}), frozenset({Phase.SUCCESSFUL})),
}
"""Event → (phases in which it may happen, phases to which it may lead)."""


@dataclass(frozen=True, slots=True)
class Turning:
    """A decision to remember: the state after it, and why. event: None where only a part of it moved."""

    state: State
    event: Event | None
    rule: str


def advance(seen: ExperimentSeen, now: Instant) -> Turning | None:
    """The turning that is due, None while everything stays as it is remembered."""
    turning = _turning(seen, now)
    if turning.event is not None:
        sources, targets = TRANSITIONS[turning.event]
        if seen.state.phase not in sources or turning.state.phase not in targets:
            raise BrokenError(f"no turn from {seen.state.phase} to {turning.state.phase} because {turning.event.value}")
    return turning if turning.event is not None or turning.state != seen.state else None


def _turning(seen: ExperimentSeen, now: Instant) -> Turning:
    before = seen.state
    if before.is_over:
        # What was decided stays; the runs that were ended still say how they ended.
        told = replace(before, runs=tuple(_heard(seen, index) for index in range(len(seen.analyses))) or before.runs)
        return Turning(told, None, f"the experiment is {before.phase}")
    if seen.refusals:
        ended = _ended(before, Phase.ERROR, str(seen.refusals[0]), now)
        return Turning(ended, Event.REFUSE, f"the spec is refused: {seen.refusals[0]}")
    if seen.spec.terminate:
        said = "" if _is_enough(seen, before, now) else "terminated before its time"
        return Turning(_ended(before, Phase.SUCCESSFUL, said, now), Event.TERMINATE, "somebody ends the experiment")
    if before.phase is None:
        return _begun(seen, now)
    pairs = zip(seen.templates, before.templates, strict=True)
    templates = tuple(_template(seen, each, state, now) for each, state in pairs)
    state = replace(before, templates=templates)
    for bad, end, event in (
        (TemplatePhase.ERROR, Phase.ERROR, Event.BREAK),
        (TemplatePhase.FAILED, Phase.FAILED, Event.FAIL),
    ):
        if broken := next((each for each in templates if each.phase is bad), None):
            return Turning(_ended(state, end, broken.message, now), event, broken.message)
    if before.phase is Phase.PENDING:
        return _available(seen, state, now)
    if before.available_at is None or before.available_at > now:
        state = replace(state, available_at=now)  # a start that cannot be: the time runs from now
    return _judged(seen, replace(state, runs=tuple(_run(seen, index) for index in range(len(seen.analyses)))), now)


def _begun(seen: ExperimentSeen, now: Instant) -> Turning:
    templates = tuple(each.turned(TemplatePhase.PROGRESSING, now) for each in seen.state.templates)
    pending = State(Phase.PENDING, templates=templates, runs=tuple(RunState(each.name) for each in seen.spec.analyses))
    for analysis in seen.spec.analyses:
        try:
            runs.spec_of(seen, analysis, now)
        except AnalysisError as error:
            said = f"analysis '{analysis.name}': {error}"
            return Turning(_ended(pending, Phase.ERROR, said, now), Event.REFUSE, said)
    return Turning(pending, Event.BEGIN, "the experiment begins: its pods come first")


def _available(seen: ExperimentSeen, state: State, now: Instant) -> Turning:
    if any(each.phase is not TemplatePhase.RUNNING for each in state.templates):
        return Turning(state, None, "the experiment waits for its pods")
    named = tuple(replace(each, run=seen.analyses[index].free) for index, each in enumerate(state.runs))
    running = replace(state, phase=Phase.RUNNING, available_at=now, runs=named)
    return Turning(running, Event.AVAILABLE, "all pods are available: time runs, and the analyses begin")


def _judged(seen: ExperimentSeen, state: State, now: Instant) -> Turning:
    bad = [each for each in state.runs if each.phase is not None and each.phase.is_bad]
    if bad:
        end = phase.worst(each.phase for each in bad if each.phase is not None)
        worst = next(each for each in bad if each.phase is end)
        said = worst.message or f"analysis '{worst.name}' is {end}"
        return Turning(_ended(state, end, said, now), Event.JUDGE, said)
    if _is_enough(seen, state, now):
        return Turning(_ended(state, Phase.SUCCESSFUL, "", now), Event.COMPLETE, Event.COMPLETE.value)
    return Turning(state, None, "the experiment runs")


def _ended(state: State, end: Phase, message: str, now: Instant) -> State:
    """The state at its end: sets that did not fail themselves have done what they were for."""
    done = TemplatePhase.SUCCESSFUL
    alive = (TemplatePhase.PROGRESSING, TemplatePhase.RUNNING)
    templates = tuple(each.turned(done, now) if each.phase in alive else each for each in state.templates)
    return replace(state, phase=end, message=message, templates=templates)


def ends_at(seen: ExperimentSeen, state: State) -> Instant | None:
    """When the time of the experiment is up, None while that is not known or there is no such time."""
    if state.available_at is None or not seen.spec.duration:
        return None
    return state.available_at.plus(duration.parse_s(seen.spec.duration))


def is_time_up(seen: ExperimentSeen, state: State, now: Instant) -> bool:
    """Whether the experiment has run for its duration."""
    due = ends_at(seen, state)
    return due is not None and due <= now


def _is_enough(seen: ExperimentSeen, state: State, now: Instant) -> bool:
    """Whether its duration is over and every analysis that it waits for has passed; one of both must be asked for."""
    required = [each for each in seen.spec.analyses if each.required_for_completion]
    by_name = {each.name: each for each in state.runs}
    has_passed = all(by_name[each.name].phase is Phase.SUCCESSFUL for each in required if each.name in by_name)
    # Time that ran while no controller did has judged nothing: every analysis must at least have begun.
    has_begun = all(each.phase is not None for each in state.runs)
    if state.phase is not Phase.RUNNING or not has_passed or not has_begun:
        return False
    return is_time_up(seen, state, now) if seen.spec.duration else bool(required)


# One set of pods.


def _template(seen: ExperimentSeen, each: TemplateSeen, state: TemplateState, now: Instant) -> TemplateState:
    if state.phase in (TemplatePhase.FAILED, TemplatePhase.ERROR):
        return state
    if each.set is None and each.place.is_taken:
        return replace(state, collisions=(state.collisions or 0) + 1)
    if each.service is not None and each.service.is_taken:
        said = f"Service '{each.service.ref.name}' is not of this set"
        return state.turned(TemplatePhase.ERROR, now, said)
    if state.phase is TemplatePhase.RUNNING:
        return state if each.is_available else state.turned(TemplatePhase.PROGRESSING, now)
    if each.is_available:
        return state.turned(TemplatePhase.RUNNING, now)
    if state.since is None or state.since > now or _has_progressed(each.set, state.told):
        return state.turned(TemplatePhase.PROGRESSING, now)
    limit_s = rules.progress_deadline_s(seen.spec)
    is_ours_to_make = each.set is None and not each.place.refused  # nobody is late while we were away
    if now.since(_waits_since(each, state.since)) >= limit_s and not is_ours_to_make:
        said = f"Template '{each.name}' exceeded its progressDeadlineSeconds ({limit_s})"
        words = each.place.refused or (each.service.refused if each.service else "")
        said += f": {words}" if words else ""
        return state.turned(TemplatePhase.FAILED, now, said)
    return state


def deadlines(seen: ExperimentSeen) -> Iterator[Instant]:
    """When each set that still waits for pods will have waited for too long."""
    limit_s = rules.progress_deadline_s(seen.spec)
    sets = {each.name: each for each in seen.templates}
    for state in seen.state.templates:
        if state.phase is TemplatePhase.PROGRESSING and state.since is not None and state.name in sets:
            yield _waits_since(sets[state.name], state.since).plus(limit_s)


def _waits_since(each: TemplateSeen, since: Instant) -> Instant:
    """From when on a set without its pods is waited for: not before it was made, however late that was."""
    born = kube.created(each.set.manifest) if each.set is not None else None
    return since if born is None else max(since, born)


def _has_progressed(found: SetSeen | None, told: Counts) -> bool:
    if found is None:
        return False
    return found.pods > told.pods or found.ready > told.ready or found.available > told.available


# One analysis.


def _heard(seen: ExperimentSeen, index: int) -> RunState:
    """What an analysis has come to; a verdict is remembered even if its run is cleared away."""
    state, found = seen.state.runs[index], seen.analyses[index]
    if found.run is None or state.is_over:
        return state
    told = status_of(found.run)
    return replace(state, phase=phase.parse(told.get("phase")), message=str(told.get("message") or "")[:MESSAGE_MAX])


def _run(seen: ExperimentSeen, index: int) -> RunState:
    state, found = _heard(seen, index), seen.analyses[index]
    if state.is_over:
        return _doubted(seen, state, index)
    if not state.run or found.is_lost:
        return replace(state, run=found.free)
    if found.run is None:
        try:
            runs.spec_of(seen, found.spec, seen.state.available_at)
        except AnalysisError as error:
            return replace(state, phase=Phase.ERROR, message=str(error))
    return state


def _doubted(seen: ExperimentSeen, state: RunState, index: int) -> RunState:
    """A run that somebody ended may call itself Successful unmeasured: that is no verdict to wait for."""
    found = seen.analyses[index]
    is_ended = found.run is not None and (found.run.get("spec") or {}).get("terminate") is True
    if is_ended and found.spec.required_for_completion and state.phase is Phase.SUCCESSFUL:
        return replace(state, phase=Phase.INCONCLUSIVE, message="the run was terminated")
    return state
