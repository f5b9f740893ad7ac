"""How one task is written: server-side apply as a rule, or as the options say; always so that it can be repeated."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from rollouts.core.plan import Action, Apply, Create, Delete, Patch, Replace, Stage
from rollouts.gitops.asks import DryWrite
from rollouts.gitops.diff.compare import LAST_APPLIED, MANAGER
from rollouts.gitops.diff.ignore import Place, restored
from rollouts.gitops.diff.merge import three_way
from rollouts.gitops.diff.normalize import normalized
from rollouts.gitops.hooks import FINALIZER
from rollouts.gitops.sync.task import Task
from rollouts.gitops.tracking import SYNC_ID
from rollouts.kit import mergepatch
from rollouts.kit.parts import objects, part
from rollouts.kube import managed
from rollouts.kube import object as kube
from rollouts.kube.ref import Manifest, Ref

CLIENT_SIDE = "kubectl-client-side-apply"


def body(task: Task, sync_id: str, kept: Sequence[Place] = ()) -> Manifest:
    """What is written. kept: places where the live object's word stands."""
    found: Any = mergepatch.without_nulls(normalized(task.manifest))
    if task.live is not None and kept:
        found = restored(found, task.live, kept)
    meta = dict(found["metadata"])
    if task.hook is not None:
        meta["finalizers"] = [*(meta.get("finalizers") or ()), FINALIZER]
    if task.hook is not None or is_remade(task):
        meta["annotations"] = {**(meta.get("annotations") or {}), SYNC_ID: task.mark(sync_id)}
    return {**found, "metadata": meta}


def is_remade(task: Task) -> bool:
    """Whether a standing object is deleted and made again."""
    assert task.wanted is not None
    return task.wanted.options.is_on("Force") and task.wanted.options.is_on("Replace")


def is_server_side(task: Task) -> bool:
    """Whether the API server merges; the rule, unless an option says otherwise."""
    assert task.wanted is not None
    return task.wanted.options.is_on("ServerSideApply", default=True)


def actions(task: Task, sync_id: str, kept: Sequence[Place] = ()) -> tuple[Action, ...]:
    """The writes that bring the live object to what git says; one, or two where ownership is taken over first."""
    ref, live, wanted = task.ref, task.live, task.wanted
    assert ref is not None and wanted is not None
    whole = body(task, sync_id, kept)
    if wanted.options.is_on("Replace"):
        if live is None:
            return (Create(ref, whole, "", manager=MANAGER),)
        return (Replace(ref, whole, kube.uid(live), kube.version(live), manager=MANAGER),)
    if not is_server_side(task):
        return (_client_side(ref, whole, live),)
    if live is None and task.hook is not None:
        return (Create(ref, whole, "", manager=MANAGER),)
    apply = Apply(ref, whole, force=True, manager=MANAGER)
    if live is None or not wanted.options.is_on("ClientSideApplyMigration", default=True):
        return (apply,)
    return (*_takeover(ref, live), apply)


def deletion(ref: Ref, live: Manifest, propagation: str = "foreground") -> Delete:
    """The removal of the very object that was seen."""
    word = {"background": "Background", "orphan": "Orphan"}.get(propagation.lower(), "Foreground")
    return Delete(ref, uid=kube.uid(live), propagation=word)  # type: ignore[arg-type]  # one of the three


def release(ref: Ref, live: Manifest) -> Patch:
    """Take our finalizer off a hook whose result was read."""
    left = [each for each in live["metadata"].get("finalizers") or () if each != FINALIZER]
    change = {"metadata": {"finalizers": left or None}}
    return Patch(ref, change, kube.uid(live), kube.version(live), stage=Stage.GROW)


def rehearsal(task: Task, sync_id: str, kept: Sequence[Place] = ()) -> DryWrite:
    """The task's write, to be tried."""
    ref = task.ref
    assert ref is not None and task.wanted is not None
    whole = body(task, sync_id, kept)
    live = task.live
    if task.hook is not None or (live is not None and is_remade(task)):
        # It is made anew, under a name that may still be taken: only the schema and admission can be asked.
        meta = {name: part for name, part in whole["metadata"].items() if name != "name"}
        prefix = f"{ref.name[:40]}-"
        whole = {**whole, "metadata": {**meta, "generateName": prefix}}
        return DryWrite("create", ref.kind.path(ref.namespace), whole, MANAGER)
    if live is not None and task.wanted.options.is_on("Replace"):
        seen = {"uid": kube.uid(live), "resourceVersion": kube.version(live)}
        return DryWrite("replace", ref.path, {**whole, "metadata": {**whole["metadata"], **seen}}, MANAGER)
    if live is not None and not is_server_side(task):
        patch = _client_side(ref, whole, live)
        assert isinstance(patch, Patch) and isinstance(patch.body, Mapping)
        return DryWrite("patch", ref.path, patch.body, MANAGER)
    return DryWrite("apply", ref.path, whole, MANAGER)


def _client_side(ref: Ref, whole: Manifest, live: Manifest | None) -> Action:
    """Three-way merge by us: what we applied last, what is there, what git says; under the version that was seen."""
    applied = json.dumps(_bare(whole), sort_keys=True, separators=(",", ":"))
    meta = whole["metadata"]
    marks = {**(meta.get("annotations") or {}), LAST_APPLIED: applied}
    marked = {**whole, "metadata": {**meta, "annotations": marks}}
    if live is None:
        return Create(ref, marked, "", manager=CLIENT_SIDE)
    after = three_way(_last_applied(live), marked, live)
    change = mergepatch.derive(live, after)
    return Patch(ref, change, kube.uid(live), kube.version(live), stage=Stage.GROW, manager=CLIENT_SIDE)


def _last_applied(live: Manifest) -> Manifest:
    text = kube.annotations(live).get(LAST_APPLIED)
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}


def _takeover(ref: Ref, live: Manifest) -> tuple[Patch, ...]:
    """Fields that a client-side apply set become ours, so that those which git drops can be removed."""
    listed = objects(live, "metadata", "managedFields")
    owners = [each for each in zip(listed, managed.entries(live), strict=True) if not each[1].subresource]
    theirs = [raw for raw, owner in owners if owner.operation == "Update" and _is_client_side(owner)]
    if not theirs:
        return ()
    own = [raw for raw, owner in owners if owner.operation == "Apply" and owner.manager == MANAGER]
    first, *others = [*own, *theirs]
    same = [part(each, "fieldsV1") for each in (first, *others) if each.get("apiVersion") == first.get("apiVersion")]
    ours = {**first, "manager": MANAGER, "operation": "Apply", "fieldsV1": reduce(mergepatch.apply, same)}
    kept = [ours if each is first else each for each in listed if each not in others]
    change: list[Mapping[str, Any]] = [{"op": "replace", "path": "/metadata/managedFields", "value": kept}]
    if LAST_APPLIED in kube.annotations(live):
        pointer = LAST_APPLIED.replace("~", "~0").replace("/", "~1")
        change.append({"op": "remove", "path": f"/metadata/annotations/{pointer}"})
    return (Patch(ref, tuple(change), kube.uid(live), kube.version(live), stage=Stage.GROW, form="json"),)


def _is_client_side(owner: managed.Entry) -> bool:
    """Whether an owner applied on the client's side: kubectl, Argo CD under our own name, or whoever noted what it was.

    What this manager made by a create or a replacement is git's as well.
    """
    return owner.manager in (CLIENT_SIDE, MANAGER) or owner.owns(("metadata", "annotations", LAST_APPLIED))


def _bare(whole: Manifest) -> Manifest:
    return {name: part for name, part in whole.items() if name != "status"}
