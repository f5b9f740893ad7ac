"""The workload whose pod template a Rollout runs: found, read, and put in place of spec.template.

It is put there while a turn is gathered, and never written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rollouts.api.common import LabelSelector
from rollouts.api.parse import shown
from rollouts.api.rollout import RolloutSpec
from rollouts.core.errors import Refusal
from rollouts.core.reader import Reader
from rollouts.delivery import marks
from rollouts.delivery.pod_rules import DEPLOYMENT_HASH
from rollouts.delivery.seen import Parting, Refused, Waiting, WorkloadSeen
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Kind, Manifest, Ref

AT = "spec.workloadRef"
KINDS: Mapping[tuple[str, str], Kind] = {
    (kind.api_version, kind.name): kind for kind in (kinds.DEPLOYMENT, kinds.REPLICA_SET, kinds.POD_TEMPLATE)
}
"""apiVersion and kind → what may be referred to."""
SCALE_DOWN = ("never", "onsuccess", "progressively")


def refusals(spec: RolloutSpec) -> Iterator[Refusal]:
    """What is wrong with the reference in itself."""
    given = spec.workload_ref
    if given is None:
        return
    if _says_something(spec.template or {}):
        text = "template must be empty for workload reference rollout"
        yield Refusal("TemplateAndWorkload", "spec.template", text, fix="drop one of the two", kind="Internal error")
    if (given.api_version, given.kind) not in KINDS:
        text = f"workload of type {given.api_version}/{given.kind} is not supported"
        fix = "name a Deployment or ReplicaSet of apps/v1, or a PodTemplate of v1"
        yield Refusal("WorkloadUnsupported", f"{AT}.kind", text, fix=fix, got=shown(given.kind))
    if not given.name:
        yield Refusal("WorkloadNameless", f"{AT}.name", "", fix="name the workload", kind="Required value")
    if given.scale_down not in ("", *SCALE_DOWN):
        text = f"supported values: {', '.join(shown(each) for each in SCALE_DOWN)}"
        where, got = f"{AT}.scaleDown", shown(given.scale_down)
        yield Refusal("ScaleDownUnknown", where, text, fix="scaleDown: never", kind="Unsupported value", got=got)


def _says_something(template: Manifest) -> bool:
    """Whether a template holds more than the empty fields that clients write who know every field."""
    parts = template.values()
    return any(any(part.values()) if isinstance(part, Mapping) else bool(part) for part in parts)


def found(ref: Ref, rollout: Manifest, spec: RolloutSpec, reader: Reader) -> WorkloadSeen | Refused | Waiting:
    """The workload that the spec refers to, or why nothing can be done without it: the traffic stays where it is."""
    given = spec.workload_ref
    assert given is not None
    kind = KINDS[given.api_version, given.kind]
    called = f"{kind.plural}.{kind.group}" if kind.group else kind.plural
    if not _is_known(kind, reader):
        if complaint := reader.complaint(kind):
            text = f"cannot list {called}: {complaint}"
            fix = f"give the controller the right to get, list, watch and patch {called}"
            return Refused(ref, rollout, (Refusal("WorkloadUnreadable", AT, text, fix=fix),))
        return Waiting(ref, f"{kind.name} is listed first")
    manifest = reader.get(Ref(kind, ref.namespace, given.name))
    if manifest is None:
        text, fix = f'{called} "{given.name}" not found', f"create {kind.name} {given.name} in the Rollout's namespace"
        return Refused(ref, rollout, (Refusal("WorkloadNotFound", f"{AT}.name", text, fix=fix, got=shown(given.name)),))
    return seen_as(kind, manifest)


def resolved(rollout: Manifest, spec: RolloutSpec, workload: WorkloadSeen) -> tuple[Manifest, RolloutSpec]:
    """The Rollout as if it said itself what its workload says; a selector of its own wins."""
    selector = (rollout.get("spec") or {}).get("selector") or workload.selector
    full = {**rollout, "spec": {**(rollout.get("spec") or {}), "template": workload.template, "selector": selector}}
    more: dict[str, Any] = {"template": workload.template}
    if spec.selector is None:
        more["selector"] = LabelSelector.model_validate(workload.selector) if workload.selector else None
    return full, spec.model_copy(update=more)


def parting(ref: Ref, rollout: Manifest, reader: Reader) -> Parting | Waiting | None:
    """A Rollout that is being deleted and has a workload to restore; None where it has not, or cannot."""
    if marks.RESTORE not in (rollout["metadata"].get("finalizers") or ()):
        return None
    given = (rollout.get("spec") or {}).get("workloadRef") or {}
    kind, workload = KINDS.get((str(given.get("apiVersion")), str(given.get("kind")))), None
    if kind is not None and not _is_known(kind, reader) and not reader.complaint(kind):
        return Waiting(ref, f"{kind.name} is listed first")
    if kind is not None and _is_known(kind, reader):
        manifest = reader.get(Ref(kind, ref.namespace, str(given.get("name") or "")))
        is_there = manifest is not None and not obj.is_deleting(manifest)
        workload = seen_as(kind, manifest) if manifest is not None and is_there else None
    services = reader.select(kinds.SERVICE, ref.namespace, {})
    marked = tuple(each for each in services if obj.annotations(each).get(marks.MANAGED_BY) == ref.name)
    return Parting(ref, rollout, workload if workload and workload.owner == ref.name else None, marked)


def seen_as(kind: Kind, manifest: Manifest) -> WorkloadSeen:
    """A workload as delivery reads it; what a Deployment put on its own ReplicaSet stays there."""
    spec, status, notes = manifest.get("spec") or {}, manifest.get("status") or {}, obj.annotations(manifest)
    template = manifest.get("template") if kind == kinds.POD_TEMPLATE else spec.get("template")
    wanted, before = spec.get("replicas"), notes.get(marks.REPLICAS_BEFORE, "")
    return WorkloadSeen(
        ref=obj.ref(kind, manifest),
        manifest=manifest,
        template=_without_hash(template or {}),
        selector=_without_hash_key(spec.get("selector") or {}),
        generation=str(obj.generation(manifest)),
        wanted=0 if kind == kinds.POD_TEMPLATE else 1 if wanted is None else int(wanted),
        available=int(status.get("availableReplicas") or 0),
        before=int(before) if before.isascii() and before.isdecimal() and len(before) < 10 else None,
        owner=notes.get(marks.MANAGED_BY, ""),
    )


def _is_known(kind: Kind, reader: Reader) -> bool:
    return kind == kinds.REPLICA_SET or reader.knows(kind)


def _without_hash(template: Manifest) -> Manifest:
    meta = template.get("metadata") or {}
    labels = meta.get("labels") or {}
    if DEPLOYMENT_HASH not in labels:
        return template
    kept = {key: value for key, value in labels.items() if key != DEPLOYMENT_HASH}
    return {**template, "metadata": {**meta, "labels": kept}}


def _without_hash_key(selector: Manifest) -> Manifest:
    labels = selector.get("matchLabels") or {}
    if DEPLOYMENT_HASH not in labels:
        return selector
    return {**selector, "matchLabels": {key: value for key, value in labels.items() if key != DEPLOYMENT_HASH}}
