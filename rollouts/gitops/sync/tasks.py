"""From a comparison to the tasks of a sync."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rollouts.gitops.comparison import Comparison, Row
from rollouts.gitops.diff.compare import MANAGER
from rollouts.gitops.hooks import SYNCING, Phase, generated_name
from rollouts.gitops.keys import Key
from rollouts.gitops.options import Options, of_object
from rollouts.gitops.sync.order import ordered, prune_waves
from rollouts.gitops.sync.task import FAILED, PRUNE_SKIPPED, SUCCEEDED, SYNC_FAILED, Result, Task
from rollouts.gitops.wanted import Desired, Place, Wanted, named
from rollouts.kit import glob
from rollouts.kube import managed
from rollouts.kube.kinds import NAMESPACE
from rollouts.kube.ref import Manifest


@dataclass(frozen=True, slots=True)
class Wish:
    """What a sync is asked to do.

    resources: the objects it is for, all if empty.  with_hooks: whether hooks run.  sync_id: of this attempt.
    revision: of the first source, for the names of hooks.  forbidden: why an object may not be touched, by key.
    begun: what is recorded of this attempt: an object that it wrote stays a part of it until it is well.
    """

    sync_id: str
    revision: str
    options: Options
    resources: tuple[Mapping[str, Any], ...] = ()
    with_hooks: bool = True
    prunes: bool = False
    is_automated: bool = False
    forbidden: Mapping[Key, str] | None = None
    begun: frozenset[Key] = frozenset()


def tasks(
    desired: Desired, comparison: Comparison, live: Mapping[Key, Manifest], wish: Wish, place: Place
) -> tuple[Task, ...]:
    """Every task of the sync in its order, without results."""
    found: list[Task] = [*_applies(comparison.rows, wish), *_prunes(comparison.rows, wish)]
    if wish.with_hooks and not wish.resources:
        found += _hooks(desired.objects, live, wish, place)
    return ordered(prune_waves([_forbidden(task, wish) for task in found]))


def namespace_task(name: str, live: Manifest | None, metadata: Mapping[str, Any], place: Place) -> Task | None:
    """The task that makes the destination's namespace or brings its marks up to date; None where it is as wished."""
    marks = {field: dict(texts) for field, texts in metadata.items() if texts}
    present: Mapping[str, Any] = live["metadata"] if live is not None else {}
    if live is not None and not _is_off(present, marks) and not _lapsed(live, marks):
        return None
    key = Key("", NAMESPACE.name, "", name)
    manifest = {"apiVersion": "v1", "kind": NAMESPACE.name, "metadata": {"name": name, **marks}}
    wanted = Wanted(key, "v1", NAMESPACE, manifest, options=place.options)
    return Task(key, "v1", NAMESPACE, Phase.PRE_SYNC, -(10**9), wanted, live, is_beside=True)


def _is_off(present: Mapping[str, Any], marks: Mapping[str, Mapping[str, str]]) -> bool:
    return any(
        (present.get(field) or {}).get(mark) != text for field, texts in marks.items() for mark, text in texts.items()
    )


def _lapsed(live: Manifest, marks: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether a namespace bears a mark of ours that nobody wishes any more."""
    ours = (path for each in managed.entries(live) if each.manager == MANAGER for path in each.leaves())
    return any(
        path[0] == "metadata" and path[1] in ("labels", "annotations") and path[2] not in marks.get(str(path[1]), {})
        for path in ours
        if len(path) == 3
    )


def _applies(rows: Iterable[Row], wish: Wish) -> Iterable[Task]:
    for row in rows:
        one = row.wanted
        if one is None or not is_selected(row.key, wish.resources):
            continue
        differs = row.status != "Synced"
        if not differs and one.options.is_on("ApplyOutOfSyncOnly") and row.key not in wish.begun:
            continue
        yield Task(row.key, row.version, row.kind, Phase.SYNC, one.wave, one, row.live, differs=differs)


def _prunes(rows: Iterable[Row], wish: Wish) -> Iterable[Task]:
    for row in rows:
        if row.wanted is not None or row.live is None or not is_selected(row.key, wish.resources):
            continue
        own = of_object(row.live).over(wish.options)
        result = None
        if not wish.prunes:
            result = Result(PRUNE_SKIPPED, SUCCEEDED, "ignored (requires pruning)")
        elif own.word("Prune").lower() == "false":
            result = Result(PRUNE_SKIPPED, SUCCEEDED, "ignored (no prune)")
        task = Task(row.key, row.version, row.kind, Phase.SYNC, row.wave, None, row.live, result=result)
        yield replace(task, is_last=own.is_on("PruneLast"))


def _hooks(objects: Iterable[Wanted], live: Mapping[Key, Manifest], wish: Wish, place: Place) -> Iterable[Task]:
    for one in objects:
        for phase in one.phases:
            if phase not in SYNCING:
                continue
            hook = (
                named(one, generated_name(one.generate_name, wish.revision, phase, wish.sync_id), place)
                if one.generate_name
                else one
            )
            yield Task(hook.key, hook.version, hook.kind, phase, hook.wave, hook, live.get(hook.key), hook=phase)


def is_selected(key: Key, resources: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a selective sync is for an object; one with `exclude` is for all but those."""
    if not resources:
        return True
    wanted = [each for each in resources if not each.get("exclude")]
    unwanted = [each for each in resources if each.get("exclude")]
    return (not wanted or any(_fits(key, each) for each in wanted)) and not any(_fits(key, each) for each in unwanted)


def _fits(key: Key, resource: Mapping[str, Any]) -> bool:
    namespace = str(resource.get("namespace") or "")
    return (
        glob.matches(str(resource.get("group") or ""), key.group)
        and glob.matches(str(resource.get("kind") or ""), key.kind)
        and glob.matches(str(resource.get("name") or ""), key.name)
        and namespace in ("", key.namespace)
    )


def _forbidden(task: Task, wish: Wish) -> Task:
    """A task that must not be carried out carries its end with it."""
    why = (wish.forbidden or {}).get(task.key, "")
    if not why or task.result is not None:
        return task
    if task.is_prune:
        return replace(task, result=Result(PRUNE_SKIPPED, SUCCEEDED, f"ignored ({why})"))
    return replace(task, result=Result(SYNC_FAILED, FAILED, why))


def needs_confirmation(task: Task, wish: Wish) -> bool:
    """Whether a person must confirm a prune."""
    if not task.is_prune or task.live is None or task.result is not None:
        return False
    return of_object(task.live).over(wish.options).word("Prune").lower() == "confirm"
