"""The hash that tells whether the steps of a Rollout have changed.

FNV-1a over the steps as Go prints the contract's own structs, so that an update in flight survives a change of
controller. What is not in the table below (steps of later work) goes in as it is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollouts.kit import canonical
from rollouts.kube.ref import Manifest

_STEP = ("setWeight", "pause", "experiment", "analysis", "setCanaryScale", "setHeaderRoute", "setMirrorRoute", "plugin")
_PAUSE = ("duration",)
_ANALYSIS = ("templates", "args", "dryRun", "measurementRetention", "analysisRunMetadata")
_TEMPLATE = ("templateName", "clusterScope")
_ARG = ("name", "value", "valueFrom")
_VALUE_FROM = ("podTemplateHashValue", "fieldRef")


def step_hash(rollout: Manifest) -> str:
    """The hash of the canary's steps, "" for blue-green, which has none."""
    strategy = (rollout.get("spec") or {}).get("strategy") or {}
    canary = strategy.get("canary") or {}
    if strategy.get("blueGreen") is not None:
        return ""
    steps = canary.get("steps")
    text = "null" if steps is None else canonical.go_json([_step(each) for each in steps])
    return canonical.safe_encode(canonical.fnv32a([text.encode()]))


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    shaped = _ordered(step, _STEP)
    if isinstance(shaped.get("pause"), Mapping):
        shaped["pause"] = _ordered(shaped["pause"], _PAUSE)
    if isinstance(shaped.get("analysis"), Mapping):
        shaped["analysis"] = _analysis(shaped["analysis"])
    return shaped


def _analysis(analysis: Mapping[str, Any]) -> dict[str, Any]:
    shaped = {key: value for key, value in _ordered(analysis, _ANALYSIS).items() if value}
    if "templates" in shaped:
        shaped["templates"] = [_without_empty(each, _TEMPLATE) for each in shaped["templates"]]
    if "args" in shaped:
        shaped["args"] = [_argument(each) for each in shaped["args"]]
    shaped.setdefault("analysisRunMetadata", {})
    return _ordered(shaped, _ANALYSIS)


def _argument(arg: Mapping[str, Any]) -> dict[str, Any]:
    shaped = {"name": arg.get("name", ""), **_without_empty(arg, _ARG)}
    if isinstance(shaped.get("valueFrom"), Mapping):
        shaped["valueFrom"] = _without_empty(shaped["valueFrom"], _VALUE_FROM)
    return shaped


def _without_empty(value: Mapping[str, Any], order: tuple[str, ...]) -> dict[str, Any]:
    return {key: each for key, each in _ordered(value, order).items() if each}


def _ordered(value: Mapping[str, Any], order: tuple[str, ...]) -> dict[str, Any]:
    """The fields that are there, in the order of the struct; fields it does not know follow by name."""
    known = {key: value[key] for key in order if value.get(key) is not None}
    return {**known, **{key: value[key] for key in sorted(value) if key not in order and value[key] is not None}}
