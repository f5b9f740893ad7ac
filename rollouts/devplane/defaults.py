"""What the API server fills into built-in kinds, and the few of their rules that a controller can break."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import orjson

from rollouts.devplane import errors, selectors
from rollouts.kit.parts import at
from rollouts.kube.ref import Kind, Manifest

_NEW_STATUS: Mapping[str, Any] = {
    "ReplicaSet": {"replicas": 0},
    "Deployment": {},
    "Job": {},
    "Pod": {"phase": "Pending", "qosClass": "BestEffort"},
    "Service": {"loadBalancer": {}},
    "Ingress": {"loadBalancer": {}},
    "Namespace": {"phase": "Active"},
}


def of_new(kind: Kind, new: dict[str, Any]) -> dict[str, Any]:
    """What only a fresh object gets: its first status, and a cluster address for a Service."""
    if kind.name in _NEW_STATUS:
        new = {**new, "status": _NEW_STATUS[kind.name]}
    if kind.name == "Service" and new["spec"].get("type") != "ExternalName" and not new["spec"].get("clusterIP"):
        seed = zlib.crc32(f"{new['metadata'].get('namespace')}/{new['metadata'].get('name')}".encode())
        address = f"10.0.{seed >> 8 & 255}.{seed % 254 + 1}"
        new = {**new, "spec": {**new["spec"], "clusterIP": address, "clusterIPs": [address]}}
    if kind.name == "Job" and "selector" not in (new.get("spec") or {}):
        labels = {"batch.kubernetes.io/job-name": new["metadata"].get("name", "")}
        template = new["spec"].get("template") or {}
        meta = template.get("metadata") or {}
        meta = {**meta, "labels": {**(meta.get("labels") or {}), **labels}}
        new = {
            **new,
            "spec": {**new["spec"], "selector": {"matchLabels": labels}, "template": {**template, "metadata": meta}},
        }
    return new


def filled(kind: Kind, new: dict[str, Any]) -> dict[str, Any]:
    """The object with the defaults of its kind."""
    if kind.name == "Secret":
        return {"type": "Opaque", **new}
    if kind.name not in ("ReplicaSet", "Deployment", "Job", "Pod", "Service", "Ingress"):
        return new
    spec: dict[str, Any] = new.get("spec") or {}
    match kind.name:
        case "ReplicaSet":
            spec = {"replicas": 1, **spec, **_template(spec, "Always")}
        case "Deployment":
            rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}
            some = {"replicas": 1, "strategy": rolling, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600}
            spec = {**some, **spec, **_template(spec, "Always")}
        case "Job":
            some = {"parallelism": 1, "completions": 1, "backoffLimit": 6, "completionMode": "NonIndexed"}
            spec = {**some, "suspend": False, **spec, **_template(spec, "Never")}
        case "Pod":
            spec = _pod_spec(spec, "Always")
        case "Service":
            ports = [{"protocol": "TCP", "targetPort": port.get("port"), **port} for port in spec.get("ports") or ()]
            some = {"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster"}
            spec = {**some, "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", **spec}
            spec |= {"ports": ports} if ports else {}
    return {**new, "spec": spec}


def _template(spec: Mapping[str, Any], restart: str) -> dict[str, Any]:
    template = spec.get("template")
    if not isinstance(template, Mapping):
        return {}
    meta = {"creationTimestamp": None, **(template.get("metadata") or {})}
    meta.pop("creationTimestamp")
    return {"template": {**template, "metadata": meta, "spec": _pod_spec(template.get("spec") or {}, restart)}}


def _pod_spec(spec: Mapping[str, Any], restart: str) -> dict[str, Any]:
    some = {
        "restartPolicy": restart,
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
    }
    lists = {
        field: [_container(one) if isinstance(one, Mapping) else one for one in spec[field]]
        for field in ("containers", "initContainers")
        if isinstance(spec.get(field), list)
    }
    return {**some, **spec, **lists}


def _container(container: Mapping[str, Any]) -> dict[str, Any]:
    image = str(container.get("image") or "")
    tag = image.rsplit("/", 1)[-1].partition(":")[2]
    some = {
        "resources": {},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "Always" if tag in ("", "latest") and "@" not in image else "IfNotPresent",
    }
    ports = [{"protocol": "TCP", **port} for port in container.get("ports") or () if isinstance(port, Mapping)]
    return {**some, **container} | ({"ports": ports} if ports else {})


def causes(kind: Kind, new: Manifest) -> list[errors.Cause]:
    """What is wrong with a built-in object, as far as this server looks."""
    spec = new.get("spec")
    if kind.name in ("ReplicaSet", "Deployment"):
        return _set_causes(spec or {})
    if kind.name == "Job":
        return _pod_causes(at(spec, "template", "spec") or {}, "spec.template.spec")
    if kind.name == "Pod":
        return _pod_causes(spec or {}, "spec")
    if kind.name == "Service" and (spec or {}).get("type") != "ExternalName" and not (spec or {}).get("ports"):
        return [] if (spec or {}).get("clusterIP") == "None" else [errors.required("spec.ports")]
    return []


def _set_causes(spec: Mapping[str, Any]) -> list[errors.Cause]:
    found = []
    replicas = spec.get("replicas")
    if isinstance(replicas, int) and replicas < 0:
        found.append(errors.invalid_value("spec.replicas", str(replicas), "must be greater than or equal to 0"))
    selector = spec.get("selector")
    labels = at(spec, "template", "metadata", "labels") or {}
    if not selector:
        found.append(errors.required("spec.selector"))
    elif not selectors.matches(selector, labels):
        why = "`selector` does not match template `labels`"
        found.append(errors.invalid_value("spec.template.metadata.labels", orjson.dumps(labels).decode(), why))
    return found + _pod_causes(at(spec, "template", "spec") or {}, "spec.template.spec")


def _pod_causes(spec: Mapping[str, Any], path: str) -> list[errors.Cause]:
    containers = spec.get("containers")
    if not containers:
        return [errors.required(f"{path}.containers")]
    found = []
    for index, container in enumerate(containers):
        where = f"{path}.containers[{index}]"
        found += [errors.required(f"{where}.{field}") for field in ("name", "image") if not container.get(field)]
    return found
