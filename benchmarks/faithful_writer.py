"""The floor under a controller that keeps the contract: still no logic, but a status that its clients can read.

    python -m benchmarks.faithful_writer --kubeconfig K --namespace N

To the null writer's fourteen writes it adds what the contract and the invariants S3 and S24 ask of anybody: the step
index goes up by one at a time and before the weight does, so that there are ten status writes; each status has the
contract's counts, weights and eight conditions; and the Rollout is annotated with its revision. Whatever it takes
longer than the null writer, no controller that keeps the contract can save.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from benchmarks import manifests as m
from benchmarks.null_writer import NullWriter, now, run
from rollouts.delivery.marks import REVISION
from tests.plane.wire import Body

_CONDITIONS = {
    "Available": "AvailableReason",
    "Paused": "RolloutPaused",
    "Healthy": "RolloutHealthy",
    "Completed": "RolloutCompleted",
    "Progressing": "ReplicaSetUpdated",
    "Ready": "Progressing",
    "Reconciling": "Progressing",
    "Stalled": "NotStalled",
}
"""Type → reason, as they read in the midst of an update."""
_MOVING = ("Paused", "Progressing", "Ready", "Reconciling")


class FaithfulWriter(NullWriter):
    """Walks every rollout of a namespace through its steps and says at each one where it stands."""

    async def _update(self, member: m.Member, template: Body) -> None:
        """A new image, from the decision for it to the end of the old ReplicaSet."""
        walk, began, count = self._walks[member.name], now(), 2 * len(m.WEIGHTS)
        old, new = walk.stable, f"v{walk.generation}"

        async def tell(step: int, weight: int, **told: object) -> None:
            body = status(step, weight, versions=(old, new), since=began, is_paused=bool(told.get("pauseConditions")))
            await self._report(member, {**body, **told})

        await tell(0, 0)
        path = f"{m.ROLLOUTS.format(self._namespace)}/{member.name}"
        await self._wire.must("PATCH", path, {"metadata": {"annotations": {REVISION: str(walk.generation)}}})
        await self._create_replica_set(member, template)
        await self._select(member.canary_service, new)
        for index, weight in enumerate(m.WEIGHTS):
            await self._weigh(member, weight)
            await tell(2 * index + 1, weight, pauseConditions=[{"reason": "CanaryPauseStep", "startTime": now()}])
            await asyncio.sleep(m.PAUSE_S)
            await tell(2 * index + 2, weight, pauseConditions=None)
        await self._select(member.stable_service, new)
        await self._weigh(member, 0)
        await tell(count, 0, stableRS=new, phase="Healthy", message=None)
        walk.stable = new
        await self._scale_down(member, old)


def status(step: int, weight: int, *, versions: tuple[str, str], since: str, is_paused: bool) -> Body:
    """What a client of the contract reads at a step. versions: the stable and the canary hash."""
    stable, canary = versions
    phase = ("Paused", "CanaryPauseStep") if is_paused else ("Progressing", "waiting for all steps to complete")
    return {
        "currentPodHash": canary,
        "stableRS": stable,
        "currentStepIndex": step,
        "currentStepHash": "6469689487",
        "observedGeneration": "2",
        "HPAReplicas": 2,
        "replicas": 2,
        "updatedReplicas": 1,
        "readyReplicas": 2,
        "availableReplicas": 2,
        "selector": "app=web",
        "canary": {
            "weights": {
                "canary": {"weight": weight, "podTemplateHash": canary, "serviceName": "canary"},
                "stable": {"weight": 100 - weight, "podTemplateHash": stable, "serviceName": "stable"},
            }
        },
        "conditions": list(_conditions(phase[1], since)),
        "controllerPause": is_paused or None,
        "phase": phase[0],
        "message": phase[1],
    }


def _conditions(message: str, since: str) -> Iterator[Body]:
    for kind, reason in _CONDITIONS.items():
        moved = now() if kind in _MOVING else since
        told = {"message": message, "lastUpdateTime": moved, "lastTransitionTime": moved[:19] + "Z"}
        yield {"type": kind, "status": "False" if kind in ("Healthy", "Stalled") else "True", "reason": reason, **told}


if __name__ == "__main__":
    run(FaithfulWriter, __doc__ or "")
