"""The one node of the embedded cluster: runs every Pod of the store as a real server and reports its status."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Iterator, Mapping
from typing import Any

from rollouts.devplane.errors import ApiError
from rollouts.devplane.podserver import Addresses, PodServer, behaviour_of
from rollouts.devplane.store import Commit, Store, WriteOptions
from rollouts.kube import kinds
from rollouts.kube import object as kubeobject
from rollouts.kube.ref import Manifest, Ref

NODE = "devplane"
MANAGER = "kubelet"
DRAIN_FINALIZER = "devplane.rollouts.io/drain"
DRAIN_S = 1.0
PODS_MAX = 500


class Kubelet:
    """Starts, reports and drains pods. drain_s: how long a deleted pod goes on serving while routers forget it."""

    def __init__(self, store: Store, *, drain_s: float = DRAIN_S) -> None:
        self._store = store
        self._drain_s = drain_s
        self._addresses = Addresses(os.getpid())
        self._pods: dict[str, PodServer] = {}  # by uid
        self._tasks: set[asyncio.Task[None]] = set()
        self._known: set[str] = set()  # uids of the pods that run here, from their first look to their end
        self._draining: set[str] = set()

    def start(self) -> None:
        """Run the pods that are there and follow what comes."""
        for manifest in self._store.all(kinds.POD):
            self._consider(manifest)
        self._store.listeners.append(self._on_commit)

    async def stop(self) -> None:
        """End every pod at once."""
        self._store.listeners.remove(self._on_commit)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(server.stop() for server in self._pods.values()))
        self._pods.clear()

    def counters(self) -> Iterator[tuple[str, Mapping[str, str], float]]:
        """Every pod's counters with the labels that a scrape of pods gives them."""
        for manifest in self._store.all(kinds.POD):
            server = self._pods.get(kubeobject.uid(manifest))
            if server is None:
                continue
            labels = scrape_labels(manifest, f"{server.address}:{server.port}")
            for name, more, value in server.requests.series():
                yield name, {**labels, **more}, value

    def targets(self) -> list[tuple[str, Mapping[str, str]]]:
        """Every pod's address and labels, for a scraper outside."""
        return [
            (f"{server.address}:{server.port}", scrape_labels(manifest, f"{server.address}:{server.port}"))
            for manifest in self._store.all(kinds.POD)
            if (server := self._pods.get(kubeobject.uid(manifest)))
        ]

    def _on_commit(self, commit: Commit) -> None:
        if commit.kind != kinds.POD:
            return
        if commit.type == "DELETED":
            self._forget(kubeobject.uid(commit.object))
        else:
            self._consider(commit.object)

    def _forget(self, uid: str) -> None:
        """End a pod whose object is gone; its place is for one that has waited for it."""
        was_full = len(self._known) >= PODS_MAX
        self._known.discard(uid)
        self._draining.discard(uid)
        self._spawn(self._end(uid))
        if was_full:
            for waiting in self._store.all(kinds.POD):
                self._consider(waiting)

    def _consider(self, pod: Manifest) -> None:
        uid = kubeobject.uid(pod)
        if kubeobject.is_deleting(pod):
            if uid in self._known and uid not in self._draining:
                self._draining.add(uid)
                self._spawn(self._drain(pod))
        elif uid not in self._known and len(self._known) < PODS_MAX:
            self._known.add(uid)
            self._spawn(self._run(pod))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, pod: Manifest) -> None:
        """The life of a pod: bound, pulled, started, ready."""
        ref, uid = kubeobject.ref(kinds.POD, pod), kubeobject.uid(pod)
        behaviour = behaviour_of(str(pod["spec"]["containers"][0]["image"]))
        held = [*(pod["metadata"].get("finalizers") or ()), DRAIN_FINALIZER]
        self._write(ref, {"metadata": {"finalizers": held}, "spec": {"nodeName": NODE}})
        if not behaviour.pulls:
            self._report(ref, _waiting(pod, "ErrImagePull", f"{pod['spec']['containers'][0]['image']}: not found"))
            return
        server = PodServer(ref.name, behaviour)
        try:
            await server.start(self._addresses, _container_ports(pod))
        except OSError as error:
            self._report(ref, _waiting(pod, "CreateContainerError", str(error)))
            return
        self._pods[uid] = server
        if uid not in self._known:  # its object went while it started
            await self._end(uid)
            return
        started = self._store.now().rfc3339_whole()
        self._report(ref, _running(pod, server.address, started))
        if behaviour.ready_after_s is None:
            return
        await asyncio.sleep(behaviour.ready_after_s)
        if uid in self._known:  # and not one that has taken its name since
            self._report(ref, _running(pod, server.address, started, ready=self._store.now().rfc3339_whole()))

    def _report(self, ref: Ref, status: Mapping[str, Any]) -> None:
        self._write(ref, {"status": status}, "status")

    def _write(self, ref: Ref, body: Mapping[str, Any], subresource: str = "") -> None:
        try:
            self._store.patch(ref, body, "merge", subresource, WriteOptions(manager=MANAGER))
        except ApiError as error:
            if error.status != 404:  # deleted meanwhile: its own story
                raise

    async def _drain(self, pod: Manifest) -> None:
        """Serve on while endpoints and routers forget the pod, then end it and let its object go."""
        ref, uid = kubeobject.ref(kinds.POD, pod), kubeobject.uid(pod)
        await asyncio.sleep(self._drain_s)
        await self._end(uid)
        if uid in self._known:
            held = self._store.get(ref)["metadata"].get("finalizers") or ()
            kept = [name for name in held if name != DRAIN_FINALIZER]
            self._write(ref, {"metadata": {"finalizers": kept or None}})

    async def _end(self, uid: str) -> None:
        if server := self._pods.pop(uid, None):
            await server.stop()


def scrape_labels(pod: Manifest, instance: str) -> dict[str, str]:
    """The labels that Prometheus' usual scrape of pods gives: where from, and the pod's own labels."""
    own = {key.replace(".", "_").replace("/", "_").replace("-", "_"): v for key, v in kubeobject.labels(pod).items()}
    where = {"namespace": kubeobject.namespace(pod), "pod": kubeobject.name(pod), "instance": instance}
    return {**own, **where, "job": "pods"}


def _container_ports(pod: Manifest) -> list[int]:
    ports = [port["containerPort"] for one in pod["spec"]["containers"] for port in one.get("ports") or ()]
    return ports or [80]


def _condition(type_: str, *, is_true: bool, now: str) -> dict[str, Any]:
    return {"type": type_, "status": "True" if is_true else "False", "lastTransitionTime": now}


def _running(pod: Manifest, address: str, started: str, ready: str = "") -> dict[str, Any]:
    """The status of a pod that runs since `started` and is ready since `ready` ("": not yet)."""
    is_ready, now = bool(ready), ready or started
    containers = [
        {
            "name": one["name"],
            "image": one["image"],
            "imageID": f"served/{one['image']}",
            "ready": is_ready,
            "started": True,
            "restartCount": 0,
            "state": {"running": {"startedAt": started}},
        }
        for one in pod["spec"]["containers"]
    ]
    return {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "hostIP": "127.0.0.1",
        "startTime": started,
        "containerStatuses": containers,
        "conditions": [
            _condition("PodScheduled", is_true=True, now=started),
            _condition("Initialized", is_true=True, now=started),
            _condition("ContainersReady", is_true=is_ready, now=now),
            _condition("Ready", is_true=is_ready, now=now),
        ],
    }


def _waiting(pod: Manifest, reason: str, message: str) -> dict[str, Any]:
    containers = [
        {
            "name": one["name"],
            "image": one["image"],
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": {"waiting": {"reason": reason, "message": message}},
        }
        for one in pod["spec"]["containers"]
    ]
    return {"phase": "Pending", "containerStatuses": containers}
