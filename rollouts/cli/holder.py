"""The object that holds a Rollout's pod template: the Rollout itself, or the Deployment that it refers to."""

from __future__ import annotations

from rollouts.cli.errors import ComplaintError
from rollouts.kube import kinds
from rollouts.kube.ref import Manifest, Ref
from rollouts.view import facts


def holder(rollout: Manifest) -> Ref:
    """Where the pod template is written. Raises ComplaintError for a workload that is no Deployment."""
    space, name = str(rollout["metadata"].get("namespace", "")), str(rollout["metadata"]["name"])
    reference = facts.spec(rollout).get("workloadRef")
    if not reference:
        return Ref(kinds.ROLLOUT, space, name)
    if reference.get("kind") != kinds.DEPLOYMENT.name:
        raise ComplaintError(
            f"rollout {name!r} takes its pods from a {reference.get('kind')}, which cannot be changed here",
            fix=f"kubectl edit {str(reference.get('kind', '')).lower()} {reference.get('name')}",
        )
    return Ref(kinds.DEPLOYMENT, space, str(reference.get("name", "")))
