"""The CRDs of routers, as their makers publish them: fetched as Go modules at pinned versions, kept in the cache.

Of each the version that we write is kept, and no conversion webhook: nobody would answer it here.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from rollouts.kube.ref import Kind
from rollouts.traffic import KINDS
from tests.plane.build import PlaneMissingError, Say, cache_root, find_go

FETCH_S_MAX = 300
GATEWAY = "config/crd/experimental/gateway.networking.k8s.io_{}.yaml"
SOURCES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "sigs.k8s.io/gateway-api@v1.6.3",
        tuple(
            GATEWAY.format(name)
            for name in (
                "gatewayclasses", "gateways", "httproutes", "grpcroutes", "tcproutes", "tlsroutes", "referencegrants",
                "backendtlspolicies", "listenersets",
            )
        ),
    ),
    ("istio.io/api@v1.27.0", ("kubernetes/customresourcedefinitions.gen.yaml",)),
    ("github.com/projectcontour/contour@v1.33.0", ("examples/contour/01-crds.yaml",)),
    (
        "github.com/traefik/traefik/v3@v3.6.0",
        ("docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml",),
    ),
    ("github.com/apache/apisix-ingress-controller@v1.8.4", ("samples/deploy/crd/v1/ApisixRoute.yaml",)),
    ("github.com/emissary-ingress/emissary/v3@v3.9.1", ("manifests/emissary/emissary-crds.yaml.in",)),
)  # fmt: skip
"""Module and version, and the files in it."""

_OURS = {(kind.group, kind.plural): kind for kind in KINDS}
_BESIDE = ("gateway.networking.k8s.io", "traefik.io")  # groups of which Traefik wants every kind


def folder() -> Path:
    """Where the CRDs of these sources are kept."""
    text = json.dumps([SOURCES, [str(kind.api_version) for kind in KINDS]]).encode()
    return cache_root() / f"schemas-{hashlib.sha256(text).hexdigest()[:12]}"


def fetched(say: Say) -> Path:
    """The folder of the CRDs, filled now if need be. Raises PlaneMissingError."""
    wanted = folder()
    if wanted.is_dir():
        return wanted
    cache_root().mkdir(parents=True, exist_ok=True)
    partial = wanted.with_name(f"{wanted.name}.partial-{os.getpid()}")
    partial.mkdir()
    go = find_go(say)
    for module, files in SOURCES:
        source = _downloaded(go, module)
        for file in files:
            for body in yaml.safe_load_all((source / file).read_text()):
                if body and body["kind"] == "CustomResourceDefinition" and (crd := _kept(body)):
                    (partial / f"{crd['metadata']['name']}.yaml").write_text(yaml.safe_dump(crd))
    for body in WRITTEN_DOWN:
        (partial / f"{body['metadata']['name']}.yaml").write_text(yaml.safe_dump(body))
    partial.rename(wanted)
    return wanted


def _downloaded(go: str, module: str) -> Path:
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off"}
    command = [go, "mod", "download", "-json", module]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=FETCH_S_MAX, check=False, cwd=cache_root()
    )
    if done.returncode:
        raise PlaneMissingError(f"{module} cannot be fetched: {(done.stdout or done.stderr)[-500:]}")
    return Path(json.loads(done.stdout)["Dir"])


def _kept(body: dict[str, Any]) -> dict[str, Any] | None:
    """The CRD with the version that we write alone; None for a kind that nobody here needs."""
    spec = body["spec"]
    ours = _OURS.get((spec["group"], spec["names"]["plural"]))
    if ours is None and spec["group"] not in _BESIDE:
        return None
    versions = spec["versions"]
    if spec["group"] not in _BESIDE:
        versions = [each for each in versions if ours is not None and each["name"] == ours.version]
        versions = [{**each, "served": True, "storage": True} for each in versions]
    kept = {key: value for key, value in spec.items() if key != "conversion"}
    meta = {key: body["metadata"][key] for key in ("name", "annotations") if body["metadata"].get(key)}
    return {**body, "metadata": meta, "spec": {**kept, "versions": versions}, "status": None}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _written_down(kind: Kind, **spec: Any) -> dict[str, Any]:
    schema = _object(spec=_object(**spec), status={"type": "object", "x-kubernetes-preserve-unknown-fields": True})
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "scope": "Namespaced",
            "names": {"plural": kind.plural, "kind": kind.name},
            "versions": [
                {"name": kind.version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
            ],
        },
    }


_TEXT, _COUNT = {"type": "string"}, {"type": "integer"}
_REF = _object(name=_TEXT)
_TARGETS = _object(action=_object(weightedTargets=_list(_object(virtualNodeRef=_REF, weight=_COUNT))), match=_object(
    prefix=_TEXT
))  # fmt: skip
_NAMED = {kind.name: kind for kind in KINDS if kind.group in ("appmesh.k8s.aws", "split.smi-spec.io")}
WRITTEN_DOWN = (
    _written_down(_NAMED["TrafficSplit"], service=_TEXT, backends=_list(_object(service=_TEXT, weight=_COUNT))),
    _written_down(_NAMED["VirtualRouter"], listeners=_list({"type": "object"}), routes=_list(
        _object(name=_TEXT, httpRoute=_TARGETS)
    )),
    _written_down(_NAMED["VirtualService"], provider=_object(virtualRouter=_object(virtualRouterRef=_REF))),
    _written_down(_NAMED["VirtualNode"], listeners=_list({"type": "object"}), podSelector=_object(
        matchLabels={"type": "object", "additionalProperties": _TEXT}
    )),
)  # fmt: skip
"""What no registry has (App Mesh) or has for older API servers only (SMI), to the fields used."""
