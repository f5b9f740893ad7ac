"""What the Rollout's status should say, and whether saying it can wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rollouts.core.errors import Refusal
from rollouts.core.plan import Note, Patch, status_patch
from rollouts.delivery import calls, denials, duration, guests, marks, notes, progress, readers, restart, rules, runs
from rollouts.delivery import latch as latches
from rollouts.delivery.latch import STAGE_RUNS, Latch
from rollouts.delivery.progress import Counts
from rollouts.delivery.seen import DeliverySeen, Refused, RunSeen
from rollouts.delivery.turning import Turning
from rollouts.kit.instant import Instant
from rollouts.kit.parts import at, part
from rollouts.kube import conditions, kinds, selector
from rollouts.kube import object as obj
from rollouts.kube.conditions import Condition

REPORT_INTERVAL_S = 1.0
MESSAGE_MAX = 2048
_STEP_RUN, _BACKGROUND_RUN = "currentStepAnalysisRunStatus", "currentBackgroundAnalysisRunStatus"
_IN_PROGRESS = "in progress"
_DECISIONS = tuple(latches.fields(Latch(), 1))


def describe(seen: DeliverySeen, latch: Latch, turning: Turning | None, now: Instant) -> dict[str, Any]:
    """The whole status under a latch. Fields that others wrote stay as they are."""
    counts = progress.counts_of(seen)
    wanted = progress.conditions(seen, latch, counts, turning, now)
    restarted = restart.restarted_at(seen, now)
    is_restarting = restart.is_due(seen, now) and restarted != seen.spec.restart_at
    phase, message = _phase(seen, latch, counts, wanted, is_restarting=is_restarting)
    generation = obj.generation(seen.rollout)
    told = (*wanted, *readers.standard(seen.compat, phase, _reason(phase, wanted), message))
    about = readers.in_each_condition(seen.compat, generation)
    status = {
        **seen.status,
        **latches.fields(latch, len(seen.canary.steps)),
        "observedGeneration": readers.at_the_top(seen.compat, generation),
        "workloadObservedGeneration": seen.workload.generation if seen.workload else None,
        "replicas": counts.replicas,
        "updatedReplicas": counts.updated,
        "readyReplicas": counts.ready,
        "availableReplicas": counts.available,
        **_BY_STRATEGY[seen.strategy](seen, latch),
        "conditions": conditions.merge(seen.status.get("conditions"), told, now, generation=about),
        "restartedAt": restarted,
        "duration": duration.told(seen, latch, turning, now),
        "phase": phase,
        "message": message or None,
        readers.ACTIONS_FIELD: readers.allowed_actions(seen, latch),
    }
    return {key: value for key, value in status.items() if value is not None}


def patch(seen: DeliverySeen, wanted: Mapping[str, Any], now: Instant, *, progressed: bool) -> Patch | None:
    """The smallest write that makes the status say so; None where it does. progressed: the deadline starts anew."""
    body = readers.difference(seen.status, wanted)
    if not body:
        return None
    if progressed:
        told = [
            {**each, "lastUpdateTime": now.rfc3339()} if each["type"] == "Progressing" else each
            for each in wanted["conditions"]
        ]
        body = {**body, "conditions": told}
    return status_patch(kinds.ROLLOUT, seen.ref, seen.rollout, body)


def may_wait(seen: DeliverySeen, wanted: Mapping[str, Any]) -> bool:
    """Whether only counts and their wording differ, which nobody needs before the next decision."""
    return readers.is_observed_alike(seen.status, wanted) and _headline(seen.status) == _headline(wanted)


def next_report(seen: DeliverySeen) -> Instant | None:
    """The moment from which differences that may wait are written, None if that is now."""
    last = Instant.parse(conditions.find(seen.status.get("conditions"), "Progressing").get("lastUpdateTime"))
    return last.plus(REPORT_INTERVAL_S) if last else None


def run_notes(seen: DeliverySeen) -> Iterator[Note]:
    """What the runs of this update have come to since the status was written."""
    told = part(seen.status, seen.strategy)
    step_field = _STEP_RUN if seen.blue_green is None else STAGE_RUNS[seen.latch.step if seen.latch.is_updating else 0]
    for field, run in ((step_field, runs.step_run), (_BACKGROUND_RUN, runs.background_run)):
        found = run(seen, seen.latch)
        before = str(part(told, field).get("status") or "") if field in told else None
        if found is not None and found.phase and found.phase != before:
            yield notes.run_changed(seen, found, before)


def refused(seen: Refused, now: Instant) -> tuple[Patch | None, tuple[Note, ...]]:
    """The status of a Rollout that must not be acted on: InvalidSpec, and everything else as it was."""
    first: Refusal = seen.refusals[0]
    sentence = rules.condition_message(seen.ref.name, first)[:MESSAGE_MAX]
    status = seen.rollout.get("status") or {}
    before = status.get("conditions")
    said = (
        Condition(readers.INVALID, "True", readers.INVALID, sentence),
        *readers.standard(seen.compat, "Degraded", readers.INVALID, sentence),
    )
    generation = obj.generation(seen.rollout)
    about = readers.in_each_condition(seen.compat, generation)
    wanted = {
        **status,
        "observedGeneration": readers.at_the_top(seen.compat, generation),
        "conditions": conditions.merge(before, said, now, generation=about),
        "phase": "Degraded",
        "message": f"InvalidSpec: {sentence}",
        readers.ACTIONS_FIELD: None,
    }
    body = readers.difference(status, wanted)
    if not body:
        return None, ()
    is_news = conditions.find(before, "InvalidSpec").get("message") != sentence
    told = (notes.invalid(seen, seen.refusals),) if is_news else ()
    return status_patch(kinds.ROLLOUT, seen.ref, seen.rollout, body), told


def _phase(
    seen: DeliverySeen, latch: Latch, counts: Counts, wanted: tuple[Condition, ...], *, is_restarting: bool
) -> tuple[str, str]:
    """Phase and message as every client of the contract computes them, the first match."""
    progressing = next(each for each in wanted if each.type == "Progressing")
    if progressing.reason in (progress.ABORTED, progress.DEADLINE_EXCEEDED):
        return "Degraded", f"{progressing.reason}: {progressing.message}"[:MESSAGE_MAX]
    if seen.spec.paused:
        return "Paused", "manually paused"
    if latch.pauses:
        return "Paused", latch.pauses[0].reason
    if is_restarting:
        return "Progressing", "rollout is restarting"
    if counts.updated < seen.replicas:
        return "Progressing", "more replicas need to be updated"
    if counts.available < counts.updated:
        return "Progressing", "updated replicas are still becoming available"
    if not seen.is_routed and seen.blue_green is None and counts.replicas > counts.updated:
        return "Progressing", "old replicas are pending termination"
    if seen.blue_green is not None:
        if not latch.current or seen.stable_service.hash != latch.current:
            return "Progressing", "active service cutover pending"
        if latch.stable != latch.current:
            return "Progressing", "waiting for analysis to complete"
    if not latch.stable or latch.stable != latch.current:
        return "Progressing", "waiting for all steps to complete"
    return "Healthy", ""


def _reason(phase: str, wanted: tuple[Condition, ...]) -> str:
    """One word for the phase: what went wrong, or the phase itself."""
    return next(each.reason for each in wanted if each.type == "Progressing") if phase == "Degraded" else phase


def _of_canary(seen: DeliverySeen, latch: Latch) -> dict[str, Any]:
    return {
        "HPAReplicas": progress.counts_of(seen).replicas,
        "selector": _selector(seen, ""),
        "canary": _canary(seen, latch),
        "blueGreen": seen.status.get("blueGreen") if seen.former else None,
    }


def _of_blue_green(seen: DeliverySeen, latch: Latch) -> dict[str, Any]:
    active, preview = seen.stable_service.hash, seen.canary_service.hash
    serving = seen.set_of(active)
    blue_green = {
        "activeSelector": active or None,
        "previewSelector": preview or None,
        "scaleUpPreviewCheckPoint": True if latch.is_updating and latch.step > 0 else None,
        **_stage_runs(seen, latch),
    }
    return {
        "HPAReplicas": progress.counts_of(seen).replicas if serving is None else serving.pods,
        "selector": _selector(seen, active if serving else ""),
        "canary": _left_of_canary(seen, latch),
        "blueGreen": {key: value for key, value in blue_green.items() if value is not None},
    }


def _left_of_canary(seen: DeliverySeen, latch: Latch) -> dict[str, Any] | None:
    """What plugins are still to hear of a canary's steps; its runs and weights are no matter of a blue-green update."""
    if any(each.is_open for each in latch.calls):
        return {"stepPluginStatuses": calls.told(latch.calls)}
    return {} if seen.former else None  # as long as it is there the canary's Services are looked for


_BY_STRATEGY: Mapping[str, Callable[[DeliverySeen, Latch], dict[str, Any]]] = {
    "canary": _of_canary,
    "blueGreen": _of_blue_green,
}
"""Field of spec.strategy → what it says in the status, and to autoscalers."""


def _selector(seen: DeliverySeen, hash_value: str) -> str:
    base = (seen.rollout.get("spec") or {}).get("selector") or {}
    if hash_value:
        base = {**base, "matchLabels": {**(base.get("matchLabels") or {}), marks.HASH_LABEL: hash_value}}
    return selector.text(base)


def _stage_runs(seen: DeliverySeen, latch: Latch) -> dict[str, Any]:
    """The runs before and after the switch; those of an aborted update stay until the next one."""
    if not latch.is_updating:
        return dict.fromkeys(STAGE_RUNS)
    before = part(seen.status, "blueGreen")
    names = [str(part(before, field).get("name") or "") for field in STAGE_RUNS]
    if not latch.aborted:
        is_same = latch.current == seen.latch.current and latch.step > 0
        names = [names[0] if is_same else "", latch.step_run] if latch.step else [latch.step_run, ""]
    return {field: _run(seen, name, seen.run_named(name), latch) for field, name in zip(STAGE_RUNS, names, strict=True)}


def _canary(seen: DeliverySeen, latch: Latch) -> dict[str, Any]:
    canary = {
        **part(seen.status, "canary"),
        _STEP_RUN: _run(seen, latch.step_run, runs.step_run(seen, latch), latch),
        _BACKGROUND_RUN: _run(seen, latch.background_run, runs.background_run(seen, latch), latch),
        "currentExperiment": latch.experiment or None,
        "weights": _weights(seen, latch) if seen.routers else None,
        "stablePingPong": latch.ping_pong or None,
        "stepPluginStatuses": calls.told(latch.calls) or None,
    }
    return {key: value for key, value in canary.items() if value is not None}


def _weights(seen: DeliverySeen, latch: Latch) -> dict[str, Any]:
    weight, beside = seen.weight_high, guests.present(seen)
    # Back at the stable version, what is still to be taken from the version in between is told as that one's.
    is_other = weight > 0 and latch.current == latch.stable and seen.set_of(seen.canary_service.hash) is not None
    return {
        "canary": {
            "weight": weight,
            "serviceName": seen.traffic.canary_service,
            "podTemplateHash": seen.canary_service.hash if is_other else latch.current,
        },
        "stable": {
            "weight": max(0, seen.traffic.total - weight - sum(each["weight"] for each in beside)),
            "serviceName": seen.traffic.stable_service,
            "podTemplateHash": latch.stable or latch.current,
        },
        **({"additional": beside} if beside else {}),
        **({} if seen.is_verified is None else {"verified": seen.is_verified}),
    }


def _run(seen: DeliverySeen, name: str, run: RunSeen | None, latch: Latch) -> dict[str, Any] | None:
    if not name:
        return None
    if latch.aborted:
        run = seen.run_named(name)  # the one that stood there, although the step is the first again
    told = {"name": name, "status": run.phase if run else ""}
    return {**told, "message": run.message[:MESSAGE_MAX]} if run and run.message else told


def _headline(status: Mapping[str, Any]) -> tuple[object, ...]:
    """What others wait for: phase, decisions, weights, and conditions that say that something is wrong or done."""
    told = []
    for kind in ("Progressing", "Available", "Paused", "Completed", "InvalidSpec", "ReplicaFailure", "UnknownField"):
        each = conditions.find(status.get("conditions"), kind)
        reason = each.get("reason") if kind == "Progressing" else ""
        is_usual = reason not in (progress.ABORTED, progress.DEADLINE_EXCEEDED, *denials.REASONS)
        told.append(_IN_PROGRESS if kind == "Progressing" and is_usual else (each.get("status"), reason))
    decisions = [status.get(key) for key in _DECISIONS]
    blue_green = part(status, "blueGreen")
    selected = (blue_green.get("activeSelector"), blue_green.get("previewSelector"))
    return (status.get("phase"), at(status, "canary", "weights", "canary", "weight"), *selected, *told, *decisions)
