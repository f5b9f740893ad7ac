"""A cluster that somebody gives us instead of the plane that we build: a kubeconfig, or a kind cluster."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.plane.plane import Access, kubeconfig_text
from tests.plane.processes import Family

ACCOUNT = "rollouts-tests"
KIND_S_MAX = 600
TOKEN_S = 6 * 3600


class Given:
    """A cluster of somebody else's: no process of it is ours, and there is no audit log to read."""

    def __init__(self, folder: Path, admin: Access) -> None:
        self.folder, self.admin, self.controller = folder, admin, admin
        self.family = Family(folder)

    def install_crds(self, folder: Path | None = None) -> tuple[str, ...]:
        """Create or replace our CustomResourceDefinitions."""
        return self.admin.install_crds(folder) if folder else self.admin.install_crds()


@contextmanager
def given(kubeconfig: Path) -> Iterator[Given]:
    """The cluster of a kubeconfig's current context, reached by a service account made for the tests."""
    folder = Path(tempfile.mkdtemp(prefix="rollouts-given-"))
    try:
        cluster = Given(folder, _access(kubeconfig, folder))
        yield cluster
        cluster.family.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def kind_cluster() -> Iterator[Path]:
    """A kind cluster of our own for the length of a run; yields its kubeconfig."""
    folder = Path(tempfile.mkdtemp(prefix="rollouts-kind-"))
    name, kubeconfig = folder.name.lower().replace("_", "-"), folder / "kubeconfig"
    try:
        _run("kind", "create", "cluster", "--name", name, "--kubeconfig", str(kubeconfig), "--wait", "120s")
        yield kubeconfig
    finally:
        _run("kind", "delete", "cluster", "--name", name)
        shutil.rmtree(folder, ignore_errors=True)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=KIND_S_MAX, stdout=subprocess.DEVNULL)


def _stock_client() -> tuple[Any, Any]:
    """The stock client, untyped; a heavy import that only this path needs."""
    from kubernetes import client, config

    return client, config


def _access(kubeconfig: Path, folder: Path) -> Access:
    """A token for a cluster-admin service account, so that everything else needs to know one way in only."""
    client, config = _stock_client()
    own = client.Configuration()
    config.load_kube_config(str(kubeconfig), client_configuration=own)
    ca = folder / "ca.crt"
    shutil.copy(own.ssl_ca_cert or ssl.get_default_verify_paths().cafile, ca)
    api = client.ApiClient(own)
    core, rbac = client.CoreV1Api(api), client.RbacAuthorizationV1Api(api)
    meta = {"name": ACCOUNT}
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": "default"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    binding = {"metadata": meta, "roleRef": role, "subjects": [subject]}
    creations: tuple[Callable[[], object], ...] = (
        lambda: core.create_namespaced_service_account("default", {"metadata": meta}),
        lambda: rbac.create_cluster_role_binding(binding),
    )
    for create in creations:
        try:
            create()
        except client.ApiException as error:
            if error.status != 409:
                raise
    request = {"spec": {"expirationSeconds": TOKEN_S, "audiences": []}}
    token = core.create_namespaced_service_account_token(ACCOUNT, "default", request).status.token
    access = Access(own.host, token, ca, folder / "kubeconfig")
    access.kubeconfig.write_text(yaml.safe_dump(kubeconfig_text(access)))
    return access
