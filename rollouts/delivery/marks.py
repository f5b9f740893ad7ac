"""Labels and annotations of the contract, by what they mark."""

from __future__ import annotations

from collections.abc import Mapping

from rollouts.kube.podtemplate import HASH_LABEL

__all__ = [
    "CARRIES_TRAFFIC",
    "DEADLINE",
    "DESIRED_REPLICAS",
    "EPHEMERAL",
    "GIVEN_UP",
    "HASH_LABEL",
    "INSTANCE_ID",
    "MANAGED_BY",
    "REPLICAS_BEFORE",
    "RESTORE",
    "REVISION",
    "REVISION_HISTORY",
    "ROUTES",
    "RUN_BACKGROUND",
    "RUN_POST",
    "RUN_PRE",
    "RUN_STEP",
    "RUN_TYPE",
    "STEP_INDEX",
    "WORKLOAD_GENERATION",
    "handed_down",
]

MANAGED_BY = "argo-rollouts.argoproj.io/managed-by-rollouts"
INSTANCE_ID = "argo-rollouts.argoproj.io/controller-instance-id"
REVISION = "rollout.argoproj.io/revision"
REVISION_HISTORY = "rollout.argoproj.io/revision-history"
DESIRED_REPLICAS = "rollout.argoproj.io/desired-replicas"
EPHEMERAL = "rollout.argoproj.io/ephemeral-metadata"
DEADLINE = "scale-down-deadline"
GIVEN_UP = "rollout.argoproj.io/given-up"
WORKLOAD_GENERATION = "rollout.argoproj.io/workload-generation"
REPLICAS_BEFORE = "rollout.argoproj.io/replicas-before"
RESTORE = "rollout.argoproj.io/restore-workload"
CARRIES_TRAFFIC = "rollout.argoproj.io/carries-traffic"
ROUTES = "rollout.argoproj.io/routes"
RUN_TYPE = "rollout-type"
STEP_INDEX = "step-index"
RUN_STEP = "Step"
RUN_BACKGROUND = "Background"
RUN_PRE = "PrePromotion"
RUN_POST = "PostPromotion"

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_OWN = frozenset(
    {
        *(REVISION, REVISION_HISTORY, DESIRED_REPLICAS, WORKLOAD_GENERATION),
        *(DEADLINE, GIVEN_UP, EPHEMERAL, ROUTES, _LAST_APPLIED),
    }
)


def handed_down(annotations: Mapping[str, str]) -> dict[str, str]:
    """The annotations of a Rollout that the ReplicaSet of its template bears too, such as the cause of a change."""
    return {key: value for key, value in annotations.items() if key not in _OWN}
