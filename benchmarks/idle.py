"""What very many Rollouts at rest cost: memory, and the time until a new process is ready.

    python -m benchmarks.idle --rollouts 10000

One Rollout is brought to rest at its second version by the controller itself, with no replicas, so that the plane has
no pods to carry. It and what belongs to it (2 ReplicaSets, 2 Services, 2 Ingresses) are then copied N times in etcd, as
the API server encoded them: through the API ten thousand take a quarter of an hour. A new controller is started on all.
Exits with 1 if that one wrote anything but its Lease.

The plane's own controllers are ended before that: they have nothing to do for what is at rest, and would make an
EndpointSlice for each Service meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from benchmarks import manifests as m
from benchmarks.etcd import Etcd, multiply
from benchmarks.fleet import command, make_fleet, until
from benchmarks.measure import cpu_s, peak_rss_mb
from benchmarks.observer import Observer
from tests.plane.build import binaries
from tests.plane.plane import AuditedWrite, Plane
from tests.plane.player import start_player
from tests.plane.processes import Child
from tests.plane.wire import Body, Wire

NAMESPACE, PATTERN = "idle", m.Member("web-pattern")
SHARED = {"app": "web"}  # one template, hence one hash, for all
IP_ADDRESSES = "/apis/networking.k8s.io/v1/ipaddresses"
ADDRESSES = ("10.0.100.100", "10.0.100.101")  # of the two Services; the copies' follow, three digits each
READY_S_MAX, SETTLE_S = 300.0, 20.0
LULL_S, LULL_CPU_S, SCRAPE_S_MAX = 1.0, 0.03, 60.0


async def pattern(plane: Plane, wire: Wire) -> dict[str, Body]:
    """One Rollout at rest after an update and what belongs to it, by their paths."""
    observer = Observer()
    watch = asyncio.create_task(wire.follow(m.ROLLOUTS.format(NAMESPACE), observer.see_rollout))
    child = plane.family.start("maker", command("ours", plane, NAMESPACE))
    path = f"{m.ROLLOUTS.format(NAMESPACE)}/{PATTERN.name}"
    template = {"metadata": {"labels": SHARED}}
    spec = {
        "replicas": 0,
        "selector": {"matchLabels": SHARED},
        "template": template,
        "strategy": {"canary": {"steps": []}},
    }
    try:
        await make_fleet(wire, NAMESPACE, (PATTERN,), spec)
        for service, address in zip(m.services(PATTERN), ADDRESSES, strict=True):
            place = f"{m.SERVICES.format(NAMESPACE)}/{service['metadata']['name']}"
            await wire.must("DELETE", place)
            spec = {**service["spec"], "selector": SHARED, "clusterIP": address}
            await wire.must("POST", m.SERVICES.format(NAMESPACE), {**service, "spec": spec})
        await until("the pattern is healthy", READY_S_MAX, child, lambda: _is_at(wire, path, ""))
        first = (await wire.must("GET", path))["status"]["stableRS"]
        await wire.must("PATCH", path, m.image_patch("v2"))
        await until("the pattern is updated", READY_S_MAX, child, lambda: _is_at(wire, path, first))
        await asyncio.sleep(SETTLE_S)
    finally:
        watch.cancel()
        child.stop()
    found = {place: await wire.must("GET", place) for place in (f"{IP_ADDRESSES}/{each}" for each in ADDRESSES)}
    for collection in (m.ROLLOUTS, m.REPLICA_SETS, m.SERVICES, m.INGRESSES):
        where = collection.format(NAMESPACE)
        found |= {f"{where}/{body['metadata']['name']}": body for body in (await wire.list(where))[0]}
    return found


def exchanged(number: int) -> dict[str, str]:
    """The names and the addresses of the pattern, and what one copy has instead."""
    places = (divmod(2 * (number + 1) + nth, 155) for nth in range(len(ADDRESSES)))
    addresses = (f"10.0.{100 + third}.{100 + fourth}" for third, fourth in places)
    return {PATTERN.name: f"web-{number:07d}", **dict(zip(ADDRESSES, addresses, strict=True))}


async def _is_at(wire: Wire, path: str, other_than: str) -> bool:
    status = (await wire.must("GET", path)).get("status") or {}
    return status.get("phase") == "Healthy" and status.get("stableRS", "") not in ("", other_than)


def answers(port: int, path: str) -> str:
    """What a port says on a path, empty if it does not say yes."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=SCRAPE_S_MAX) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


async def start(plane: Plane) -> tuple[Child, float, float]:
    """A new controller on all of it: the process, and the seconds until it was ready and until nothing was due."""
    line = command("ours", plane, NAMESPACE)
    ports = {flag: int(line[line.index(flag) + 1]) for flag in ("--metrics-port", "--health-port")}
    began, child = time.monotonic(), plane.family.start("ours", line)

    async def is_ready() -> bool:
        return bool(await asyncio.to_thread(answers, ports["--health-port"], "/readyz"))

    async def is_quiet() -> bool:
        """Whether it hardly works, and says itself that nothing is due: asking that is work too, so it comes last."""
        used = cpu_s(child.pid)
        await asyncio.sleep(LULL_S)
        if cpu_s(child.pid) - used > LULL_CPU_S:
            return False
        text = await asyncio.to_thread(answers, ports["--metrics-port"], "/metrics")
        return 'workqueue_depth{name="rollouts"} 0.0' in text and 'kind="Rollout"' in text

    await until("the controller is ready", READY_S_MAX, child, is_ready)
    ready_s = time.monotonic() - began
    await until("nothing is due", READY_S_MAX, child, is_quiet)
    return child, ready_s, time.monotonic() - began


async def measure(plane: Plane, size: int) -> tuple[AuditedWrite, ...]:
    """Print the figures; returns what was written besides the Lease."""
    async with Wire(plane.admin) as wire:
        found = await pattern(plane, wire)
    plane.family.stop_one("controller-manager")
    began = time.monotonic()
    words = [exchanged(number) for number in range(size)]
    written = multiply(Etcd(plane.etcd), list(found.values()), words)
    print(f"{written} objects in etcd after {time.monotonic() - began:.0f} s", flush=True)
    await _all_served(plane, found, words[-1])
    offset = plane.audit_offset()
    child, ready_s, quiet_s = await start(plane)
    used = cpu_s(child.pid)
    await asyncio.sleep(SETTLE_S)
    print(
        f"{size} rollouts: ready after {ready_s:.1f} s, nothing due after {quiet_s:.1f} s, "
        f"peak RSS {peak_rss_mb(child.pid):.0f} MB, CPU {used:.1f} s, "
        f"and {cpu_s(child.pid) - used:.2f} s in {SETTLE_S:.0f} s at rest"
    )
    child.stop()
    return tuple(_besides_the_lease(plane.writes(offset)))


async def _all_served(plane: Plane, found: Iterable[str], words: Mapping[str, str]) -> None:
    """Wait until the API server's own caches hold the last copy."""
    give_up = time.monotonic() + READY_S_MAX
    async with Wire(plane.admin) as wire:
        for place in found:
            for old, new in words.items():
                place = place.replace(old, new)
            while (await wire.send("GET", f"{place}?resourceVersion=0"))[0] != 200:
                assert time.monotonic() < give_up, f"the API server does not show {place}"
                await asyncio.sleep(1)


def _besides_the_lease(writes: tuple[AuditedWrite, ...]) -> Iterator[Any]:
    return (write for write in writes if write.resource not in ("leases", "events"))


def main() -> int:
    """Print the figures; 1 if anything was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=10_000)
    given = parser.parse_args()
    with Plane.start(binaries()) as plane:
        plane.install_crds()
        start_player(plane)
        written = asyncio.run(measure(plane, given.rollouts))
    for write in written[:20]:
        print(write)
    print(f"{len(written)} writes")
    return 1 if written else 0


if __name__ == "__main__":
    sys.exit(main())
