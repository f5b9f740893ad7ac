"""What becomes of the own pods of a workload whose template a Rollout runs.

With scaleDown they leave as the Rollout's pods come, at any revision and however often somebody scales them up again.
A finalizer on the Rollout, written before the first pod leaves, and two annotations on the workload remember what to
restore: a Rollout that is deleted goes only once the workload's own pods are back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rollouts.core.plan import Action, Patch, Plan, Stage
from rollouts.delivery import marks
from rollouts.delivery.leftovers import BARE
from rollouts.delivery.seen import DeliverySeen, Parting, WorkloadSeen
from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.owners import is_orphan
from rollouts.kube.ref import Ref

RESTORE_S_MAX = 600.0
_UNMARKED = {marks.MANAGED_BY: None, marks.REPLICAS_BEFORE: None}


def target(seen: DeliverySeen) -> int | None:
    """The size to which the workload is to shrink, None where it may stay as it is."""
    workload, given = seen.workload, seen.spec.workload_ref
    if workload is None or given is None or given.scale_down not in ("onsuccess", "progressively"):
        return None
    # A ReplicaSet that somebody else controls would only be scaled up again, and no pods must not mean no pods at all.
    if workload.ref.kind == kinds.POD_TEMPLATE or not is_orphan(workload.manifest) or not seen.replicas:
        return None
    serving = sum(each.usable for each in (seen.current, seen.stable) if each is not None)
    if seen.stable is seen.current and seen.current is not None:
        serving = seen.current.usable
    if seen.stable is not None and seen.stable.usable >= seen.replicas:
        wish = 0
    elif given.scale_down == "progressively":
        wish = max(0, max(workload.wanted, workload.before or 0) - serving)
    else:
        return None
    return wish if wish < workload.wanted else None


def own_marks(seen: DeliverySeen) -> dict[str, Any]:
    """What the Rollout's metadata lacks: the workload's generation, and the finalizer before the first pod leaves."""
    body: dict[str, Any] = {}
    if seen.workload is not None:
        told = obj.annotations(seen.rollout).get(marks.WORKLOAD_GENERATION)
        if told != seen.workload.generation:
            body["annotations"] = {marks.WORKLOAD_GENERATION: seen.workload.generation}
    present = tuple(seen.rollout["metadata"].get("finalizers") or ())
    is_restoring = seen.workload is not None and seen.workload.owner == seen.ref.name
    if marks.RESTORE not in present and target(seen) is not None:
        body["finalizers"] = [*present, marks.RESTORE]
    elif marks.RESTORE in present and not is_restoring and target(seen) is None:
        body["finalizers"] = [each for each in present if each != marks.RESTORE]
    return body


def scaled_down(seen: DeliverySeen) -> Iterator[Patch]:
    """The write that takes pods of the workload away; it says how many there were."""
    workload, size = seen.workload, target(seen)
    if workload is None or size is None or marks.RESTORE not in (seen.rollout["metadata"].get("finalizers") or ()):
        return
    before = max(workload.wanted, workload.before or 0)
    notes = {marks.MANAGED_BY: seen.ref.name, marks.REPLICAS_BEFORE: str(before)}
    yield _patch(workload, {"spec": {"replicas": size}, "metadata": {"annotations": notes}}, Stage.SHRINK, size == 0)


def part(seen: Parting, now: Instant) -> Plan:
    """The letter for a Rollout that is being deleted: first the workload's pods, then the Services, then farewell."""
    workload = seen.workload
    since = Instant.parse(seen.rollout["metadata"].get("deletionTimestamp")) or now
    due = since.plus(RESTORE_S_MAX)
    if workload is not None and workload.before is not None:
        if workload.wanted < workload.before:
            body = {"spec": {"replicas": workload.before}}
            return Plan(actions=(_patch(workload, body, Stage.GROW),), rule="the workload gets its own pods back")
        if workload.available < workload.before and now < due:
            return Plan(wake=due, rule="the workload's own pods are awaited")
    return Plan(actions=tuple(_last(seen)), rule="the Rollout is gone, so its Services are given back")


def _last(seen: Parting) -> Iterator[Action]:
    for each in seen.services:
        ref = Ref(kinds.SERVICE, seen.ref.namespace, obj.name(each))
        yield Patch(ref, BARE, obj.uid(each), obj.version(each), irreversible=True)
    if seen.workload is not None:
        yield _patch(seen.workload, {"metadata": {"annotations": _UNMARKED}}, Stage.SHRINK)
    kept = [each for each in seen.rollout["metadata"].get("finalizers") or () if each != marks.RESTORE]
    body = {"metadata": {"finalizers": kept}}
    uid, version = obj.uid(seen.rollout), obj.version(seen.rollout)
    yield Patch(seen.ref, body, uid, version, stage=Stage.SHRINK, irreversible=True)


def _patch(workload: WorkloadSeen, body: dict[str, Any], stage: Stage, irreversible: bool = False) -> Patch:
    manifest = workload.manifest
    return Patch(workload.ref, body, obj.uid(manifest), obj.version(manifest), stage=stage, irreversible=irreversible)
