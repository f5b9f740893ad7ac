"""What a fleet at rest costs: every write of the controller in a quiet period. There must be none but the Lease's.

    python -m benchmarks.at_rest --rollouts 100 --quiet-s 600

Exits with 1 if anything was written.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from benchmarks import manifests as m
from benchmarks.fleet import BEGIN_S_MAX, LOOK_S, command, make_fleet, until
from benchmarks.measure import cpu_s, peak_rss_mb
from benchmarks.observer import Observer
from tests.plane.build import binaries
from tests.plane.plane import ROOT, AuditedWrite, Plane
from tests.plane.player import start_player
from tests.plane.wire import Wire

SETTLE_S = 10.0
NAMESPACE = "fleet-ours"


async def rest(plane: Plane, size: int, quiet_s: float) -> tuple[AuditedWrite, ...]:
    """Bring a fleet to rest, wait, and return what was written meanwhile besides the Lease."""
    observer, members = Observer(), m.fleet(size)
    async with Wire(plane.admin) as wire:
        await make_fleet(wire, NAMESPACE, members)
        watch = asyncio.create_task(wire.follow(m.ROLLOUTS.format(NAMESPACE), observer.see_rollout))
        plain = command("ours", plane, NAMESPACE)
        # The Lease is part of rest: here the controller campaigns for it, as in production.
        child = plane.family.start(
            "ours", ["--leader-elect" if part == "--no-leader-elect" else part for part in plain]
        )

        async def all_healthy() -> bool:
            return len(observer.healthy) == size

        try:
            await until("every rollout is healthy", BEGIN_S_MAX, child, all_healthy)
            await asyncio.sleep(SETTLE_S)
            offset, used = plane.audit_offset(), cpu_s(child.pid)
            print(f"{size} rollouts healthy; quiet for {quiet_s:.0f} s", flush=True)
            for _ in range(int(quiet_s / LOOK_S)):
                assert child.is_running, child.tail()
                await asyncio.sleep(LOOK_S)
            print(f"CPU {cpu_s(child.pid) - used:.2f} s, peak RSS {peak_rss_mb(child.pid):.0f} MB")
            return tuple(write for write in plane.writes(offset) if write.resource != "leases")
        finally:
            watch.cancel()
            child.stop()


def main() -> int:
    """Print what was written; 1 if anything was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=100)
    parser.add_argument("--quiet-s", type=float, default=600.0)
    parser.add_argument("--crds", type=Path, default=ROOT / "crds")
    given = parser.parse_args()
    with Plane.start(binaries()) as plane:
        plane.install_crds(given.crds)
        start_player(plane)
        written = asyncio.run(rest(plane, given.rollouts, given.quiet_s))
    for write in written[:20]:
        print(write)
    print(f"{len(written)} writes besides the Lease's")
    return 1 if written else 0


if __name__ == "__main__":
    sys.exit(main())
