"""The scale subresource: replicas and selector of any kind that declares where they are."""

from __future__ import annotations

from typing import Any

from rollouts.devplane import errors, selectors
from rollouts.devplane.definitions import Definition, Scale
from rollouts.kit.parts import at
from rollouts.kube.ref import Manifest


def _paths(definition: Definition) -> Scale:
    if definition.scale is None:
        raise errors.ApiError(404, "NotFound", "the server could not find the requested resource", {})
    return definition.scale


def of(definition: Definition, manifest: Manifest) -> dict[str, Any]:
    """The Scale object of a stored object."""
    paths, meta = _paths(definition), manifest["metadata"]
    shown = {
        key: meta[key] for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp") if key in meta
    }
    replicas = at(manifest, *paths.spec_replicas.split("."))
    selector = (
        at(manifest, *paths.selector.split("."))
        if paths.selector
        else selectors.to_text(at(manifest, "spec", "selector"))
    )
    status = {"replicas": at(manifest, *paths.status_replicas.split(".")) or 0}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": shown,
        "spec": {} if replicas is None else {"replicas": replicas},
        "status": status | ({"selector": selector} if selector else {}),
    }


def changed(definition: Definition, manifest: Manifest, scale: Manifest) -> dict[str, Any]:
    """The object with the replicas of a Scale. Raises Invalid for a count that is no count."""
    paths = _paths(definition)
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if isinstance(replicas, bool) or not isinstance(replicas, int) or replicas < 0:
        cause = errors.invalid_value("spec.replicas", str(replicas), "must be greater than or equal to 0")
        raise errors.invalid(definition.kind, manifest["metadata"]["name"], [cause])
    section, _, field = paths.spec_replicas.partition(".")
    meta = dict(manifest["metadata"])
    if version := (scale.get("metadata") or {}).get("resourceVersion"):
        meta["resourceVersion"] = version
    return {**manifest, "metadata": meta, section: {**(manifest.get(section) or {}), field: replicas}}
