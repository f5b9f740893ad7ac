"""The pods of an Experiment: which ReplicaSets and Services there are to be, and when they leave."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from rollouts.core.plan import Action, Create, Delete, Note, Patch, Stage
from rollouts.experiments import marks, notes
from rollouts.experiments.seen import ExperimentSeen, Place, SetSeen, TemplateSeen
from rollouts.kit.instant import Instant
from rollouts.kube import kinds, podtemplate
from rollouts.kube import object as obj
from rollouts.kube.ref import Ref

SCALE_DOWN_DELAY_S_DEFAULT = 30

Told: TypeAlias = tuple[Action, tuple[Note, ...]]


def wanted(seen: ExperimentSeen) -> Iterator[Told]:
    """What brings every set to its size while the experiment is alive, in any order of stages."""
    claimed: set[Ref] = set()  # two sets may derive the same name: the second one finds it taken next time
    for each in seen.templates:
        if each.set is None:
            if _is_free(each.place, claimed):
                yield _new_set(seen, each)
            continue
        if patch := _sized(each, each.set):
            yield patch, _scaled(seen, each.set, each.replicas)
        service = each.service
        if service is not None and _is_free(service, claimed):
            yield Create(service.ref, _service(seen, each, service.ref.name), seen.uid), ()


def _is_free(place: Place, claimed: set[Ref]) -> bool:
    """Whether something of ours may be made there now; it is claimed by asking."""
    if place.own is not None or place.is_blocked or place.is_taken or place.ref in claimed:
        return False
    claimed.add(place.ref)
    return True


def strays(seen: ExperimentSeen) -> Iterator[Told]:
    """What takes away the sets of templates that the spec no longer names."""
    named = {each.name for each in seen.templates}
    for name in {**seen.services, **seen.sets}:
        if name not in named:
            yield from _gone(seen, name)


def leaving(seen: ExperimentSeen, now: Instant) -> Iterator[Told]:
    """What takes the sets away once the experiment is over: a mark of when, then the Service, then the pods."""
    if carries_traffic(seen):
        return
    delay_s = _delay_s(seen)
    for name in {**seen.services, **seen.sets}:
        found = seen.sets.get(name)
        if found is not None and found.wanted and found.deadline is None and delay_s > 0:
            deadline = now.plus(delay_s).rounded_up().rfc3339()
            yield _patch(found, {"metadata": {"annotations": {marks.DEADLINE: deadline}}}, Stage.SHRINK), ()
        elif found is None or not found.wanted or found.deadline is None or found.deadline <= now:
            yield from _gone(seen, name)


def carries_traffic(seen: ExperimentSeen) -> bool:
    """Whether a router may lead to the sets: whoever put the mark there takes it off once none does."""
    return marks.CARRIES_TRAFFIC in obj.annotations(seen.manifest)


def _gone(seen: ExperimentSeen, name: str) -> Iterator[Told]:
    service, found = seen.services.get(name), seen.sets.get(name)
    if service is not None:
        yield Delete(obj.ref(kinds.SERVICE, service), obj.uid(service), obj.version(service)), ()
    if found is not None and found.wanted:
        body = {"spec": {"replicas": 0}, "metadata": {"annotations": {marks.DEADLINE: None}}}
        yield _patch(found, body, Stage.SHRINK, irreversible=True), _scaled(seen, found, 0)


def next_leave(seen: ExperimentSeen, now: Instant) -> Instant | None:
    """When the next set is to leave."""
    due = [each.deadline for each in seen.sets.values() if each.wanted]
    return min((each for each in due if each is not None and each > now), default=None)


def _delay_s(seen: ExperimentSeen) -> int:
    given = seen.spec.scale_down_delay_seconds
    return SCALE_DOWN_DELAY_S_DEFAULT if given is None else given


def _sized(each: TemplateSeen, found: SetSeen) -> Patch | None:
    body: dict[str, Any] = {}
    if found.wanted != each.replicas:
        body["spec"] = {"replicas": each.replicas}
    if marks.DEADLINE in obj.annotations(found.manifest):
        body["metadata"] = {"annotations": {marks.DEADLINE: None}}
    if not body:
        return None
    is_less = each.replicas < found.wanted
    is_gone = each.replicas == 0 and found.wanted > 0
    return _patch(found, body, Stage.SHRINK if is_less else Stage.GROW, irreversible=is_gone)


def _patch(found: SetSeen, body: dict[str, Any], stage: Stage, *, irreversible: bool = False) -> Patch:
    manifest = found.manifest
    return Patch(
        obj.ref(kinds.REPLICA_SET, manifest),
        body,
        obj.uid(manifest),
        obj.version(manifest),
        stage=stage,
        irreversible=irreversible,
    )


def _scaled(seen: ExperimentSeen, found: SetSeen, after: int) -> tuple[Note, ...]:
    return (notes.scaled(seen, found.name, found.wanted, after),) if found.wanted != after else ()


def _new_set(seen: ExperimentSeen, each: TemplateSeen) -> Told:
    selector = each.spec.selector
    assert selector is not None and each.spec.template is not None  # the rules refuse a template without them
    given = selector.model_dump(by_alias=True, exclude_defaults=True)
    spec: dict[str, Any] = {
        "replicas": each.replicas,
        "selector": {**given, "matchLabels": {**selector.match_labels, marks.HASH_LABEL: each.hash}},
        "template": podtemplate.labelled(each.spec.template, each.hash),
    }
    if each.spec.min_ready_seconds:
        spec["minReadySeconds"] = each.spec.min_ready_seconds
    body = {
        "apiVersion": kinds.REPLICA_SET.api_version,
        "kind": kinds.REPLICA_SET.name,
        "metadata": {
            "name": each.place.ref.name,
            "namespace": seen.ref.namespace,
            "labels": dict(spec["template"]["metadata"]["labels"]),
            "annotations": {**_marks(seen, each), marks.DESIRED_REPLICAS: str(each.replicas)},
            "ownerReferences": [obj.controller_reference(kinds.EXPERIMENT, seen.manifest)],
        },
        "spec": spec,
    }
    told = (notes.created(seen, each.place.ref.name), *notes.scaled_from_none(seen, each))
    return Create(each.place.ref, body, seen.uid), told


def _service(seen: ExperimentSeen, each: TemplateSeen, name: str) -> dict[str, Any]:
    """A Service that selects the pods of one set, with a port for each port of its containers."""
    template = each.spec.template or {}
    selector = each.spec.selector
    ports = [
        {
            "name": str(port.get("name") or f"port-{port['containerPort']}"),
            "port": port["containerPort"],
            "targetPort": port["containerPort"],
            "protocol": port.get("protocol") or "TCP",
        }
        for container in (template.get("spec") or {}).get("containers") or ()
        for port in container.get("ports") or ()
        if port.get("containerPort")
    ]
    return {
        "apiVersion": kinds.SERVICE.api_version,
        "kind": kinds.SERVICE.name,
        "metadata": {
            "name": name,
            "namespace": seen.ref.namespace,
            "annotations": _marks(seen, each),
            "ownerReferences": [obj.controller_reference(kinds.EXPERIMENT, seen.manifest)],
        },
        "spec": {
            "selector": {**(selector.match_labels if selector else {}), marks.HASH_LABEL: each.hash},
            **({"ports": ports} if ports else {"clusterIP": "None"}),
        },
    }


def _marks(seen: ExperimentSeen, each: TemplateSeen) -> dict[str, str]:
    return {marks.EXPERIMENT: seen.ref.name, marks.TEMPLATE: each.name}
