"""The life of one operation: begun, pinned to a commit, rehearsed, carried out step by step, ended or tried again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rollouts.core.plan import Ask, Note, Patch, Plan
from rollouts.gitops import notes, report
from rollouts.gitops.asking import without_refresh
from rollouts.gitops.auto import window
from rollouts.gitops.compared import comparison_of, warnings_of
from rollouts.gitops.comparison import Comparison
from rollouts.gitops.health.model import Status
from rollouts.gitops.operation import Applied, Running, is_automated, started, state_of, sync_of, whole
from rollouts.gitops.report import Json
from rollouts.gitops.seen import AppSeen, rehearsal_id
from rollouts.gitops.sync import attempt, retry, veto
from rollouts.gitops.sync.retry import Retries
from rollouts.gitops.sync.step import Step, step
from rollouts.gitops.sync.task import ERROR, FAILED, RUNNING, SUCCEEDED, TERMINATING, Task
from rollouts.kit.instant import Instant
from rollouts.kit.parts import at, objects, part

RESOLVE_TIMEOUT_S, RENDER_TIMEOUT_S, REHEARSE_TIMEOUT_S = 60.0, 150.0, 120.0
LOOK_AGAIN_S = 60.0
SETTLE_S = 2.0  # what is healthy so soon after it was applied is told with the end of the sync
HISTORY_MAX, HISTORY_BYTES_MAX = 10, 400_000  # each entry repeats its sources, values and all
AFTERWARDS_S = 0.001
TERMINATED = "Operation terminated"


@dataclass(frozen=True, slots=True)
class End:
    """How a sync ends. rows: what became of its objects.  status: what was compared on the way."""

    phase: str
    message: str
    rows: Sequence[Mapping[str, Any]] = ()
    status: Json | None = None


def begin(seen: AppSeen, wish: Mapping[str, Any], now: Instant) -> Plan:
    """Take an operation up, or say at once why not."""
    if seen.refused:
        # What an earlier sync was refused says nothing about this one: a turn without writes forgets it.
        return Plan(wake=now.plus(0.1), rule="RefusalsForgotten")
    state: Json = {"operation": wish, "phase": RUNNING, "message": "", "startedAt": now.rfc3339()}
    why = seen.problem or ("" if isinstance(wish.get("sync"), Mapping) else "the operation names no sync")
    if why:
        return _over(seen, {**state, "phase": ERROR, "message": why}, {}, now, rule="OperationInvalid")
    latch = report.patch(seen, {**seen.status, "operationState": state})
    told = notes.began(seen, wish, str(sync_of(wish).get("revision") or ""))
    return Plan(latch=latch, notes=(told,), rule="OperationBegins")


def begin_automated(seen: AppSeen, operation: Json, after: Json, now: Instant, *, extra: Json | None = None) -> Plan:
    """Ask for a sync and take it up at once, pinned to what was just compared; one write tells both.

    after: the status that the comparison leads to.  extra: further parts of the object that are written with it.
    """
    if seen.refused:
        return Plan(wake=now.plus(0.1), rule="RefusalsForgotten")
    state: Json = {"operation": operation, "phase": RUNNING, "message": "", "startedAt": now.rfc3339()}
    begun = {**after, "operationState": {**state, "syncResult": _pin(seen)}}
    told = (*notes.changed(seen, after), notes.began(seen, operation, ", ".join(seen.source.revisions)))
    latch = report.patch(seen, begun, extra={**(extra or {}), "operation": operation})
    return Plan(latch=latch, notes=told, rule="SyncDecided")


def proceed(seen: AppSeen, running: Running, now: Instant) -> Plan:
    """The next step of the operation under way."""
    if running.phase == TERMINATING:
        return _terminated(seen, running, now)
    if said := seen.problem or seen.source.forbidden:
        return _ended(seen, running, End(ERROR, said), now)
    limit_s = seen.settings.sync_timeout_s
    if _is_late(seen, running, now):
        late = {**running.state, "phase": TERMINATING, "message": f"{TERMINATED}: it took longer than {limit_s:g} s"}
        return Plan(latch=report.patch(seen, {**seen.status, "operationState": late}), rule="OperationLate")
    if hold := veto.hold(seen, running, window(seen, now)):
        return _noted(seen, running, hold.reason, now, until=hold.until)
    if running.is_held:
        state = {**running.state, "message": ""}
        return Plan(latch=report.patch(seen, {**seen.status, "operationState": state}), rule="HoldOver")
    if not running.revisions and running.manifests is None:
        return _pinned(seen, running, now)
    if seen.desired is None:
        return _rendered(seen, running, now)
    if seen.desired.errors:
        return _ended(seen, running, End(FAILED, "; ".join(seen.desired.errors)), now)
    if seen.is_listing:
        return Plan(wake=now.plus(LOOK_AGAIN_S), rule="KindsListed")
    if seen.unknown:
        said = f"cannot tell what is in the cluster: {next(iter(seen.unknown.values()))}"
        return _noted(seen, running, said, now)
    comparison = comparison_of(seen)
    if latch := _inventory(seen, comparison, now):
        return Plan(latch=latch, rule="InventoryRemembered")
    tried = attempt.build(seen, running, comparison)
    if not running.rows and (said := veto.refusal(seen, running, comparison, tried)):
        return _ended(seen, running, End(FAILED, said), now)
    if plan := _rehearsed(seen, running, tried, now):
        return plan
    return _stepped(seen, running, comparison, step(tried.sync), now)


def held(seen: AppSeen, running: Running, now: Instant) -> veto.Hold | None:
    """Why a sync that has said so still waits to begin: meanwhile the Application is looked after as ever."""
    if not running.is_held or seen.problem or _is_late(seen, running, now):
        return None
    return veto.hold(seen, running, window(seen, now))


def _is_late(seen: AppSeen, running: Running, now: Instant) -> bool:
    limit_s = seen.settings.sync_timeout_s
    return limit_s > 0 and now.since(started(running, now)) >= limit_s


def again(seen: AppSeen, now: Instant) -> Plan | None:
    """What a sync that waits for its next try does: the try once it is due, or its end where a newer commit came."""
    state = state_of(seen.manifest)
    rule, tries = _retries(seen, state.get("operation")), whole(state.get("retryCount"))
    failed = Instant.parse(state.get("finishedAt")) or now
    due = failed.plus(rule.delay_s(max(0, tries - 1)) or 0.0)
    pinned = part(state, "syncResult")
    revisions = list(pinned.get("revisions") or [pinned.get("revision")])
    newest = list(seen.source.revisions)
    if newest and revisions[0] and newest != revisions and is_automated(state.get("operation")):
        said = f"superseded by {', '.join(newest)}; the last try said: {state.get('message')}"
        return _over(seen, {**state, "phase": FAILED, "message": said}, {}, now, rule="Superseded")
    if now < due or seen.refused:
        return None
    kept = {name: part for name, part in pinned.items() if name != "resources" and not rule.is_fresh}
    fresh = {**state, "finishedAt": None, "syncResult": kept or None, "message": f"Retrying attempt #{tries}"}
    return Plan(latch=report.patch(seen, {**seen.status, "operationState": fresh}), rule="TriedAgain")


def due_again(seen: AppSeen, now: Instant) -> Instant:
    """When the next try is due, for whoever waits."""
    state = state_of(seen.manifest)
    rule = _retries(seen, state.get("operation"))
    failed = Instant.parse(state.get("finishedAt")) or now
    due = failed.plus(rule.delay_s(max(0, whole(state.get("retryCount")) - 1)) or 0.0)
    return max(due, now.plus(0.1))


# Which commit, and what it says.


def _pinned(seen: AppSeen, running: Running, now: Instant) -> Plan:
    """Find out which commits are meant, and remember them: every later pass is about these and no others."""
    source = seen.source
    if source.error and source.is_resolved:
        return _failed(seen, running, ERROR, source.error, now)
    if not source.revisions:
        asks = tuple(
            Ask(ask_id, question, seen.control_namespace, RESOLVE_TIMEOUT_S)
            for (ask_id, question), answer in zip(source.questions, source.asked, strict=True)
            if answer is None
        )
        return Plan(asks=asks, wake=now.plus(RESOLVE_TIMEOUT_S + 30), rule="RevisionAsked")
    state = {**running.state, "syncResult": _pin(seen)}
    return Plan(latch=report.patch(seen, {**seen.status, "operationState": state}), rule="RevisionPinned")


def _pin(seen: AppSeen) -> Json:
    """The commits that a sync is about, as its result names them."""
    source = seen.source
    sources, revisions = [dict(each) for each in source.sources], list(source.revisions)
    if seen.manifest["spec"].get("sources") or len(sources) > 1:
        return {"revisions": revisions, "sources": sources}
    return {"revision": revisions[0], "source": sources[0]}


def _rendered(seen: AppSeen, running: Running, now: Instant) -> Plan:
    render, answer = seen.source.render, seen.source.rendered
    assert render is not None
    if answer is not None:
        return _failed(seen, running, ERROR, answer.error or "the render said nothing", now)
    ask = Ask(render[0], render[1], seen.control_namespace, RENDER_TIMEOUT_S)
    return Plan(asks=(ask,), wake=now.plus(RENDER_TIMEOUT_S + 30), rule="RenderAsked")


def _inventory(seen: AppSeen, comparison: Comparison, now: Instant) -> Patch | None:
    """What is about to be written is remembered first, so that whatever becomes of it can be pruned one day."""
    known = {item.key for item in seen.inventory}
    if all(row.key in known for row in comparison.rows):
        return None
    return report.patch(seen, report.observed(seen, comparison, warnings_of(seen), now))


# Step by step.


def _rehearsed(seen: AppSeen, running: Running, tried: attempt.Attempt, now: Instant) -> Plan | None:
    """Ask the API server whether it would take all of it, before any of it is written; None where it would."""
    if running.rows or not tried.rehearsal.writes:
        return _only_rehearsed(seen, running, tried, now)
    answer = seen.rehearsed
    if answer is None:
        ask = Ask(rehearsal_id(seen, running), tried.rehearsal, seen.control_namespace, REHEARSE_TIMEOUT_S)
        return Plan(asks=(ask,), wake=now.plus(REHEARSE_TIMEOUT_S + 30), rule="DryRunAsked")
    if answer.error:
        return _failed(seen, running, ERROR, f"dry run: {answer.error}", now)
    refused = attempt.refused_rows(tried, answer.value)
    if refused:
        said = "one or more objects failed to apply (dry run)"
        first = next((row["message"] for row in refused if row.get("message")), "")
        return _failed(seen, running, FAILED, f"{said}: {first}" if first else said, now, rows=refused)
    return _only_rehearsed(seen, running, tried, now)


def _only_rehearsed(seen: AppSeen, running: Running, tried: attempt.Attempt, now: Instant) -> Plan | None:
    if running.sync.get("dryRun") is not True:
        return None
    rows = list(attempt.as_if_done(tried))
    return _ended(seen, running, End(SUCCEEDED, "successfully synced (dry run)", rows=rows), now)


def _stepped(seen: AppSeen, running: Running, comparison: Comparison, found: Step, now: Instant) -> Plan:
    before = attempt.recorded(running)
    looked = attempt.rows(found.looked, before)
    status = report.observed(seen, comparison, warnings_of(seen), now)
    if found.phase == SUCCEEDED:
        if _is_settling(seen, comparison, now):
            return Plan(wake=now.plus(SETTLE_S), rule="HealthAwaited")
        if seen.applied_at and running.is_automated and not seen.refresh:
            # The commit was asked for when the sync was decided: this is the comparison that follows a sync.
            # Clients wait until it is later than the end of the sync, so it is, by the least that they can tell.
            status["reconciledAt"] = now.plus(AFTERWARDS_S).rfc3339()
        return _ended(seen, running, End(SUCCEEDED, found.message, rows=looked, status=status), now)
    if found.phase == FAILED:
        return _failed(seen, running, FAILED, found.message, now, rows=looked)
    if found.actions and attempt.hooks(looked) != attempt.hooks(before):
        # What was seen of hooks is remembered before anything rests on it: one that is let go may vanish.
        latch = _state_patch(seen, running, {**status, **_looked(seen, now)}, looked, found.message)
        return Plan(latch=latch, rule="ResultsRemembered")
    after = attempt.rows(found.tasks, looked)
    if found.is_plain_and_last:
        # What is applied last is told with the end of the sync. Whoever takes over after a crash applies it again.
        applied = Applied(running.sync_id, tuple(after))
        return Plan(actions=found.actions, wake=now.plus(LOOK_AGAIN_S), rule="LastStep", recall=applied)
    patch = _state_patch(seen, running, {**status, **_looked(seen, now)}, after, found.message)
    return Plan(actions=found.actions, status=patch, wake=now.plus(LOOK_AGAIN_S), rule="SyncStep")


def _is_settling(seen: AppSeen, comparison: Comparison, now: Instant) -> bool:
    """Whether all was applied a moment ago and controllers are still at work: one write may soon tell all of it."""
    is_on_its_way = comparison.health.status is Status.PROGRESSING
    return is_on_its_way and seen.applied_at is not None and now.since(seen.applied_at) < SETTLE_S


def _state_patch(
    seen: AppSeen, running: Running, status: Json, rows: Sequence[Mapping[str, Any]], message: str
) -> Patch | None:
    pinned = part(running.state, "syncResult")
    state = {**running.state, "message": message, "syncResult": {**pinned, "resources": list(rows)}}
    return report.patch(seen, {**status, "operationState": state}, extra=without_refresh(seen.manifest))


def _looked(seen: AppSeen, now: Instant) -> Json:
    """The times where somebody wants a look while a sync goes on: the cluster was compared, git is asked at its end."""
    return {"reconciledAt": now.rfc3339(), "observedAt": None} if without_refresh(seen.manifest) else {}


def _noted(seen: AppSeen, running: Running, message: str, now: Instant, *, until: Instant | None = None) -> Plan:
    """The sync stands still and says why."""
    extra = without_refresh(seen.manifest)
    told = {**seen.status, "operationState": {**running.state, "message": message}}
    status = report.patch(seen, told | ({"observedAt": None} if extra else {}), extra=extra)
    soon = now.plus(LOOK_AGAIN_S)
    return Plan(status=status, wake=min(until, soon) if until and until > now else soon, rule="SyncHeld")


# Ends.


def _terminated(seen: AppSeen, running: Running, now: Instant) -> Plan:
    """Somebody ended the sync: hooks that run are removed, what was applied stays."""
    tasks: tuple[Task, ...] = ()
    if seen.desired is not None and not seen.unknown:
        tasks = attempt.build(seen, running, comparison_of(seen)).sync.tasks
    if actions := attempt.stopped(tasks, running.sync_id):
        return Plan(actions=actions, wake=now.plus(LOOK_AGAIN_S), rule="HooksStopped")
    rows = [
        {**row, "hookPhase": FAILED} if row.get("hookPhase") == RUNNING else row for row in attempt.recorded(running)
    ]
    said = str(running.state.get("message") or "")
    return _ended(seen, running, End(FAILED, said if said.startswith(TERMINATED) else TERMINATED, rows=rows), now)


def _failed(
    seen: AppSeen, running: Running, phase: str, message: str, now: Instant, rows: Sequence[Mapping[str, Any]] = ()
) -> Plan:
    """The try failed: another one is due later, or it was the last."""
    rule = _retries(seen, running.state.get("operation"))
    delay_s = rule.delay_s(running.retry_count)
    if delay_s is None:
        more = f" (retried {running.retry_count} times)." if running.retry_count else ""
        return _ended(seen, running, End(phase, f"{message}{more}", rows=rows), now)
    tries = running.retry_count + 1
    at = now.plus(delay_s).rfc3339_whole()
    state = {
        **_with_rows(running, rows),
        "phase": RUNNING,
        "message": f"{message}. Retrying attempt #{tries} at {at}.",
        "finishedAt": now.rfc3339(),
        "retryCount": tries,
    }
    return Plan(latch=report.patch(seen, {**seen.status, "operationState": state}), rule="TryFailed")


def _ended(seen: AppSeen, running: Running, end: End, now: Instant) -> Plan:
    state = {**_with_rows(running, end.rows), "phase": end.phase, "message": end.message}
    history = _history(seen, running, now) if end.phase == SUCCEEDED else {}
    return _over(seen, state, {**(end.status or {}), **history}, now, rule=f"Operation{end.phase}")


def _over(seen: AppSeen, state: Json, more: Json, now: Instant, *, rule: str) -> Plan:
    operation: Any = state.get("operation") or {}
    result = part(state, "syncResult")
    revision = str(result.get("revision") or ", ".join(result.get("revisions") or ()))
    ended = {**state, "finishedAt": now.rfc3339()}
    latch = report.patch(seen, {**seen.status, **more, "operationState": ended}, ends=True)
    told: Note = notes.ended(seen, operation, str(state["phase"]), str(state["message"]), revision)
    return Plan(latch=latch, notes=(told,), rule=rule)


def _with_rows(running: Running, rows: Sequence[Mapping[str, Any]]) -> Json:
    pinned = part(running.state, "syncResult")
    found = list(rows) or list(attempt.recorded(running))
    return {**running.state, "syncResult": {**pinned, "resources": found}}


def _history(seen: AppSeen, running: Running, now: Instant) -> Json:
    """The entry of a whole sync that succeeded; selective ones and dry runs leave none."""
    if running.sync.get("resources") or running.sync.get("dryRun") is True or running.manifests is not None:
        return {}
    entries = objects(seen.status, "history")
    result: Mapping[str, Any] = running.state.get("syncResult") or {}
    which = {name: result[name] for name in ("revision", "revisions", "source", "sources") if name in result}
    number = max((whole(each.get("id")) for each in entries), default=-1) + 1
    who = (running.state.get("operation") or {}).get("initiatedBy")
    entry = {"id": number, **which, "deployedAt": now.rfc3339(), "deployStartedAt": running.started_at}
    limit = seen.spec.revision_history_limit if seen.spec else None
    kept = HISTORY_MAX if limit is None else max(0, limit)
    history = [*entries, {**entry, **({"initiatedBy": who} if who else {})}][-kept:] if kept else []
    sizes = [len(json.dumps(each)) for each in history]
    while len(sizes) > 1 and sum(sizes) > HISTORY_BYTES_MAX:
        del sizes[0]
    return {"history": history[len(history) - len(sizes) :]}


def _retries(seen: AppSeen, operation: Any) -> Retries:
    """The operation's own rule, or the spec's."""
    own = at(operation, "retry")
    return retry.read(own if own is not None else at(seen.manifest, "spec", "syncPolicy", "retry"))
