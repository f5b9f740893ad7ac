"""The floor: what an update costs if nobody thinks about it.

    python -m benchmarks.null_writer --kubeconfig K --namespace N

It watches Rollouts and ReplicaSets and makes the fewest writes that the fleet's update needs, fourteen a rollout:
2 ReplicaSets (one created, one scaled to nothing), 2 Services, 5 Ingress weights, 5 statuses. It validates nothing,
remembers nothing over a restart, and knows the steps by heart. No controller that does its work can be quicker by much.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import manifests as m
from tests.plane.player import access_from
from tests.plane.wire import Body, Wire


@dataclass(slots=True)
class Walk:
    """How far one member is."""

    generation: int = 0
    uid: str = ""
    stable: str = ""  # the ReplicaSet that is in service
    ready: dict[str, asyncio.Event] = field(default_factory=dict)


class NullWriter:
    """Walks every rollout of a namespace through its steps."""

    def __init__(self, wire: Wire, namespace: str) -> None:
        self._wire, self._namespace = wire, namespace
        self._walks: dict[str, Walk] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def write(self) -> None:
        """Follow both kinds until cancelled."""
        replica_sets = self._wire.follow(m.REPLICA_SETS.format(self._namespace), self._see_replica_set)
        rollouts = self._wire.follow(m.ROLLOUTS.format(self._namespace), self._see_rollout)
        await asyncio.gather(replica_sets, rollouts)

    def _see_replica_set(self, change: str, body: Body) -> None:
        name, owner = body["metadata"]["name"], body["metadata"]["labels"]["app"]
        if body.get("status", {}).get("availableReplicas"):
            self._ready(owner, name).set()

    def _see_rollout(self, change: str, body: Body) -> None:
        name, generation = body["metadata"]["name"], body["metadata"]["generation"]
        walk = self._walks.setdefault(name, Walk())
        if change == "DELETED" or generation == walk.generation:
            return
        walk.generation, walk.uid = generation, body["metadata"]["uid"]
        template = body["spec"]["template"]
        self._run(self._update(m.Member(name), template) if walk.stable else self._begin(m.Member(name), template))

    def _ready(self, owner: str, name: str) -> asyncio.Event:
        return self._walks.setdefault(owner, Walk()).ready.setdefault(name, asyncio.Event())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(_show_failure)
        task.add_done_callback(self._tasks.discard)

    async def _begin(self, member: m.Member, template: Body) -> None:
        """The first version: no canary (outside the measured part)."""
        new = await self._create_replica_set(member, template)
        for service in (member.stable_service, member.canary_service):
            await self._select(service, new)
        ingress = m.ingress(member, member.canary_ingress, member.canary_service, weight=0)
        await self._wire.must("POST", m.INGRESSES.format(self._namespace), ingress)
        self._walks[member.name].stable = new
        await self._report(member, {"stableRS": new, "currentPodHash": new, "phase": "Healthy"})

    async def _update(self, member: m.Member, template: Body) -> None:
        """A new image, from its ReplicaSet to the end of the old one."""
        walk = self._walks[member.name]
        old, new = walk.stable, await self._create_replica_set(member, template)
        await self._select(member.canary_service, new)
        for step, weight in enumerate(m.WEIGHTS):
            await self._weigh(member, weight)
            pause = [{"reason": "CanaryPauseStep", "startTime": now()}]
            await self._report(
                member,
                {"currentPodHash": new, "currentStepIndex": 2 * step + 1, "pauseConditions": pause, "phase": "Paused"},
            )
            await asyncio.sleep(m.PAUSE_S)
        await self._select(member.stable_service, new)
        await self._weigh(member, 0)
        done = {"stableRS": new, "currentStepIndex": 2 * len(m.WEIGHTS), "pauseConditions": None, "phase": "Healthy"}
        await self._report(member, done)
        walk.stable = new
        await self._scale_down(member, old)

    async def _scale_down(self, member: m.Member, old: str) -> None:
        await asyncio.sleep(m.SCALE_DOWN_S)
        path = f"{m.REPLICA_SETS.format(self._namespace)}/{member.name}-{old}"
        await self._wire.must("PATCH", path, {"spec": {"replicas": 0}})

    async def _create_replica_set(self, member: m.Member, template: Body) -> str:
        walk = self._walks[member.name]
        version = f"v{walk.generation}"
        labels = {"app": member.name, m.HASH: version}
        template = {**template, "metadata": {**template["metadata"], "labels": labels}}
        owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": member.name, "uid": walk.uid}
        name = f"{member.name}-{version}"
        body = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {"name": name, "labels": labels, "ownerReferences": [{**owner, "controller": True}]},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
        }
        await self._wire.must("POST", m.REPLICA_SETS.format(self._namespace), body)
        await self._ready(member.name, name).wait()
        return version

    async def _select(self, service: str, version: str) -> None:
        path = f"{m.SERVICES.format(self._namespace)}/{service}"
        await self._wire.must("PATCH", path, {"spec": {"selector": {m.HASH: version}}})

    async def _weigh(self, member: m.Member, weight: int) -> None:
        path = f"{m.INGRESSES.format(self._namespace)}/{member.canary_ingress}"
        await self._wire.must("PATCH", path, {"metadata": {"annotations": {m.WEIGHT: str(weight)}}})

    async def _report(self, member: m.Member, status: Body) -> None:
        path = f"{m.ROLLOUTS.format(self._namespace)}/{member.name}/status"
        await self._wire.must("PATCH", path, {"status": status})


def _show_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        print(f"null writer: {error!r}", flush=True)


def now() -> str:
    """The time as a status has it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


async def write(writer: type[NullWriter], kubeconfig: Path, namespace: str) -> None:
    """Write until SIGTERM."""
    async with Wire(access_from(kubeconfig)) as wire:
        writing = asyncio.ensure_future(writer(wire, namespace).write())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, writing.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await writing


def run(writer: type[NullWriter], description: str) -> None:
    """The command line of a writer."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--namespace", required=True)
    given = parser.parse_args()
    asyncio.run(write(writer, given.kubeconfig, given.namespace))


if __name__ == "__main__":
    run(NullWriter, __doc__ or "")
