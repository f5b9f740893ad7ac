"""The door at which disruption budgets are heard: a pod may go if every budget over it has room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rollouts.devplane import selectors
from rollouts.devplane.errors import ApiError
from rollouts.devplane.request import Deletion
from rollouts.devplane.store import Store
from rollouts.kit import amount
from rollouts.kube import builtin, kinds
from rollouts.kube import object as objects
from rollouts.kube.conditions import find
from rollouts.kube.ref import Manifest, Ref

BUDGET = next(kind for kind in builtin.MORE if kind.name == "PodDisruptionBudget")
VIOLATION = "Cannot evict pod as it would violate the pod's disruption budget."
SUCCESS: Manifest = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def evict(store: Store, pod: Ref, eviction: Mapping[str, Any], manager: str = "") -> Manifest:
    """Remove a pod unless a budget forbids it. Raises NotFound, Conflict, 429, and 500 for two budgets over one pod."""
    found = store.get(pod)
    over = [each for each in store.all(BUDGET) if _is_over(each, found)]
    if len(over) > 1:
        why = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        raise ApiError(500, "InternalError", why)
    for budget in over:
        if not _has_room(store, budget, found):
            cause = {"reason": "DisruptionBudget", "message": f"The disruption budget {objects.name(budget)} is needed"}
            raise ApiError(429, "TooManyRequests", VIOLATION, {"causes": [cause]})
    seen = (eviction.get("deleteOptions") or {}).get("preconditions") or {}
    store.delete(pod, Deletion(seen.get("uid", ""), seen.get("resourceVersion", ""), manager=manager))
    return SUCCESS


def _is_over(budget: Manifest, pod: Manifest) -> bool:
    same = objects.namespace(budget) == objects.namespace(pod)
    return same and selectors.matches((budget.get("spec") or {}).get("selector"), objects.labels(pod))


def _has_room(store: Store, budget: Manifest, pod: Manifest) -> bool:
    pods = [each for each in store.all(kinds.POD) if _is_over(budget, each)]
    healthy = sum(_is_healthy(each) for each in pods)
    least = _least(store, budget["spec"], pods)
    return healthy > least if _is_healthy(pod) else healthy >= least


def _least(store: Store, spec: Mapping[str, Any], pods: Sequence[Manifest]) -> int:
    """How many pods must stay healthy."""
    owners = {objects.controller_uid(pod) for pod in pods}
    expected: int = sum(
        each["spec"]["replicas"] for each in store.all(kinds.REPLICA_SET) if objects.uid(each) in owners
    )
    if spec.get("maxUnavailable") is not None:
        return max(0, expected - amount.resolve_up(spec["maxUnavailable"], expected))
    return amount.resolve_up(spec.get("minAvailable") or 0, expected)


def _is_healthy(pod: Manifest) -> bool:
    ready = find((pod.get("status") or {}).get("conditions"), "Ready")
    return ready.get("status") == "True" and not objects.is_deleting(pod)
