"""One pass over a sync under way: what has become of its tasks, and what is done next.

The pass reads everything from the cluster and from the recorded results, so whoever comes after a crash goes on where
the last write was. Nothing of a step is recorded before it is done; everything that is done can be done again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rollouts.core.plan import Action
from rollouts.gitops.diff.ignore import Place
from rollouts.gitops.health.model import Health, Status
from rollouts.gitops.hooks import FINALIZER, Phase, Policy
from rollouts.gitops.keys import Key
from rollouts.gitops.sync import writes
from rollouts.gitops.sync.order import position
from rollouts.gitops.sync.task import (
    FAILED,
    PRUNED,
    RUNNING,
    SUCCEEDED,
    SYNC_FAILED,
    SYNCED,
    Result,
    Task,
)
from rollouts.kube import object as kube
from rollouts.kube.ref import Kind, Manifest, Ref

BATCH_MAX = 40
NAMED_MAX = 3
_VERBS = frozenset({"created", "configured", "unchanged", "replaced", "serverside-applied"})
_HARMLESS = frozenset({FINALIZER, "foregroundDeletion", "orphan"})


@dataclass(frozen=True, slots=True)
class Sync:
    """A sync under way. refused: what the API server last said of a write, by object.

    kept: places where the live object's word stands.  needs_approval: prunes that a person must confirm first.
    coming: kinds that are not served yet.  health: of an object that is there, deletion or not.
    """

    sync_id: str
    tasks: tuple[Task, ...]
    health: Callable[[Key, Manifest], Health | None]
    refused: Mapping[Ref, str] = field(default_factory=dict)
    kept: Mapping[Key, Sequence[Place]] = field(default_factory=dict)
    needs_approval: frozenset[Key] = frozenset()
    coming: frozenset[Kind] = frozenset()
    forces: bool = False
    propagation: str = "foreground"

    @property
    def is_stepwise(self) -> bool:
        """Whether there is more than one step, so that each waits for the health of the one before."""
        return len({position(task) for task in self.tasks if not task.is_beside}) > 1


@dataclass(frozen=True, slots=True)
class Step:
    """What to do and to record. phase: Succeeded or Failed once the sync is over, else Running.

    tasks: as they are once the actions are done.  looked: as they are now.
    """

    tasks: tuple[Task, ...]
    actions: tuple[Action, ...] = ()
    phase: str = RUNNING
    message: str = ""
    looked: tuple[Task, ...] = ()

    @property
    def is_plain_and_last(self) -> bool:
        """Whether these actions are all that is left, and may be done twice without anybody noticing."""
        return bool(self.actions) and all(
            task.hook is None and task.result is not None and not (task.is_prune and task.result.is_running)
            for task in self.tasks
        )


def step(sync: Sync) -> Step:
    """The next step of a sync."""
    tasks = tuple(_looked_at(task, sync) for task in sync.tasks)
    found = _next(tasks, sync)
    return replace(found, looked=found.tasks if found.phase != RUNNING else tasks)


def _next(tasks: tuple[Task, ...], sync: Sync) -> Step:
    if released := _released(tasks):
        return Step(tasks, released, message="completing hooks")
    running = [task for task in tasks if task.result and task.result.is_running]
    waited_for = [task for task in running if sync.is_stepwise or task.hook or task.is_prune]
    if waited_for:
        return Step(tasks, message=_waiting(waited_for))
    failed = [task for task in tasks if task.result and task.result.is_failed]
    pending = [task for task in tasks if task.result is None]
    if failed:
        return _failing(tasks, failed, [task for task in pending if task.phase is Phase.SYNC_FAIL], sync)
    pending = [task for task in pending if task.phase is not Phase.SYNC_FAIL]
    if not pending:
        return _succeeded(tasks, sync)
    first = position(pending[0])
    return _group(tasks, [task for task in pending if position(task) == first], sync)


# What has become of a task.


def _looked_at(task: Task, sync: Sync) -> Task:
    """The task with what the cluster says of it."""
    if task.result is None:
        return _met(task, sync)
    if not task.result.is_running:
        return task
    if task.is_prune:
        return task if task.live is not None else _with(task, task.result.status, SUCCEEDED, "pruned")
    if task.live is None:
        said = f"{task.key} is missing, it might have been deleted"
        return _with(task, SYNC_FAILED, FAILED, said)
    if task.hook is None and not sync.is_stepwise:
        return _with(task, SYNCED, SUCCEEDED, task.result.message)
    return _judged(task, sync.health(task.key, task.live))


def _met(task: Task, sync: Sync) -> Task:
    """A task that is not recorded yet: done all the same by this sync, refused, or still to be done."""
    if task.is_prune or task.live is None:
        return task if not _refusal(task, sync) else _with(task, SYNC_FAILED, FAILED, _refusal(task, sync))
    if task.is_made_by(sync.sync_id):
        return _judged(_with(task, SYNCED, RUNNING, told_as(task, "created")), sync.health(task.key, task.live))
    if stuck := _foreign_finalizers(task.live):
        said = f"{task.key} is terminating and held by {', '.join(stuck)}"
        return _with(task, SYNC_FAILED, FAILED, said)
    if (said := _refusal(task, sync)) and not _is_remade(task, sync):
        return _with(task, SYNC_FAILED, FAILED, said)
    return task


def _judged(task: Task, health: Health | None) -> Task:
    """The health of what was written tells how far the task is."""
    assert task.result is not None
    if health is None or health.status is Status.HEALTHY:
        verb = task.result.message if task.result.message.rpartition(" ")[2] in _VERBS else "healthy"
        return _with(task, SYNCED, SUCCEEDED, health.message if health and health.message else verb)
    if health.status is Status.DEGRADED or (health.status is Status.UNKNOWN and task.hook):
        return _with(task, SYNCED, FAILED, health.message)
    return _with(task, SYNCED, RUNNING, health.message or task.result.message)


def _refusal(task: Task, sync: Sync) -> str:
    said = sync.refused.get(task.ref, "") if task.ref else ""
    if said and (task.key.group, task.key.kind) == ("", "Secret"):
        return "the API server refused the Secret; what it said may hold the secret and is not shown"
    return advised(task, said)


def advised(task: Task, said: str) -> str:
    """A refusal with what to do about it, where that is known."""
    if "immutable" in said and task.key.kind == "Job" and task.hook is None:
        return (
            f"{said} (a Job that changes must be made anew: make it a hook with argocd.argoproj.io/hook: Sync, or give "
            "it argocd.argoproj.io/sync-options: Replace=true,Force=true)"
        )
    if "not found" in said and "namespaces" in said:
        return f"{said} (syncOptions: [CreateNamespace=true] makes the namespace)"
    return said


def _foreign_finalizers(live: Manifest) -> list[str]:
    """Who keeps an object that is being deleted, and is none of those who let go by themselves."""
    if not kube.is_deleting(live):
        return []
    return [str(each) for each in live["metadata"].get("finalizers") or () if each not in _HARMLESS]


def _with(task: Task, status: str, phase: str, message: str) -> Task:
    return replace(task, result=Result(status, phase, message))


# What is done next.


def _group(tasks: tuple[Task, ...], group: Sequence[Task], sync: Sync) -> Step:
    """The tasks of one phase and wave: prunes first, then the rest in order."""
    if prunes := [task for task in group if task.is_prune]:
        if waiting := [task for task in prunes if task.key in sync.needs_approval]:
            return Step(tasks, message=f"waiting for pruning confirmation of {_named(waiting)}")
        return _pruned(tasks, prunes[:BATCH_MAX], sync)
    if remade := [task for task in group if task.live is not None and _is_remade(task, sync)]:
        return _cleared(tasks, remade, sync)
    if unserved := [task for task in group if task.ref is None]:
        return _unserved(tasks, unserved)
    # Kind by kind, one write after the other: the first refusal stops all that come after it.
    batch = [task for task in group if task.kind not in sync.coming][:BATCH_MAX]
    if not batch:
        return Step(tasks, message=f"waiting for the kind of {_named(group)} to be served")
    actions: list[Action] = []
    for task in batch:
        actions += writes.actions(task, sync.sync_id, sync.kept.get(task.key, ()))
    written = {task.slot: _with(task, SYNCED, RUNNING, written_as(task)) for task in batch}
    return Step(_updated(tasks, written), tuple(actions), message=_waiting(list(written.values())))


def _pruned(tasks: tuple[Task, ...], prunes: Sequence[Task], sync: Sync) -> Step:
    actions = tuple(
        writes.deletion(task.ref, task.live, sync.propagation) for task in prunes if task.ref and task.live is not None
    )
    written = {task.slot: _with(task, PRUNED, RUNNING, "pruned") for task in prunes}
    return Step(_updated(tasks, written), actions, message=f"waiting for deletion of {_named(prunes)}")


def _is_remade(task: Task, sync: Sync) -> bool:
    """Whether what stands there must go before the task can be done."""
    if task.is_prune or task.live is None or task.is_made_by(sync.sync_id):
        return False
    assert task.wanted is not None
    if task.hook is not None:
        return Policy.BEFORE in task.wanted.policies
    if writes.is_remade(task):
        return task.differs
    forces = sync.forces or task.wanted.options.is_on("Force")
    return forces and task.ref is not None and bool(sync.refused.get(task.ref))


def _cleared(tasks: tuple[Task, ...], remade: Sequence[Task], sync: Sync) -> Step:
    """Remove what is to be made anew, then wait until it is gone."""
    standing = [task for task in remade if task.live is not None and not kube.is_deleting(task.live)]
    held = [
        writes.release(task.ref, task.live)
        for task in remade
        if task.ref and task.live is not None and FINALIZER in (task.live["metadata"].get("finalizers") or ())
    ]
    if held:
        return Step(tasks, tuple(held[:BATCH_MAX]), message=f"waiting for deletion of {_named(remade)}")
    actions = tuple(
        writes.deletion(task.ref, task.live, "background" if task.hook else sync.propagation)
        for task in standing[:BATCH_MAX]
        if task.ref and task.live is not None
    )
    return Step(tasks, actions, message=f"waiting for deletion of {_named(remade)}")


def _unserved(tasks: tuple[Task, ...], unserved: Sequence[Task]) -> Step:
    said = {
        task.slot: _with(task, SYNC_FAILED, FAILED, no_match(task.key, task.version)) for task in unserved[:BATCH_MAX]
    }
    return Step(_updated(tasks, said), message="one or more objects have a kind that the API server does not serve")


def no_match(key: Key, version: str) -> str:
    """What is said of a kind that nobody serves."""
    api = f"{key.group}/{version}" if key.group else version
    hint = " (external-secrets.io/v1 is what current releases serve)" if api == "external-secrets.io/v1beta1" else ""
    return f'no matches for kind "{key.kind}" in version "{api}"{hint}'


def _failing(tasks: tuple[Task, ...], failed: Sequence[Task], fallbacks: Sequence[Task], sync: Sync) -> Step:
    """Let the SyncFail hooks run, clear failed hooks away, then end."""
    if cleared := _cleaned(tasks, Policy.FAILED, FAILED):
        return Step(tasks, cleared, message="removing failed hooks")
    if fallbacks:
        first = position(fallbacks[0])
        return _group(tasks, [task for task in fallbacks if position(task) == first], sync)
    reasons = [task.result.message for task in failed if task.result and task.result.message]
    said = "one or more synchronization tasks completed unsuccessfully"
    if _is_refused(failed):
        said = "one or more objects failed to apply"
    reason = f", reason: {'; '.join(dict.fromkeys(reasons[:NAMED_MAX]))}" if reasons else ""
    return Step(tasks, phase=FAILED, message=f"{said}{reason}")


def _is_refused(failed: Sequence[Task]) -> bool:
    return all(task.result is not None and task.result.status == SYNC_FAILED for task in failed)


def _succeeded(tasks: tuple[Task, ...], sync: Sync) -> Step:
    if cleared := _cleaned(tasks, Policy.SUCCEEDED, SUCCEEDED):
        return Step(tasks, cleared, message="removing hooks that succeeded")
    done = tuple(
        _with(task, SYNCED, SUCCEEDED, task.result.message) if task.result and task.result.is_running else task
        for task in tasks
        if task.phase is not Phase.SYNC_FAIL or task.result is not None
    )
    said = "no more tasks" if sync.is_stepwise else "all tasks run"
    return Step(done, phase=SUCCEEDED, message=f"successfully synced ({said})")


def _released(tasks: Sequence[Task]) -> tuple[Action, ...]:
    """Our finalizer goes from the hooks whose result is known."""
    return tuple(
        writes.release(task.ref, task.live)
        for task in tasks
        if task.hook and task.result and not task.result.is_running and task.ref and task.live is not None
        if FINALIZER in (task.live["metadata"].get("finalizers") or ())
    )[:BATCH_MAX]


def _cleaned(tasks: Sequence[Task], policy: Policy, phase: str) -> tuple[Action, ...]:
    """The removal of the hooks that a policy does not keep after an end of that kind."""
    return tuple(
        writes.deletion(task.ref, task.live, "background")
        for task in tasks
        if task.hook and task.wanted and policy in task.wanted.policies and task.ref and task.live is not None
        if task.result and task.result.phase == phase and not kube.is_deleting(task.live)
    )[:BATCH_MAX]


def _updated(tasks: Sequence[Task], written: Mapping[tuple[Key, str], Task]) -> tuple[Task, ...]:
    return tuple(written.get(task.slot, task) for task in tasks)


def written_as(task: Task) -> str:
    """What is said of a write, as kubectl says it: `deployment.apps/web configured`."""
    assert task.wanted is not None
    options = task.wanted.options
    if options.is_on("Replace"):
        return told_as(task, "created" if task.live is None else "replaced")
    if options.is_on("ServerSideApply"):
        return told_as(task, "serverside-applied")
    return told_as(task, "created" if task.live is None else "configured" if task.differs else "unchanged")


def told_as(task: Task, verb: str) -> str:
    """An object's name as kubectl prints it, and what was done to it."""
    kind = f"{task.key.kind.lower()}.{task.key.group}" if task.key.group else task.key.kind.lower()
    return f"{kind}/{task.key.name} {verb}"


def _waiting(tasks: Sequence[Task]) -> str:
    """For what a sync waits, in the words of the contract."""
    prunes, others = [task for task in tasks if task.is_prune], [task for task in tasks if not task.is_prune]
    if prunes and not others:
        return f"waiting for deletion of {_named(prunes)}"
    hooks = [task for task in others if task.hook]
    if hooks and len(hooks) == len(others):
        return f"waiting for completion of hook {_named(hooks, 'hooks')}"
    return f"waiting for healthy state of {_named(others)}"


def _named(tasks: Sequence[Task], noun: str = "resources") -> str:
    if not tasks:
        return "nothing"
    more = f" and {len(tasks) - 1} more {noun}" if len(tasks) > 1 else ""
    return f"{tasks[0].key}{more}"
