"""A wish, and its distance from what is seen as ordered actions: grow, shift, shrink."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from rollouts.core.plan import Action, Create, Note, Patch, Stage
from rollouts.delivery import experiments, guests, handover, history, leftovers, marks, notes, roles, runs, services
from rollouts.delivery.seen import DeliverySeen, SetSeen
from rollouts.kit.instant import Instant
from rollouts.kube import kinds, podtemplate
from rollouts.kube import object as obj
from rollouts.kube.owners import with_controller
from rollouts.kube.ref import Manifest, Ref
from rollouts.traffic import Beside, ManagedRoute, Split

Told: TypeAlias = tuple[Action, tuple[Note, ...]]


class Keep(Enum):
    """What becomes of the deadline after which a ReplicaSet is scaled away."""

    FOR_GOOD = "there is none"
    UNTIL = "it is set"
    AS_IT_IS = "it stays as it is"


@dataclass(frozen=True, slots=True)
class SetWant:
    """How large a ReplicaSet is to be, and until when. is_given_up: because its update was aborted."""

    set: SetSeen
    replicas: int
    keep: Keep
    until: Instant | None = None
    is_given_up: bool = False


@dataclass(frozen=True, slots=True)
class Want:
    """What ought to be now.

    new_size: of the spec's ReplicaSet while it does not exist.  weight: what the phase asks for.  shares: how far each
    route may go towards it now, in the order of the routes.  managed: header and mirror routes.  beside: what sets of
    experiments have.
    canary_hash, stable_hash: what the Services select, "" to leave one as it is.
    """

    sets: tuple[SetWant, ...]
    new_size: int
    weight: int
    canary_hash: str
    stable_hash: str
    shares: tuple[int, ...]
    managed: tuple[ManagedRoute, ...] = ()
    beside: tuple[Beside, ...] = ()


def moves(seen: DeliverySeen, want: Want) -> Iterator[Told]:
    """All that is to be written, in the order of the second law."""
    sized, shifted = tuple(resized(seen, want)), tuple(shift(seen, want))
    yield from _own_marks(seen, shifted)
    yield from _grow(seen, want, sized)
    yield from shifted
    yield from _shrink(seen, sized)


def resized(seen: DeliverySeen, want: Want) -> Iterator[Told]:
    """The writes that bring the ReplicaSets to their wish: some grow, some shrink."""
    for each in want.sets:
        if patch := _set_patch(seen, each):
            yield patch, _scaled(seen, each)


def _grow(seen: DeliverySeen, want: Want, sized: Iterable[Told]) -> Iterator[Told]:
    """Capacity first: more pods, runs to judge them."""
    yield from (each for each in sized if each[0].stage is Stage.GROW)
    if seen.template.orphan is not None:
        yield adopted(seen.ref, seen.rollout, seen.template.orphan), ()
    is_free = seen.template.orphan is None and not seen.template.is_blocked and services.tells_versions_apart(seen)
    if seen.current is None and is_free and not seen.latch.aborted:
        yield _new_set(seen, want.new_size)
    for name, analysis, step in runs.wanted(seen, seen.latch):
        if seen.run_named(name) is None and not runs.rivals(seen, name, step):
            body = runs.body(seen, name, analysis, step)
            yield Create(Ref(kinds.ANALYSIS_RUN, seen.ref.namespace, name), body, seen.uid), ()
    for name, trial in experiments.missing(seen):
        made = (notes.experiment_made(seen, name),)
        yield Create(Ref(kinds.EXPERIMENT, seen.ref.namespace, name), trial, seen.uid), made


def shift(seen: DeliverySeen, want: Want) -> Iterator[Told]:
    """Traffic second: a Service turns only while that moves no weight to fewer pods, so it may go first."""
    taken: set[Ref] = set()
    for action, told in (*_turns(seen, want), *weigh(seen, want.shares, want.managed, want.beside)):
        if action.ref not in taken:  # what is left to be done to the same object waits until this write was seen
            yield action, told
        taken.add(action.ref)


def _turns(seen: DeliverySeen, want: Want) -> Iterator[Told]:
    hashes = {"canary": want.canary_hash, "stable": want.stable_hash}
    leading = (("canary", seen.canary_service), ("stable", seen.stable_service))
    for side, service in (*leading, *seen.followers):
        yield from services.turn(seen, service, hashes[side])
    yield from leftovers.turned(seen, want.stable_hash)


def weigh(
    seen: DeliverySeen, shares: tuple[int, ...], managed: tuple[ManagedRoute, ...], beside: tuple[Beside, ...] = ()
) -> Iterator[Told]:
    """The writes that give each route its share, and what goes beside it: managed routes, and experiments' shares."""
    left = list(shares)
    told_weight = False
    for router, routes in seen.routers:
        for route in routes:
            share = left.pop(0)
            split = Split(share, seen.traffic.total, managed, guests.within(seen, share, beside))
            action = router.write(seen.traffic, route, split)
            if action is None:
                continue
            is_new = isinstance(action, Create)
            told = list((notes.route_made if is_new else notes.route_changed)(seen, router.name, route.ref, share))
            if not told_weight and (share != route.weight or (is_new and not seen.latch.stable)):
                begins = is_new and not seen.latch.stable
                weight = notes.weight_begun(seen, share) if begins else notes.weight_set(seen, route.weight, share)
                told.append(weight)
                told_weight = True
            yield action, tuple(told)


def _shrink(seen: DeliverySeen, sized: Iterable[Told]) -> Iterator[Told]:
    """Removal last: what former routers led by, fewer pods, runs that nobody waits for, history beyond its limits."""
    yield from leftovers.removed(seen)
    yield from (each for each in sized if each[0].stage is Stage.SHRINK)
    needed = {name for name, _, _ in runs.wanted(seen, seen.latch)}
    for run in seen.runs:
        if run.name not in needed and not run.is_over and not run.is_terminated and run.type in _OURS:
            ref = Ref(kinds.ANALYSIS_RUN, seen.ref.namespace, run.name)
            patch = Patch(ref, {"spec": {"terminate": True}}, *_seen_as(run.manifest), stage=Stage.SHRINK)
            yield patch, (notes.run_ended(seen, run),)
    yield from _needless_experiments(seen)
    for released in guests.released(seen):
        yield released, ()
    yield from ((each, ()) for each in handover.scaled_down(seen))
    for gone in history.beyond_limits(seen):
        yield gone, ()


def _needless_experiments(seen: DeliverySeen) -> Iterator[Told]:
    for trial in experiments.needless(seen):
        ref = Ref(kinds.EXPERIMENT, seen.ref.namespace, trial.name)
        patch = Patch(ref, {"spec": {"terminate": True}}, *_seen_as(trial.manifest), stage=Stage.SHRINK)
        yield patch, (notes.experiment_ended(seen, trial),)


_OURS = (marks.RUN_STEP, marks.RUN_BACKGROUND, marks.RUN_PRE, marks.RUN_POST)


def _seen_as(manifest: Any) -> tuple[str, str]:
    return obj.uid(manifest), obj.version(manifest)


def _own_marks(seen: DeliverySeen, shifted: Iterable[Told]) -> Iterator[Told]:
    """spec.replicas where the user left it out (autoscalers need it), the revision, what a workload asks for, and where
    Services and routers are: that is remembered before anything is written there, and not without reason to write."""
    body: dict[str, Any] = {}
    if seen.spec.replicas is None:
        body["spec"] = {"replicas": seen.replicas}
    meta = handover.own_marks(seen)
    if obj.annotations(seen.rollout).get(marks.REVISION) != str(seen.revision):
        meta["annotations"] = {**meta.get("annotations", {}), marks.REVISION: str(seen.revision)}
    is_due = meta or marks.ROUTES in obj.annotations(seen.rollout) or any(shifted)
    if is_due and (noted := leftovers.note_change(seen)):
        meta["annotations"] = {**meta.get("annotations", {}), **noted}
    if meta:
        body["metadata"] = meta
    if body:
        yield Patch(seen.ref, body, *_seen_as(seen.rollout), stage=Stage.GROW), ()


def _set_patch(seen: DeliverySeen, want: SetWant) -> Patch | None:
    """The one write that brings a ReplicaSet to its wish; None where it is there."""
    each = want.set
    spec: dict[str, int] = {}
    annotations: dict[str, str | None] = {}
    present = obj.annotations(each.manifest)
    if want.replicas != each.wanted:
        spec["replicas"] = want.replicas
    is_in_use = each is seen.current or each is seen.stable
    min_ready_s = int((each.manifest.get("spec") or {}).get("minReadySeconds") or 0)
    if is_in_use and min_ready_s != seen.spec.min_ready_seconds:
        spec["minReadySeconds"] = seen.spec.min_ready_seconds
    if (is_in_use or spec) and present.get(marks.DESIRED_REPLICAS) != str(seen.replicas):
        annotations[marks.DESIRED_REPLICAS] = str(seen.replicas)
    if each is seen.current and each.revision != seen.revision:
        annotations.update(_revised(seen, each))
    if each is seen.current:
        handed = marks.handed_down(obj.annotations(seen.rollout))
        annotations.update({key: value for key, value in handed.items() if present.get(key) != value})
    annotations.update(_deadline(want, present.get(marks.DEADLINE)))
    annotations.update(roles.note_change(seen, each))
    template = roles.template_change(seen, each)
    if not spec and not annotations and not template:
        return None
    is_less = want.replicas < each.wanted or want.keep is Keep.UNTIL
    changed = {**spec, "template": template} if template else spec
    body: dict[str, Any] = {"spec": changed} if changed else {}
    if annotations:
        body["metadata"] = {"annotations": annotations}
    return Patch(
        Ref(kinds.REPLICA_SET, seen.ref.namespace, each.name),
        body,
        *_seen_as(each.manifest),
        stage=Stage.SHRINK if is_less else Stage.GROW,
        irreversible=want.replicas == 0 and each.wanted > 0,
    )


def _deadline(want: SetWant, present: str | None) -> dict[str, str | None]:
    if want.keep is Keep.UNTIL and want.until is not None:
        if want.set.deadline == want.until:
            return {}
        mark = {marks.GIVEN_UP: "true"} if want.is_given_up else {}
        return {marks.DEADLINE: want.until.rfc3339(), **mark}
    is_spent = want.replicas == 0 and want.set.wanted > 0
    if present is None or not (want.keep is Keep.FOR_GOOD or is_spent):
        return {}
    return {marks.DEADLINE: None, **({marks.GIVEN_UP: None} if want.set.is_given_up else {})}


def _revised(seen: DeliverySeen, each: SetSeen) -> dict[str, str | None]:
    former = obj.annotations(each.manifest).get(marks.REVISION_HISTORY)
    past = [*(former.split(",") if former else ()), str(each.revision)]
    return {
        marks.REVISION: str(seen.revision),
        marks.REVISION_HISTORY: ",".join(past[-history.REVISIONS_TOLD_MAX :]),
    }


def _scaled(seen: DeliverySeen, want: SetWant) -> tuple[Note, ...]:
    return (notes.scaled_set(seen, want.set, want.replicas),) if want.replicas != want.set.wanted else ()


def _new_set(seen: DeliverySeen, size: int) -> Told:
    """The ReplicaSet of the spec's template, made with the size that it is to have."""
    hash_value, name = seen.template.hash, f"{seen.ref.name}-{seen.template.hash}"
    selector = (seen.rollout.get("spec") or {}).get("selector") or {}
    template = roles.new_template(seen)
    spec: dict[str, Any] = {
        "replicas": size,
        "selector": {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), marks.HASH_LABEL: hash_value}},
        "template": template,
    }
    if seen.spec.min_ready_seconds:
        spec["minReadySeconds"] = seen.spec.min_ready_seconds
    body = {
        "apiVersion": kinds.REPLICA_SET.api_version,
        "kind": kinds.REPLICA_SET.name,
        "metadata": {
            "name": name,
            "namespace": seen.ref.namespace,
            "labels": dict(podtemplate.labelled(seen.template.manifest, hash_value)["metadata"]["labels"]),
            "annotations": {
                **marks.handed_down(obj.annotations(seen.rollout)),
                marks.REVISION: str(seen.revision),
                marks.DESIRED_REPLICAS: str(seen.replicas),
                **roles.new_annotations(seen),
            },
            "ownerReferences": [obj.controller_reference(kinds.ROLLOUT, seen.rollout)],
        },
        "spec": spec,
    }
    told = [notes.created(seen, name)]
    if _leaves_completed(seen):
        told.append(notes.started(seen))
    if size:
        told.append(notes.scaled(seen, name, seen.revision, 0, size))
    return Create(Ref(kinds.REPLICA_SET, seen.ref.namespace, name), body, seen.uid), tuple(told)


def _leaves_completed(seen: DeliverySeen) -> bool:
    """Whether the update begins at a completed version; the contract leaves it out of a first blue-green deploy."""
    if seen.stable is None:
        return seen.blue_green is None
    return not any(each.revision > seen.stable.revision for each in seen.older)


def adopted(rollout: Ref, owner: Manifest, orphan: Manifest) -> Patch:
    """The write that makes a Rollout the owner of a ReplicaSet that nobody owns.

    Both are read by quorum first: whoever deletes a Rollout without its pods takes the owner away on purpose.
    """
    body = {"metadata": {"ownerReferences": with_controller(orphan, kinds.ROLLOUT, owner)}}
    ref = Ref(kinds.REPLICA_SET, rollout.namespace, obj.name(orphan))
    return Patch(ref, body, *_seen_as(orphan), stage=Stage.GROW, irreversible=True)
