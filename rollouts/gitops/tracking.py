"""Whose object is this? An annotation says so, and counts only where it describes the object that bears it.

A copy that somebody makes of an object, annotations and all, names another object than itself: it is nobody's, and
nothing is ever pruned on its word.
"""

from __future__ import annotations

from rollouts.gitops.keys import Key
from rollouts.kube import object as kube
from rollouts.kube.ref import Manifest, Ref

ANNOTATION = "argocd.argoproj.io/tracking-id"
LABEL = "app.kubernetes.io/instance"
LABEL_CHARS_MAX = 63
SYNC_ID = "rollouts.argoproj.io/sync-id"
"""On hooks and on objects that were made anew: the sync that made them, so that a restart makes none of them twice."""


def instance(ref: Ref, control_namespace: str) -> str:
    """The name under which an Application tracks its objects."""
    return ref.name if ref.namespace in ("", control_namespace) else f"{ref.namespace}_{ref.name}"


def identifier(app: str, key: Key, namespace: str) -> str:
    """The annotation's value. namespace: of the destination, which stands in for that of a cluster-scoped object."""
    return f"{app}:{key.group}/{key.kind}:{key.namespace or namespace}/{key.name}"


def marked(manifest: Manifest, app: str, key: Key, namespace: str, label: str = "") -> Manifest:
    """The manifest with the annotation; one that git claims for another application is overwritten.

    label: one that names the application too, for the tools that look for it; whose an object is, it does not say.
    """
    meta = manifest["metadata"]
    annotations = {**(meta.get("annotations") or {}), ANNOTATION: identifier(app, key, namespace)}
    labels = {"labels": {**(meta.get("labels") or {}), label: app[:LABEL_CHARS_MAX]}} if label else {}
    return {**manifest, "metadata": {**meta, "annotations": annotations, **labels}}


def owner(live: Manifest, key: Key) -> str:
    """The application that tracks a live object, "" where none does or the mark describes another object."""
    value = kube.annotations(live).get(ANNOTATION)
    if not isinstance(value, str):
        return ""
    app, _, rest = value.partition(":")
    kind, _, place = rest.partition(":")
    namespace, _, name = place.rpartition("/")
    if kind != f"{key.group}/{key.kind}" or name != key.name or (key.namespace and namespace != key.namespace):
        return ""
    return app


def is_ours(live: Manifest, key: Key, app: str) -> bool:
    """Whether an application may remove a live object: it tracks it, and no other object owns it."""
    return owner(live, key) == app and not live["metadata"].get("ownerReferences")
