"""The laws of a handover: what a workload loses the Rollout has, and it can be brought back."""

from __future__ import annotations

from collections.abc import Iterator

from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.simulation.case import Case
from rollouts.simulation.truth import wanted

BEFORE = "rollout.argoproj.io/replicas-before"
FINALIZER = "rollout.argoproj.io/restore-workload"


def handover_keeps_pods(case: Case) -> Iterator[str]:
    """W1: no write takes pods of a workload away that the Rollout does not make up for."""
    had, has = _scaled(case)
    if has >= had or case.replicas == 0:
        return
    serving = sum(min(case.most(one), wanted(one)) for one in case.after.sets.values())
    if serving < min(case.replicas, had - has):
        yield f"the workload goes from {had} to {has} pods, and the Rollout has {serving} of {case.replicas}"


def handover_is_remembered(case: Case) -> Iterator[str]:
    """W2: before the first pod of a workload leaves, the Rollout and the workload say how many there were."""
    had, has = _scaled(case)
    if has >= had:
        return
    if FINALIZER not in (case.after.rollout["metadata"].get("finalizers") or ()):
        yield "the workload shrinks although nothing holds the Rollout until it is restored"
    if int(obj.annotations(case.commit.object).get(BEFORE, "0")) < had:
        yield f"the workload goes to {has} pods, and nobody knows that there were {had}"


def _scaled(case: Case) -> tuple[int, int]:
    if case.commit.kind != kinds.DEPLOYMENT or case.commit.previous is None or case.commit.type == "DELETED":
        return 0, 0
    return wanted(case.commit.previous), wanted(case.commit.object)
