"""A pod player: stands for kubelets (and, by itself, for a scheduler) on a plane that has no containers.

    python -m tests.plane.player --kubeconfig K [--ready-s 0.1] [--no-bind] [--serve [--targets FILE]]

It makes Node objects, binds pods to them, lets each pod live the life that its annotations tell (see `lives.py`), and
lets deleted pods go. With --serve every ready pod is a real HTTP server at its own address (in a network namespace).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import orjson
import yaml

from tests.plane.given import Given
from tests.plane.lives import life, wish
from tests.plane.plane import ROOT, Access, Plane
from tests.plane.processes import Child
from tests.plane.serving import Served
from tests.plane.wire import Body, Wire

NODES = 4
READY_S = 0.1
PODS_PER_NODE = "100000"
FIRST_ADDRESS = IPv4Address("10.244.1.0")
LEASE_S = 10.0
START_S_MAX = 30.0
LABEL = "player.rollouts.test/node"
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


@dataclass(frozen=True, slots=True)
class Ways:
    """How this player plays."""

    ready_s: float = READY_S
    binds: bool = True
    serves: bool = False
    targets: Path | None = None  # where to list the serving pods for Prometheus


class Player:
    """Plays every pod of the plane until cancelled."""

    def __init__(self, wire: Wire, ways: Ways) -> None:
        self._wire, self._ways = wire, ways
        self._nodes = tuple(f"player-{number}" for number in range(NODES))
        self._bound: set[str] = set()
        self._lives: dict[str, asyncio.Task[None]] = {}  # by uid; kept until the pod is gone
        self._leaving: set[str] = set()
        self._served: dict[str, Served] = {}
        self._addresses = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def play(self) -> None:
        """Make the nodes, then follow the pods."""
        for name in self._nodes:
            await self._make_node(name)
        self._run(self._renew_leases())
        try:
            await self._wire.follow("/api/v1/pods", self.see)
        finally:
            for task in (*self._tasks, *self._lives.values()):
                task.cancel()
            for served in self._served.values():
                await served.stop()

    def see(self, change: str, pod: Body) -> None:
        """One change of one pod: begin its next part, if there is one that has not begun."""
        uid, node = pod["metadata"]["uid"], pod["spec"].get("nodeName")
        if change == "DELETED":
            self._forget(uid)
        elif not node:
            if self._ways.binds and uid not in self._bound and not pod["metadata"].get("deletionTimestamp"):
                self._bound.add(uid)
                self._run(self._bind(pod))
        elif node in self._nodes:
            if pod["metadata"].get("deletionTimestamp") and uid not in self._leaving:
                self._leaving.add(uid)
                self._run(self._let_go(pod))
            elif uid not in self._lives and uid not in self._leaving and not _is_over(pod):
                self._lives[uid] = asyncio.create_task(self._live(pod))

    def _forget(self, uid: str) -> None:
        self._bound.discard(uid)
        self._leaving.discard(uid)
        if task := self._lives.pop(uid, None):
            task.cancel()
        if served := self._served.pop(uid, None):
            self._list_targets()
            self._run(served.stop())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _bind(self, pod: Body) -> None:
        target = {"apiVersion": "v1", "kind": "Node", "name": self._nodes[len(self._bound) % NODES]}
        body = {"metadata": {"name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}, "target": target}
        # A refusal means that the pod has gone, or that somebody else bound it: the watch tells which.
        await self._wire.send("POST", f"{_path(pod)}/binding", body)

    async def _live(self, pod: Body) -> None:
        uid, ip = pod["metadata"]["uid"], self._address()
        for beat in life(pod, ip, self._ways.ready_s):
            await asyncio.sleep(beat.after_s)
            if beat.is_ready and self._ways.serves and uid not in self._served:
                self._served[uid] = served = Served(pod, ip)
                await served.start()
                self._list_targets()
            status, _ = await self._wire.send("PATCH", f"{_path(pod)}/status", {"status": beat.status})
            if status == 404:
                return

    async def _let_go(self, pod: Body) -> None:
        uid = pod["metadata"]["uid"]
        await asyncio.sleep(float(wish(pod, "linger", "0")))
        if task := self._lives.get(uid):
            task.cancel()
        await self._wire.send(
            "DELETE", _path(pod), {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}, "kind": "DeleteOptions",
                                   "apiVersion": "v1"},
        )  # fmt: skip

    def _list_targets(self) -> None:
        """Write the file anew beside itself and move it there, so that Prometheus never reads half of it."""
        if path := self._ways.targets:
            path.parent.mkdir(exist_ok=True)
            fresh = path.with_suffix(".fresh")
            fresh.write_bytes(orjson.dumps([served.target() for served in self._served.values()]))
            fresh.replace(path)

    def _address(self) -> str:
        self._addresses += 1
        return str(FIRST_ADDRESS + self._addresses % 60000)

    async def _make_node(self, name: str) -> None:
        labels = {LABEL: "true", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
        status, _ = await self._wire.send("POST", "/api/v1/nodes", node)
        assert status in (201, 409), f"a node was refused with {status}"
        room = {"cpu": "100000", "memory": "100Ti", "ephemeral-storage": "100Ti", "pods": PODS_PER_NODE}
        ready = {"type": "Ready", "status": "True", "reason": "Played"}
        body = {"status": {"capacity": room, "allocatable": room, "conditions": [ready]}}
        await self._wire.must("PATCH", f"/api/v1/nodes/{name}/status", body)

    async def _renew_leases(self) -> None:
        """A plane with the usual grace period takes a node for lost unless somebody renews its lease."""
        while True:
            for name in self._nodes:
                spec = {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": _micro_now()}
                body = {"metadata": {"name": name}, "spec": spec}
                status, _ = await self._wire.send("PATCH", f"{_LEASES}/{name}", body)
                if status == 404:
                    await self._wire.send("POST", _LEASES, body)
            await asyncio.sleep(LEASE_S)


def _is_over(pod: Body) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _path(pod: Body) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def _micro_now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def access_from(kubeconfig: Path) -> Access:
    """Read the one cluster and token of a kubeconfig that the plane wrote."""
    found = yaml.safe_load(kubeconfig.read_text())
    cluster, user = found["clusters"][0]["cluster"], found["users"][0]["user"]
    return Access(cluster["server"], user["token"], Path(cluster["certificate-authority"]), kubeconfig)


def start_player(plane: Plane | Given, *flags: str) -> Child:
    """Start a player as a process of the plane and wait for its nodes."""
    command = [sys.executable, "-m", "tests.plane.player", "--kubeconfig", str(plane.admin.kubeconfig), *flags]
    child = plane.family.start("player", command, {"PYTHONPATH": str(ROOT)})
    child.until(lambda: plane.admin.answers(f"/api/v1/nodes/player-{NODES - 1}"), START_S_MAX)
    return child


async def main(kubeconfig: Path, ways: Ways) -> None:
    """Play until SIGTERM or SIGINT."""
    async with Wire(access_from(kubeconfig)) as wire:
        playing = asyncio.ensure_future(Player(wire, ways).play())
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, playing.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await playing


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--ready-s", type=float, default=READY_S)
    parser.add_argument("--no-bind", action="store_true", help="a scheduler binds the pods")
    parser.add_argument("--serve", action="store_true", help="ready pods answer HTTP at their addresses")
    parser.add_argument("--targets", type=Path, help="list the serving pods in this file, for Prometheus")
    given = parser.parse_args()
    asyncio.run(main(given.kubeconfig, Ways(given.ready_s, not given.no_bind, given.serve, given.targets)))
