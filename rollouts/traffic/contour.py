"""Contour: weights on the services of HTTPProxies, and a route per header.

Routes have no names here, so a managed one bears its name in a condition that every request meets: the absence of a
header that nobody sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from rollouts.api.routing import ContourRouting
from rollouts.kube import object as obj
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.traffic.inplace import Dialect, Get, Reading, covers, share
from rollouts.traffic.route import Match, Request, Split, Traffic

PROXY = Kind("projectcontour.io", "v1", "HTTPProxy", "httpproxies")
PLUGIN = "argoproj-labs/contour"
_MARK = "x-rollouts-route-"


def refs(settings: ContourRouting, traffic: Traffic, get: Get) -> tuple[Ref, ...]:
    """Every HTTPProxy of the settings."""
    names = settings.http_proxies or ((settings.http_proxy,) if settings.http_proxy else ())
    return tuple(Ref(PROXY, settings.namespace or traffic.namespace, name) for name in names)


def read(settings: ContourRouting, traffic: Traffic, manifest: Manifest) -> Reading:
    """The canary's share of each route that names both Services."""
    if obj.namespace(manifest) != traffic.namespace:  # its services are those of its own namespace, whatever they name
        missing = f"HTTPProxy `{obj.name(manifest)}` leads to Services of its own namespace, not of the Rollout's"
        return Reading((), (), None, missing)
    routes = _routes(manifest)
    names = tuple(dict.fromkeys(name for route in routes if (name := _name(route)) in traffic.managed))
    weights = [_weight(route, traffic) for route in routes if _name(route) not in traffic.managed]
    return Reading(tuple(weight for weight in weights if weight is not None), names, _verified(manifest))


def edit(settings: ContourRouting, traffic: Traffic, manifest: dict[str, Any], split: Split) -> dict[str, Any]:
    """The HTTPProxy with the split, and a route before ours for each header route."""
    routes = _routes(manifest)
    present = [route for route in routes if _name(route) in traffic.managed]
    others = [route for route in routes if _name(route) not in traffic.managed]
    ours = [route for route in others if _weight(route, traffic) is not None]
    for route in ours:
        for each in route["services"]:
            if each.get("name") == traffic.canary_service:
                each["weight"] = split.canary
            elif each.get("name") == traffic.stable_service:
                each["weight"] = split.stable
    made = [
        _managed(route, wanted.name, request, traffic)
        for wanted in split.managed
        for request in wanted.requests
        for route in ours
    ]
    kept = [next((one for one in present if covers(one, each)), each) for each in made]
    return {**manifest, "spec": {**manifest["spec"], "routes": [*kept, *others]}}


def settings_of(given: Mapping[str, Any]) -> ContourRouting:
    """The settings as the plugin of this name takes them."""
    return ContourRouting.model_validate(dict(given))


def _routes(manifest: Manifest) -> list[dict[str, Any]]:
    return [route for route in (manifest.get("spec") or {}).get("routes") or () if isinstance(route, dict)]


def _weight(route: Mapping[str, Any], traffic: Traffic) -> int | None:
    weights = {
        each.get("name"): each.get("weight", 0) for each in route.get("services") or () if not each.get("mirror")
    }
    if not {traffic.canary_service, traffic.stable_service} <= weights.keys():
        return None
    return share(weights[traffic.canary_service], weights[traffic.stable_service], traffic.total)


def _name(route: Mapping[str, Any]) -> str:
    """The name of a managed route, "" for a route of the user's."""
    headers = [str((each.get("header") or {}).get("name") or "") for each in route.get("conditions") or ()]
    return next((header.removeprefix(_MARK) for header in headers if header.startswith(_MARK)), "")


def _managed(base: Mapping[str, Any], name: str, request: Request, traffic: Traffic) -> dict[str, Any]:
    made = deepcopy({key: value for key, value in base.items() if key != "services"})
    canary = next(each for each in base["services"] if each.get("name") == traffic.canary_service)
    wanted = [{"header": _header(header, match)} for header, match in request.headers.items()]
    mark = {"header": {"name": f"{_MARK}{name}", "notpresent": True}}
    made["conditions"] = [*(made.get("conditions") or ()), *wanted, mark]
    made["services"] = [{key: value for key, value in canary.items() if key != "weight"}]
    return made


def _header(name: str, match: Match) -> dict[str, str]:
    if match.way == "exact":
        return {"name": name, "exact": match.text}
    quoted = "".join(f"\\{each}" if each in r"\.+*?()|[]{}^$" else each for each in match.text)
    return {"name": name, "regex": match.text if match.way == "regex" else f"{quoted}.*"}


def _verified(manifest: Manifest) -> bool | None:
    for condition in (manifest.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "Valid" and condition.get("observedGeneration") is not None:
            seen = condition["observedGeneration"] >= obj.generation(manifest)
            return bool(seen and condition.get("status") == "True")
    return None


DIALECT = Dialect("contour", (PROXY,), refs, read, edit, settings_of, headers=frozenset({"exact", "prefix", "regex"}))
