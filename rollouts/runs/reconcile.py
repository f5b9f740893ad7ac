"""What an AnalysisRun needs next: a verdict remembered, a question asked, or its own end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from analysis import measuring
from analysis.due import due_s
from analysis.errors import AnalysisError
from analysis.model import Measurement, Metric, MetricState
from analysis.phase import Phase
from analysis.providers import Surroundings
from analysis.verdict import Verdict, judge
from rollouts.core.plan import ASKS_MAX, NOTES_MAX, Ask, Create, Delete, Note, Plan, Severity, status_patch
from rollouts.kit import mergepatch
from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.kube import object as kube
from rollouts.runs import jobs, status
from rollouts.runs.seen import RunSeen, ask_id, spec_of

JOBS_MAX = 16  # begun or ended in one turn
ANSWER_GRACE_S = 30.0  # past a question's own timeout: then the run looks again, in case the answer was lost


def reconcile(seen: RunSeen, now: Instant) -> Plan:
    """The plan for one run. Its decision and the measurements it rests on are remembered in one write."""
    if kube.is_deleting(seen.manifest):
        return Plan(rule="RunIsDeleting")
    before = status.status_of(seen.manifest)
    if seen.phase is not None and seen.phase.is_completed:
        if seen.jobs is not None and seen.jobs.open:
            return Plan(actions=tuple(jobs.deleted(seen.jobs.open))[:JOBS_MAX], rule="RunIsOver")
        return cleared_away(seen, before, now)
    if seen.error:
        changes = mergepatch.derive(before, status.refused(before, seen.error, now))
        return _remember(seen, changes, (_told(seen, Phase.ERROR),), "SpecInvalid")
    started = seen.started or now
    states = tuple(_measured(seen, metric, state, started, now) for metric, state in _pairs(seen))
    verdict = judge(seen.metrics, states, seen.is_terminated)
    if verdict.phase.is_completed and (cut_short := tuple(_cut_short(seen, states, now))) != states:
        verdict = judge(seen.metrics, cut_short, seen.is_terminated)
    running = dict(_running(seen, verdict))
    changes = mergepatch.derive(before, status.written(before, verdict, seen.metrics, started, now, running))
    if changes:
        return _remember(seen, changes, tuple(_turning_points(seen, verdict)), f"Run{verdict.phase}")
    return _ask(seen, started, now)


def cleared_away(seen: RunSeen, before: Mapping[str, Any], now: Instant) -> Plan:
    """Delete a finished run once its time is over, or wake when it will be."""
    kept_s = _kept_s(seen)
    if kept_s is None:
        return Plan(rule="RunCompleted")
    ended = Instant.parse(before.get("completedAt")) or seen.started or kube.created(seen.manifest)
    if ended is None:
        return Plan(rule="RunCompleted")
    until = ended.plus(kept_s)
    if now < until:
        return Plan(wake=until, rule="RunCompleted")
    run = Delete(seen.ref, uid=seen.uid, version=kube.version(seen.manifest))
    return Plan(actions=(run,), rule="TimeToLiveIsOver")


def _kept_s(seen: RunSeen) -> int | None:
    """How long the run stays after its end: what is said of its outcome goes before what is said of any."""
    strategy = spec_of(seen.manifest).get("ttlStrategy")
    if not isinstance(strategy, Mapping):
        return None
    outcome = "secondsAfterSuccess" if seen.phase is Phase.SUCCESSFUL else "secondsAfterFailure"
    for name in (outcome, "secondsAfterCompletion"):
        seconds = strategy.get(name)
        if isinstance(seconds, int) and not isinstance(seconds, bool):
            return max(0, seconds)
    return None


def _pairs(seen: RunSeen) -> Iterator[tuple[Metric, MetricState]]:
    return zip(seen.metrics, seen.states, strict=True)


def _measured(seen: RunSeen, metric: Metric, state: MetricState, started: Instant, now: Instant) -> MetricState:
    """The state with the measurement that has come in, or with the error of a question that cannot be asked."""
    if state.is_completed or seen.is_terminated:
        return state
    if answer := seen.answers.get(metric.name):
        times = answer.asked_at.seconds, answer.answered_at.seconds
        return _marked(state, measuring.taken(metric, state, answer.value, answer.error, *times)[0])
    if metric.provider == jobs.PROVIDER:
        return _marked(state, _worked(seen, metric, state, now))
    at_s = due_s(metric, state, started.seconds)
    if seen.started is None or at_s is None or now < Instant.of(at_s):
        return state
    try:
        measuring.ask(metric, _around(seen, state, now))
    except AnalysisError as error:
        failed = measuring.failed(str(error), now.seconds, now.seconds)
        return _marked(state, measuring.recorded(metric, state, failed))
    return state


def _worked(seen: RunSeen, metric: Metric, state: MetricState, now: Instant) -> MetricState:
    """The state with what the metric's Job came to, once it has ended or was refused."""
    if seen.jobs is None:
        return state
    if said := seen.jobs.refused.get(metric.name):
        return measuring.recorded(metric, state, measuring.failed(said, now.seconds, now.seconds))
    job = seen.jobs.latest.get(metric.name)
    why = seen.jobs.stuck.get(metric.name)
    if job is not None and why and jobs.is_given_up(job, why, now):
        return measuring.recorded(metric, state, jobs.undecided(job, why, now))
    measured = jobs.measurement(job, now) if job is not None else None
    return state if measured is None else measuring.recorded(metric, state, measured)


def _cut_short(seen: RunSeen, states: tuple[MetricState, ...], now: Instant) -> Iterator[MetricState]:
    """The states with a measurement for each Job that ends with the run: it has proved nothing."""
    for metric, before, state in zip(seen.metrics, seen.states, states, strict=True):
        is_open = state.taken == before.taken and not state.is_completed
        job = seen.jobs.latest.get(metric.name) if seen.jobs and is_open else None
        if job is not None and jobs.verdict(job) is None:
            state = measuring.recorded(metric, state, jobs.undecided(job, jobs.METRIC_TERMINATED, now))
        yield state


def _running(seen: RunSeen, verdict: Verdict) -> Iterator[tuple[str, Measurement]]:
    """By metric, the measurement that its Job is taking."""
    for before, after in zip(seen.states, verdict.states, strict=True):
        job = seen.jobs.latest.get(after.name) if seen.jobs and not verdict.phase.is_completed else None
        if job is not None and after.taken == before.taken and not after.is_completed:
            yield after.name, jobs.running(job)


def _marked(before: MetricState, after: MetricState) -> MetricState:
    """The state with the mark that something was left out, once it has been."""
    mark = before.metadata.get(status.TRUNCATED)
    return replace(after, metadata={**after.metadata, status.TRUNCATED: mark}) if mark else after


def _around(seen: RunSeen, state: MetricState, now: Instant) -> Surroundings:
    memory, began = state.metadata.get(measuring.MEMORY, ""), seen.started or now
    return Surroundings(now.seconds, seen.prometheus_address, memory, began.seconds)


def _ask(seen: RunSeen, started: Instant, now: Instant) -> Plan:
    """The questions and Jobs that are due, and when to look again."""
    asks: list[Ask] = []
    wakes: list[Instant] = []
    made: list[Create] = []
    for metric, state in _pairs(seen):
        at_s = due_s(metric, state, started.seconds)
        if at_s is None:
            continue
        at = Instant.of(at_s)
        if now < at:
            wakes.append(at)
        elif metric.provider == jobs.PROVIDER:
            if seen.jobs is not None and metric.name in seen.jobs.stuck:
                wakes.append(jobs.gives_up_at(seen.jobs.latest[metric.name], now))
            elif seen.jobs is not None and metric.name not in seen.jobs.latest and len(made) < JOBS_MAX:
                made.append(jobs.begun(seen.manifest, metric, state))
        elif len(asks) < ASKS_MAX:
            question = measuring.ask(metric, _around(seen, state, now))
            asks.append(Ask(ask_id(seen.uid, state), question, seen.ref.namespace, question.timeout_s))
            wakes.append(now.plus(question.timeout_s + ANSWER_GRACE_S))
    rule = "MetricsAreDue" if asks or made else "NothingIsDue"
    cleared = jobs.deleted(seen.jobs.old[:JOBS_MAX] if seen.jobs else ())
    return Plan(actions=(*made, *cleared), asks=tuple(asks), wake=min(wakes, default=None), rule=rule)


def _remember(seen: RunSeen, changes: Mapping[str, Any], notes: tuple[Note, ...], rule: str) -> Plan:
    patch = status_patch(kinds.ANALYSIS_RUN, seen.ref, seen.manifest, changes)
    return Plan(latch=patch, notes=notes[-NOTES_MAX:], rule=rule)


def _turning_points(seen: RunSeen, verdict: Verdict) -> Iterator[Note]:
    """A note for each metric that came to its end in this turn, and one for the run."""
    for before, after in zip(seen.states, verdict.states, strict=True):
        if after.phase and after.taken and after.is_completed and not before.is_completed:
            said = f"Metric '{after.name}' Completed. Result: {after.phase}"
            yield _note(seen, f"Metric{after.phase}", said, after.phase)
    if verdict.phase.is_completed:
        yield _told(seen, verdict.phase)


def _told(seen: RunSeen, phase: Phase) -> Note:
    return _note(seen, f"AnalysisRun{phase}", f"Analysis Completed. Result: {phase}", phase)


def _note(seen: RunSeen, reason: str, message: str, phase: Phase) -> Note:
    severity: Severity = "Warning" if phase in (Phase.FAILED, Phase.ERROR) else "Normal"
    return Note(reason, message, seen.ref, seen.uid, severity, {"phase": phase.value})
