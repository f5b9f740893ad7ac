"""One try of a sync as a value: its tasks with what is recorded of them, and the writes that are rehearsed first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rollouts.core.plan import Action
from rollouts.gitops.asks import DryRun
from rollouts.gitops.comparison import Comparison
from rollouts.gitops.health.model import Health, says
from rollouts.gitops.health.table import CHECKS, assess
from rollouts.gitops.hooks import FINALIZER
from rollouts.gitops.keys import Key, key_from
from rollouts.gitops.operation import Running
from rollouts.gitops.seen import AppSeen
from rollouts.gitops.sync import writes
from rollouts.gitops.sync.step import Sync, advised, no_match, written_as
from rollouts.gitops.sync.task import FAILED, PRUNED, RUNNING, SUCCEEDED, SYNC_FAILED, SYNCED, Result, Task, results
from rollouts.gitops.sync.tasks import Wish, namespace_task, needs_confirmation, tasks
from rollouts.gitops.wanted import Wanted, kinds_of
from rollouts.kit.instant import Instant
from rollouts.kit.parts import at, objects
from rollouts.kube import builtin
from rollouts.kube import object as kube
from rollouts.kube.kinds import CRD, NAMESPACE
from rollouts.kube.ref import Kind, Manifest

APPROVED = "argocd.argoproj.io/deletion-approved"


@dataclass(frozen=True, slots=True)
class Attempt:
    """rehearsed: the tasks whose writes are in `rehearsal`, in its order."""

    sync: Sync
    rehearsal: DryRun
    rehearsed: tuple[Task, ...]


def build(seen: AppSeen, running: Running, comparison: Comparison) -> Attempt:
    """The try that is under way."""
    assert seen.desired is not None and seen.place is not None and seen.project is not None
    done = results(running.rows)
    wish = replace(_wish(seen, running, comparison), begun=frozenset(key for key, _ in done))
    found = list(tasks(seen.desired, comparison, seen.live, wish, seen.place))
    if made := _namespace(seen):
        found.insert(0, made)
    ready = tuple(replace(task, result=task.result or done.get(task.slot)) for task in found)
    approved = approved_since(seen, running)
    sync = Sync(
        sync_id=running.sync_id,
        tasks=ready,
        health=lambda key, live: _health(seen, key, live),
        refused=seen.refused,
        kept={row.key: row.kept for row in comparison.rows if row.kept},
        needs_approval=frozenset() if approved else frozenset(t.key for t in ready if needs_confirmation(t, wish)),
        forces=_forces(running),
        propagation=seen.place.options.word("PrunePropagationPolicy", "foreground"),
    )
    sync = replace(sync, coming=_coming_kinds(ready))
    able = tuple(_rehearsable(sync)) if not running.rows else ()
    if able and running.sync.get("dryRun") is not True and _is_first_write(able[0], sync):
        able = able[1:]
    tried = tuple(writes.rehearsal(task, running.sync_id, sync.kept.get(task.key, ())) for task in able)
    return Attempt(sync, DryRun(tried), able)


def approved_since(seen: AppSeen, running: Running) -> bool:
    """Whether a person approved deletions after this sync began."""
    approved = Instant.parse(kube.annotations(seen.manifest).get(APPROVED))
    began = Instant.parse(running.started_at)
    # People write whole seconds.
    return approved is not None and began is not None and approved.seconds >= int(began.seconds)


def refused_rows(tried: Attempt, answers: Any) -> list[dict[str, Any]]:
    """Rows for the tasks whose write would be refused; empty where none would."""
    said = answers if isinstance(answers, tuple | list) else ()
    rows = []
    for task, text in zip(tried.rehearsed, said, strict=False):
        if text:
            is_secret = (task.key.group, task.key.kind) == ("", "Secret")
            shown = "the API server refused the Secret" if is_secret else advised(task, str(text))
            rows.append(replace(task, result=Result(SYNC_FAILED, FAILED, shown)).row())
    rows += [
        replace(task, result=Result(SYNC_FAILED, FAILED, no_match(task.key, task.version))).row()
        for task in tried.sync.tasks
        if task.kind is None and task.wanted and not task.wanted.options.is_on("SkipDryRunOnMissingResource")
    ]
    return rows


def as_if_done(tried: Attempt) -> Iterator[dict[str, Any]]:
    """The rows of a sync that was only rehearsed."""
    for task in tried.sync.tasks:
        said = "pruned" if task.is_prune else written_as(task)
        result = task.result or Result(PRUNED if task.is_prune else SYNCED, SUCCEEDED, f"{said} (dry run)")
        yield replace(task, result=result).row()


def recorded(running: Running) -> list[dict[str, Any]]:
    """The rows that are recorded."""
    return [dict(row) for row in objects(running.rows)]


def rows(found: Sequence[Task], before: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of the tasks, and those of tasks that are no more because they are done."""
    mine = {task.slot: task.row() for task in found if task.result is not None}
    slots = {task.slot for task in found}
    merged: list[dict[str, Any]] = []
    for row in before:
        key = key_from(row)
        slot = (key, str(row.get("syncPhase") or "Sync"))
        if slot in slots:
            if key is not None and (new := mine.pop((key, slot[1]), None)) is not None:
                merged.append(new)
        else:
            merged.append({**row, "hookPhase": SUCCEEDED} if row.get("hookPhase") == RUNNING else dict(row))
    return merged + list(mine.values())


def hooks(found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows that are about hooks."""
    return [row for row in found if row.get("hookType")]


def stopped(found: Sequence[Task], sync_id: str) -> tuple[Action, ...]:
    """What removes the hooks that run: our finalizer first, then they themselves."""
    alive = [
        task for task in found
        if task.hook and task.is_made_by(sync_id) and (task.result is None or task.result.is_running)
    ]  # fmt: skip
    held: list[Action] = [
        writes.release(task.ref, task.live)
        for task in alive
        if task.ref and task.live is not None and FINALIZER in (task.live["metadata"].get("finalizers") or ())
    ]
    if held:
        return tuple(held)
    return tuple(
        writes.deletion(task.ref, task.live, "background")
        for task in alive
        if task.ref and task.live is not None and not kube.is_deleting(task.live)
    )


def _wish(seen: AppSeen, running: Running, comparison: Comparison) -> Wish:
    assert seen.place is not None
    sync = running.sync
    return Wish(
        sync_id=running.sync_id,
        revision=running.revisions[0] if running.revisions else "",
        options=seen.place.options,
        resources=tuple(objects(sync, "resources")),
        with_hooks=at(sync, "syncStrategy", "apply") is None,
        prunes=sync.get("prune") is True,
        is_automated=running.is_automated,
        forbidden=_forbidden(seen, running, comparison),
    )


def _forbidden(seen: AppSeen, running: Running, comparison: Comparison) -> dict[Key, str]:
    """Why objects may not be touched: the project says so, or another application has them."""
    assert seen.desired is not None and seen.project is not None and seen.cluster is not None
    found: dict[Key, str] = {}
    hooks = ((key, one.kind) for one in seen.desired.objects if one.is_hook for key in _hook_keys(one, running))
    for key, kind in (*((row.key, row.kind) for row in comparison.rows), *hooks):
        namespaced = kind.namespaced if kind else True
        if said := seen.project.object_problem(key, seen.cluster, namespaced=namespaced):
            found[key] = said
    if running.is_automated:
        found |= {key: f"{key} is part of another application" for key in seen.shared if key not in found}
    return found


def _hook_keys(one: Wanted, running: Running) -> list[Key]:
    """Who a hook is in this try: one without a name gets one for each of its phases."""
    if not one.generate_name:
        return [one.key]
    return [replace(one.key, name=running.hook_name(one, phase)) for phase in one.phases]


def _forces(running: Running) -> bool:
    return any(at(running.sync, "syncStrategy", way, "force") is True for way in ("apply", "hook"))


def _namespace(seen: AppSeen) -> Task | None:
    """The task that makes the destination's namespace, where the options ask for it and git has none."""
    assert seen.place is not None and seen.spec is not None and seen.desired is not None
    name = seen.place.namespace
    if not name or not seen.place.options.is_on("CreateNamespace"):
        return None
    key = Key("", NAMESPACE.name, "", name)
    if any(one.key == key for one in seen.desired.plain):
        return None
    policy = seen.spec.sync_policy
    marks = policy.managed_namespace_metadata if policy else None
    metadata = {"labels": marks.labels, "annotations": marks.annotations} if marks else {}
    made = namespace_task(name, seen.live.get(key), metadata, seen.place)
    if made is not None and seen.project and (said := seen.project.kind_problem(key, namespaced=False)):
        return replace(made, result=Result(SYNC_FAILED, FAILED, said))
    return made


def _health(seen: AppSeen, key: Key, live: Manifest) -> Health | None:
    """The health of what this sync wrote; a hook that our finalizer holds is judged as if nobody deleted it."""
    if FINALIZER in (live["metadata"].get("finalizers") or ()) and kube.is_deleting(live):
        check = seen.checks.get((key.group, key.kind)) or CHECKS.get((key.group, key.kind))
        return check(live) if check else None
    return assess(key, live, seen.checks)


def _is_first_write(task: Task, sync: Sync) -> bool:
    """Whether a task is the first thing that the sync does, by a single write: refused, it has done nothing at all."""
    is_plain = all(
        each.kind and each.result is None and not (each.is_prune or each.hook or each.is_beside) for each in sync.tasks
    )
    if not is_plain or task is not sync.tasks[0] or writes.is_remade(task):
        return False
    return len(writes.actions(task, sync.sync_id, sync.kept.get(task.key, ()))) == 1


def _rehearsable(sync: Sync) -> Iterator[Task]:
    """The tasks whose write the API server can judge now: their kind is served and their namespace is there."""
    spaces = {task.key.name for task in sync.tasks if task.kind == NAMESPACE and task.live is None}
    for task in sync.tasks:
        if task.is_prune or task.result is not None or task.kind is None or task.kind in sync.coming:
            continue
        if task.key.namespace not in spaces:
            yield task


def _coming_kinds(found: Sequence[Task]) -> frozenset[Kind]:
    """Kinds that are served only once this sync has brought their definition and it is established."""
    return frozenset(
        kind
        for task in found
        if task.kind == CRD and not task.is_prune and (task.live is None or not says(task.live, "Established"))
        for kind in kinds_of(task.manifest)
        if builtin.find(kind.api_version, kind.name) is None
    )
