"""How a run ended, without what may differ between two good runs: instants, uids, versions, drawn names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson

from rollouts.core.stepcall import RUN
from rollouts.devplane.store import Store
from rollouts.kube import kinds
from rollouts.kube.object import controller_uid, labels, name, namespace
from rollouts.kube.ref import Manifest
from rollouts.simulation.routed import CARRYING, SELECTING
from rollouts.simulation.truth import HASH, image_of

_STAMP = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?Z?( \+0000 UTC)?")
_META = ("name", "namespace", "labels", "annotations")
_OURS = (kinds.ROLLOUT, kinds.ANALYSIS_RUN, kinds.EXPERIMENT)
_COMPARED = tuple(dict.fromkeys((*_OURS, kinds.REPLICA_SET, kinds.SERVICE, kinds.INGRESS, *CARRYING, *SELECTING)))
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
        "rollout.argoproj.io/workload-generation",  # one more for each pod that leaves the workload by itself
        "collisionCount",
        "clusterIP",
        "clusterIPs",
        "executions",
    }
)
_SAME_AS_NONE: Mapping[str, Any] = {"minReadySeconds": 0}
_FOREIGN = "example.org/"
_ERROR = re.compile(r'"Error Message: .*"')
_POD = re.compile(r'of pod "[^"]*"')


def ending(store: Store) -> dict[str, Any]:
    """Every object that the story is about, masked, and the number of pods by owner.

    A version goes by its image: its hash has a collision counted in where a deleted Rollout's set still had the name.
    """
    found: dict[str, Any] = {}
    hashes = {labels(one).get(HASH, ""): image_of(one) for one in store.all(kinds.REPLICA_SET)}
    for kind in _COMPARED:
        for manifest in store.all(kind):
            found[f"{kind.name}/{namespace(manifest)}/{name(manifest)}"] = _masked(manifest)
    pods: Counter[str] = Counter()
    owners = {one["metadata"]["uid"]: name(one) for one in store.all(kinds.REPLICA_SET)}
    for pod in store.all(kinds.POD):
        pods[owners.get(controller_uid(pod), "nobody")] += 1
    found["pods"] = dict(pods)
    text = orjson.dumps(found).decode()
    for hash_value, image in hashes.items():
        text = text.replace(hash_value, f"<{image}>") if hash_value else text
    masked: dict[str, Any] = orjson.loads(text)
    return masked


def differences(reference: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Where two endings differ, path by path.

    A run that a person's promotion or abort ended before its verdict need not have begun: a crash may have come first.
    """
    missed = {key for key in reference.keys() ^ found.keys() if _is_cut_short(reference.get(key) or found.get(key))}
    kept = ({key: value for key, value in each.items() if key not in missed} for each in (reference, found))
    return list(_differences("", *kept))[:40]


def _is_cut_short(thing: Any) -> bool:
    if not isinstance(thing, Mapping) or not isinstance(thing.get("spec"), Mapping):
        return False
    return thing["spec"].get("terminate") is True and (thing.get("status") or {}).get("message") == "Run Terminated"


def _masked(manifest: Manifest) -> dict[str, Any]:
    meta = {key: manifest["metadata"][key] for key in _META if manifest["metadata"].get(key)}
    if notes := meta.get("annotations"):
        meta["annotations"] = {key: value for key, value in notes.items() if not key.startswith(_FOREIGN)}
    rest = {key: value for key, value in manifest.items() if key not in ("metadata", "apiVersion", "kind")}
    masked: dict[str, Any] = _mask({"metadata": meta, **rest})
    return masked


def _mask(value: Any) -> Any:
    if isinstance(value, Mapping):
        left_out = _LEFT_OUT | _open_call(value) if {"operation", "phase"} <= value.keys() else _LEFT_OUT
        return {
            key: _mask(inner)
            for key, inner in sorted(value.items())
            if key not in left_out and inner not in ({}, [], _SAME_AS_NONE.get(key, {}))
        }
    if isinstance(value, list):
        items = [_mask(item) for item in value]
        if not _are_conditions(items):
            return items
        # An update that was never paused has no such condition; one that was has it, and it says no.
        kept = (item for item in items if (item["type"], item["status"]) != ("Paused", "False"))
        return sorted(kept, key=lambda item: str(item["type"]))
    if isinstance(value, str):
        told = _ERROR.sub('"Error Message: <which>"', _STAMP.sub("<time>", value))
        return _POD.sub("of pod <which>", told)
    return value


def _open_call(call: Mapping[str, Any]) -> frozenset[str]:
    """What of a step plugin's call depends on how far the plugin was when somebody passed over its step.

    What the plugin remembers always does. A Run that was left before it was over had been answered or not, well or
    with an error: that it was left is all that is sure of it. A call that ends one is over in the end, and must agree.
    """
    is_left = call["operation"] == RUN and not call.get("finishedAt")
    return frozenset({"status", "phase", "message", "updatedAt", "backoff"} if is_left else {"status"})


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
