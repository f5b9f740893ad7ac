"""The installation on a real API server: it is taken as it is, and its rights suffice for an update and an abort."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Type
from tests.deploy.kustomize import build

pytestmark = [pytest.mark.realplane, pytest.mark.slow]

DEPLOY = Path(__file__).parents[2] / "deploy"
ACCOUNT = "system:serviceaccount:rollouts:rollouts"
APPLY = "application/apply-patch+yaml"
PLURALS = {
    "Namespace": "namespaces",
    "CustomResourceDefinition": "customresourcedefinitions",
    "ServiceAccount": "serviceaccounts",
    "Deployment": "deployments",
    "Service": "services",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "Ingress": "ingresses",
    "IngressClass": "ingressclasses",
}
ROLLOUT = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web-canary}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx}
spec: {controller: k8s.io/ingress-nginx}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  ingressClassName: nginx
  rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
---
apiVersion: v1
kind: Secret
metadata: {name: prometheus}
stringData: {token: t0ken}
---
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: nobody-answers}
spec:
  args: [{name: token, valueFrom: {secretKeyRef: {name: prometheus, key: token}}}]
  metrics:
    - name: up
      count: 1
      consecutiveErrorLimit: 0
      successCondition: len(result) > 0
      provider:
        prometheus:
          address: http://127.0.0.1:9
          query: up
          headers: [{key: Authorization, value: "Bearer {{args.token}}"}]
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:1"}]}
  strategy:
    canary:
      stableService: web
      canaryService: web-canary
      scaleDownDelaySeconds: 1
      trafficRouting: {nginx: {stableIngress: web}}
      steps: [{setWeight: 50}, {pause: {duration: 1s}}]
"""
WITH_ANALYSIS = [{"setWeight": 50}, {"analysis": {"templates": [{"templateName": "nobody-answers"}]}}]


def apply(plane: Any, manifest: Mapping[str, Any], namespace: str = "") -> None:
    """Server-side apply, every unknown field refused."""
    kind, meta = manifest["kind"], manifest["metadata"]
    plural = PLURALS.get(kind, f"{kind.lower()}s")
    group = manifest["apiVersion"]
    root = f"/apis/{group}" if "/" in group else f"/api/{group}"
    space = meta.get("namespace") or namespace
    scoped = kind.startswith("Cluster") or kind in ("Namespace", "CustomResourceDefinition", "IngressClass")
    within = "" if scoped else f"/namespaces/{space}"
    path = f"{root}{within}/{plural}/{meta['name']}?fieldManager=test&force=true&fieldValidation=Strict"
    plane.admin.ask("PATCH", path, manifest, APPLY)


@pytest.fixture(scope="module")
def installed(played_plane: Any) -> Any:
    """The plane with deploy/ applied; no pod of it ever runs here."""
    for manifest in build(DEPLOY):
        apply(played_plane, manifest)
    return played_plane


@dataclass(frozen=True, slots=True)
class Running:
    """A controller process and what it says."""

    log: Path

    def refusals(self) -> list[str]:
        """Log lines about a right that it lacks."""
        return [
            line for line in self.log.read_text().splitlines() if "forbidden" in line.lower() or '"status":403' in line
        ]


@pytest.fixture
def controller(installed: Any, tmp_path: Path) -> Iterator[Running]:
    """The controller with the rights of its ServiceAccount and no others."""
    log = tmp_path / "controller.log"
    words = ["controller", "--metrics-port=-1", "--health-port=-1", "--lease-namespace=rollouts"]
    as_itself = ["--kubeconfig", str(installed.admin.kubeconfig), "--as", ACCOUNT]
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "rollouts.cli.main", *words, *as_itself],
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:
        yield Running(log)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def test_the_api_server_takes_every_manifest(installed: Any) -> None:
    path = "/apis/apps/v1/namespaces/rollouts/deployments/rollouts"

    assert installed.admin.ask("GET", path)["spec"]["replicas"] == 2


def test_the_rights_suffice_for_an_update_and_for_an_abort(
    installed: Any, controller: Running, namespace: str, typed: Type
) -> None:
    for manifest in yaml.safe_load_all(ROLLOUT):
        apply(installed, manifest, namespace)
    at = ("-n", namespace, "--kubeconfig", str(installed.admin.kubeconfig))

    first = typed("status", "web", "--timeout", "60s", *at)
    assert (first.code, first.out.splitlines()[-1]) == (0, "Healthy"), controller.log.read_text()[-3000:]

    assert typed("set", "image", "web", "web=web:2", *at).code == 0
    second = typed("status", "web", "--timeout", "60s", *at)
    assert (second.code, second.out.splitlines()[-1]) == (0, "Healthy"), controller.log.read_text()[-3000:]
    assert "web:2 (stable)" in typed("get", "rollout", "web", *at).out

    root = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts/web"
    change = {"spec": {"strategy": {"canary": {"steps": WITH_ANALYSIS}}}}
    installed.admin.ask("PATCH", root, change, "application/merge-patch+json")
    assert typed("set", "image", "web", "web=web:3", *at).code == 0
    third = typed("status", "web", "--timeout", "60s", *at)

    assert third.code == 2, third.out + controller.log.read_text()[-3000:]
    assert "Step-based analysis phase error/failed" in third.err
    assert controller.refusals() == []


def test_a_stranger_is_told_whom_to_ask(installed: Any, namespace: str, typed: Type) -> None:
    at = ("-n", namespace, "--kubeconfig", str(installed.admin.kubeconfig))

    outcome = typed("list", "rollouts", *at, "--as", "stranger")

    assert outcome.code == 1
    assert "rollouts-view" in outcome.err


def test_whoever_edits_a_namespace_may_abort_there_and_whoever_views_it_may_not(
    installed: Any, namespace: str, typed: Type
) -> None:
    for manifest in yaml.safe_load_all(ROLLOUT):
        apply(installed, manifest, namespace)
    for role in ("edit", "view"):
        binding = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": role},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": f"jane-{role}"}],
        }
        apply(installed, binding, namespace)
    at = ("-n", namespace, "--kubeconfig", str(installed.admin.kubeconfig))

    viewer = typed("abort", "web", *at, "--as", "jane-view")
    editor = typed("abort", "web", *at, "--as", "jane-edit")

    assert viewer.code == 1, viewer.out
    assert "rollouts-view, -edit or -admin" in viewer.err
    assert (editor.code, editor.out) == (0, "rollout 'web' aborted\n"), editor.err


def test_an_image_is_never_set_on_a_container_that_moved(installed: Any, namespace: str) -> None:
    for manifest in yaml.safe_load_all(ROLLOUT):
        apply(installed, manifest, namespace)
    path = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts/web"
    where = "/spec/template/spec/containers/0"
    stale = [
        {"op": "test", "path": f"{where}/name", "value": "sidecar"},
        {"op": "replace", "path": f"{where}/image", "value": "x"},
    ]

    with pytest.raises(urllib.error.HTTPError) as refused:
        installed.admin.ask("PATCH", path, stale, "application/json-patch+json")

    refused.value.close()
    assert refused.value.code == 422
