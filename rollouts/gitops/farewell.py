"""Hooks around the end of an Application: PreDelete before its objects go, PostDelete once they are gone.

Two finalizers say that there are such hooks: one goes once they have run, the one with `/cleanup` once they are gone.
"""

from __future__ import annotations

from collections.abc import Sequence

from rollouts.core.plan import Ask, Patch, Plan
from rollouts.gitops import report
from rollouts.gitops.health.model import Status
from rollouts.gitops.health.table import assess
from rollouts.gitops.hooks import FINALIZER, Phase, Policy
from rollouts.gitops.seen import POST_DELETE, PRE_DELETE, AppSeen
from rollouts.gitops.sync import writes
from rollouts.gitops.sync.order import kind_rank
from rollouts.gitops.sync.task import Task
from rollouts.kit.instant import Instant
from rollouts.kube import object as kube

CLEANUP = "/cleanup"
BATCH_MAX = 20
LOOK_AGAIN_S = 30.0
ASK_TIMEOUT_S = 150.0
FINALIZERS = {Phase.PRE_DELETE: PRE_DELETE, Phase.POST_DELETE: POST_DELETE}


def wanted_finalizers(seen: AppSeen) -> list[str] | None:
    """The finalizers that an Application should have for its hooks; None where it has them already."""
    assert seen.desired is not None
    before = [str(each) for each in seen.manifest["metadata"].get("finalizers") or ()]
    phases = {phase for one in seen.desired.objects for phase in one.phases}
    after = list(before)
    for phase, name in FINALIZERS.items():
        both = (name, name + CLEANUP)
        if phase in phases:
            after += [each for each in both if each not in after]
        else:
            after = [each for each in after if each not in both]
    return after if after != before else None


def hooked(seen: AppSeen, phase: Phase, now: Instant) -> Plan | None:
    """The next step of one kind of hooks; None where they have run and are cleared away."""
    finalizers = [str(each) for each in seen.manifest["metadata"].get("finalizers") or ()]
    name = FINALIZERS[phase]
    mine = next((each for each in (name, name + CLEANUP) if each in finalizers), "")
    if not mine:
        return None
    if seen.problem:
        return _marked(seen, finalizers, mine)  # nobody can say any more what the hooks are
    if seen.desired is None:
        return _asked(seen, now)
    tasks = _tasks(seen, phase)
    if mine.endswith(CLEANUP):
        return _cleared(tasks, now) or _marked(seen, finalizers, mine)
    if fresh := [task for task in tasks if task.live is None or not task.is_made_by(_id(seen))]:
        return _made(seen, fresh, now)
    healths = [(task, assess(task.key, task.live, seen.checks)) for task in tasks if task.live is not None]
    if bad := [(task, health) for task, health in healths if health and health.status is Status.DEGRADED]:
        said = f"{phase.value} hook {bad[0][0].key} failed: {bad[0][1].message}"
        status = report.unknown(seen, [("DeletionError", said)], now)
        return Plan(status=report.patch(seen, status), wake=now.plus(LOOK_AGAIN_S), rule="DeletionHookFailed")
    if any(health is not None and health.status is not Status.HEALTHY for _, health in healths):
        return Plan(wake=now.plus(LOOK_AGAIN_S), rule="DeletionHooksRun")
    return _marked(seen, finalizers, mine)


def _id(seen: AppSeen) -> str:
    return str(seen.manifest["metadata"].get("deletionTimestamp") or "")


def _tasks(seen: AppSeen, phase: Phase) -> list[Task]:
    assert seen.desired is not None
    found = [
        Task(one.key, one.version, one.kind, phase, one.wave, one, seen.live.get(one.key), hook=phase)
        for one in seen.desired.objects
        if phase in one.phases and one.kind is not None and one.key.name
    ]
    return sorted(found, key=lambda task: (task.wave, kind_rank(task.key.kind), task.key))


def _made(seen: AppSeen, fresh: Sequence[Task], now: Instant) -> Plan:
    """Make the hooks of the lowest wave; what stands in their place goes first."""
    wave = [task for task in fresh if task.wave == fresh[0].wave][:BATCH_MAX]
    standing = [task for task in wave if task.live is not None and not kube.is_deleting(task.live)]
    gone = tuple(
        writes.deletion(task.ref, task.live, "background") for task in standing if task.ref and task.live is not None
    )
    if gone:
        return Plan(actions=gone, wake=now.plus(LOOK_AGAIN_S), rule="OldHooksGo")
    if any(task.live is not None for task in wave):
        return Plan(wake=now.plus(LOOK_AGAIN_S), rule="OldHooksGo")
    actions = tuple(action for task in wave for action in writes.actions(task, _id(seen)))
    return Plan(actions=actions, wake=now.plus(LOOK_AGAIN_S), rule="DeletionHooksMade")


def _cleared(tasks: Sequence[Task], now: Instant) -> Plan | None:
    """Let the hooks go, and remove those that are not to stay."""
    held = [
        task for task in tasks
        if task.live is not None and FINALIZER in (task.live["metadata"].get("finalizers") or ())
    ]  # fmt: skip
    if held:
        released = tuple(writes.release(task.ref, task.live) for task in held if task.ref and task.live is not None)
        return Plan(actions=released, wake=now.plus(LOOK_AGAIN_S), rule="DeletionHooksReleased")
    alive = [task for task in tasks if task.live is not None and task.wanted is not None]
    done = [task for task in alive if task.wanted and Policy.SUCCEEDED in task.wanted.policies]
    gone = tuple(
        writes.deletion(task.ref, task.live, "background")
        for task in done
        if task.ref and task.live is not None and not kube.is_deleting(task.live)
    )
    if done:
        return Plan(actions=gone, wake=now.plus(LOOK_AGAIN_S), rule="DeletionHooksGo")
    return None


def _marked(seen: AppSeen, finalizers: Sequence[str], done: str) -> Plan:
    change = {"metadata": {"finalizers": [each for each in finalizers if each != done] or None}}
    patch = Patch(seen.ref, change, uid=seen.uid, version=kube.version(seen.manifest))
    return Plan(latch=patch, rule="DeletionHooksDone")


def _asked(seen: AppSeen, now: Instant) -> Plan:
    """What the hooks are, git must say once more."""
    source = seen.source
    asks = tuple(
        Ask(ask_id, question, seen.control_namespace, ASK_TIMEOUT_S)
        for (ask_id, question), answer in zip(source.questions, source.asked, strict=True)
        if answer is None and not source.revisions
    )
    if source.render is not None and source.rendered is None:
        asks = (Ask(source.render[0], source.render[1], seen.control_namespace, ASK_TIMEOUT_S),)
    if not asks and source.error:
        status = report.unknown(seen, [("DeletionError", source.error)], now)
        return Plan(status=report.patch(seen, status), wake=now.plus(LOOK_AGAIN_S), rule="DeletionHooksUnknown")
    return Plan(asks=asks, wake=now.plus(ASK_TIMEOUT_S), rule="DeletionHooksAsked")
