"""A running control plane: etcd, kube-apiserver, kube-controller-manager, and kube-scheduler if wanted.

    with Plane.start(binaries()) as plane:
        plane.admin.kubeconfig, plane.controller.kubeconfig, plane.writes()

Everything listens on 127.0.0.1. What the `controller` identity writes is kept apart in the audit log, so that a test or
a benchmark can count a controller's writes as the API server saw them.
"""

from __future__ import annotations

import json
import shutil
import ssl
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

import yaml

from tests.plane.processes import LOOK_S, Family, NotReadyError, free_port

READY_S_MAX = 90.0
ROOT = Path(__file__).parents[2]
CRDS = ROOT / "crds"
_FAST = ["--kube-api-qps=2000", "--kube-api-burst=4000"]
_WRITES, _READS = ("create", "update", "patch", "delete"), ("get", "list")
_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "Metadata", "users": ["controller"], "verbs": [*_WRITES, *_READS]},
        {"level": "None"},
    ],
}


@dataclass(frozen=True, slots=True)
class Access:
    """How one identity reaches the API server."""

    url: str
    token: str
    ca: Path
    kubeconfig: Path

    def ask(self, method: str, path: str, body: object = None, form: str = "application/json") -> Any:
        """One request; returns the decoded answer. Raises urllib.error.HTTPError for a refusal."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": form},
        )
        context = ssl.create_default_context(cafile=str(self.ca))
        with urllib.request.urlopen(request, timeout=30, context=context) as answer:
            text = answer.read()
        return json.loads(text) if text.startswith(b"{") else text.decode()

    def answers(self, path: str) -> bool:
        """Whether a GET of that path succeeds now."""
        try:
            self.ask("GET", path)
        except OSError:  # refused, reset, HTTPError, or no certificate file yet
            return False
        return True

    def until(self, path: str, wait_s_max: float = READY_S_MAX) -> None:
        """Wait until a GET of that path succeeds."""
        give_up = time.monotonic() + wait_s_max
        while not self.answers(path):
            if time.monotonic() > give_up:
                raise NotReadyError(f"{path} does not answer after {wait_s_max:.0f} s")
            time.sleep(LOOK_S)

    def install_crds(self, folder: Path = CRDS) -> tuple[str, ...]:
        """Apply every CustomResourceDefinition of a folder and wait until they serve; returns their names."""
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        manifests = [body for file in sorted(folder.glob("*.yaml")) for body in yaml.safe_load_all(file.read_text())]
        for body in manifests:
            wish = f"{path}/{body['metadata']['name']}?fieldManager=rollouts-plane&force=true"
            self.ask("PATCH", wish, body, "application/apply-patch+yaml")
        for body in manifests:
            spec = body["spec"]
            self.until(f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}")
        return tuple(str(body["metadata"]["name"]) for body in manifests)


@dataclass(frozen=True, slots=True)
class AuditedCall:
    """One call of the `controller` identity as the API server recorded it."""

    verb: str
    resource: str
    subresource: str
    namespace: str
    name: str
    status: int


AuditedWrite: TypeAlias = AuditedCall


class Plane:
    """The processes of one control plane, and how to reach it."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self.family = Family(folder)
        self.port = free_port()
        ca = folder / "certs" / "apiserver.crt"
        self.admin = Access(f"https://127.0.0.1:{self.port}", "admin-token", ca, folder / "admin.kubeconfig")
        self.controller = Access(self.admin.url, "controller-token", ca, folder / "controller.kubeconfig")
        self.audit_log = folder / "audit.log"
        self.etcd = f"http://127.0.0.1:{free_port()}"
        self._address = address

    @classmethod
    def start(
        cls, binaries: Mapping[str, Path], *, scheduler: bool = False, address: str = "", controllers: bool = True
    ) -> Plane:
        """Start and wait until it serves and, with the controllers, until they watch.

        address: what the API server calls itself where 127.0.0.1 will not do (a network namespace).
        """
        plane = cls(Path(tempfile.mkdtemp(prefix="rollouts-plane-")), address)
        try:
            plane._start_server(binaries)
            if controllers:
                plane._start_controllers(binaries)
            if scheduler:
                plane.family.start("scheduler", [str(binaries["kube-scheduler"]), *plane._client_flags()])
        except BaseException:
            plane.stop()
            raise
        return plane

    def stop(self) -> None:
        """End every process and remove what they left."""
        self.family.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Plane:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def writes(self, offset: int = 0) -> tuple[AuditedCall, ...]:
        """What the `controller` identity has written since `offset` (from `audit_offset`), in order."""
        return tuple(call for call in self.calls(offset) if call.verb in _WRITES)

    def calls(self, offset: int = 0) -> tuple[AuditedCall, ...]:
        """All calls but watches of the `controller` identity since `offset`, in order."""
        with self.audit_log.open() as log:
            log.seek(offset)
            return tuple(_audited(json.loads(line)) for line in log if line.endswith("\n"))

    def audit_offset(self) -> int:
        """Where the audit log ends now."""
        return self.audit_log.stat().st_size

    def install_crds(self, folder: Path = CRDS) -> tuple[str, ...]:
        """Install our CustomResourceDefinitions and wait until they serve; returns their names."""
        return self.admin.install_crds(folder)

    def _client_flags(self) -> list[str]:
        # Without these two limits the plane's own controllers would be the bottleneck, at 20 requests a second.
        return [f"--kubeconfig={self.admin.kubeconfig}", "--leader-elect=false", "--bind-address=127.0.0.1",
                f"--secure-port={free_port()}", f"--cert-dir={self.folder}/certs-{free_port()}", *_FAST]  # fmt: skip

    def _start_server(self, binaries: Mapping[str, Path]) -> None:
        client, peer = self.etcd, f"https://127.0.0.1:{free_port()}"
        etcd = self.family.start("etcd", [
            str(binaries["etcd"]), f"--data-dir={self.folder}/etcd", "--unsafe-no-fsync", "--peer-auto-tls",
            f"--listen-client-urls={client}", f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}", "--log-level=warn",
        ])  # fmt: skip
        # etcd makes itself a key for its peers; service accounts borrow it, so that no tool has to make one.
        key = self.folder / "etcd" / "fixtures" / "peer" / "key.pem"
        etcd.until(lambda: key.exists() and key.stat().st_size > 0, READY_S_MAX)
        self._write_identities()
        # Loopback is refused as an advertised address, and a network namespace has no default route to find one by.
        own = [f"--advertise-address={self._address}"] if self._address else []
        server = self.family.start("apiserver", [
            str(binaries["kube-apiserver"]), f"--etcd-servers={client}", *own,
            f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
            "--service-account-issuer=https://kubernetes.default.svc", f"--token-auth-file={self.folder}/tokens.csv",
            "--authorization-mode=RBAC", "--bind-address=127.0.0.1", f"--secure-port={self.port}",
            f"--cert-dir={self.folder}/certs", "--service-cluster-ip-range=10.0.0.0/16",
            "--disable-admission-plugins=ServiceAccount", "--allow-privileged=true",
            f"--audit-policy-file={self.folder}/audit.yaml", f"--audit-log-path={self.audit_log}",
        ])  # fmt: skip
        server.until(lambda: self.admin.answers("/readyz"), READY_S_MAX)
        server.until(lambda: self.admin.answers("/api/v1/namespaces/default"), READY_S_MAX)
        self.audit_log.touch()

    def _start_controllers(self, binaries: Mapping[str, Path]) -> None:
        key = self.folder / "etcd" / "fixtures" / "peer" / "key.pem"
        child = self.family.start("controller-manager", [
            str(binaries["kube-controller-manager"]), *self._client_flags(),
            f"--service-account-private-key-file={key}", "--node-monitor-grace-period=3600s",
            "--controllers=*,-nodeipam,-cloud-node-lifecycle-controller", "--concurrent-replicaset-syncs=20",
            "--horizontal-pod-autoscaler-sync-period=1s",
        ])  # fmt: skip
        child.until(lambda: self.admin.answers("/api/v1/namespaces/default/serviceaccounts/default"), READY_S_MAX)

    def _write_identities(self) -> None:
        (self.folder / "tokens.csv").write_text(
            "".join(
                f'{access.token},{name},{name},"system:masters"\n'
                for name, access in (("admin", self.admin), ("controller", self.controller))
            )
        )
        (self.folder / "audit.yaml").write_text(json.dumps(_AUDIT_POLICY))
        for access in (self.admin, self.controller):
            access.kubeconfig.write_text(yaml.safe_dump(kubeconfig_text(access)))


def kubeconfig_text(access: Access) -> dict[str, Any]:
    """A kubeconfig with one cluster, one user and one context, all called `plane`."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "plane",
        "clusters": [{"name": "plane", "cluster": {"server": access.url, "certificate-authority": str(access.ca)}}],
        "users": [{"name": "plane", "user": {"token": access.token}}],
        "contexts": [{"name": "plane", "context": {"cluster": "plane", "user": "plane", "namespace": "default"}}],
    }


def _audited(entry: Mapping[str, Any]) -> AuditedCall:
    target = entry.get("objectRef") or {}
    return AuditedCall(
        entry["verb"],
        target.get("resource", ""),
        target.get("subresource", ""),
        target.get("namespace", ""),
        target.get("name", ""),
        (entry.get("responseStatus") or {}).get("code", 0),
    )
