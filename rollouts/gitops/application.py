"""One Application: git is asked, rendered and compared; what differs is synced if it may; what is the case is told."""

from __future__ import annotations

import zlib
from dataclasses import replace

from rollouts.core.plan import Ask, Plan
from rollouts.gitops import auto, deletion, farewell, notes, operation, report, syncing
from rollouts.gitops.asking import without_refresh
from rollouts.gitops.compared import comparison_of, warnings_of
from rollouts.gitops.comparison import Comparison
from rollouts.gitops.identity import in_the_name_of
from rollouts.gitops.judged import refusal
from rollouts.gitops.report import Json, row_is_out
from rollouts.gitops.seen import SKIP, AppSeen
from rollouts.gitops.syncing import RENDER_TIMEOUT_S, RESOLVE_TIMEOUT_S
from rollouts.kit.instant import Instant
from rollouts.kit.parts import objects
from rollouts.kube import object as kube

POLL_S, POLL_JITTER_S = 120.0, 60.0
GRACE_S = 180.0  # for so long git may fail to answer before what was compared last counts as unknown


def reconcile(seen: AppSeen, now: Instant) -> Plan:
    """What this Application needs next, written as whoever its project says."""
    return in_the_name_of(_needed(seen, now), seen.user)


def _needed(seen: AppSeen, now: Instant) -> Plan:
    if kube.annotations(seen.manifest).get(SKIP) == "true":
        return Plan(rule="ReconcileSkipped")
    if kube.is_deleting(seen.manifest):
        return deletion.depart(seen, now)
    if seen.running is not None:
        if hold := syncing.held(seen, seen.running, now):
            looked = _observe(seen, now)
            wakes = (each for each in (looked.wake, hold.until) if each is not None and each > now)
            return replace(looked, wake=min(wakes, default=_later(now)))
        return syncing.proceed(seen, seen.running, now)
    if wish := operation.requested(seen.manifest):
        return syncing.begin(seen, wish, now)
    if operation.is_waiting(seen.manifest) and (plan := syncing.again(seen, now)):
        return plan
    return _observe(seen, now)


def _observe(seen: AppSeen, now: Instant) -> Plan:
    """No sync is under way: look at git when it is time, compare, tell, and sync where it should be."""
    if seen.problem:
        return _invalid(seen, now)
    asks = _asks(seen, now)
    if seen.is_listing:
        return Plan(asks=asks, wake=now.plus(POLL_S), rule="KindsListed")
    if seen.source.is_resolved and not asks:
        return _round_ended(seen, now)
    if seen.desired is None or seen.source.error:
        # An answer wakes whoever asked, even one that says that there is none.
        wake = now.plus(RENDER_TIMEOUT_S) if asks else _wake(seen, now)
        return Plan(asks=asks, wake=wake, rule="GitAsked" if asks else "GitAwaited")
    comparison = comparison_of(seen)
    decision = auto.decide(seen, comparison, now)
    if _has_failed(seen):
        after = report.observed(seen, comparison, [*warnings_of(seen), *_complaints(seen)], now)
        return _told(seen, {**after, "sync": seen.status.get("sync")}, asks, auto.Decision(), now)
    after = report.observed(seen, comparison, _warnings(seen, comparison, decision.error), now)
    return _told(seen, after, asks, decision, now)


def _has_failed(seen: AppSeen) -> bool:
    """Whether git was asked last in vain: what is compared meanwhile is an older commit, and no reason to sync."""
    asked, compared = (Instant.parse(seen.status.get(name)) for name in ("observedAt", "reconciledAt"))
    return asked is not None and (compared is None or compared < asked)


def _complaints(seen: AppSeen) -> list[tuple[str, str]]:
    """What stands in the way of a comparison, as it was told."""
    return [
        (str(each.get("type")), str(each.get("message")))
        for each in objects(seen.status, "conditions")
        if each.get("type") == "ComparisonError"
    ]


def _told(seen: AppSeen, after: Json, asks: tuple[Ask, ...], decision: auto.Decision, now: Instant) -> Plan:
    """What is the case, and what is done about it."""
    wakes = [_wake(seen, now)] + ([decision.wake] if decision.wake and decision.wake > now else [])
    if decision.operation is not None and not operation.is_waiting(seen.manifest) and not _is_due(seen, now):
        return syncing.begin_automated(seen, decision.operation, after, now)
    patch = report.patch(seen, after)
    if patch is not None:
        told = tuple(notes.changed(seen, after))
        return Plan(status=patch, asks=asks, notes=told, wake=min(wakes), rule="StatusTold")
    return Plan(asks=asks, wake=min(wakes), rule="NothingToDo")


def _round_ended(seen: AppSeen, now: Instant) -> Plan:
    """Git and the renderers have said all they will: compare, or say why not; the next round begins with this write."""
    problem = seen.source.error or ("; ".join(seen.desired.errors) if seen.desired else "the render said nothing")
    if problem:
        return _incomparable(seen, problem, now)
    comparison = comparison_of(seen)
    decision = auto.decide(seen, comparison, now)
    status = report.observed(seen, comparison, _warnings(seen, comparison, decision.error), now)
    after, extra = report.looked(seen, status, now, is_compared=not seen.unknown)
    if (finalizers := farewell.wanted_finalizers(seen)) is not None:
        extra = {"metadata": {**extra.get("metadata", {}), "finalizers": finalizers or None}}
    if decision.operation is not None and not operation.is_waiting(seen.manifest) and not seen.refused:
        return syncing.begin_automated(seen, decision.operation, after, now, extra=extra)
    told = tuple(notes.changed(seen, after))
    return Plan(status=report.patch(seen, after, extra=extra), notes=told, wake=_later(now), rule="Compared")


def _incomparable(seen: AppSeen, problem: str, now: Instant) -> Plan:
    """Git or the render failed: nothing is pruned, nothing is synced; after a while the status says Unknown."""
    warnings = [("ComparisonError", problem)]
    last = Instant.parse(seen.status.get("reconciledAt"))
    is_outage = seen.desired is not None and not seen.desired.errors and last is not None
    if is_outage and last is not None and now.since(last) < GRACE_S + POLL_S and seen.status.get("sync"):
        status: Json = {**seen.status, "conditions": report.conditions(seen.status, warnings, now)}
    else:
        status = report.unknown(seen, warnings, now)
    after, extra = report.looked(seen, status, now, is_compared=False)
    told = tuple(notes.changed(seen, after))
    return Plan(status=report.patch(seen, after, extra=extra), notes=told, wake=_later(now), rule="ComparisonFailed")


def _invalid(seen: AppSeen, now: Instant) -> Plan:
    after = report.unknown(seen, [("InvalidSpecError", seen.problem)], now, is_spec=True)
    extra = without_refresh(seen.manifest)
    told = tuple(notes.changed(seen, after))
    return Plan(status=report.patch(seen, after, extra=extra), notes=told, rule="SpecInvalid")


# When git is asked.


def _asks(seen: AppSeen, now: Instant) -> tuple[Ask, ...]:
    """The questions that are due: what the revisions mean now, then what they say."""
    source = seen.source
    if not source.is_resolved and _is_due(seen, now):
        return tuple(
            Ask(ask_id, question, seen.control_namespace, RESOLVE_TIMEOUT_S)
            for (ask_id, question), answer in zip(source.questions, source.asked, strict=True)
            if answer is None
        )
    if source.render is not None and source.rendered is None:
        return (Ask(source.render[0], source.render[1], seen.control_namespace, RENDER_TIMEOUT_S),)
    return ()


def _is_due(seen: AppSeen, now: Instant) -> bool:
    """Whether git is to be asked again."""
    if seen.refresh or not seen.source.revisions:
        return not _is_resting(seen, now)
    state = operation.state_of(seen.manifest)
    ended, compared = Instant.parse(state.get("finishedAt")), Instant.parse(seen.status.get("reconciledAt"))
    if ended is not None and (compared is None or compared < ended) and not operation.is_waiting(seen.manifest):
        return not _is_resting(seen, now)
    return now >= _due(seen, now)


def _is_resting(seen: AppSeen, now: Instant) -> bool:
    """Whether git was asked a moment ago, in vain: a source that does not answer is not asked at full speed."""
    asked = Instant.parse(seen.status.get("observedAt"))
    return _has_failed(seen) and not seen.refresh and asked is not None and now.since(asked) < POLL_S / 4


def _due(seen: AppSeen, now: Instant) -> Instant:
    """When git is asked next, spread so that a thousand applications do not come at once."""
    asked = Instant.parse(seen.status.get("observedAt"))
    if asked is None:
        return now
    spread = zlib.crc32(seen.uid.encode()) / 0xFFFFFFFF
    return asked.plus(POLL_S + spread * POLL_JITTER_S)


def _wake(seen: AppSeen, now: Instant) -> Instant:
    wakes = [_due(seen, now)]
    if not seen.source.revisions:
        wakes.append(now.plus(POLL_S / 4))
    if operation.is_waiting(seen.manifest):
        wakes.append(syncing.due_again(seen, now))
    return max(min(wakes), now.plus(1.0))


def _later(now: Instant) -> Instant:
    return now.plus(POLL_S)


def _warnings(seen: AppSeen, comparison: Comparison, error: str) -> list[tuple[str, str]]:
    invalid = refusal(seen.judged, {row.key for row in comparison.rows if row_is_out(row)})
    return [*warnings_of(seen), *(("SyncError", said) for said in (invalid, error) if said)]
