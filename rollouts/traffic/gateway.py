"""Gateway API: weights on the backends of HTTPRoute, GRPCRoute, TCPRoute and TLSRoute, and named rules before them.

A rule belongs to the Rollout if it names the stable Service. Header and mirror routes are rules of their own that bear
the managed route's name; each takes over the matches and filters of the user's rule, so that it asks for no less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from rollouts.api.routing import GatewayRoute, GatewayRouting
from rollouts.kube import object as obj
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.traffic.inplace import Dialect, Get, Reading, covers, guests, share
from rollouts.traffic.route import Beside, ManagedRoute, Match, Request, Split, Traffic

GROUP = "gateway.networking.k8s.io"
HTTP = Kind(GROUP, "v1", "HTTPRoute", "httproutes")
GRPC = Kind(GROUP, "v1", "GRPCRoute", "grpcroutes")
TCP = Kind(GROUP, "v1", "TCPRoute", "tcproutes")
TLS = Kind(GROUP, "v1", "TLSRoute", "tlsroutes")
OLDER: Mapping[Kind, Kind] = {kind: Kind(GROUP, "v1alpha2", kind.name, kind.plural) for kind in (TCP, TLS)}
"""Before the Gateway API 1.6 (TLSRoute: 1.5) clusters serve these versions only."""
PLUGIN = "argoproj-labs/gatewayAPI"
MATCHES_MAX = 64  # of one rule, by the API


def refs(settings: GatewayRouting, traffic: Traffic, get: Get) -> tuple[Ref, ...]:
    """Every route that the settings name."""
    space = settings.namespace or traffic.namespace
    return tuple(Ref(kind, space, route.name) for kind, route in _named(settings))


def needs(settings: GatewayRouting) -> tuple[Kind, ...]:
    """The kinds that the settings name."""
    return tuple(dict.fromkeys(kind for kind, _ in _named(settings)))


def read(settings: GatewayRouting, traffic: Traffic, manifest: Manifest) -> Reading:
    """The canary's share of each rule that names both Services."""
    rules = [rule for rule in _rules(manifest) if rule.get("name") not in traffic.managed]
    weights = tuple(weight for rule in rules if (weight := _weight(rule, traffic, _space(manifest))) is not None)
    names = tuple(str(rule["name"]) for rule in _rules(manifest) if rule.get("name") in traffic.managed)
    ours = (rule for rule in rules if _weight(rule, traffic, _space(manifest)) is not None)
    beside = guests(_by_name(next(ours, {})), traffic)
    return Reading(weights, names, _verified(manifest), beside=beside)


def edit(settings: GatewayRouting, traffic: Traffic, manifest: dict[str, Any], split: Split) -> dict[str, Any]:
    """The route with the split in every rule of ours, and the managed rules before the first of them."""
    present = _rules(manifest)
    rules = [rule for rule in present if rule.get("name") not in traffic.managed]
    space, ours = _space(manifest), []
    for rule in rules:
        if _weight(rule, traffic, space) is None:
            continue
        ours.append(rule)
        for backend in rule["backendRefs"]:
            if _is(backend, traffic.canary_service, traffic, space):
                backend["weight"] = split.canary
            elif _is(backend, traffic.stable_service, traffic, space):
                backend["weight"] = split.stable
        rule["backendRefs"] = _with_guests(rule["backendRefs"], traffic, space, split)
    if not ours or not _takes_managed(settings, manifest):
        return manifest
    made = [_managed(route, ours, traffic, manifest) for route in split.managed]
    before = {rule["name"]: rule for rule in present if rule.get("name") in traffic.managed}
    kept = [before[rule["name"]] if covers(before.get(rule["name"]), rule) else rule for rule in made]
    spec = {**manifest["spec"], "rules": [*kept, *rules]}
    return {**manifest, "spec": spec}


def settings_of(given: Mapping[str, Any]) -> GatewayRouting:
    """The settings as the plugin of this name takes them; what only the plugin itself needs is passed over."""
    return GatewayRouting.model_validate({key: value for key, value in given.items() if key not in _PLUGIN_ONLY})


_ANY: tuple[Mapping[str, Any], ...] = ({},)
_PLUGIN_ONLY = frozenset({"configMap", "disableInProgressLabel", "inProgressLabelKey", "inProgressLabelValue"})


def _named(settings: GatewayRouting) -> Iterator[tuple[Kind, GatewayRoute]]:
    for kind, single, several in (
        (HTTP, settings.http_route, settings.http_routes),
        (GRPC, settings.grpc_route, settings.grpc_routes),
        (TCP, settings.tcp_route, settings.tcp_routes),
        (TLS, settings.tls_route, settings.tls_routes),
    ):
        if single:
            yield kind, GatewayRoute.model_validate({"name": single, "useHeaderRoutes": True})
        yield from ((kind, route) for route in several)


def _takes_managed(settings: GatewayRouting, manifest: Manifest) -> bool:
    if manifest.get("kind") not in (HTTP.name, GRPC.name):
        return False
    name = obj.name(manifest)
    return any(
        kind.name == manifest["kind"] and route.name == name and route.use_header_routes
        for kind, route in _named(settings)
    )


def _rules(manifest: Manifest) -> list[dict[str, Any]]:
    return [rule for rule in (manifest.get("spec") or {}).get("rules") or () if isinstance(rule, dict)]


def _space(manifest: Manifest) -> str:
    return obj.namespace(manifest)


def _is(backend: Mapping[str, Any], service: str, traffic: Traffic, space: str) -> bool:
    is_service = (backend.get("group") or "") == "" and (backend.get("kind") or "Service") == "Service"
    return is_service and backend.get("name") == service and (backend.get("namespace") or space) == traffic.namespace


def _weight(rule: Mapping[str, Any], traffic: Traffic, space: str) -> int | None:
    """The canary's share of a rule, None where the rule does not share between our two Services."""
    found: dict[str, int] = {}
    for backend in rule.get("backendRefs") or ():
        for service in (traffic.canary_service, traffic.stable_service):
            if _is(backend, service, traffic, space):
                found[service] = 1 if backend.get("weight") is None else backend["weight"]
    if len(found) < 2:
        return None
    others = found[traffic.stable_service] + sum(each.weight for each in guests(_by_name(rule), traffic))
    return share(found[traffic.canary_service], others, traffic.total)


def _by_name(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Name → weight of the backends of a rule."""
    return {str(each.get("name")): each.get("weight", 1) for each in rule.get("backendRefs") or ()}


def _with_guests(backends: list[dict[str, Any]], traffic: Traffic, space: str, split: Split) -> list[dict[str, Any]]:
    """The backends with those of experiments behind them, and none of former ones."""
    names = {*traffic.beside, *(each.service for each in split.beside)}
    present = {each.get("name"): each for each in backends if each.get("name") in names}
    kept = [each for each in backends if each.get("name") not in names]
    canary = next(each for each in kept if _is(each, traffic.canary_service, traffic, space))
    made = [_backend(guest, canary) for guest in split.beside]
    return [*kept, *(present[each["name"]] if covers(present.get(each["name"]), each) else each for each in made)]


def _backend(guest: Beside, canary: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: canary[key] for key in ("group", "kind", "namespace", "port") if key in canary}
    port = {"port": guest.port(canary["port"])} if "port" in canary else {}
    return {**kept, **port, "name": guest.service, "weight": guest.weight}


def _verified(manifest: Manifest) -> bool | None:
    """Whether every gateway has accepted this very version; None where no gateway says which one it has seen."""
    generation, said = obj.generation(manifest), []
    for parent in (manifest.get("status") or {}).get("parents") or ():
        for condition in parent.get("conditions") or ():
            if condition.get("type") == "Accepted" and condition.get("observedGeneration") is not None:
                said.append(condition["observedGeneration"] >= generation and condition.get("status") == "True")
    return all(said) if said and generation else None


def _managed(route: ManagedRoute, ours: list[dict[str, Any]], traffic: Traffic, manifest: Manifest) -> dict[str, Any]:
    """The rule of a managed route, made after the user's first rule."""
    is_grpc, space = manifest["kind"] == GRPC.name, _space(manifest)
    made: dict[str, Any] = {key: deepcopy(value) for key, value in ours[0].items() if key not in ("name", "matches")}
    canary = next(each for each in made["backendRefs"] if _is(each, traffic.canary_service, traffic, space))
    given = [match for rule in ours for match in rule.get("matches") or _ANY]
    matches = [_both(match, request, is_grpc) for request in route.requests for match in given]
    made["name"] = route.name
    if matches := [match for match in matches if match]:
        made["matches"] = matches[:MATCHES_MAX]
    if route.mirror_percent is None:
        made["backendRefs"] = [{key: value for key, value in canary.items() if key != "weight"}]
        return made
    to = {key: canary[key] for key in ("group", "kind", "name", "namespace", "port") if key in canary}
    mirror: dict[str, Any] = {"backendRef": to}
    if route.mirror_percent < 100:
        mirror["percent"] = route.mirror_percent
    made["filters"] = [*(made.get("filters") or ()), {"type": "RequestMirror", "requestMirror": mirror}]
    return made


def _both(match: Mapping[str, Any], request: Request, is_grpc: bool) -> dict[str, Any]:
    """A match of the user's, narrowed to the requests of a managed route."""
    both = deepcopy(dict(match))
    headers = [_header(name, wanted) for name, wanted in request.headers.items()]
    if headers:
        both["headers"] = [*(both.get("headers") or ()), *headers]
    if request.path and not is_grpc:
        kinds = {"exact": "Exact", "prefix": "PathPrefix", "regex": "RegularExpression"}
        both["path"] = {"type": kinds[request.path.way], "value": request.path.text}
    if request.method and not is_grpc:
        both["method"] = request.method.text
    return both


def _header(name: str, wanted: Match) -> dict[str, str]:
    if wanted.way == "exact":
        return {"name": name, "type": "Exact", "value": wanted.text}
    text = wanted.text if wanted.way == "regex" else f"{_quoted(wanted.text)}.*"
    return {"name": name, "type": "RegularExpression", "value": text}


def _quoted(text: str) -> str:
    return "".join(f"\\{each}" if each in r"\.+*?()|[]{}^$" else each for each in text)


DIALECT = Dialect(
    "gatewayAPI",
    (HTTP, GRPC, TCP, TLS, *OLDER.values()),
    refs,
    read,
    edit,
    settings_of,
    headers=frozenset({"exact", "prefix", "regex"}),
    mirrors=True,
    experiments=True,
    needs=needs,
)
