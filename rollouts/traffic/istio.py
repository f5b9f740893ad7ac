"""Istio: weights on the routes of VirtualServices, between two hosts or between two subsets of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from rollouts.api.routing import IstioRouting, IstioVirtualService
from rollouts.kube import object as obj
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.traffic.inplace import Dialect, Get, Reading, covers, guests, share
from rollouts.traffic.route import Beside, ManagedRoute, Match, Request, Split, Traffic
from rollouts.traffic.selector import Place

GROUP = "networking.istio.io"
VIRTUAL_SERVICE = Kind(GROUP, "v1", "VirtualService", "virtualservices")
DESTINATION_RULE = Kind(GROUP, "v1", "DestinationRule", "destinationrules")
_ANY: tuple[Mapping[str, Any], ...] = ({},)


def named(settings: IstioRouting) -> tuple[IstioVirtualService, ...]:
    """The VirtualServices of the settings."""
    return settings.virtual_services or ((settings.virtual_service,) if settings.virtual_service else ())


def refs(settings: IstioRouting, traffic: Traffic, get: Get) -> tuple[Ref, ...]:
    """Every VirtualService; its name may say its namespace."""
    return tuple(_ref(each.name, traffic) for each in named(settings))


def read(settings: IstioRouting, traffic: Traffic, manifest: Manifest) -> Reading:
    """The canary's share of each route of ours."""
    wanted = _settings_of(settings, traffic, manifest)
    routes = list(_ours(settings, wanted, traffic, manifest)) if wanted else []
    http = (manifest.get("spec") or {}).get("http") or ()
    managed = tuple(str(each["name"]) for each in http if each.get("name") in traffic.managed)
    missing = _missing(wanted, manifest) if wanted else ""
    weights = [_weight(settings, traffic, route) for route in routes]
    if not missing and not all(_leads_home(settings, traffic, manifest, route) for route in routes):
        missing = f"VirtualService `{obj.name(manifest)}` leads to Services of its own namespace, not of the Rollout's"
    if not missing and any(weight is None for weight in weights):
        missing = f"VirtualService `{obj.name(manifest)}` has a route without the canary or the stable destination"
    beside = guests(_by_host(routes[0]), traffic) if routes else ()
    return Reading(tuple(weight or 0 for weight in weights), managed, _verified(manifest), missing, beside)


def edit(settings: IstioRouting, traffic: Traffic, manifest: dict[str, Any], split: Split) -> dict[str, Any]:
    """The VirtualService with the split on every route of ours, and the managed routes before all others."""
    wanted = _settings_of(settings, traffic, manifest)
    assert wanted is not None
    ours = list(_ours(settings, wanted, traffic, manifest))
    for route in ours:
        for entry in route["route"]:
            if _is_canary(settings, traffic, entry):
                entry["weight"] = split.canary
            elif _is_stable(settings, traffic, entry):
                entry["weight"] = split.stable
        route["route"] = _with_guests(route["route"], settings, traffic, split)
    spec = manifest["spec"]
    http = spec.get("http") or []
    base = next((route for route in ours if any(route is each for each in http)), None)
    if base is None:
        return manifest
    present = {each["name"]: each for each in http if each.get("name") in traffic.managed}
    made = [_managed(route, base, settings, traffic) for route in split.managed]
    kept = [present[each["name"]] if covers(present.get(each["name"]), each) else each for each in made]
    others = [each for each in http if each.get("name") not in traffic.managed]
    return {**manifest, "spec": {**spec, "http": [*kept, *others]}}


def selectors(settings: IstioRouting, traffic: Traffic, get: Get) -> tuple[Place, ...]:
    """Where each subset of the DestinationRule says which pods it stands for."""
    rule = settings.destination_rule
    if rule is None:
        return ()
    ref = Ref(DESTINATION_RULE, traffic.namespace, rule.name)
    manifest = get(ref) or {}
    found = []
    for at, subset in enumerate((manifest.get("spec") or {}).get("subsets") or ()):
        for side, name in (("canary", rule.canary_subset_name), ("stable", rule.stable_subset_name)):
            if subset.get("name") == name:
                found.append(Place(ref, manifest, side, ("spec", "subsets", str(at), "labels")))
    return tuple(found)


def lacking(settings: IstioRouting, traffic: Traffic, get: Get) -> str:
    """What the DestinationRule lacks, "" where it has both subsets or none is named."""
    rule = settings.destination_rule
    if rule is None:
        return ""
    if get(Ref(DESTINATION_RULE, traffic.namespace, rule.name)) is None:
        return f'destinationrules.{GROUP} "{rule.name}" not found'
    sides = {place.side for place in selectors(settings, traffic, get)}
    for side, name in (("canary", rule.canary_subset_name), ("stable", rule.stable_subset_name)):
        if side not in sides:
            return f"DestinationRule `{rule.name}` has no subset `{name}`"
    return ""


def _ref(name: str, traffic: Traffic) -> Ref:
    space, _, own = name.rpartition("/")
    return Ref(VIRTUAL_SERVICE, space or traffic.namespace, own)


def _settings_of(settings: IstioRouting, traffic: Traffic, manifest: Manifest) -> IstioVirtualService | None:
    here = obj.ref(VIRTUAL_SERVICE, manifest)
    return next((each for each in named(settings) if _ref(each.name, traffic) == here), None)


def _ours(
    settings: IstioRouting, wanted: IstioVirtualService, traffic: Traffic, manifest: Manifest
) -> Iterator[dict[str, Any]]:
    """The routes that the settings name; without names, every route that leads to the stable side."""
    spec = manifest.get("spec") or {}
    http = [each for each in spec.get("http") or () if each.get("name") not in traffic.managed]
    if not (wanted.routes or wanted.tls_routes or wanted.tcp_routes):
        for each in (*http, *(spec.get("tls") or ()), *(spec.get("tcp") or ())):
            if any(_is_stable(settings, traffic, entry) for entry in each.get("route") or ()):
                yield each
        return
    yield from (each for each in http if each.get("name") in wanted.routes)
    for asked in wanted.tls_routes:
        yield from (each for each in spec.get("tls") or () if _matches(each, asked.port, asked.sni_hosts))
    for tcp in wanted.tcp_routes:
        yield from (each for each in spec.get("tcp") or () if _matches(each, tcp.port, ()))


def _matches(route: Mapping[str, Any], port: int, hosts: tuple[str, ...]) -> bool:
    """Whether some match of a TLS or TCP route has that port and those hosts; 0 and none ask for nothing."""
    return any(
        (not port or match.get("port") == port) and (not hosts or set(match.get("sniHosts") or ()) == set(hosts))
        for match in route.get("match") or _ANY
    )


def _missing(wanted: IstioVirtualService, manifest: Manifest) -> str:
    """The contract's words for a route that is named and not there."""
    spec, name = manifest.get("spec") or {}, obj.name(manifest)
    known = {each.get("name") for each in spec.get("http") or ()}
    for route in wanted.routes:
        if route not in known:
            return f"HTTP Route '{route}' is not found in the VirtualService `{name}`"
    for tls in wanted.tls_routes:
        if not any(_matches(each, tls.port, tls.sni_hosts) for each in spec.get("tls") or ()):
            return f"TLS Route with port {tls.port} is not found in the VirtualService `{name}`"
    for tcp in wanted.tcp_routes:
        if not any(_matches(each, tcp.port, ()) for each in spec.get("tcp") or ()):
            return f"TCP Route with port {tcp.port} is not found in the VirtualService `{name}`"
    return ""


def _is_canary(settings: IstioRouting, traffic: Traffic, entry: Mapping[str, Any]) -> bool:
    rule, to = settings.destination_rule, entry.get("destination") or {}
    if rule:
        return bool(to.get("subset") == rule.canary_subset_name)
    return _is_host(to.get("host"), traffic.canary_service, traffic.namespace)


def _is_stable(settings: IstioRouting, traffic: Traffic, entry: Mapping[str, Any]) -> bool:
    rule, to = settings.destination_rule, entry.get("destination") or {}
    if rule:
        return bool(to.get("subset") == rule.stable_subset_name)
    return _is_host(to.get("host"), traffic.stable_service, traffic.namespace)


def _leads_home(settings: IstioRouting, traffic: Traffic, manifest: Manifest, route: Mapping[str, Any]) -> bool:
    """Whether both sides of a route are of the Rollout's namespace; a short host is of the VirtualService's own.

    Otherwise whoever may write a Rollout here could move the traffic of a namesake there.
    """
    if obj.namespace(manifest) == traffic.namespace:
        return True
    sides = [
        each
        for each in route.get("route") or ()
        if _is_canary(settings, traffic, each) or _is_stable(settings, traffic, each)
    ]
    hosts = [str((each.get("destination") or {}).get("host") or "") for each in sides]
    return all(host.split(".")[1:2] == [traffic.namespace] for host in hosts)


def _is_host(host: object, service: str, namespace: str) -> bool:
    text = str(host or "")
    return bool(service) and (text == service or f"{text}.".startswith(f"{service}.{namespace}."))


def _weight(settings: IstioRouting, traffic: Traffic, route: Mapping[str, Any]) -> int | None:
    """The canary's share of a route, None where a side is not there."""
    entries = route.get("route") or ()
    canary = [each for each in entries if _is_canary(settings, traffic, each)]
    stable = [each for each in entries if _is_stable(settings, traffic, each)]
    if not canary or not stable:
        return None
    others = stable[0].get("weight", 0) + sum(each.weight for each in guests(_by_host(route), traffic))
    return share(canary[0].get("weight", 0), others, traffic.total)


def _by_host(route: Mapping[str, Any]) -> dict[str, Any]:
    """Host → weight of the destinations of a route."""
    return {
        str((each.get("destination") or {}).get("host")): each.get("weight", 0) for each in route.get("route") or ()
    }


def _with_guests(
    entries: list[dict[str, Any]], settings: IstioRouting, traffic: Traffic, split: Split
) -> list[dict[str, Any]]:
    """The destinations with those of experiments behind them, and none of former ones."""
    names = {*traffic.beside, *(each.service for each in split.beside)}
    kept = [each for each in entries if (each.get("destination") or {}).get("host") not in names]
    canary: dict[str, Any] = next((each["destination"] for each in kept if _is_canary(settings, traffic, each)), {})
    return [*kept, *({"destination": _to(each, canary), "weight": each.weight} for each in split.beside)]


def _to(guest: Beside, canary: Mapping[str, Any]) -> dict[str, Any]:
    port = (canary.get("port") or {}).get("number")
    return {"host": guest.service, **({"port": {"number": guest.port(port)}} if port else {})}


def _verified(manifest: Manifest) -> bool | None:
    """Istio says which version its proxies have only where its status controller is on."""
    status = manifest.get("status") or {}
    observed, generation = status.get("observedGeneration"), obj.generation(manifest)
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Reconciled":
            return bool(condition.get("status") == "True" and int(observed or generation) >= generation)
    return None


def _managed(route: ManagedRoute, base: Mapping[str, Any], settings: IstioRouting, traffic: Traffic) -> dict[str, Any]:
    canary = next(each for each in base["route"] if _is_canary(settings, traffic, each))
    to = deepcopy(dict(canary["destination"]))
    if route.mirror_percent is not None:
        return {
            "name": route.name,
            "match": [_match(request) for request in route.requests],
            "route": deepcopy(base["route"]),
            "mirror": to,
            "mirrorPercentage": {"value": route.mirror_percent},
        }
    # As in the contract, each condition of a header route is a match of its own here: one that holds is enough.
    singly = [Request({name: wanted}) for request in route.requests for name, wanted in request.headers.items()]
    return {
        "name": route.name,
        "match": [_match(request) for request in singly],
        "route": [{"destination": to, "weight": 100}],
    }


def _match(request: Request) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if request.method:
        made["method"] = _text(request.method)
    if request.path:
        made["uri"] = _text(request.path)
    if request.headers:
        made["headers"] = {name: _text(wanted) for name, wanted in request.headers.items()}
    return made


def _text(match: Match) -> dict[str, str]:
    return {match.way: match.text}


DIALECT = Dialect(
    "istio",
    (VIRTUAL_SERVICE,),
    refs,
    read,
    edit,
    IstioRouting.model_validate,
    headers=frozenset({"exact", "prefix", "regex"}),
    mirrors=True,
    experiments=True,
)
