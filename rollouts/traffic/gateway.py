"""Gateway API: weights on the backends of HTTPRoute, GRPCRoute, TCPRoute and TLSRoute, and named rules before them.

A rule belongs to the Rollout if it names both Services. Header and mirror routes are rules of their own, one beside
each of those; it takes over the matches and filters of the user's rule, so that it asks for no less.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from rollouts.api.common import LabelSelector
from rollouts.api.routing import GatewayPlugin, GatewayRoute, GatewayRouting
from rollouts.kube import object as obj
from rollouts.kube import selector
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.traffic.inplace import Dialect, Get, Reading, covers, guests, marks_of, share
from rollouts.traffic.route import Beside, ManagedRoute, Match, Request, Split, Traffic

GROUP = "gateway.networking.k8s.io"
HTTP = Kind(GROUP, "v1", "HTTPRoute", "httproutes")
GRPC = Kind(GROUP, "v1", "GRPCRoute", "grpcroutes")
TCP = Kind(GROUP, "v1", "TCPRoute", "tcproutes")
TLS = Kind(GROUP, "v1", "TLSRoute", "tlsroutes")
OLDER: Mapping[Kind, Kind] = {
    HTTP: replace(HTTP, version="v1beta1"),
    **{kind: replace(kind, version="v1alpha2") for kind in (GRPC, TCP, TLS)},
}
"""What a cluster serves whose Gateway API is older than 1.0, 1.1, 1.6 and 1.5."""
PLUGIN = "argoproj-labs/gatewayAPI"
LABEL, LABEL_VALUE = "rollouts.argoproj.io/gatewayapi-canary", "in-progress"
MATCHES_MAX = 64  # of one rule, by the API
_MARK = "x-rollouts-route-"
_MODIFIER, _MODIFIED = "RequestHeaderModifier", "requestHeaderModifier"


def refs(settings: GatewayPlugin, traffic: Traffic, get: Get) -> tuple[Ref, ...]:
    """Every route that the settings name, or select by its labels."""
    space = settings.namespace or traffic.namespace
    found = [Ref(kind, space, route.name) for kind, route in _named(settings)]
    for kind, chosen in _selectors(settings):
        found += [Ref(kind, space, obj.name(each)) for each in get.of(kind, space) if _selects(chosen, each)]
    return tuple(dict.fromkeys(found))


def needs(settings: GatewayPlugin) -> tuple[Kind, ...]:
    """The kinds that the settings name."""
    return tuple(dict.fromkeys(kind for kind, _ in (*_named(settings), *_selectors(settings))))


def read(settings: GatewayPlugin, traffic: Traffic, manifest: Manifest) -> Reading:
    """The canary's share of each rule of ours."""
    only, space = _route_of(settings, manifest).rule_name, _space(manifest)
    rules = list(_ours(only, traffic, manifest))
    if only and not rules:
        kind, name = manifest.get("kind"), obj.name(manifest)
        return Reading(refusal=f"{kind} `{name}` has no rule `{only}` that names both Services")
    weights = tuple(weight for rule in rules if (weight := _weight(rule, traffic, space)) is not None)
    names = dict.fromkeys(name for rule in _rules(manifest) if (name := _name(rule, traffic, space)))
    beside = guests(_by_name(rules[0]), traffic) if rules else ()
    return Reading(weights, tuple(names), _verified(manifest), beside=beside)


def edit(settings: GatewayPlugin, traffic: Traffic, manifest: dict[str, Any], split: Split) -> dict[str, Any]:
    """The route with the split in every rule of ours, and the managed rules before all others."""
    mine, space = _route_of(settings, manifest), _space(manifest)
    ours = list(_ours(mine.rule_name, traffic, manifest))
    for rule in ours:
        for backend in rule["backendRefs"]:
            if _is(backend, traffic.canary_service, traffic, space):
                backend["weight"] = split.canary
            elif _is(backend, traffic.stable_service, traffic, space):
                backend["weight"] = split.stable
        rule["backendRefs"] = _with_guests(rule["backendRefs"], traffic, space, split)
    if not ours:
        return manifest
    takes = mine.use_header_routes and manifest.get("kind") in (HTTP.name, GRPC.name)
    wanted = [
        _managed(route, f"{route.name}-{at}" if at else route.name, rule, traffic, manifest)
        for route in (split.managed if takes else ())
        for at, rule in enumerate(ours)
    ]
    present = [rule for rule in _rules(manifest) if _name(rule, traffic, space)]
    kept = [next((one for one in present if _covers(one, rule)), rule) for rule in wanted]
    others = [rule for rule in _rules(manifest) if not _name(rule, traffic, space)]
    spec = {**manifest["spec"], "rules": [*kept, *others]}
    return {**manifest, "spec": spec, "metadata": _labelled(settings, traffic, manifest, split)}


def settings_of(given: Mapping[str, Any]) -> GatewayPlugin:
    """The settings as the plugin of this name takes them."""
    return GatewayPlugin.model_validate(dict(given))


def native(settings: GatewayRouting) -> GatewayPlugin:
    """The settings of the native field in the plugin's form; there the mark alone says that an update is under way."""
    return settings_of({**settings.model_dump(by_alias=True), "disableInProgressLabel": True})


_ANY: tuple[Mapping[str, Any], ...] = ({},)


def _named(settings: GatewayPlugin) -> Iterator[tuple[Kind, GatewayRoute]]:
    for kind, single, rule_name, several in (
        (HTTP, settings.http_route, settings.http_route_rule_name, settings.http_routes),
        (GRPC, settings.grpc_route, settings.grpc_route_rule_name, settings.grpc_routes),
        (TCP, settings.tcp_route, settings.tcp_route_rule_name, settings.tcp_routes),
        (TLS, settings.tls_route, settings.tls_route_rule_name, settings.tls_routes),
    ):
        if single:
            yield kind, GatewayRoute.model_validate({"name": single, "useHeaderRoutes": True, "ruleName": rule_name})
        yield from ((kind, route) for route in several)


def _selectors(settings: GatewayPlugin) -> Iterator[tuple[Kind, LabelSelector]]:
    for kind, chosen in (
        (HTTP, settings.http_route_selector),
        (GRPC, settings.grpc_route_selector),
        (TCP, settings.tcp_route_selector),
        (TLS, settings.tls_route_selector),
    ):
        if chosen is not None:
            yield kind, chosen


def _selects(chosen: LabelSelector, manifest: Manifest) -> bool:
    return selector.matches(chosen.model_dump(by_alias=True), obj.labels(manifest))


def _route_of(settings: GatewayPlugin, manifest: Manifest) -> GatewayRoute:
    """The settings of one route; one that was found by its labels takes weights alone, as in the plugin."""
    kind, name = manifest.get("kind"), obj.name(manifest)
    given = (route for each, route in _named(settings) if each.name == kind and route.name == name)
    return next(given, GatewayRoute.model_validate({"name": name}))


def _labelled(settings: GatewayPlugin, traffic: Traffic, manifest: Manifest, split: Split) -> dict[str, Any]:
    """The metadata with the label by which GitOps tools are told to look away, while any Rollout is in the route."""
    key, meta = settings.in_progress_label_key or LABEL, dict(manifest["metadata"])
    labels = dict(obj.labels(manifest))
    others = marks_of(manifest).keys() - {f"{traffic.namespace}/{traffic.name}"}
    if not split.is_rest and not settings.disable_in_progress_label:
        labels[key] = settings.in_progress_label_value or LABEL_VALUE
    elif not others:
        labels.pop(key, None)
    if labels or "labels" not in meta:
        return {**meta, "labels": labels} if labels else meta
    return {field: value for field, value in meta.items() if field != "labels"}


def _rules(manifest: Manifest) -> list[dict[str, Any]]:
    return [rule for rule in (manifest.get("spec") or {}).get("rules") or () if isinstance(rule, dict)]


def _ours(only: str, traffic: Traffic, manifest: Manifest) -> Iterator[dict[str, Any]]:
    """The user's rules that share between the two Services: those of a name, where one is asked for."""
    space = _space(manifest)
    for rule in _rules(manifest):
        is_asked = not only or rule.get("name") == only
        if is_asked and not _name(rule, traffic, space) and _weight(rule, traffic, space) is not None:
            yield rule


def _name(rule: Mapping[str, Any], traffic: Traffic, space: str) -> str:
    """The managed route of this Rollout that a rule belongs to, "" for a rule of the user's or of another Rollout.

    Before the Gateway API 1.4 most clusters drop the names of rules. So a managed rule bears its name a second time, in
    the name of a header that it takes from requests and that nobody sends.
    """
    if not any(_is_either(each, traffic, space) for each in rule.get("backendRefs") or ()):
        return ""
    stem, _, number = str(rule.get("name") or "").rpartition("-")
    said = [str(rule.get("name") or ""), stem if number.isdecimal() else ""]
    for each in rule.get("filters") or ():
        said += [str(header).removeprefix(_MARK) for header in (each.get(_MODIFIED) or {}).get("remove") or ()]
    return next((name for name in said if name in traffic.managed), "")


def _covers(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a stored rule is the wanted one, with or without its name."""
    if stored.get("name") not in (None, wanted["name"]):
        return False
    return covers(stored, {key: value for key, value in wanted.items() if key != "name"})


def _space(manifest: Manifest) -> str:
    return obj.namespace(manifest)


def _is(backend: Mapping[str, Any], service: str, traffic: Traffic, space: str) -> bool:
    is_service = (backend.get("group") or "") == "" and (backend.get("kind") or "Service") == "Service"
    return is_service and backend.get("name") == service and (backend.get("namespace") or space) == traffic.namespace


def _is_either(backend: Mapping[str, Any], traffic: Traffic, space: str) -> bool:
    return any(_is(backend, name, traffic, space) for name in (traffic.canary_service, traffic.stable_service))


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


def _managed(
    route: ManagedRoute, name: str, base: Mapping[str, Any], traffic: Traffic, manifest: Manifest
) -> dict[str, Any]:
    """The rule of a managed route beside one of the user's: what that one asks for and does, this one does too."""
    is_grpc, space = manifest["kind"] == GRPC.name, _space(manifest)
    made: dict[str, Any] = {key: deepcopy(value) for key, value in base.items() if key not in ("name", "matches")}
    canary = next(each for each in made["backendRefs"] if _is(each, traffic.canary_service, traffic, space))
    matches = [_both(match, request, is_grpc) for request in route.requests for match in base.get("matches") or _ANY]
    made["name"] = name
    if matches := [match for match in matches if match]:
        made["matches"] = matches[:MATCHES_MAX]
    made["filters"] = _marked(made.get("filters") or (), route.name)
    if route.mirror_percent is None:
        made["backendRefs"] = [{key: value for key, value in canary.items() if key != "weight"}]
        return made
    to = {key: canary[key] for key in ("group", "kind", "name", "namespace", "port") if key in canary}
    mirror: dict[str, Any] = {"backendRef": to}
    if route.mirror_percent < 100:
        mirror["percent"] = route.mirror_percent
    made["filters"].append({"type": "RequestMirror", "requestMirror": mirror})
    return made


def _marked(filters: Iterable[Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    """The filters with the header that names the route among those that are removed; a rule has one such filter."""
    kept = [dict(each) for each in filters]
    found = next((each for each in kept if each.get("type") == _MODIFIER), None)
    if found is None:
        found = {"type": _MODIFIER, _MODIFIED: {}}
        kept.append(found)
    given = found[_MODIFIED]
    found[_MODIFIED] = {**given, "remove": [*(given.get("remove") or ()), f"{_MARK}{name}"]}
    return kept


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
    (HTTP, GRPC, TCP, TLS),
    refs,
    read,
    edit,
    settings_of,
    headers=frozenset({"exact", "prefix", "regex"}),
    mirrors=True,
    experiments=True,
    needs=needs,
)
