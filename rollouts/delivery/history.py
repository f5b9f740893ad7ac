"""What is kept of the past: old ReplicaSets, and finished AnalysisRuns and Experiments, up to their limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from rollouts.api.rollout import RUN_HISTORY_LIMIT_DEFAULT
from rollouts.core.plan import Delete
from rollouts.delivery import marks
from rollouts.delivery.seen import DeliverySeen, ExperimentSeen, RunSeen, SetSeen
from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Ref

_Made = TypeVar("_Made", RunSeen, ExperimentSeen)

REVISIONS_TOLD_MAX = 20
DIGITS_MAX = 18
NEAR_RETURN = "Rollback within window"
DELETES_MAX = 8  # in one plan; the rest follows in the next


def beyond_limits(seen: DeliverySeen) -> Iterator[Delete]:
    """Deletions that are due, the oldest first."""
    due = [*_sets(seen), *_runs(seen), *_experiments(seen)]
    yield from due[:DELETES_MAX]


def is_return(seen: DeliverySeen) -> bool:
    """Whether the spec's version is older than the stable one.

    By age, not by revision: a version that comes back gets a new revision and keeps its ReplicaSet.
    """
    if seen.current is None or seen.stable is None:
        return False
    target, stable = _born(seen.current), _born(seen.stable)
    return target is not None and stable is not None and target < stable


def _born(each: SetSeen) -> tuple[Instant, int] | None:
    """When a version came first; of two that came within one second the one with the earlier first revision."""
    born, told = obj.created(each.manifest), obj.annotations(each.manifest).get(marks.REVISION_HISTORY, "")
    former = (int(word) for word in told.split(",") if word.isascii() and word.isdigit() and len(word) <= DIGITS_MAX)
    return None if born is None else (born, min((each.revision, *former)))


def is_near_return(seen: DeliverySeen) -> bool:
    """Whether the spec's version is older than the stable one and few enough lie between them to skip the steps."""
    window = seen.spec.rollback_window
    if window is None or seen.current is None or seen.stable is None or not is_return(seen):
        return False
    target, stable = _born(seen.current), _born(seen.stable)
    assert target is not None and stable is not None
    born = [_born(each) for each in seen.older]
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
    for run in _excess(seen, seen.runs, (seen.latch.step_run, seen.latch.background_run)):
        ref = Ref(kinds.ANALYSIS_RUN, seen.ref.namespace, run.name)
        yield Delete(ref, obj.uid(run.manifest), obj.version(run.manifest))


def _experiments(seen: DeliverySeen) -> Iterator[Delete]:
    for trial in _excess(seen, seen.experiments, (seen.latch.experiment,)):
        if trial.carries:
            continue
        ref = Ref(kinds.EXPERIMENT, seen.ref.namespace, trial.name)
        yield Delete(ref, obj.uid(trial.manifest), obj.version(trial.manifest))


def _excess(seen: DeliverySeen, made: Sequence[_Made], in_use: tuple[str, ...]) -> Iterator[_Made]:
    """Those that are over and beyond the limits of their outcome, or whose version is gone; the newest are kept."""
    limits = seen.spec.analysis
    named = (limits.successful_run_history_limit, limits.unsuccessful_run_history_limit) if limits else (None, None)
    good, bad = (RUN_HISTORY_LIMIT_DEFAULT if limit is None else max(0, limit) for limit in named)
    past = [each for each in made if each.is_over and each.name not in in_use and not obj.is_deleting(each.manifest)]
    past.sort(key=_age, reverse=True)
    hashes = {each.hash for each in seen.sets}
    kept = {True: good, False: bad}
    for each in past:
        succeeded = each.phase == "Successful"
        if each.hash in hashes and kept[succeeded] > 0:
            kept[succeeded] -= 1
            continue
        yield each


def _age(run: RunSeen | ExperimentSeen) -> tuple[int, str]:
    born = obj.created(run.manifest)
    return (born.micros if born else 0, run.name)
