"""Apache APISIX: weights on the backends of an ApisixRoute's rules, and a rule of higher priority per header route."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from rollouts.api.routing import ApisixRouting
from rollouts.kube import object as obj
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.traffic.inplace import Dialect, Get, Reading, covers, share
from rollouts.traffic.route import ManagedRoute, Match, Split, Traffic

ROUTE = Kind("apisix.apache.org", "v2", "ApisixRoute", "apisixroutes")


def refs(settings: ApisixRouting, traffic: Traffic, get: Get) -> tuple[Ref, ...]:
    """The one ApisixRoute of the settings."""
    return (Ref(ROUTE, traffic.namespace, settings.route.name),) if settings.route else ()


def read(settings: ApisixRouting, traffic: Traffic, manifest: Manifest) -> Reading:
    """The canary's share of each rule of ours."""
    asked = settings.route.rules if settings.route else ()
    rules = _rules(manifest)
    for name in asked:
        if not any(rule.get("name") == name for rule in rules):
            return Reading(refusal=f"rule `{name}` is not found in the ApisixRoute `{obj.name(manifest)}`")
    weights = [_weight(rule, traffic) for rule in _ours(settings, traffic, rules)]
    if asked and None in weights:
        name = obj.name(manifest)
        return Reading(refusal=f"a rule of ApisixRoute `{name}` has no backend of the canary or the stable Service")
    managed = tuple(str(rule["name"]) for rule in rules if rule.get("name") in traffic.managed)
    return Reading(tuple(weight for weight in weights if weight is not None), managed, _verified(manifest))


def edit(settings: ApisixRouting, traffic: Traffic, manifest: dict[str, Any], split: Split) -> dict[str, Any]:
    """The ApisixRoute with the split in our rules, and the header routes' rules before them."""
    rules = _rules(manifest)
    ours = [rule for rule in _ours(settings, traffic, rules) if _weight(rule, traffic) is not None]
    for rule in ours:
        for backend in rule["backends"]:
            if backend.get("serviceName") == traffic.canary_service:
                backend["weight"] = split.canary
            elif backend.get("serviceName") == traffic.stable_service:
                backend["weight"] = split.stable
    present = {rule["name"]: rule for rule in rules if rule.get("name") in traffic.managed}
    first = len(split.managed)
    made = [_managed(route, ours[0], traffic, first - at) for at, route in enumerate(split.managed)] if ours else []
    kept = [present[each["name"]] if covers(present.get(each["name"]), each) else each for each in made]
    others = [rule for rule in rules if rule.get("name") not in traffic.managed]
    return {**manifest, "spec": {**manifest["spec"], "http": [*kept, *others]}}


def _rules(manifest: Manifest) -> list[dict[str, Any]]:
    return [rule for rule in (manifest.get("spec") or {}).get("http") or () if isinstance(rule, dict)]


def _ours(settings: ApisixRouting, traffic: Traffic, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    asked = settings.route.rules if settings.route else ()
    others = [rule for rule in rules if rule.get("name") not in traffic.managed]
    if asked:
        return [rule for rule in others if rule.get("name") in asked]
    return [rule for rule in others if _weight(rule, traffic) is not None]


def _weight(rule: Mapping[str, Any], traffic: Traffic) -> int | None:
    weights = {each.get("serviceName"): each.get("weight", 100) for each in rule.get("backends") or ()}
    if not {traffic.canary_service, traffic.stable_service} <= weights.keys():
        return None
    return share(weights[traffic.canary_service], weights[traffic.stable_service], traffic.total)


def _verified(manifest: Manifest) -> bool | None:
    for condition in (manifest.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "ResourcesAvailable" and condition.get("observedGeneration") is not None:
            seen = condition["observedGeneration"] >= obj.generation(manifest)
            return bool(seen and condition.get("status") == "True")
    return None


def _managed(route: ManagedRoute, base: Mapping[str, Any], traffic: Traffic, above: int) -> dict[str, Any]:
    made = deepcopy({key: value for key, value in base.items() if key not in ("name", "priority", "backends")})
    canary = next(each for each in base["backends"] if each.get("serviceName") == traffic.canary_service)
    conditions = [_expression(name, match) for request in route.requests for name, match in request.headers.items()]
    match = made.get("match") or {}
    made["name"] = route.name
    made["priority"] = int(base.get("priority") or 0) + above
    made["match"] = {**match, "exprs": [*(match.get("exprs") or ()), *conditions]}
    made["backends"] = [{**{key: value for key, value in canary.items() if key != "weight"}, "weight": 100}]
    return made


def _expression(name: str, match: Match) -> dict[str, Any]:
    quoted = "".join(f"\\{each}" if each in r"\.+*?()|[]{}^$" else each for each in match.text)
    op, value = {
        "exact": ("Equal", match.text),
        "prefix": ("RegexMatch", f"^{quoted}.*"),
        "regex": ("RegexMatch", match.text),
    }[match.way]
    return {"subject": {"scope": "Header", "name": name}, "op": op, "value": value}


DIALECT = Dialect(
    "apisix", (ROUTE,), refs, read, edit, ApisixRouting.model_validate, headers=frozenset({"exact", "prefix", "regex"})
)
