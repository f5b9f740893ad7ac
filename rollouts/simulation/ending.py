"""How a run ended, without what may differ between two good runs: instants, uids, versions, drawn names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from rollouts.devplane.store import Store
from rollouts.kube import kinds
from rollouts.kube.object import controller_uid, name, namespace
from rollouts.kube.ref import Manifest

_STAMP = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?Z?( \+0000 UTC)?")
_META = ("name", "namespace", "labels", "annotations")
_COMPARED = (kinds.ROLLOUT, kinds.REPLICA_SET, kinds.SERVICE, kinds.INGRESS, kinds.ANALYSIS_RUN)
# How often a source was asked, and how long a person let an update wait, is no part of how a story ends.
_LEFT_OUT = frozenset(
    {
        "observedGeneration",
        "metricResults",
        "runSummary",
        "dryRunSummary",
        "duration",
        "startedAt",
        "completedAt",
        "workloadObservedGeneration",
        "clusterIP",
        "clusterIPs",
    }
)
_FOREIGN = "example.org/"


def ending(store: Store) -> dict[str, Any]:
    """Every object that the story is about, masked, and the number of pods by owner and image."""
    found: dict[str, Any] = {}
    for kind in _COMPARED:
        for manifest in store.all(kind):
            found[f"{kind.name}/{namespace(manifest)}/{name(manifest)}"] = _masked(manifest)
    pods: Counter[str] = Counter()
    owners = {one["metadata"]["uid"]: name(one) for one in store.all(kinds.REPLICA_SET)}
    for pod in store.all(kinds.POD):
        pods[owners.get(controller_uid(pod), "nobody")] += 1
    found["pods"] = dict(sorted(pods.items()))
    return dict(sorted(found.items()))


def differences(reference: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Where two endings differ, path by path."""
    return list(_differences("", reference, found))[:40]


def _masked(manifest: Manifest) -> dict[str, Any]:
    meta = {key: manifest["metadata"][key] for key in _META if manifest["metadata"].get(key)}
    if notes := meta.get("annotations"):
        meta["annotations"] = {key: value for key, value in notes.items() if not key.startswith(_FOREIGN)}
    rest = {key: value for key, value in manifest.items() if key not in ("metadata", "apiVersion", "kind")}
    masked: dict[str, Any] = _mask({"metadata": meta, **rest})
    return masked


def _mask(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _mask(inner) for key, inner in sorted(value.items()) if key not in _LEFT_OUT and inner not in ({}, [])
        }
    if isinstance(value, list):
        items = [_mask(item) for item in value]
        return sorted(items, key=lambda item: str(item.get("type"))) if _are_conditions(items) else items
    if isinstance(value, str):
        return _STAMP.sub("<time>", value)
    return value


def _are_conditions(items: list[Any]) -> bool:
    return bool(items) and all(isinstance(item, dict) and "type" in item and "status" in item for item in items)


def _differences(path: str, one: Any, other: Any) -> list[str]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        found = []
        for key in sorted(one.keys() | other.keys()):
            found += _differences(f"{path}.{key}" if path else str(key), one.get(key), other.get(key))
        return found
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [
            text
            for index, (a, b) in enumerate(zip(one, other, strict=True))
            for text in _differences(f"{path}[{index}]", a, b)
        ]
    return [] if one == other else [f"{path}: {one!r} in the fault-free run, {other!r} here"]
