"""Pod templates: the hash that names a revision, and equality that ignores what the API server fills in.

The hash is FNV-1a over the template as Go's encoding/json prints Kubernetes' own structs, so that a Rollout keeps its
ReplicaSets when another controller of the same contract hands it over.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final

from rollouts.kit import canonical
from rollouts.kube import quantity
from rollouts.kube.podfields import STRUCTS, Field
from rollouts.kube.ref import Manifest

HASH_LABEL = "rollouts-pod-template-hash"

_ABSENT: Final = object()
_EPHEMERAL = "EphemeralContainer"


def canonical_bytes(template: Manifest) -> bytes:
    """The template as Go prints a PodTemplateSpec; parts that Go could not decode are left out."""
    return canonical.go_json(_struct("PodTemplateSpec", template)).encode()


def template_hash(template: bytes, collisions: int | None = None) -> str:
    """The pod template hash of canonical bytes. collisions: status.collisionCount, None where it is not set."""
    chunks = [template] if collisions is None else [template, struct.pack("<Ixxxx", collisions & 0xFFFFFFFF)]
    return canonical.safe_encode(canonical.fnv32a(chunks))


def comparable(template: Manifest) -> bytes:
    """Equal for two templates that differ only in the hash label and in what the API server fills in."""
    full = _with_defaults(_struct("PodTemplateSpec", template))
    labels = {key: value for key, value in (full["metadata"].get("labels") or {}).items() if key != HASH_LABEL}
    meta = {key: value for key, value in full["metadata"].items() if key in ("annotations", "finalizers") and value}
    return canonical.sorted_json({"metadata": {**meta, "labels": labels}, "spec": full["spec"]}).encode()


def labelled(template: Manifest, hash_value: str) -> dict[str, Any]:
    """The template for a ReplicaSet: with the hash label, and without the parts that no API server would decode."""
    kept = _sanitized(template)
    meta = dict(kept.get("metadata") or {})
    meta.pop("creationTimestamp", None)
    meta["labels"] = {**(meta.get("labels") or {}), HASH_LABEL: hash_value}
    return {**kept, "metadata": meta}


def has_ephemeral_containers(pod: Manifest) -> bool:
    """Whether a pod's spec has any; where Go could not decode one of them, the whole list counts as absent."""
    found = pod.get("ephemeralContainers")
    return bool(found) and _decodes(f"[]{_EPHEMERAL}", found)


def _struct(name: str, value: Any) -> dict[str, Any]:
    given = value if isinstance(value, Mapping) else {}
    shaped: dict[str, Any] = {}
    for field in STRUCTS[name]:
        inner = _shape(field.type, given.get(field.name))
        if inner is _ABSENT or (field.omit_zero and inner is None):
            if field.always:
                shaped[field.name] = _zero(field.type)
        elif field.always or not _is_empty(field, inner):
            shaped[field.name] = inner
    return shaped


def _shape(kind: str, value: Any) -> Any:
    """A value in the shape of its type; _ABSENT where there is none or where it is of another type."""
    if kind.startswith("*"):
        return _ABSENT if value is None else _shape(kind[1:], value)
    if kind.startswith("[]"):
        return _list(kind[2:], value)
    if kind.startswith("{}"):
        return _map(kind[2:], value)
    if kind in STRUCTS:
        return _struct(kind, value) if value is None or isinstance(value, Mapping) else _struct(kind, {})
    if kind == "quantity":
        return _quantity(value)
    return value if _fits(kind, value) else _ABSENT


def _list(kind: str, value: Any) -> Any:
    if not isinstance(value, list | tuple) or (kind == _EPHEMERAL and not _decodes(f"[]{kind}", value)):
        return _ABSENT
    shaped = (_shape(kind, inner) for inner in value)
    return [_zero(kind) if inner is _ABSENT else inner for inner in shaped]


def _decodes(kind: str, value: Any) -> bool:
    """Whether every part of a value is of the type that it is to have."""
    kind = kind.removeprefix("*")
    if value is None:
        return True
    if kind.startswith("[]"):
        return isinstance(value, list | tuple) and all(_decodes(kind[2:], inner) for inner in value)
    if kind.startswith("{}"):
        return isinstance(value, Mapping) and all(_decodes(kind[2:], inner) for inner in value.values())
    if kind in STRUCTS:
        return isinstance(value, Mapping) and all(_decodes(each.type, value.get(each.name)) for each in STRUCTS[kind])
    return _quantity(value) is not _ABSENT if kind == "quantity" else _fits(kind, value)


def _map(kind: str, value: Any) -> Any:
    if not isinstance(value, Mapping):
        return _ABSENT
    shaped = {str(key): _shape(kind, inner) for key, inner in sorted(value.items())}
    return {key: inner for key, inner in shaped.items() if inner is not _ABSENT}


def _quantity(value: Any) -> Any:
    if value is None:
        return "0"
    text = str(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else ""
    spelled = quantity.canonical(text)
    return _ABSENT if spelled is None else spelled


def _fits(kind: str, value: Any) -> bool:
    if kind in ("str", "time"):
        return isinstance(value, str)
    if kind == "bool":
        return isinstance(value, bool)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return is_number or (kind == "intstr" and isinstance(value, str))


def _zero(kind: str) -> Any:
    if kind in STRUCTS:
        return _struct(kind, {})
    return {"str": "", "bool": False, "int": 0, "intstr": 0, "quantity": "0"}.get(kind)


def _is_empty(field: Field, value: Any) -> bool:
    """Whether Go's omitempty leaves the value out: never a struct, never what a pointer points at."""
    if field.type.startswith("*") or field.type in STRUCTS or field.type in ("quantity", "intstr"):
        return False
    return value is None or value in (False, 0, "", [], {})


def _sanitized(template: Manifest) -> dict[str, Any]:
    """The template without quantities that cannot be read, and without ephemeral containers if one cannot be read."""
    kept = dict(template)
    spec = dict(kept.get("spec") or {})
    for group in ("containers", "initContainers"):
        if isinstance(spec.get(group), list | tuple):
            spec[group] = [_with_readable_resources(each) for each in spec[group]]
    if not _decodes(f"[]{_EPHEMERAL}", spec.get("ephemeralContainers")):
        del spec["ephemeralContainers"]
    kept["spec"] = spec
    return kept


def _with_readable_resources(container: Any) -> Any:
    resources = container.get("resources") if isinstance(container, Mapping) else None
    if not isinstance(resources, Mapping):
        return container
    kept = {
        part: {key: each for key, each in amounts.items() if each is not None and _quantity(each) is not _ABSENT}
        for part, amounts in resources.items()
        if part in ("limits", "requests") and isinstance(amounts, Mapping)
    }
    if isinstance(resources.get("claims"), list | tuple):
        kept["claims"] = resources["claims"]
    return {**container, "resources": kept}


# What the API server fills in, by struct.  A callable sees the struct itself.
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "PodSpec": {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
    },
    "Container": {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"},
    "EphemeralContainer": {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"},
    "ContainerPort": {"protocol": "TCP"},
    "Probe": {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
    "HTTPGetAction": {"path": "/", "scheme": "HTTP"},
    "GRPCAction": {"service": ""},
    "ObjectFieldSelector": {"apiVersion": "v1"},
    "HostPathVolumeSource": {"type": ""},
    "SecretVolumeSource": {"defaultMode": 420},
    "ConfigMapVolumeSource": {"defaultMode": 420},
    "DownwardAPIVolumeSource": {"defaultMode": 420},
    "ProjectedVolumeSource": {"defaultMode": 420},
    "ServiceAccountTokenProjection": {"expirationSeconds": 3600},
    "ISCSIVolumeSource": {"iscsiInterface": "default"},
    "RBDVolumeSource": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "AzureDiskVolumeSource": {"cachingMode": "ReadWrite", "fsType": "ext4", "readOnly": False, "kind": "Shared"},
    "ScaleIOVolumeSource": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
}


def _with_defaults(template: dict[str, Any]) -> dict[str, Any]:
    full: dict[str, Any] = _filled("PodTemplateSpec", template)
    spec = full["spec"]
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for group in ("containers", "initContainers", "ephemeralContainers"):
        for container in spec.get(group) or ():
            container.setdefault("imagePullPolicy", _pull_policy(container.get("image", "")))
            resources = container.get("resources") or {}
            if resources.get("limits"):
                resources["requests"] = {**resources["limits"], **(resources.get("requests") or {})}
    return full


def _pull_policy(image: str) -> str:
    name = image.rsplit("/", 1)[-1]
    if "@" in name:
        return "IfNotPresent"
    return "Always" if ":" not in name or name.endswith(":latest") else "IfNotPresent"


def _filled(kind: str, value: Any) -> Any:
    kind = kind.lstrip("*")
    if kind.startswith("[]") and isinstance(value, list):
        return [_filled(kind[2:], inner) for inner in value]
    if kind not in STRUCTS or not isinstance(value, dict):
        return value
    full = {**_DEFAULTS.get(kind, {}), **value}
    types = {field.name: field.type for field in STRUCTS[kind]}
    return {name: _filled(types[name], inner) for name, inner in full.items()}
