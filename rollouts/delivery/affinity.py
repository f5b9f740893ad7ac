"""Pods of two versions kept off one node: a term in the new version's template that names the other's hash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollouts.api.rollout import AntiAffinity
from rollouts.delivery import marks
from rollouts.kit.parts import at, part
from rollouts.kube.ref import Manifest

TOPOLOGY = "kubernetes.io/hostname"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def kept_apart(template: Manifest, rule: AntiAffinity, other: str) -> dict[str, Any]:
    """The template with a term that keeps its pods away from those with the hash `other`."""
    spec = dict(template.get("spec") or {})
    affinity = dict(spec.get("affinity") or {})
    anti = dict(affinity.get("podAntiAffinity") or {})
    requirement = {"key": marks.HASH_LABEL, "operator": "In", "values": [other]}
    term: dict[str, Any] = {"labelSelector": {"matchExpressions": [requirement]}, "topologyKey": TOPOLOGY}
    preferred = rule.preferred_during_scheduling_ignored_during_execution
    if preferred is not None:
        weighted = {"weight": preferred.weight, "podAffinityTerm": term}
        anti[_PREFERRED] = [*(anti.get(_PREFERRED) or ()), weighted]
    else:
        anti[_REQUIRED] = [*(anti.get(_REQUIRED) or ()), term]
    return {**template, "spec": {**spec, "affinity": {**affinity, "podAntiAffinity": anti}}}


def other_of(template: Manifest) -> str:
    """The hash that such a term of the template names, "" where there is none."""
    anti = _anti(template)
    terms = [*(anti.get(_REQUIRED) or ()), *(_weighted(each) for each in anti.get(_PREFERRED) or ())]
    return next((found for term in terms if (found := _named(term))), "")


def without(template: Manifest) -> Manifest:
    """The template without such terms, and without what they alone had brought into being."""
    if not other_of(template):
        return template
    anti = {key: value for key, value in _anti(template).items() if key not in (_REQUIRED, _PREFERRED)}
    required = [each for each in _anti(template).get(_REQUIRED) or () if not _named(each)]
    preferred = [each for each in _anti(template).get(_PREFERRED) or () if not _named(_weighted(each))]
    anti |= {key: value for key, value in ((_REQUIRED, required), (_PREFERRED, preferred)) if value}
    affinity = {key: value for key, value in template["spec"]["affinity"].items() if key != "podAntiAffinity"}
    affinity |= {"podAntiAffinity": anti} if anti else {}
    spec = {key: value for key, value in template["spec"].items() if key != "affinity"}
    return {**template, "spec": {**spec, **({"affinity": affinity} if affinity else {})}}


def _anti(template: Manifest) -> Mapping[str, Any]:
    return part(template, "spec", "affinity", "podAntiAffinity")


def _weighted(preference: object) -> Mapping[str, Any]:
    return part(preference, "podAffinityTerm")


def _named(term: object) -> str:
    """The one hash that a term names, "" for a term of somebody else's."""
    expressions = at(term, "labelSelector", "matchExpressions") or ()
    found = [part(each) for each in expressions if part(each).get("key") == marks.HASH_LABEL]
    values = found[0].get("values") if found else None
    return str(values[0]) if isinstance(values, list | tuple) and len(values) == 1 else ""
