"""What the API server would not do for a Rollout: said in its conditions, in the server's own words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rollouts.core.plan import Note
from rollouts.core.reader import Reader
from rollouts.delivery import notes
from rollouts.delivery.seen import DeliverySeen
from rollouts.kube import kinds
from rollouts.kube.conditions import Condition, find
from rollouts.kube.ref import Manifest, Ref

SET_NOT_CREATED = "ReplicaSetCreateError"
TRAFFIC = "TrafficRoutingError"
OTHER = "ReconciliationError"
REASONS = (SET_NOT_CREATED, TRAFFIC, OTHER)


def gathered(seen: DeliverySeen, reader: Reader) -> dict[Ref, str]:
    """The server's words for each object of this Rollout that it refused to write, the gravest first."""
    return {ref: said for ref in _written(seen) if (said := reader.refused(ref))}


def progressing(seen: DeliverySeen) -> Condition | None:
    """What the condition Progressing says while a write is refused."""
    if not seen.refused:
        return None
    ref, said = next(iter(seen.refused.items()))
    reason = _reason(seen, ref)
    return Condition(
        "Progressing", "False" if reason == SET_NOT_CREATED else "True", reason, _lead_in(reason, ref) + said
    )


def replica_failure(seen: DeliverySeen) -> Condition | None:
    """The refusal to create the ReplicaSet of the spec, or to resize one."""
    said = next((said for ref, said in seen.refused.items() if ref.kind == kinds.REPLICA_SET), "")
    return Condition("ReplicaFailure", "True", "FailedCreate", said) if said else None


def news(seen: DeliverySeen, wanted: Mapping[str, Any]) -> tuple[Note, ...]:
    """What is to be told because the status does not say it yet; wanted: what of the status changes."""
    if not seen.refused:
        return ()
    told = [
        each
        for each in (progressing(seen), replica_failure(seen))
        if each is not None
        and find(wanted.get("conditions"), each.type).get("message") == each.message
        and find(seen.status.get("conditions"), each.type).get("message") != each.message
    ]
    return tuple(notes.denied(seen, each.reason, each.message) for each in told[:1])


def sentence(seen: DeliverySeen) -> str:
    """The refusal as a part of the rule that `explain` shows, "" where there is none."""
    denied = progressing(seen)
    return f"; the API server refuses a write: {denied.message}" if denied else ""


def told_of(rollout: Manifest, ref: Ref) -> str:
    """What the conditions of a Rollout say about the refusal of a write, for whoever has not heard it himself."""
    condition = find((rollout.get("status") or {}).get("conditions"), "Progressing")
    reason, message = str(condition.get("reason")), str(condition.get("message") or "")
    lead_in = _lead_in(reason, ref)
    return message.removeprefix(lead_in) if reason in REASONS and message.startswith(lead_in) else ""


def _written(seen: DeliverySeen) -> Iterator[Ref]:
    namespace = seen.ref.namespace
    for name in (f"{seen.ref.name}-{seen.template.hash}", *(each.name for each in seen.sets)):
        yield Ref(kinds.REPLICA_SET, namespace, name)
    yield from (route.ref for _, routes in seen.routers for route in routes)
    yield from (each.ref for each in (seen.canary_service, seen.stable_service) if each.is_named)
    yield from (each.ref for _, each in seen.followers)
    for name in (seen.latch.step_run, seen.latch.background_run):
        if name:
            yield Ref(kinds.ANALYSIS_RUN, namespace, name)
    if seen.latch.experiment:
        yield Ref(kinds.EXPERIMENT, namespace, seen.latch.experiment)
    yield from (Ref(kinds.POD, namespace, pod.name) for pods in (seen.pods or {}).values() for pod in pods)
    if seen.workload is not None:
        yield seen.workload.ref
    yield seen.ref


def _reason(seen: DeliverySeen, ref: Ref) -> str:
    if ref.kind == kinds.REPLICA_SET and seen.current is None:
        return SET_NOT_CREATED
    is_traffic = ref.kind == kinds.SERVICE or any(ref == route.ref for _, routes in seen.routers for route in routes)
    return TRAFFIC if is_traffic else OTHER


def _lead_in(reason: str, ref: Ref) -> str:
    if reason == SET_NOT_CREATED:
        return f'Failed to create new replica set "{ref.name}": '
    return f'{ref.kind.name} "{ref.name}": '
