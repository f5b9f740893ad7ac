"""The EndpointSlice controller: one slice per Service, with the addresses of the pods that its selector finds."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rollouts.devplane.builtin.replicasets import ready_since
from rollouts.devplane.builtin.world import World
from rollouts.devplane.store import Commit
from rollouts.kit.instant import Instant
from rollouts.kube.kinds import ENDPOINT_SLICE, POD, SERVICE
from rollouts.kube.object import controller_reference, is_deleting, labels, name, namespace, ref, uid
from rollouts.kube.ref import Manifest, Ref

SERVICE_LABEL = "kubernetes.io/service-name"
_MANAGED_BY = {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}


def concerns(world: World, commit: Commit) -> Iterable[Ref]:
    """The Service itself, or every Service whose selector finds a pod, as it was or as it is."""
    if commit.kind == SERVICE:
        yield ref(SERVICE, commit.object)
    elif commit.kind == POD:
        seen = [labels(manifest) for manifest in (commit.previous, commit.object) if manifest is not None]
        for service in world.store.all(SERVICE):
            selector = (service.get("spec") or {}).get("selector") or {}
            is_near = bool(selector) and namespace(service) == namespace(commit.object)
            if is_near and any(selector.items() <= present.items() for present in seen):
                yield ref(SERVICE, service)


def step(world: World, which: Ref, now: Instant) -> Instant | None:
    """Bring the slice of a Service up to date."""
    service = world.store.find(which)
    if service is None or is_deleting(service) or not service["spec"].get("selector"):
        return None
    selector = service["spec"]["selector"]
    pods = sorted(
        (
            pod
            for pod in world.store.all(POD)
            if namespace(pod) == which.namespace and selector.items() <= labels(pod).items() and _is_reachable(pod)
        ),
        key=name,
    )
    suffix = f"{zlib.crc32(uid(service).encode()):08x}"[:5]
    target = Ref(ENDPOINT_SLICE, which.namespace, f"{which.name}-{suffix}")
    endpoints = [_endpoint(pod) for pod in pods]
    ports = [_port(port, pods) for port in service["spec"].get("ports") or ()]
    present = world.store.find(target)
    if present is None:
        meta = {
            "name": target.name,
            "labels": {**_MANAGED_BY, SERVICE_LABEL: which.name},
            "ownerReferences": [controller_reference(SERVICE, service)],
        }
        body = {"metadata": meta, "addressType": "IPv4", "endpoints": endpoints, "ports": ports}
        world.create(ENDPOINT_SLICE, which.namespace, body)
    elif (present.get("endpoints"), present.get("ports")) != (endpoints, ports):
        world.patch(target, {"endpoints": endpoints, "ports": ports})
    return None


def _is_reachable(pod: Manifest) -> bool:
    return bool(pod["status"].get("podIP")) and pod["status"].get("phase") == "Running"


def _endpoint(pod: Manifest) -> dict[str, Any]:
    ready = ready_since(pod) is not None
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready and not is_deleting(pod), "serving": ready, "terminating": is_deleting(pod)},
        "nodeName": pod["spec"].get("nodeName", ""),
        "targetRef": {"kind": "Pod", "namespace": namespace(pod), "name": name(pod), "uid": uid(pod)},
    }


def _port(port: Mapping[str, Any], pods: Sequence[Manifest]) -> dict[str, Any]:
    target = port.get("targetPort", port.get("port"))
    if isinstance(target, str):
        named = (
            offered
            for pod in pods
            for container in pod["spec"]["containers"]
            for offered in container.get("ports") or ()
            if offered.get("name") == target
        )
        target = next((offered["containerPort"] for offered in named), None)
    return {"name": port.get("name", ""), "port": target, "protocol": port.get("protocol", "TCP")}
