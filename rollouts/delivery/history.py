"""What is kept of the past: old ReplicaSets and finished AnalysisRuns, up to their limits."""

from __future__ import annotations

from collections.abc import Iterator

from rollouts.api.rollout import RUN_HISTORY_LIMIT_DEFAULT
from rollouts.core.plan import Delete
from rollouts.delivery.seen import DeliverySeen, RunSeen
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Ref

REVISIONS_TOLD_MAX = 20
DELETES_MAX = 8  # in one plan; the rest follows in the next


def beyond_limits(seen: DeliverySeen) -> Iterator[Delete]:
    """Deletions that are due, the oldest first."""
    due = [*_sets(seen), *_runs(seen)]
    yield from due[:DELETES_MAX]


def is_near_return(seen: DeliverySeen) -> bool:
    """Whether the spec's version is older than the stable one and few enough lie between them to skip the steps.

    By age, not by revision: a version that comes back gets a new revision and keeps its ReplicaSet.
    """
    window = seen.spec.rollback_window
    if window is None or seen.current is None or seen.stable is None:
        return False
    target, stable = obj.created(seen.current.manifest), obj.created(seen.stable.manifest)
    if target is None or stable is None or target >= stable:
        return False
    born = [obj.created(each.manifest) for each in seen.older]
    return sum(1 for moment in born if moment is not None and target < moment < stable) < window.revisions


def _sets(seen: DeliverySeen) -> Iterator[Delete]:
    selected = seen.selected
    excess = len(seen.older) - max(0, seen.spec.revisions_kept)
    for each in sorted(seen.older, key=lambda old: (old.revision, old.name))[: max(0, excess)]:
        if each.wanted or each.pods or each.hash in selected or obj.is_deleting(each.manifest):
            continue
        ref = Ref(kinds.REPLICA_SET, seen.ref.namespace, each.name)
        yield Delete(ref, obj.uid(each.manifest), obj.version(each.manifest))


def _runs(seen: DeliverySeen) -> Iterator[Delete]:
    limits = seen.spec.analysis
    named = (limits.successful_run_history_limit, limits.unsuccessful_run_history_limit) if limits else (None, None)
    good, bad = (RUN_HISTORY_LIMIT_DEFAULT if limit is None else max(0, limit) for limit in named)
    in_use = (seen.latch.step_run, seen.latch.background_run)
    past = [run for run in seen.runs if run.is_over and run.name not in in_use and not obj.is_deleting(run.manifest)]
    past.sort(key=_age, reverse=True)
    hashes = {each.hash for each in seen.sets}
    kept = {True: good, False: bad}
    for run in past:
        succeeded = run.phase == "Successful"
        if run.hash in hashes and kept[succeeded] > 0:
            kept[succeeded] -= 1
            continue
        ref = Ref(kinds.ANALYSIS_RUN, seen.ref.namespace, run.name)
        yield Delete(ref, obj.uid(run.manifest), obj.version(run.manifest))


def _age(run: RunSeen) -> tuple[int, str]:
    born = obj.created(run.manifest)
    return (born.micros if born else 0, run.name)
