"""The conditions of a Rollout, in the contract's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollouts.delivery import commands, denials, managed, stages, steps, unknown
from rollouts.delivery.latch import Latch
from rollouts.delivery.phase import Event, Phase, phase_of
from rollouts.delivery.seen import DeliverySeen
from rollouts.delivery.turning import Turning
from rollouts.kit.instant import Instant
from rollouts.kube import object as obj
from rollouts.kube.conditions import Condition, find

DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
ABORTED = "RolloutAborted"
_LASTING = ("RolloutResumed", "RolloutRetry", "NewReplicaSetCreated", "FoundNewReplicaSet")


@dataclass(frozen=True, slots=True)
class Counts:
    """Pods over all ReplicaSets; updated: those of the spec's own.  ready, available: of what is to serve."""

    replicas: int
    updated: int
    ready: int
    available: int


def counts_of(seen: DeliverySeen) -> Counts:
    """The pods as the ReplicaSets count them; under blue-green only those that the active Service selects serve."""
    active = seen.set_of(seen.stable_service.hash) if seen.blue_green else None
    serving = seen.sets if active is None else (active,)
    return Counts(
        replicas=sum(each.pods for each in seen.sets),
        updated=seen.current.pods if seen.current else 0,
        ready=sum(each.ready for each in serving),
        available=sum(each.available for each in serving),
    )


def conditions(
    seen: DeliverySeen, latch: Latch, counts: Counts, turning: Turning | None, now: Instant
) -> tuple[Condition, ...]:
    """Every condition as it should read under a latch."""
    is_paused = bool(latch.pauses) or seen.spec.paused
    is_complete = bool(latch.stable) and latch.stable == latch.current
    is_whole = is_complete and is_healthy(seen, counts)
    is_told_paused = is_paused or _is_taking_over(seen, latch)
    healthy = is_whole and not is_paused
    words = "Rollout is healthy" if healthy else "Rollout is not healthy"
    found = [
        _available(seen, counts),
        *_once_true(seen, Condition("Paused", _flag(is_told_paused), "RolloutPaused", "Rollout is paused")),
        *_once_true(seen, Condition("Healthy", _flag(healthy), "RolloutHealthy", words)),
        Condition("Completed", _flag(is_complete), "RolloutCompleted", "RolloutCompleted"),
        _progressing(seen, latch, (counts, is_whole, is_paused), turning, now),
    ]
    if failure := denials.replica_failure(seen) or _replica_failure(seen):
        found.append(failure)
    if ignored := unknown.condition(seen):
        found.append(ignored)
    return tuple(found)


def is_healthy(seen: DeliverySeen, counts: Counts) -> bool:
    """Whether exactly the wanted pods run, all of them of the spec's version and available.

    Under blue-green former versions may keep their pods for their delay, once both Services have left them.
    """
    is_whole = counts.updated == counts.available == seen.replicas
    if seen.blue_green is None:
        return is_whole and counts.replicas == seen.replicas
    services = (seen.stable_service, seen.canary_service)
    return is_whole and all(each.hash == seen.latch.current for each in services if each.is_named)


def _is_taking_over(seen: DeliverySeen, latch: Latch) -> bool:
    """Whether a blue-green update that was paused needs nothing more than its Service to turn.

    Whoever waits for the end of the pause finds the new version active then, as the contract's clients expect.
    """
    before = find(seen.status.get("conditions"), "Paused")
    if seen.blue_green is None or before.get("status") != "True" or not latch.is_updating or latch.aborted:
        return False
    is_there = seen.current is not None and seen.current.usable >= seen.replicas
    return latch.step > 0 and is_there and seen.stable_service.hash != latch.current


def is_waiting(seen: DeliverySeen, latch: Latch) -> bool:
    """Whether the update waits for pods or for traffic, so that its deadline runs. A pause or an analysis stops it."""
    if seen.spec.paused:
        return False
    phase = phase_of(latch, seen.step_count)
    if seen.blue_green is not None:
        return stages.is_waiting(seen, phase)
    if phase is Phase.STEPPING:
        step = steps.current(seen, latch)
        return step is not None and (
            step.set_weight is not None or step.set_canary_scale is not None or managed.is_set(step)
        )
    return phase in (Phase.FIRST, Phase.PROMOTING)


def deadline(seen: DeliverySeen) -> Instant | None:
    """When the update will have made no progress for too long; None while no deadline runs."""
    before = find(seen.status.get("conditions"), "Progressing")
    since = Instant.parse(before.get("lastUpdateTime"))
    if since is None or before.get("reason") in (DEADLINE_EXCEEDED, ABORTED) or not is_waiting(seen, seen.latch):
        return None
    denied = denials.progressing(seen)
    is_told = denied is not None and (denied.reason, denied.message) == (before.get("reason"), before.get("message"))
    if seen.current is None and not is_told:
        return None  # it is ours to make: nobody is late while we were away, were not heard, or were just refused
    born = obj.created(seen.current.manifest) if seen.current else None
    return (since if born is None else max(since, born)).plus(seen.spec.progress_deadline_s)


def is_late(seen: DeliverySeen, now: Instant) -> bool:
    """Whether the update waits for longer than its deadline allows."""
    if not is_waiting(seen, seen.latch) or has_progressed(seen, counts_of(seen)):
        return False
    due = deadline(seen)
    is_told = find(seen.status.get("conditions"), "Progressing").get("reason") == DEADLINE_EXCEEDED
    return is_told or (due is not None and due <= now)


def late_sentence(seen: DeliverySeen) -> str:
    """The contract's message for an update that is late."""
    name = seen.current.name if seen.current else f"{seen.ref.name}-{seen.template.hash}"
    return f'ReplicaSet "{name}" has timed out progressing.'


def has_progressed(seen: DeliverySeen, counts: Counts) -> bool:
    """Whether more pods are there, ready or available than the status says, or fewer old ones."""
    told = {key: _int(seen.status.get(key)) for key in ("replicas", "updatedReplicas", *_RISING)}
    old_now, old_then = counts.replicas - counts.updated, told["replicas"] - told["updatedReplicas"]
    return (
        counts.updated != told["updatedReplicas"]
        or counts.ready > told["readyReplicas"]
        or counts.available > told["availableReplicas"]
        or old_now < old_then
    )


_RISING = ("readyReplicas", "availableReplicas")


def _progressing(
    seen: DeliverySeen, latch: Latch, at: tuple[Counts, bool, bool], turning: Turning | None, now: Instant
) -> Condition:
    counts, is_whole, is_paused = at
    before = find(seen.status.get("conditions"), "Progressing")
    reason = str(before.get("reason") or "")
    name = seen.current.name if seen.current else f"{seen.ref.name}-{seen.template.hash}"
    phase = phase_of(latch, seen.step_count)
    if phase is Phase.ABORTED:
        message = turning.message if turning else ""
        kept = str(before.get("message") or "") if reason == ABORTED else ""
        return Condition("Progressing", "False", ABORTED, message or kept or commands.abort_sentence(seen))
    if is_whole:  # whoever holds it holds nothing back
        words = f'ReplicaSet "{name}" has successfully progressed.'
        return Condition("Progressing", "True", "NewReplicaSetAvailable", words)
    if is_paused:
        return Condition("Progressing", "Unknown", "RolloutPaused", "Rollout is paused")
    if reason == "RolloutPaused" or (turning and turning.event is Event.RESUME):
        return Condition("Progressing", "Unknown", "RolloutResumed", "Rollout is resumed")
    if turning and turning.event is Event.RETRY:
        return Condition("Progressing", "Unknown", "RolloutRetry", "Retrying Rollout after abort")
    if turning and turning.event is Event.DEPLOY and phase is not Phase.SETTLED:
        return _found_or_created(seen, name)
    progressed = turning is not None or has_progressed(seen, counts)
    due = deadline(seen)
    if not progressed and (reason == DEADLINE_EXCEEDED or (due is not None and due <= now)):
        return Condition("Progressing", "False", DEADLINE_EXCEEDED, late_sentence(seen))
    if denied := denials.progressing(seen):
        return denied
    if phase is Phase.SETTLED and reason in ("NewReplicaSetAvailable", "ReplicaSetNotAvailable"):
        words = "Rollout does not have minimum availability"
        return Condition("Progressing", "True", "ReplicaSetNotAvailable", words)
    if not progressed and reason in _LASTING:
        return Condition("Progressing", str(before.get("status")), reason, str(before.get("message")))
    return Condition("Progressing", "True", "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.')


def _found_or_created(seen: DeliverySeen, name: str) -> Condition:
    """What is told with the decision for a version: its ReplicaSet is there, or is the first thing that is made."""
    if seen.current is not None:
        return Condition("Progressing", "True", "FoundNewReplicaSet", f'Found new replica set "{name}"')
    return Condition("Progressing", "True", "NewReplicaSetCreated", f'Created new replica set "{name}"')


def _once_true(seen: DeliverySeen, wanted: Condition) -> tuple[Condition, ...]:
    """A condition that is not told before it was true for the first time."""
    is_known = wanted.status == "True" or find(seen.status.get("conditions"), wanted.type)
    return (wanted,) if is_known else ()


def _available(seen: DeliverySeen, counts: Counts) -> Condition:
    if counts.available >= seen.replicas:
        return Condition("Available", "True", "AvailableReason", "Rollout has minimum availability")
    return Condition("Available", "False", "AvailableReason", "Rollout does not have minimum availability")


def _replica_failure(seen: DeliverySeen) -> Condition | None:
    """What keeps a ReplicaSet from making its pods; the spec's own speaks first."""
    for each in seen.sets:
        failure: Mapping[str, Any] = find((each.manifest.get("status") or {}).get("conditions"), "ReplicaFailure")
        if failure.get("status") == "True":
            message = str(failure.get("message") or "")[:1024]
            return Condition("ReplicaFailure", "True", str(failure.get("reason") or "FailedCreate"), message)
    return None


def _flag(value: bool) -> str:
    return "True" if value else "False"


def _int(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
