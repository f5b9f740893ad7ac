"""Applications of one repository on a real control plane: all changed by one push, then looked at with no change.

    python -m benchmarks.apps --applications 1000
    python -m benchmarks.apps --applications 1000 --kustomize
    python -m benchmarks.apps --applications 1000 --objects 50 --only rest

The repository has a folder for each Application, with ConfigMap, ServiceAccount, Service and Deployment (of no pods) by
turns. A push is told to the controller's webhook, as a forge does. Rows:

first sync      from the creation of the Applications until the last one is Synced, Healthy and at the commit
one push        from the push, which changes every object, until the same
warm            a push that changes nothing of any Application, until the last one has seen it
cold            the same by a new process with empty directories, from its start; the Applications ask to be looked at

Columns: the time until half of the Applications were done, 99 % and all; CPU seconds of the controller, of the programs
that it ran to render, of the API server, and of etcd and the cluster's own controllers together, which depend less than
times do on what else the machine is at; the controller's peak RSS; its calls to the API server as the audit log has
them, for each Application: reads, watches left out, then writes, dry runs among them, to Applications and to all else.
The last column says what was synced although nothing had changed.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import platform
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import yaml

from benchmarks.fleet import until
from benchmarks.measure import children_cpu_s, cpu_s, peak_rss_mb, percentile
from tests.gitops_render.forge import Repository, Server
from tests.plane.build import binaries
from tests.plane.plane import AuditedCall, Plane
from tests.plane.processes import Child, free_port
from tests.plane.wire import Body, Wire

CONTROL, NAMESPACE, SECRET = "argocd", "apps", "benchmark"
APPLICATIONS = f"/apis/argoproj.io/v1alpha1/namespaces/{CONTROL}/applications"
WAIT_S_MAX, SETTLE_S, TOGETHER = 1800.0, 5.0, 16
CLUSTER = frozenset({"apiserver", "etcd", "controller-manager"})
READS = frozenset({"get", "list"})
HEAD = "| N | objects | render | what | p50 / p99 s | all done s | CPU s: ours | tools | API server | rest | RSS MB "
HEAD += "| reads | apps | other | stray |"


@dataclass(frozen=True, slots=True)
class Shape:
    """How many Applications, how many objects each, and whether Kustomize renders them."""

    applications: int
    objects: int
    kustomize: bool = False

    @property
    def names(self) -> list[str]:
        """The names of the Applications, which are the names of their folders, too."""
        return [f"app-{number:05}" for number in range(self.applications)]


@dataclass(slots=True)
class Watcher:
    """When each Application did what is awaited. is_done: of an Application as the watch tells it."""

    is_done: Callable[[Body], bool] = lambda body: False
    done: dict[str, float] = field(default_factory=dict)

    def see(self, change: str, body: Body) -> None:
        """One change of one Application."""
        name = body["metadata"]["name"]
        if name not in self.done and self.is_done(body):
            self.done[name] = time.monotonic()

    def expect(self, is_done: Callable[[Body], bool]) -> None:
        """Begin anew."""
        self.is_done, self.done = is_done, {}


def manifest(kind: str, name: str, word: str) -> Body:
    """One plain object that `word` is part of."""
    meta = {"name": name, "annotations": {"word": word}}
    api = "apps/v1" if kind == "Deployment" else "v1"
    body: Body = {"apiVersion": api, "kind": kind, "metadata": meta}
    match kind:
        case "ConfigMap":
            body["data"] = {"word": word}
        case "Service":
            body["spec"] = {"ports": [{"port": 80}], "selector": {"app": name}}
        case "Deployment":
            labels = {"app": name}
            pods = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": f"web:{word}"}]}}
            body["spec"] = {"replicas": 0, "selector": {"matchLabels": labels}, "template": pods}
    return body


def folder(shape: Shape, name: str, word: str) -> dict[str, str | bytes | None]:
    """The files of one Application."""
    kinds = ("ConfigMap", "ServiceAccount", "Service", "Deployment")
    objects = [manifest(kinds[at % 4], f"{name}-{at}", word) for at in range(shape.objects)]
    dump = yaml.dump_all(objects, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper))
    files: dict[str, str | bytes | None] = {f"{name}/all.yaml": dump}
    if shape.kustomize:
        files[f"{name}/kustomization.yaml"] = "resources: [all.yaml]\n"
    return files


def everything(shape: Shape, word: str) -> dict[str, str | bytes | None]:
    """The files of all Applications."""
    return {path: text for name in shape.names for path, text in folder(shape, name, word).items()}


def application(name: str, url: str) -> Body:
    """One Application that syncs itself."""
    source = {"repoURL": url, "path": name, "targetRevision": "main"}
    place = {"server": "https://kubernetes.default.svc", "namespace": NAMESPACE}
    policy = {"automated": {"prune": True, "selfHeal": True}}
    spec = {"project": "default", "source": source, "destination": place, "syncPolicy": policy}
    meta = {"name": name, "namespace": CONTROL}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": meta, "spec": spec}


def has_synced(commit: str) -> Callable[[Body], bool]:
    """Whether an Application is Synced and Healthy at that commit, by a sync that succeeded."""

    def is_so(body: Body) -> bool:
        status = body.get("status") or {}
        state = status.get("operationState") or {}
        synced = (state.get("syncResult") or {}).get("revision") == commit and state.get("phase") == "Succeeded"
        return synced and _stands(status, commit)

    return is_so


def has_seen(commit: str) -> Callable[[Body], bool]:
    """Whether an Application has been compared with that commit and is as it says."""
    return lambda body: _stands(body.get("status") or {}, commit)


def _stands(status: Body, commit: str) -> bool:
    sync = status.get("sync") or {}
    is_well = (status.get("health") or {}).get("status") == "Healthy"
    return is_well and sync.get("status") == "Synced" and sync.get("revision") == commit


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment. offset: of the audit log.  cpu_s: in the order of the columns."""

    at_s: float
    offset: int
    cpu_s: tuple[float, ...]


class Bench:
    """One plane, one repository behind a git server, and one controller after the other."""

    def __init__(self, plane: Plane, wire: Wire, shape: Shape, where: Path) -> None:
        self.plane, self.wire, self.shape = plane, wire, shape
        self.repository = Repository(where)
        self.git = Server(where)
        self.url = self.git.url("shop.git")
        self.watcher = Watcher()
        self._port = free_port()

    def start(self, name: str) -> Child:
        """A controller with nothing but the sync core."""
        ports = ["--metrics-port", "-1", "--health-port", "-1", "--sync-metrics-port", "-1"]
        command = [
            sys.executable, "-m", "rollouts.cli.main", "controller", "--rooms", "gitops", "--no-leader-elect",
            "--kubeconfig", str(self.plane.controller.kubeconfig), "--lease-namespace", CONTROL, *ports,
            "--webhook-port", str(self._port), "--log-level", "warning",
        ]  # fmt: skip
        return self.plane.family.start(name, command)

    async def prepare(self) -> None:
        """The namespaces, and the secret that the forge knows."""
        for name in (CONTROL, NAMESPACE):
            await self.wire.must("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        word = base64.b64encode(SECRET.encode()).decode()
        body = {"metadata": {"name": "argocd-secret"}, "data": {"webhook.gitlab.secret": word}}
        await self.wire.must("POST", f"/api/v1/namespaces/{CONTROL}/secrets", body)

    async def found(self) -> None:
        """Create the Applications."""
        await self._each(lambda name: self.wire.must("POST", APPLICATIONS, application(name, self.url)))

    async def ask_to_look(self) -> None:
        """Put the refresh annotation on every Application."""
        marks = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
        await self._each(lambda name: self.wire.must("PATCH", f"{APPLICATIONS}/{name}", marks))

    async def _each(self, deed: Callable[[str], Awaitable[object]]) -> None:
        places = asyncio.Semaphore(TOGETHER)

        async def one(name: str) -> None:
            async with places:
                await deed(name)

        await asyncio.gather(*(one(name) for name in self.shape.names))

    async def tell(self) -> None:
        """Say that there was a push, as a forge does."""
        told = {
            "ref": "refs/heads/main",
            "project": {"web_url": self.url.removesuffix(".git"), "default_branch": "main"},
            "commits": [],
            "total_commits_count": 0,
        }
        head = {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": SECRET}
        door = f"http://127.0.0.1:{self._port}/api/webhook"
        async with aiohttp.ClientSession() as session, session.post(door, json=told, headers=head) as answer:
            assert answer.status < 300, await answer.text()

    def mark(self, child: Child | None = None) -> Mark:
        """Where the clocks stand now. child: the controller, None before it runs."""
        ours, tools = (cpu_s(child.pid), children_cpu_s(child.pid)) if child else (0.0, 0.0)
        used = {each.name: cpu_s(each.pid) for each in self.plane.family.children if each.name in CLUSTER}
        server = used.pop("apiserver")
        return Mark(time.monotonic(), self.plane.audit_offset(), (ours, tools, server, sum(used.values())))

    async def measured(self, what: str, child: Child, began: Mark) -> str:
        """Wait until every Application is done, and make the row of it."""

        async def all_done() -> bool:
            return len(self.watcher.done) == self.shape.applications

        await until(f"{what}: every Application is done", WAIT_S_MAX, child, all_done)
        ended = self.mark(child)
        times = sorted(at - began.at_s for at in self.watcher.done.values())
        await asyncio.sleep(SETTLE_S)  # the log is written behind
        shape = self.shape
        counts = counted(self.plane.calls(began.offset))
        each = [counts[column] / shape.applications for column in ("reads", "apps", "other")]
        cells = [
            str(shape.applications),
            str(shape.objects),
            "kustomize" if shape.kustomize else "plain",
            what,
            f"{percentile(times, 0.5):.1f} / {percentile(times, 0.99):.1f}",
            f"{times[-1]:.1f}",
            *(f"{after_s - before_s:.1f}" for before_s, after_s in zip(began.cpu_s, ended.cpu_s, strict=True)),
            f"{peak_rss_mb(child.pid):.0f}",
            *(f"{count:.2f}" for count in each),
            str(counts["other"]) if what in ("warm", "cold") else "",
        ]
        return f"| {' | '.join(cells)} |"


def counted(calls: tuple[AuditedCall, ...]) -> Counter[str]:
    """Calls by column; watches and the Lease's are left out."""
    found: Counter[str] = Counter()
    for call in calls:
        if call.verb in READS:
            found["reads"] += 1
        elif call.verb != "watch" and call.resource not in ("leases", "events"):
            found["apps" if call.resource == "applications" else "other"] += 1
    return found


async def play(bench: Bench, only: str) -> list[str]:
    """All that is measured, one after the other."""
    rows: list[str] = []

    def tell(row: str) -> None:
        print(row, flush=True)
        rows.append(row)

    await bench.prepare()
    commit = bench.repository.commit(everything(bench.shape, "one"))
    child = bench.start("first")
    follow = asyncio.create_task(bench.wire.follow(APPLICATIONS, bench.watcher.see))
    try:
        bench.watcher.expect(has_synced(commit))
        began = bench.mark(child)
        await bench.found()
        tell(await bench.measured("first sync", child, began))
        if only in ("all", "push"):
            await _push(bench, child, tell)
        if only in ("all", "rest"):
            await _warm(bench, child, tell)
            child.stop()
            child = await _cold(bench, tell)
    finally:
        follow.cancel()
        child.stop()
        bench.git.close()
    return rows


async def _push(bench: Bench, child: Child, tell: Callable[[str], None]) -> None:
    commit = bench.repository.commit(everything(bench.shape, "two"))
    bench.watcher.expect(has_synced(commit))
    began = bench.mark(child)
    await bench.tell()
    tell(await bench.measured("one push", child, began))


async def _warm(bench: Bench, child: Child, tell: Callable[[str], None]) -> None:
    commit = bench.repository.commit({"README.md": "nothing that anybody renders\n"})
    bench.watcher.expect(has_seen(commit))
    began = bench.mark(child)
    await bench.tell()
    tell(await bench.measured("warm", child, began))


async def _cold(bench: Bench, tell: Callable[[str], None]) -> Child:
    commit = bench.repository.commit({"README.md": "nothing again\n"})
    await bench.ask_to_look()
    bench.watcher.expect(has_seen(commit))
    began = bench.mark()
    child = bench.start("second")
    tell(await bench.measured("cold", child, began))
    return child


async def run(shape: Shape, only: str) -> list[str]:
    """A plane, and all that is measured on it."""
    with Plane.start(binaries()) as plane, tempfile.TemporaryDirectory(prefix="rollouts-apps-") as where:
        plane.install_crds()
        async with Wire(plane.admin) as wire:
            return await play(Bench(plane, wire, shape, Path(where)), only)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--applications", type=int, default=1000)
    parser.add_argument("--objects", type=int, default=4)
    parser.add_argument("--kustomize", action="store_true", help="a kustomization in each folder")
    parser.add_argument("--only", choices=["all", "push", "rest"], default="all")
    given = parser.parse_args()
    print(f"{platform.system()} {platform.machine()}, Python {platform.python_version()}")
    print(HEAD)
    print("|" + "---|" * HEAD.count(" | ") + "---|", flush=True)
    asyncio.run(run(Shape(given.applications, given.objects, given.kustomize), given.only))


if __name__ == "__main__":
    main()
