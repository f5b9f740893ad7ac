"""In which order objects are applied: phase, wave, kind, name; what others stand on comes before them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rollouts.gitops.hooks import SYNCING, Phase
from rollouts.gitops.keys import Key
from rollouts.gitops.sync.task import Task
from rollouts.gitops.wanted import kinds_of

KIND_ORDER = (
    "Namespace", "NetworkPolicy", "ResourceQuota", "LimitRange", "PodSecurityPolicy", "PodDisruptionBudget",
    "ServiceAccount", "Secret", "SecretList", "ConfigMap", "StorageClass", "PersistentVolume", "PersistentVolumeClaim",
    "CustomResourceDefinition", "ClusterRole", "ClusterRoleList", "ClusterRoleBinding", "ClusterRoleBindingList",
    "Role", "RoleList", "RoleBinding", "RoleBindingList", "Service", "DaemonSet", "Pod", "ReplicationController",
    "ReplicaSet", "Deployment", "HorizontalPodAutoscaler", "StatefulSet", "Job", "CronJob", "IngressClass", "Ingress",
    "APIService",
)  # fmt: skip
_RANK = {kind: rank for rank, kind in enumerate(KIND_ORDER)}


def kind_rank(kind: str) -> int:
    """Where a kind stands; kinds that are not listed come after all that are."""
    return _RANK.get(kind, len(_RANK))


def position(task: Task) -> tuple[int, int]:
    """Phase and wave of a task: tasks of one position are one step of the sync."""
    return SYNCING.index(task.phase), task.wave


def ordered(tasks: Sequence[Task]) -> tuple[Task, ...]:
    """The tasks in the order in which they are carried out."""
    pulled = _pulled(tasks)
    return tuple(
        sorted(pulled, key=lambda each: (*position(each), not each.is_prune, kind_rank(each.key.kind), each.key))
    )


def prune_waves(tasks: Sequence[Task]) -> tuple[Task, ...]:
    """Prunes in reverse: the lowest wave of them changes places with the highest, and so on."""
    waves = sorted({task.wave for task in tasks if task.is_prune and not task.is_last})
    mirrored = dict(zip(waves, reversed(waves), strict=True))
    last = max((task.wave for task in tasks if task.phase is Phase.SYNC and not task.is_last), default=0) + 1
    return tuple(
        task if not task.is_prune else replace(task, wave=last if task.is_last else mirrored[task.wave])
        for task in tasks
    )


def _pulled(tasks: Sequence[Task]) -> list[Task]:
    """A namespace comes no later than what is in it, a CRD no later than the objects of its kind."""
    found = list(tasks)
    for index, task in enumerate(found):
        if task.is_prune or task.hook is not None:
            continue
        served = {(kind.group, kind.name) for kind in kinds_of(task.manifest)} if task.key.kind == _CRD else set()
        standing = [
            each for each in tasks if each is not task and not each.is_prune and _stands_on(each.key, task.key, served)
        ]
        first = min(standing, key=position, default=None)
        if first is not None and position(first) < position(task):
            found[index] = replace(task, phase=first.phase, wave=first.wave)
    return found


_CRD = "CustomResourceDefinition"


def _stands_on(upper: Key, lower: Key, served: set[tuple[str, str]]) -> bool:
    if lower.kind == "Namespace" and not lower.group:
        return upper.namespace == lower.name
    return (upper.group, upper.kind) in served
