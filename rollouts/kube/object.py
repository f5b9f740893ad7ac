"""Questions that every manifest answers: who it is, which version, who controls it."""

from collections.abc import Mapping
from typing import Any

from rollouts.kit.instant import Instant
from rollouts.kube.ref import Kind, Manifest, Ref


def name(manifest: Manifest) -> str:
    """metadata.name."""
    return str(manifest["metadata"]["name"])


def namespace(manifest: Manifest) -> str:
    """metadata.namespace, "" for a cluster-scoped object."""
    return str(manifest["metadata"].get("namespace", ""))


def uid(manifest: Manifest) -> str:
    """metadata.uid, "" for an object that was never stored."""
    return str(manifest["metadata"].get("uid", ""))


def version(manifest: Manifest) -> str:
    """metadata.resourceVersion, "" for an object that was never stored."""
    return str(manifest["metadata"].get("resourceVersion", ""))


def generation(manifest: Manifest) -> int:
    """metadata.generation, 0 where the kind has none."""
    return int(manifest["metadata"].get("generation") or 0)


def labels(manifest: Manifest) -> Mapping[str, str]:
    """metadata.labels, empty rather than absent."""
    return manifest["metadata"].get("labels") or {}


def annotations(manifest: Manifest) -> Mapping[str, str]:
    """metadata.annotations, empty rather than absent."""
    return manifest["metadata"].get("annotations") or {}


def created(manifest: Manifest) -> Instant | None:
    """metadata.creationTimestamp (whole seconds, the server's clock)."""
    return Instant.parse(manifest["metadata"].get("creationTimestamp"))


def is_deleting(manifest: Manifest) -> bool:
    """Whether a deletion has begun."""
    return bool(manifest["metadata"].get("deletionTimestamp"))


def controller_uid(manifest: Manifest) -> str:
    """The uid of the owner marked `controller: true`, "" where there is none."""
    for owner in manifest["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            return str(owner.get("uid", ""))
    return ""


def controller_reference(kind: Kind, owner: Manifest) -> dict[str, Any]:
    """The ownerReference that makes `owner` the controller of another object."""
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "name": name(owner),
        "uid": uid(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def ref(kind: Kind, manifest: Manifest) -> Ref:
    """The Ref of a manifest of that kind."""
    return Ref(kind, namespace(manifest) if kind.namespaced else "", name(manifest))
