"""How long nobody writes after the leader ends, and whether anything is done twice.

    python -m benchmarks.failover --rollouts 20 --how stopped
    python -m benchmarks.failover --rollouts 20 --how killed

Two controllers with leader election; every image changes, and in the middle of the steps the leader gets a SIGTERM
(stopped) or a SIGKILL (killed). Printed are the seconds from the signal until the Lease has another holder and until
that one's first write. Exits with 1 if a rollout did not end healthy with just its two ReplicaSets and its own weights.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time

from benchmarks import manifests as m
from benchmarks.fleet import UPDATE_S_MAX, command, make_fleet, until
from benchmarks.observer import Observer
from tests.plane.build import binaries
from tests.plane.plane import Plane
from tests.plane.player import start_player
from tests.plane.processes import Child
from tests.plane.wire import Wire

NAMESPACE = "failover"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/{}/leases/argo-rollouts-controller-lock"
SIGNALS = {"stopped": signal.SIGTERM, "killed": signal.SIGKILL}
BEGIN_S, POLL_S = 3.0, 0.05


def campaigning(plane: Plane) -> list[str]:
    """A controller that campaigns for the Lease, on ports of its own."""
    plain = command("ours", plane, NAMESPACE)
    campaign = ["--leader-elect" if part == "--no-leader-elect" else part for part in plain]
    return [*campaign, "--lease-namespace", NAMESPACE]


async def run(plane: Plane, size: int, how: str) -> list[str]:
    """Print the figures; returns what went wrong."""
    observer, members = Observer(), m.fleet(size)
    async with Wire(plane.admin) as wire:
        await make_fleet(wire, NAMESPACE, members)
        watches = [
            asyncio.create_task(wire.follow(m.ROLLOUTS.format(NAMESPACE), observer.see_rollout)),
            asyncio.create_task(wire.follow(m.INGRESSES.format(NAMESPACE), observer.see_ingress)),
        ]
        try:
            first = plane.family.start("first", campaigning(plane))

            async def all_healthy() -> bool:
                return len(observer.healthy) == size

            await until("every rollout is healthy", UPDATE_S_MAX, first, all_healthy)
            second = plane.family.start("second", campaigning(plane))
            await asyncio.sleep(BEGIN_S)
            observer.expect(members)
            for member in members:
                await wire.must("PATCH", f"{m.ROLLOUTS.format(NAMESPACE)}/{member.name}", m.image_patch("v2"))
            await asyncio.sleep(BEGIN_S)
            await _hand_over(plane, wire, first, how)

            async def all_done() -> bool:
                return observer.done == size

            await until("every rollout is at its new version", UPDATE_S_MAX, second, all_done)
            await asyncio.sleep(BEGIN_S)
            return await _wrong(wire, observer, members)
        finally:
            for watch in watches:
                watch.cancel()


async def _hand_over(plane: Plane, wire: Wire, leader: Child, how: str) -> None:
    held = await _holder(wire)
    began = time.monotonic()
    os.kill(leader.pid, SIGNALS[how])
    while (await _holder(wire)) in ("", held):
        assert time.monotonic() - began < UPDATE_S_MAX, "the Lease has no other holder"
        await asyncio.sleep(POLL_S)
    taken_s, offset = time.monotonic() - began, plane.audit_offset()
    while not any(write.resource not in ("leases", "events") for write in plane.writes(offset)):
        assert time.monotonic() - began < UPDATE_S_MAX, "the successor writes nothing"
        await asyncio.sleep(POLL_S)
    print(f"{how}: another holder after {taken_s:.2f} s, its first write after {time.monotonic() - began:.2f} s")


async def _holder(wire: Wire) -> str:
    lease = await wire.must("GET", LEASE.format(NAMESPACE))
    return str(lease["spec"].get("holderIdentity") or "")


async def _wrong(wire: Wire, observer: Observer, members: tuple[m.Member, ...]) -> list[str]:
    sets, _ = await wire.list(m.REPLICA_SETS.format(NAMESPACE))
    wrong = [] if len(sets) == 2 * len(members) else [f"{len(sets)} ReplicaSets"]
    for member in members:
        weights = [weight for _, weight in observer.stories[member.name].weights]
        if weights != [*m.WEIGHTS, 100, 0]:
            wrong.append(f"{member.name}: weights {weights}")
    return wrong


def main() -> int:
    """Print the figures; 1 if anything was done twice or not at all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=20)
    parser.add_argument("--how", choices=sorted(SIGNALS), default="killed")
    given = parser.parse_args()
    with Plane.start(binaries()) as plane:
        plane.install_crds()
        start_player(plane)
        wrong = asyncio.run(run(plane, given.rollouts, given.how))
    for each in wrong:
        print(each)
    print(f"{len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
