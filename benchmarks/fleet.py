"""Every image of a fleet changed at once, on a real control plane, by one controller after the other.

    python -m benchmarks.fleet --rollouts 100 --controllers null,ours

Each rollout has one replica, a canary over an nginx Ingress at 20, 40, 60 and 80 %, and pauses of 2 s. Columns:

first weight    from the first image patch to the first weight seen on the Ingress, over the rollouts
step lag        from the pause seen in the status plus its duration to the next weight seen on the Ingress, over all
                pauses; below zero the pause was cut short, or seen late by the observer
pause kept      the same from the start time that the status names: below zero a pause was truly cut short
all done        from the first image patch to the last rollout seen healthy at its new version
CPU, peak RSS   of the controller's process, until the old ReplicaSets are scaled down too
writes          of the controller as the API server's audit log has them, a rollout; refused ones count
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import manifests as m
from benchmarks.measure import COLUMNS, by_column, cpu_s, peak_rss_mb, percentile
from benchmarks.observer import Observer
from rollouts.kit.mergepatch import apply as merged
from tests.plane.build import binaries
from tests.plane.plane import ROOT, Plane
from tests.plane.player import start_player
from tests.plane.processes import Child, free_port
from tests.plane.wire import Wire

WRITERS = ("null", "faithful")
SETTLE_S = 3.0
BEGIN_S_MAX = 120.0
UPDATE_S_MAX = 600.0
LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Row:
    """What one controller did with the fleet."""

    controller: str
    rollouts: int
    first_weights: list[float]
    step_lags: list[float]
    kept: list[float]
    all_done_s: float
    cpu_s: float
    rss_mb: float
    writes: dict[str, int]

    def markdown(self) -> str:
        """The row of the table."""
        first, lag = self.first_weights, self.step_lags
        each = [self.writes[column] / self.rollouts for column in COLUMNS]
        total = sum(count for column, count in zip(COLUMNS, each, strict=True) if column != "events")
        cells = [
            str(self.rollouts),
            self.controller,
            f"{percentile(first, 0.5):.2f} / {percentile(first, 0.99):.2f}",
            f"{percentile(lag, 0.5):.3f} / {percentile(lag, 0.99):.3f}",
            f"{percentile(lag, 0):.3f}",
            f"{percentile(self.kept, 0):.3f}",
            f"{self.all_done_s:.1f}",
            f"{1000 * self.cpu_s / self.rollouts:.1f}",
            f"{self.rss_mb:.0f}",
            f"{total:.2f}",
            *(f"{count:.2f}" for count in each),
        ]
        return f"| {' | '.join(cells)} |"


HEAD = (
    "| N | controller | first weight p50/p99 s | step lag p50/p99 s | step lag min s | pause kept min s | all done s "
    "| CPU per rollout ms | peak RSS MB | writes per rollout "
    "| status | Ingress | Service | ReplicaSet | other | events |"
)


def command(controller: str, plane: Plane, namespace: str) -> list[str]:
    """How a controller of that name is started."""
    kubeconfig = str(plane.controller.kubeconfig)
    if controller in WRITERS:
        return [
            sys.executable,
            "-m",
            f"benchmarks.{controller}_writer",
            f"--kubeconfig={kubeconfig}",
            f"--namespace={namespace}",
        ]
    assert controller == "ours", f"no controller is called {controller!r}"
    return [
        str(Path(sys.executable).with_name("rollouts")), "controller", "--kubeconfig", kubeconfig,
        "--no-leader-elect", "--namespace", namespace,
        "--metrics-port", str(free_port()), "--health-port", str(free_port()),
    ]  # fmt: skip


async def make_fleet(
    wire: Wire, namespace: str, members: tuple[m.Member, ...], spec: Mapping[str, Any] | None = None
) -> None:
    """Create a namespace with all that the members need, and the members; `spec` is merged into each one's."""
    await wire.must("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    for member in members:
        for service in m.services(member):
            await wire.must("POST", m.SERVICES.format(namespace), service)
        await wire.must("POST", m.INGRESSES.format(namespace), m.ingress(member))
        body = m.rollout(member, "v1")
        await wire.must("POST", m.ROLLOUTS.format(namespace), {**body, "spec": merged(body["spec"], spec or {})})


async def remove_fleet(wire: Wire, namespace: str) -> None:
    """Delete the namespace with everything in it and wait until its pods are gone."""
    await wire.must("DELETE", f"/api/v1/namespaces/{namespace}")
    give_up = time.monotonic() + BEGIN_S_MAX
    while (await wire.send("GET", f"/api/v1/namespaces/{namespace}"))[0] != 404:
        assert time.monotonic() < give_up, f"namespace {namespace} is still there"
        await asyncio.sleep(LOOK_S)


async def until(what: str, wait_s_max: float, child: Child, is_so: Callable[[], Awaitable[bool]]) -> None:
    """Wait until the awaitable question is answered yes, while the controller runs."""
    give_up = time.monotonic() + wait_s_max
    while not await is_so():
        assert child.is_running, f"{child.name} ended:\n{child.tail()}"
        assert time.monotonic() < give_up, f"not in {wait_s_max:.0f} s: {what}\n{child.tail()}"
        await asyncio.sleep(LOOK_S)


async def measure(plane: Plane, controller: str, size: int) -> Row:
    """One controller, one fleet, one change of every image."""
    namespace, members, observer = f"fleet-{controller}", m.fleet(size), Observer()
    async with Wire(plane.admin) as wire:
        await make_fleet(wire, namespace, members)
        watches = [
            asyncio.create_task(wire.follow(m.ROLLOUTS.format(namespace), observer.see_rollout)),
            asyncio.create_task(wire.follow(m.INGRESSES.format(namespace), observer.see_ingress)),
        ]
        child = plane.family.start(controller, command(controller, plane, namespace))
        try:
            return await _measure(plane, wire, child, observer, members)
        finally:
            for watch in watches:
                watch.cancel()
            child.stop()
            await remove_fleet(wire, namespace)


async def _measure(plane: Plane, wire: Wire, child: Child, observer: Observer, members: tuple[m.Member, ...]) -> Row:
    namespace, size = f"fleet-{child.name}", len(members)

    async def all_healthy() -> bool:
        return len(observer.healthy) == size

    async def all_done() -> bool:
        return observer.done == size

    async def all_shrunk() -> bool:
        found, _ = await wire.list(m.REPLICA_SETS.format(namespace))
        return sum(bool(body["spec"]["replicas"]) for body in found) == size

    await until("every rollout is healthy", BEGIN_S_MAX, child, all_healthy)
    await asyncio.sleep(SETTLE_S)
    observer.expect(members)
    used, offset, began = cpu_s(child.pid), plane.audit_offset(), time.monotonic()
    paths = [f"{m.ROLLOUTS.format(namespace)}/{member.name}" for member in members]
    await asyncio.gather(*(wire.must("PATCH", path, m.image_patch("v2")) for path in paths))
    await until("every rollout is at its new version", UPDATE_S_MAX, child, all_done)
    finished = max(story.done for story in observer.stories.values() if story.done)
    await until("every old ReplicaSet is scaled down", UPDATE_S_MAX, child, all_shrunk)
    await asyncio.sleep(SETTLE_S)
    return Row(
        child.name,
        size,
        observer.first_weights(began),
        observer.step_lags(),
        observer.kept(),
        finished - began,
        cpu_s(child.pid) - used,
        peak_rss_mb(child.pid),
        by_column(plane.writes(offset)),
    )


def run(size: int, controllers: list[str], crds: Path) -> list[Row]:
    """All controllers one after the other on one plane."""
    rows = []
    with Plane.start(binaries()) as plane:
        plane.install_crds(crds)
        start_player(plane)
        for controller in controllers:
            row = asyncio.run(measure(plane, controller, size))
            print(row.markdown(), flush=True)
            rows.append(row)
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=100)
    parser.add_argument("--controllers", default="null,ours", help="of null, faithful and ours, by comma")
    parser.add_argument("--crds", type=Path, default=ROOT / "crds")
    given = parser.parse_args()
    print(f"{platform.system()} {platform.machine()}, Python {platform.python_version()}")
    print(HEAD)
    print("|" + "---|" * HEAD.count(" | ") + "---|", flush=True)
    rows = run(given.rollouts, given.controllers.split(","), given.crds)
    floor = next((row for row in rows if row.controller == "null"), None)
    for row in rows:
        if floor and row is not floor:
            print(f"\n{row.controller}: {row.all_done_s / floor.all_done_s:.2f} times the null writer")


if __name__ == "__main__":
    main()
