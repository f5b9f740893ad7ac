"""The embedded cluster as one asynchronous context: store, built-in controllers, kubelet, and the HTTP API in front."""

from __future__ import annotations

import asyncio
import contextlib
import time
import traceback
from asyncio.trsock import TransportSocket
from collections.abc import Iterable, Mapping
from pathlib import Path
from socket import socket
from typing import Any, Self

import yaml
from aiohttp import web

from rollouts.devplane.builtin.controllers import CONTROLLERS, EVENTS, Builtins, Controller
from rollouts.devplane.definitions import BUILT_IN
from rollouts.devplane.errors import ApiError
from rollouts.devplane.kubelet import DRAIN_S, Kubelet
from rollouts.devplane.rest import RestServer
from rollouts.devplane.store import Commit, Store, WriteOptions
from rollouts.devplane.watching import BOOKMARK_S, Watches
from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.kube.ref import Manifest, Ref

MANAGER = "devplane"
NAMESPACES = ("default", "kube-system")
INGRESS_CLASS: Manifest = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "IngressClass",
    "metadata": {"name": "nginx"},
    "spec": {"controller": "k8s.io/ingress-nginx"},
}
AGAIN_S = 0.1  # until the built-in controllers go on after one of them broke
COMPACT_S = 300.0  # how long what happened is remembered, as etcd does under an API server
_BACKLOG = 512
_CLOSE_S_MAX = 1.0
_PASSES_TO_CONNECT = 3  # of the loop: a transport, its protocol, and the protocol's task


def wall_clock() -> Instant:
    """The time on the wall."""
    return Instant.of(time.time())


def _controllers(*, serves_pods: bool) -> tuple[Controller, ...]:
    """Where pods are real servers, the kubelet does the work of the player."""
    return tuple(one for one in (*CONTROLLERS, EVENTS) if not (serves_pods and one.name == "pods"))


async def accept_no_more(listening: Iterable[socket | TransportSocket]) -> None:
    """What a server does before `close`: asyncio never closes a connection that is accepted in that very moment."""
    loop = asyncio.get_running_loop()
    for each in listening:
        loop.remove_reader(each.fileno())
    for _ in range(_PASSES_TO_CONNECT):
        await asyncio.sleep(0)  # whoever was accepted just now becomes one of the server's connections


class Devplane:
    """A cluster on one port of 127.0.0.1. token: asked of every client where it is not "".

    drain_s: how long a deleted pod goes on serving.  bookmark_s: how often an idle watch is told the version.
    serves_pods: pods are real servers; without it they are only played (`builtin.pods`), which costs less.
    """

    def __init__(
        self,
        *,
        token: str = "",
        port: int = 0,
        drain_s: float = DRAIN_S,
        bookmark_s: float = BOOKMARK_S,
        serves_pods: bool = True,
    ) -> None:
        self.store = Store(wall_clock, definitions=BUILT_IN, seed=str(time.time_ns()), requires_namespaces=True)
        self.builtins = Builtins(self.store, controllers=_controllers(serves_pods=serves_pods))
        self.kubelet = Kubelet(self.store, drain_s=drain_s)
        self._serves_pods = serves_pods
        self._stirred = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.token = token
        self.port = port
        self._watches = Watches(self.store, bookmark_s=bookmark_s)
        self._rest = RestServer(self.store, token=token, watches=self._watches)
        self._web = web.Server(self._rest.answer, access_log=None)
        self._server: asyncio.Server | None = None
        self.store.listeners.append(self._on_commit)

    @property
    def url(self) -> str:
        """Where the API answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def watch_count(self) -> int:
        """How many watches are open."""
        return self._watches.count

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Create what every cluster has, start the node, and listen."""
        for name in NAMESPACES:
            self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        self.create(INGRESS_CLASS)
        if self._serves_pods:
            self.kubelet.start()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._drive()), loop.create_task(self._compact())]
        self._server = await loop.create_server(self._web, "127.0.0.1", self.port, backlog=_BACKLOG)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """End watches, pods and the listener; nothing stays behind."""
        self._watches.close()
        if self._server is not None:
            await accept_no_more(self._server.sockets)
            self._server.close()
            await self._web.shutdown(_CLOSE_S_MAX)
            self._server = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._serves_pods:
            await self.kubelet.stop()

    # What an administrator would do with kubectl, from inside

    def create(self, manifest: Manifest) -> Mapping[str, Any]:
        """Store a manifest of any served kind as it comes; its namespace is `default` where it names none."""
        kind = next(
            (
                one.kind
                for one in self.store.definitions
                if (one.kind.api_version, one.kind.name) == (manifest["apiVersion"], manifest["kind"])
            ),
            None,
        )
        if kind is None:
            raise ApiError(404, "NotFound", f'no matches for kind "{manifest["kind"]}"')
        namespace = str(manifest["metadata"].get("namespace") or "default") if kind.namespaced else ""
        return self.store.create(kind, namespace, manifest, WriteOptions(manager=MANAGER))

    def create_all(self, manifests: Iterable[Manifest]) -> None:
        """Store manifests in their order."""
        for manifest in manifests:
            self.create(manifest)

    def write_kubeconfig(self, path: Path) -> Path:
        """A kubeconfig for this cluster, readable by its owner alone."""
        user = {"token": self.token} if self.token else {}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "devplane",
            "clusters": [{"name": "devplane", "cluster": {"server": self.url}}],
            "users": [{"name": "devplane", "user": user}],
            "contexts": [
                {"name": "devplane", "context": {"cluster": "devplane", "user": "devplane", "namespace": "default"}}
            ],
        }
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(config))
        return path

    # Behind the scenes

    async def _drive(self) -> None:
        """Let the built-in controllers look at whatever is due, as soon as it is."""
        while True:
            self._stirred.clear()
            try:
                due = self.builtins.step(wall_clock())
            except Exception:  # an object that a real API server would have refused: all others go on
                traceback.print_exc()
                due = wall_clock().plus(AGAIN_S)
            wait_s = None if due is None else max(0.0, due.since(wall_clock()))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stirred.wait(), wait_s)

    async def _compact(self) -> None:
        """Forget what happened long ago; who watched that far back begins again from a list."""
        while True:
            version = self.store.version
            await asyncio.sleep(COMPACT_S)
            self.store.compact(version)

    def _on_commit(self, commit: Commit) -> None:
        self._stirred.set()
        if commit.kind == kinds.CRD and commit.type == "ADDED":
            # Never inside a commit: a listener that writes would tell the others about the second write first.
            asyncio.get_running_loop().call_soon(self._establish, commit.object)

    def _establish(self, crd: Manifest) -> None:
        """Say that a CRD's kind is served, as `kubectl wait --for condition=established` expects."""
        now = self.store.now().rfc3339_whole()
        conditions = [
            {"type": type_, "status": "True", "reason": reason, "message": "", "lastTransitionTime": now}
            for type_, reason in (("NamesAccepted", "NoConflicts"), ("Established", "InitialNamesAccepted"))
        ]
        versions = [one["name"] for one in crd["spec"]["versions"] if one.get("storage")]
        status = {"conditions": conditions, "acceptedNames": crd["spec"]["names"], "storedVersions": versions}
        with contextlib.suppress(ApiError):  # deleted in the meantime
            ref = Ref(kinds.CRD, "", crd["metadata"]["name"])
            self.store.patch(ref, {"status": status}, "merge", "status", WriteOptions(manager=MANAGER))
