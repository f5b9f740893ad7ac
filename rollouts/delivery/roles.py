"""What pods bear because of their role, beyond what the spec's template says, and lose with it.

Labels and annotations of canaryMetadata and stableMetadata are written into the ReplicaSet's template, for pods to
come, and onto the pods that run. An annotation notes what was written, so that it can be taken off again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from rollouts.api.common import Metadata
from rollouts.core.plan import Patch, Stage
from rollouts.delivery import affinity, capacity, marks
from rollouts.delivery.seen import DeliverySeen, SetSeen
from rollouts.kit import canonical, mergepatch
from rollouts.kube import kinds, podtemplate
from rollouts.kube import object as obj
from rollouts.kube.ref import Manifest, Ref

PARTS = ("labels", "annotations")
PODS_AT_ONCE_MAX = 16

Worn: TypeAlias = Mapping[str, Mapping[str, str]]
"""Part of the metadata (`labels`, `annotations`) → what is borne there."""

_NOTHING: Worn = {part: {} for part in PARTS}


def new_template(seen: DeliverySeen) -> dict[str, Any]:
    """The template of the spec's own ReplicaSet: with its hash, what its role adds, and its distance from others."""
    template = podtemplate.labelled(seen.template.manifest, seen.template.hash)
    worn = _wanted(seen, None)
    meta = template["metadata"]
    for part in PARTS:
        if worn[part]:
            meta[part] = {**(meta.get(part) or {}), **worn[part]}
    rule = seen.canary.anti_affinity
    other = seen.latch.stable if seen.latch.stable != seen.template.hash else ""
    return affinity.kept_apart(affinity.without(template), rule, other) if rule and other else template


def new_annotations(seen: DeliverySeen) -> dict[str, str]:
    """What a new ReplicaSet notes down of its role."""
    note = _wanted(seen, None)["annotations"].get(marks.EPHEMERAL)
    return {marks.EPHEMERAL: note} if note else {}


def template_change(seen: DeliverySeen, each: SetSeen) -> dict[str, Any]:
    """The merge patch that makes a ReplicaSet's template bear what its role adds; {} where it does."""
    template = (each.manifest.get("spec") or {}).get("template") or {}
    given = (seen.template.manifest if each is seen.current else {}).get("metadata") or {}
    change = _change(template.get("metadata") or {}, _wanted(seen, each), _noted(each.manifest), given)
    body: dict[str, Any] = {"metadata": change} if change else {}
    rule, other = seen.canary.anti_affinity, affinity.other_of(template)
    if rule and each is seen.current and seen.latch.is_updating and other not in ("", seen.latch.stable):
        apart = affinity.kept_apart(affinity.without(template), rule, seen.latch.stable)
        body["spec"] = mergepatch.derive(template["spec"], apart["spec"])
    return body


def note_change(seen: DeliverySeen, each: SetSeen) -> dict[str, str | None]:
    """The change of the annotation in which a ReplicaSet's role is noted; {} where it is right."""
    note = _wanted(seen, each)["annotations"].get(marks.EPHEMERAL)
    return {} if obj.annotations(each.manifest).get(marks.EPHEMERAL) == note else {marks.EPHEMERAL: note}


def pod_changes(seen: DeliverySeen) -> Iterator[Patch]:
    """The writes that make running pods bear what their role adds and nothing of another; some at a time."""
    left = PODS_AT_ONCE_MAX
    for each in seen.sets if seen.pods is not None else ():
        for pod in (seen.pods or {}).get(obj.uid(each.manifest), ()):
            change = {} if pod.is_leaving or not left else _pod_change(seen, each, pod.manifest)
            if change:
                left -= 1
                seen_as = obj.uid(pod.manifest), obj.version(pod.manifest)
                ref = Ref(kinds.POD, seen.ref.namespace, pod.name)
                yield Patch(ref, {"metadata": change}, *seen_as, stage=Stage.SHRINK)


def are_borne(seen: DeliverySeen) -> bool:
    """Whether the spec's version bears all that its role adds, as far as the API server lets us write it."""
    each = seen.current
    if each is None or seen.pods is None:
        return True
    ref = Ref(kinds.REPLICA_SET, seen.ref.namespace, each.name)
    if ref not in seen.refused and (template_change(seen, each) or note_change(seen, each)):
        return False
    own = {pod.name for pod in seen.pods.get(obj.uid(each.manifest), ())}
    return not any(change.ref.name in own and change.ref not in seen.refused for change in pod_changes(seen))


def plain(manifest: Manifest) -> Manifest:
    """A ReplicaSet's template without what its role added: what its version is compared by."""
    template = affinity.without((manifest.get("spec") or {}).get("template") or {})
    noted, meta = _noted(manifest), dict(template.get("metadata") or {})
    for part in PARTS:
        if meta.get(part):
            meta[part] = {key: value for key, value in meta[part].items() if key not in noted[part]}
    return {**template, "metadata": meta}


def _pod_change(seen: DeliverySeen, each: SetSeen, pod: Manifest) -> dict[str, Any]:
    noted, taken = _noted(pod), _noted(each.manifest)
    former = {part: {**_of_any_role(seen, pod, part), **taken[part], **noted[part]} for part in PARTS}
    template = ((each.manifest.get("spec") or {}).get("template") or {}).get("metadata") or {}
    given = (seen.template.manifest if each is seen.current else {}).get("metadata") or {}
    base = {
        part: {
            **{key: value for key, value in (template.get(part) or {}).items() if key not in taken[part]},
            **(given.get(part) or {}),
        }
        for part in PARTS
    }
    return _change(pod["metadata"], _wanted(seen, each), former, base)


def _of_any_role(seen: DeliverySeen, pod: Manifest, part: str) -> dict[str, str]:
    """What the pod bears exactly as one of the roles has it: whoever wrote that may have left no note."""
    present = pod["metadata"].get(part) or {}
    roles = (_worn(role) for role in seen.canary.roles)
    return {key: value for role in roles for key, value in role[part].items() if present.get(key) == value}


def _change(present: Manifest, wanted: Worn, former: Worn, base: Manifest) -> dict[str, Any]:
    """The merge patch of metadata: what is wanted comes, what was borne before goes back to what `base` says."""
    change: dict[str, Any] = {}
    if wanted is former is _NOTHING:
        return change
    for part in PARTS:
        has, under = present.get(part) or {}, base.get(part) or {}
        gone = {key: under.get(key) for key in former[part] if key not in wanted[part]}
        due = {key: value for key, value in {**gone, **wanted[part]}.items() if has.get(key) != value}
        if due:
            change[part] = due
    return change


def _wanted(seen: DeliverySeen, each: SetSeen | None) -> Worn:
    """What a ReplicaSet's pods are to bear. None: the ReplicaSet of the spec, which is still to be made."""
    new, stable = seen.canary.roles
    if each is None or each is seen.current:
        is_new = bool(seen.latch.stable) and seen.latch.stable != seen.template.hash
        # Who sees a promotion told sees pods of the stable version.
        return _worn(new if is_new and not (seen.blue_green is None and capacity.is_proven(seen)) else stable)
    return _worn(stable if each is seen.stable else None)


def _worn(role: Metadata | None) -> Worn:
    """Labels and annotations of a role, and the note of them."""
    if role is None:
        return _NOTHING
    labels = {key: value for key, value in role.labels.items() if key != marks.HASH_LABEL}
    worn = {"labels": labels, "annotations": dict(role.annotations)}
    if any(worn.values()):
        text = canonical.go_json({part: dict(sorted(worn[part].items())) for part in PARTS if worn[part]})
        worn["annotations"][marks.EPHEMERAL] = text
    return worn


def _noted(manifest: Manifest) -> Worn:
    """What the note of a ReplicaSet or pod names, and the note itself; one that nobody can read names nothing."""
    text = obj.annotations(manifest).get(marks.EPHEMERAL)
    if text is None:
        return _NOTHING
    try:
        read = json.loads(text or "{}")
    except ValueError:
        read = {}
    parts = {part: read.get(part) if isinstance(read, dict) else None for part in PARTS}
    noted = {
        part: {str(key): str(value) for key, value in given.items()} if isinstance(given, dict) else {}
        for part, given in parts.items()
    }
    noted["annotations"][marks.EPHEMERAL] = text
    return noted
