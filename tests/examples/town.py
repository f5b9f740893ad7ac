"""A cluster, a git server and a controller with both rooms, for the stories of examples/gitops."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from rollouts.devplane.manifests import examples_folder
from rollouts.kube import builtin, kinds
from rollouts.kube.ref import Kind
from tests.gitops_render.forge import Repository, Server

CONTROL = "argocd"
WAIT_S_MAX = 40.0
LOOK_S = 0.05
HASTE = (
    (r"duration: 30s", "duration: 1s"),
    (r"interval: 10s", "interval: 1s"),
    (r"initialDelay: 30s", "initialDelay: 0s"),
)
FORGE = "https://git.example.com/"
MERGE = "application/merge-patch+json"
_KINDS = {"Application": kinds.APPLICATION, "AppProject": kinds.APP_PROJECT, "Rollout": kinds.ROLLOUT}
Object = dict[str, Any]
Ask = Callable[..., Any]


class Town:
    """One example, seen and touched as its reader would: by git, by the API server and by the command line."""

    def __init__(self, ask: Ask, kubeconfig: Path, where: Path, example: str, words: Mapping[str, str]) -> None:
        self.ask, self.kubeconfig, self._where, self._words = ask, kubeconfig, where, words
        self.folder = examples_folder() / "gitops" / example
        self.repository = Repository(where / "forge")
        self._git = Server(where / "forge")
        self._log = where / "controller.log"
        self._process = self._start()
        self._add_control_namespace()

    def _start(self) -> subprocess.Popen[bytes]:
        ports = ["--health-port", "-1", "--metrics-port", "-1", "--sync-metrics-port", "-1"]
        rooms = ["--rooms", "delivery,gitops", "--no-leader-elect", "--lease-namespace", CONTROL]
        command = [sys.executable, "-m", "rollouts.cli.main", "controller", *rooms, *ports]
        with self._log.open("wb") as log:
            return subprocess.Popen(command, env=self._environment, stdout=log, stderr=subprocess.STDOUT)

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig)}

    def _add_control_namespace(self) -> None:
        try:
            self.ask("POST", "/api/v1/namespaces", {"metadata": {"name": CONTROL}})
        except urllib.error.HTTPError as error:
            assert error.code == 409, error

    def close(self) -> None:
        """Leave nothing behind: the Applications without their finalizers, then the namespaces they filled."""
        filled = {str(each["spec"]["destination"]["namespace"]) for each in self.every("Application")} - {CONTROL}
        for name in ("Application", "AppProject"):
            for each in self.every(name):
                path = self._path(name, CONTROL, each["metadata"]["name"])
                self.ask("PATCH", path, {"metadata": {"finalizers": None}}, MERGE)
                self._remove(path)
        self._process.terminate()
        code = self._process.wait(20)
        self._git.close()
        for name in filled:
            self._remove(f"/api/v1/namespaces/{name}")
        for name in filled:  # the next story may want the same one
            self.until(f"{name} is gone", partial(self._is_gone, f"/api/v1/namespaces/{name}"))
        assert code == 0, self._log.read_text()

    def _remove(self, path: str) -> None:
        try:
            self.ask("DELETE", path)
        except urllib.error.HTTPError as error:
            assert error.code == 404, error

    def _is_gone(self, path: str) -> bool:
        try:
            self.ask("GET", path)
        except urllib.error.HTTPError as error:
            assert error.code == 404, error
            return True
        return False

    # The API.

    def _path(self, kind: str, namespace: str, name: str = "") -> str:
        known: Kind | None = _KINDS.get(kind) or next(
            (
                found
                for api in ("v1", "apps/v1", "batch/v1", "networking.k8s.io/v1")
                if (found := builtin.find(api, kind))
            ),
            None,
        )
        assert known is not None, kind
        return known.path(namespace) + (f"/{name}" if name else "")

    def get(self, kind: str, name: str, namespace: str = CONTROL) -> Object | None:
        """One object, None where it is not there."""
        try:
            found: Object = self.ask("GET", self._path(kind, namespace, name))
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise
        return found

    def every(self, kind: str, namespace: str = CONTROL) -> list[Object]:
        """All objects of a kind."""
        found: list[Object] = self.ask("GET", self._path(kind, namespace))["items"]
        return found

    def patch(self, kind: str, name: str, body: Object, namespace: str = CONTROL) -> None:
        """A merge patch, as a person's."""
        self.ask("PATCH", self._path(kind, namespace, name) + "?fieldManager=kubectl-edit", body, MERGE)

    def admit(self, ingress: str, namespace: str) -> None:
        """Report an address, as an ingress controller does."""
        status = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
        self.ask("PATCH", self._path("Ingress", namespace, ingress) + "/status", {"status": status}, MERGE)

    # What the reader does.

    def say(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of the command line."""
        command = [sys.executable, "-m", "rollouts.cli.main", *words, "-n", CONTROL]
        return subprocess.run(
            command, env=self._environment, capture_output=True, text=True, timeout=2 * WAIT_S_MAX, check=False
        )

    def begin(self) -> None:
        """Fill the repository, then apply what is applied by hand."""
        inside = self.folder / "git"
        files = {str(path.relative_to(inside)): self._read(path) for path in inside.rglob("*") if path.is_file()}
        self.repository.commit(files)
        for path in sorted(self.folder.glob("*.yaml"), reverse=True):  # projects before Applications
            for body in yaml.safe_load_all(self._read(path)):
                url = str(body["spec"].get("source", {}).get("repoURL", "")).rpartition("/")[2]
                if url and not (self.repository.bare.parent / url).exists():
                    (self.repository.bare.parent / url).symlink_to(self.repository.bare)
                self.ask("POST", self._path(body["kind"], CONTROL), body)

    def _read(self, path: Path) -> str:
        text = path.read_text().replace(FORGE, self._git.url(""))
        for pattern, instead in HASTE:
            text = re.sub(pattern, instead, text)
        for before, after in self._words.items():
            text = text.replace(before, after)
        return text

    def push(self, path: str, before: str, after: str) -> str:
        """Change a line of the repository, push it and have every Application look."""
        return self.put({path: self.changed(path, before, after)})

    def changed(self, path: str, before: str, after: str) -> str:
        """A file of the repository with a change."""
        text = (self.repository.work / path).read_text()
        assert before in text
        return text.replace(before, after)

    def put(self, files: Mapping[str, str | None]) -> str:
        """Push files and have every Application look, as a forge's webhook would."""
        commit = self.repository.commit(files)
        for each in self.every("Application"):
            marks = {"annotations": {"argocd.argoproj.io/refresh": "normal"}}
            self.patch("Application", each["metadata"]["name"], {"metadata": marks})
        return commit

    # What the reader sees.

    def status(self, app: str) -> Object:
        """An Application's status."""
        return dict((self.get("Application", app) or {}).get("status") or {})

    def stands(self, app: str) -> tuple[str, str]:
        """Sync status and health."""
        found = self.status(app)
        return str((found.get("sync") or {}).get("status")), str((found.get("health") or {}).get("status"))

    def operation(self, app: str) -> Object:
        """The latest sync."""
        return dict(self.status(app).get("operationState") or {})

    def image(self, kind: str, name: str, namespace: str) -> str:
        """The image of a workload's first container, "" where there is no workload."""
        found = self.get(kind, name, namespace)
        return str(found["spec"]["template"]["spec"]["containers"][0]["image"]) if found else ""

    def until(self, what: str, is_so: Callable[[], Any]) -> None:
        """Wait until something is seen."""
        give_up = time.monotonic() + WAIT_S_MAX
        while not is_so():
            if time.monotonic() > give_up:
                told = {each["metadata"]["name"]: each.get("status") for each in self.every("Application")}
                raise AssertionError(f"not seen: {what}\n{json.dumps(told, indent=1)}\n{self._log.read_text()[-3000:]}")
            time.sleep(LOOK_S)
