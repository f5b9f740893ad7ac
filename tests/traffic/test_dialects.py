"""Every router that changes an object of the user's: object in, patch out, and all of it taken back."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from rollouts.api.routing import ContourRouting, GatewayPlugin, IstioRouting
from rollouts.core.plan import Patch
from rollouts.kit import jsonpatch
from rollouts.kube.kinds import ROLLOUT
from rollouts.kube.ref import Ref
from rollouts.traffic import DIALECTS, Beside, Route, Split, given_back, inplace
from rollouts.traffic.gateway import HTTP
from rollouts.traffic.inplace import MARK
from tests.traffic.fixtures import BETA, CASES, RULE, SHADOW, TRAFFIC

EVERY = pytest.mark.parametrize(("field", "settings", "given"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])


def route_of(field: str, settings: Any, manifest: dict[str, Any]) -> Route:
    dialect = DIALECTS[field]
    meta = manifest["metadata"]
    ref = Ref(next(kind for kind in dialect.kinds if kind.name == manifest["kind"]), meta["namespace"], meta["name"])
    found = inplace.find(
        inplace.Dialect(**{**fields(dialect), "refs": lambda *_: (ref,)}),
        settings,
        TRAFFIC,
        inplace.Get({ref: manifest}.get),
    )
    return found[0]


def fields(dialect: inplace.Dialect) -> dict[str, Any]:
    return {name: getattr(dialect, name) for name in inplace.Dialect.__dataclass_fields__}


def written(field: str, settings: Any, manifest: dict[str, Any], split: Split) -> dict[str, Any]:
    """The object after the router's write, as the API server would store it."""
    route = route_of(field, settings, manifest)
    assert route.refusal == ""
    patch = inplace.write(DIALECTS[field], settings, TRAFFIC, route, split)
    if patch is None:
        return manifest
    assert isinstance(patch, Patch) and patch.form == "json" and not isinstance(patch.body, dict)
    assert (patch.uid, patch.version) == ("r1", "7")
    stored: dict[str, Any] = jsonpatch.apply(deepcopy(manifest), list(patch.body))
    return stored


def without_mark(manifest: dict[str, Any]) -> dict[str, Any]:
    bare = deepcopy(manifest)
    annotations = bare["metadata"].get("annotations") or {}
    annotations.pop(MARK, None)
    if not annotations:
        bare["metadata"].pop("annotations", None)
    return bare


@EVERY
def test_a_weight_is_written_read_back_and_written_once(field: str, settings: Any, given: dict[str, Any]) -> None:
    stored = written(field, settings, given, Split(20))

    route = route_of(field, settings, stored)
    assert (route.weight, route.weight_low, route.managed) == (20, 20, ())
    assert inplace.write(DIALECTS[field], settings, TRAFFIC, route, Split(20)) is None


@EVERY
def test_the_object_at_rest_is_what_the_user_wrote(field: str, settings: Any, given: dict[str, Any]) -> None:
    dialect = DIALECTS[field]
    managed = ((BETA,) if dialect.headers else ()) + ((SHADOW,) if dialect.mirrors else ())
    takes = given["kind"] not in ("TCPRoute", "TLSRoute") and "tls" not in given["spec"]
    away = written(field, settings, given, Split(20, managed=managed if takes else ()))

    assert MARK in away["metadata"]["annotations"]
    assert without_mark(written(field, settings, away, Split(0))) == given


@EVERY
def test_only_the_shares_of_the_two_services_differ(field: str, settings: Any, given: dict[str, Any]) -> None:
    patch = inplace.write(DIALECTS[field], settings, TRAFFIC, route_of(field, settings, given), Split(20))

    assert isinstance(patch, Patch)
    touched = [operation["path"] for operation in patch.body if not isinstance(operation, str)]
    ours = ("/metadata/annotations", "/metadata/labels/rollouts.argoproj.io~1gatewayapi-canary")
    assert all(path.endswith("/weight") or path.startswith(ours) for path in touched)


SHARING = [case for case in CASES if DIALECTS[case[1]].experiments]
GUESTS = (Beside("web-trial-a", 10, (8080,)), Beside("web-trial-b", 5, (80, 8080)))


@pytest.mark.parametrize(("field", "settings", "given"), [case[1:] for case in SHARING], ids=[c[0] for c in SHARING])
def test_shares_of_an_experiment_stand_beside_the_two_and_leave_no_trace(
    field: str, settings: Any, given: dict[str, Any]
) -> None:
    split = Split(20, beside=GUESTS)
    stored = written(field, settings, given, split)

    route = route_of(field, settings, stored)
    assert split.stable == 65
    assert (route.weight, route.weight_low) == (20, 20)
    assert [(each.service, each.weight) for each in route.beside] == [("web-trial-a", 10), ("web-trial-b", 5)]
    assert inplace.write(DIALECTS[field], settings, TRAFFIC, route, split) is None
    alone = written(field, settings, stored, Split(20))
    assert without_mark(alone) == without_mark(written(field, settings, given, Split(20)))
    assert without_mark(written(field, settings, stored, Split(0))) == given


@pytest.mark.parametrize(("field", "settings", "given"), [case[1:] for case in SHARING], ids=[c[0] for c in SHARING])
def test_shares_of_an_experiment_are_given_back_when_the_rollout_is_gone(
    field: str, settings: Any, given: dict[str, Any]
) -> None:
    stored = written(field, settings, given, Split(20, beside=GUESTS))
    ref = route_of(field, settings, stored).ref
    patch = given_back(ref, stored, Ref(ROLLOUT, "shop", "web"), DIALECTS)

    assert patch is not None and not isinstance(patch.body, dict)
    assert without_mark(jsonpatch.apply(deepcopy(stored), list(patch.body))) == given


def test_an_experiment_is_led_to_at_a_port_that_its_service_has() -> None:
    case = next(case for case in CASES if case[1] == "gatewayAPI")
    stored = written(*case[1:], Split(20, beside=GUESTS))

    backends = [each for rule in stored["spec"]["rules"] for each in rule["backendRefs"]]
    assert [(each["name"], each["port"]) for each in backends if "trial" in each["name"]] == [
        ("web-trial-a", 8080),
        ("web-trial-b", 80),
    ]


WITH_HEADERS = [case for case in CASES if DIALECTS[case[1]].headers and case[3]["kind"] not in ("TCPRoute", "TLSRoute")]
WITH_HEADERS = [case for case in WITH_HEADERS if "tls" not in case[3]["spec"]]


@pytest.mark.parametrize(
    ("field", "settings", "given"), [case[1:] for case in WITH_HEADERS], ids=[c[0] for c in WITH_HEADERS]
)
def test_a_header_route_stands_until_it_is_taken_out(field: str, settings: Any, given: dict[str, Any]) -> None:
    split = Split(0, managed=(BETA,))
    stored = written(field, settings, given, split)

    route = route_of(field, settings, stored)
    assert (route.weight, route.managed, route.carries) == (0, ("beta",), True)
    assert inplace.write(DIALECTS[field], settings, TRAFFIC, route, split) is None


def test_an_http_route_gets_a_rule_per_managed_route_before_all_others() -> None:
    _, field, settings, given = CASES[0]

    rules = written(field, settings, given, Split(10, managed=(BETA, SHADOW)))["spec"]["rules"]

    path = {"type": "PathPrefix", "value": "/"}
    assert [rule.get("name") for rule in rules] == ["beta", "shadow", None, None]
    assert rules[0]["matches"] == [{"path": path, "headers": [{"name": "X-Beta", "type": "Exact", "value": "yes"}]}]
    assert rules[0]["backendRefs"] == [{"group": "", "kind": "Service", "port": 80, "name": "web-canary"}]
    (modifier,) = (each["requestHeaderModifier"] for each in rules[0]["filters"])
    assert modifier == {"set": [{"name": "a", "value": "b"}], "remove": ["x-rollouts-route-beta"]}
    assert rules[0]["timeouts"] == {"request": "10s"}
    assert rules[1]["matches"] == [{"path": {"type": "PathPrefix", "value": "/cart"}, "method": "GET"}]
    assert [each["weight"] for each in rules[1]["backendRefs"]] == [90, 10]
    assert rules[1]["filters"][-1] == {
        "type": "RequestMirror",
        "requestMirror": {
            "backendRef": {"group": "", "kind": "Service", "name": "web-canary", "port": 80},
            "percent": 25,
        },
    }


@pytest.mark.parametrize("case", [CASES[0], CASES[1]], ids=["HTTPRoute", "GRPCRoute"])
def test_a_managed_rule_is_known_where_the_cluster_drops_names_of_rules(case: Any) -> None:
    """Before the Gateway API 1.4 the standard CRDs have no names: the rule was written again and again."""
    _, field, settings, given = case
    split = Split(10, managed=(BETA,))
    stored = written(field, settings, given, split)
    for rule in stored["spec"]["rules"]:
        rule.pop("name", None)

    route = route_of(field, settings, stored)
    assert (route.weight, route.managed) == (10, ("beta",))
    assert inplace.write(DIALECTS[field], settings, TRAFFIC, route, split) is None
    assert without_mark(written(field, settings, stored, Split(0))) == given


def test_a_header_route_stands_beside_each_rule_with_what_that_rule_does() -> None:
    """The second rule's rewrite was lost, and the first one's was applied to its paths."""
    _, field, settings, given = CASES[0]
    rewrite = [{"type": "URLRewrite", "urlRewrite": {"hostname": "orders"}}]
    orders = {"matches": [{"path": {"type": "PathPrefix", "value": "/orders"}}], "filters": rewrite}
    both = deepcopy(given)
    both["spec"]["rules"].append({**orders, "backendRefs": deepcopy(given["spec"]["rules"][1]["backendRefs"])})

    stored = written(field, settings, both, Split(10, managed=(BETA,)))
    rules = stored["spec"]["rules"]

    assert [rule.get("name") for rule in rules] == ["beta", "beta-1", None, None, None]
    assert [rule["matches"][0]["path"]["value"] for rule in rules[:2]] == ["/", "/orders"]
    assert rules[1]["filters"][0] == rewrite[0]
    assert route_of(field, settings, stored).managed == ("beta",)
    assert without_mark(written(field, settings, stored, Split(0))) == both


def test_one_rule_of_a_route_may_be_named_and_the_others_are_left_alone() -> None:
    _, field, _, given = CASES[0]
    two = deepcopy(given)
    two["spec"]["rules"].append({**deepcopy(two["spec"]["rules"][1]), "name": "argo"})
    settings = GatewayPlugin.model_validate({"httpRoutes": [{"name": "web", "ruleName": "argo"}]})
    gone = GatewayPlugin.model_validate({"httpRoute": "web", "httpRouteRuleName": "none"})

    rules = written(field, settings, two, Split(20))["spec"]["rules"]

    assert rules[:2] == two["spec"]["rules"][:2]
    assert [each["weight"] for each in rules[2]["backendRefs"]] == [80, 20]
    assert "no rule `none`" in route_of(field, gone, two).refusal


def test_routes_are_found_by_their_labels_and_take_weights_alone() -> None:
    _, field, _, given = CASES[0]
    wanted = {"matchLabels": {"team": "shop"}, "matchExpressions": [{"key": "canary", "operator": "Exists"}]}
    settings = GatewayPlugin.model_validate({"httpRouteSelector": wanted})
    chosen = {**given, "metadata": {**given["metadata"], "labels": {"team": "shop", "canary": "yes"}}}
    other = {**given, "metadata": {**given["metadata"], "name": "other"}}
    ref = Ref(HTTP, "shop", "web")
    look = inplace.Get({ref: chosen}.get, lambda kind, namespace: (chosen, other) if kind == HTTP else ())

    (route,) = inplace.find(DIALECTS[field], settings, TRAFFIC, look)
    rules = written(field, settings, chosen, Split(20, managed=(BETA,)))["spec"]["rules"]

    assert (route.ref, DIALECTS[field].needs(settings)) == (ref, (HTTP,))  # type: ignore[misc]  # it has that function
    assert [rule.get("name") for rule in rules] == [None, None]


def test_a_route_that_an_update_is_in_bears_the_label_that_gitops_tools_ignore() -> None:
    _, field, settings, given = CASES[0]
    named = GatewayPlugin.model_validate({"httpRoute": "web", "inProgressLabelKey": "a", "inProgressLabelValue": "b"})
    none = GatewayPlugin.model_validate({"httpRoute": "web", "disableInProgressLabel": True})
    labels = [written(field, each, given, Split(20))["metadata"]["labels"] for each in (settings, named, none)]
    away = written(field, settings, given, Split(20))
    second = replace(TRAFFIC, name="shop", canary_service="x", stable_service="y")
    inplace.mark(away, second, field, settings, Split(5))

    assert labels == [
        {"team": "shop", "rollouts.argoproj.io/gatewayapi-canary": "in-progress"},
        {"team": "shop", "a": "b"},
        {"team": "shop"},
    ]
    assert "rollouts.argoproj.io/gatewayapi-canary" in written(field, settings, away, Split(0))["metadata"]["labels"]


def test_a_managed_rule_of_another_rollout_is_left_alone() -> None:
    _, field, settings, given = CASES[0]
    theirs = {"name": "beta", "backendRefs": [{"name": "cart-canary", "port": 80}]}
    shared = deepcopy(given)
    shared["spec"]["rules"].insert(0, theirs)

    assert route_of(field, settings, shared).managed == ()
    assert written(field, settings, shared, Split(20))["spec"]["rules"][0] == theirs


def test_defaults_that_the_api_server_adds_to_a_managed_rule_are_no_difference() -> None:
    _, field, settings, given = CASES[0]
    split = Split(10, managed=(BETA,))
    stored = written(field, settings, given, split)
    stored["spec"]["rules"][0]["backendRefs"][0]["weight"] = 1
    stored["spec"]["rules"][0]["matches"][0]["headers"][0]["by"] = "the server"

    assert inplace.write(DIALECTS[field], settings, TRAFFIC, route_of(field, settings, stored), split) is None


def test_a_virtual_service_gets_header_and_mirror_routes_before_all_others() -> None:
    _, field, settings, given = CASES[4]

    http = written(field, settings, given, Split(10, managed=(BETA, SHADOW)))["spec"]["http"]

    canary = {"host": "web-canary.shop.svc.cluster.local"}
    assert [each["name"] for each in http] == ["beta", "shadow", "api", "primary"]
    assert http[0] == {
        "name": "beta",
        "match": [{"headers": {"X-Beta": {"exact": "yes"}}}],
        "route": [{"destination": canary, "weight": 100}],
    }
    assert http[1]["match"] == [{"method": {"exact": "GET"}, "uri": {"prefix": "/cart"}}]
    assert (http[1]["mirror"], http[1]["mirrorPercentage"]) == (canary, {"value": 25})
    assert [each["weight"] for each in http[1]["route"]] == [90, 10]


def test_an_alb_ingress_gets_an_action_conditions_and_a_path_per_header_route() -> None:
    _, field, settings, given = next(case for case in CASES if case[1] == "alb")

    stored = written(field, settings, given, Split(10, managed=(BETA,)))

    annotations = stored["metadata"]["annotations"]
    prefix = "alb.ingress.kubernetes.io"
    assert annotations[f"{prefix}/actions.web-root"] == (
        '{"Type":"forward","ForwardConfig":{"TargetGroups":['
        '{"ServiceName":"web-canary","ServicePort":"80","Weight":10},'
        '{"ServiceName":"web-stable","ServicePort":"80","Weight":90}]}}'
    )
    assert annotations[f"{prefix}/conditions.beta"] == (
        '[{"Field":"http-header","HttpHeaderConfig":{"HttpHeaderName":"X-Beta","Values":["yes"]}}]'
    )
    assert annotations["rollouts.argoproj.io/managed-alb-annotations"] == (
        f'{{"web":["{prefix}/actions.web-root","{prefix}/actions.beta","{prefix}/conditions.beta"]}}'
    )
    paths = stored["spec"]["rules"][0]["http"]["paths"]
    assert [path["backend"]["service"]["name"] for path in paths] == ["beta", "web-root"]


def test_stickiness_stands_in_the_albs_action() -> None:
    _, field, settings, given = next(case for case in CASES if case[1] == "alb")
    sticky = settings.model_validate(
        {"ingress": "web", "servicePort": 80, "rootService": "web-root"}
        | {"stickinessConfig": {"enabled": True, "durationSeconds": 3600}}
    )

    action = written(field, sticky, given, Split(10))["metadata"]["annotations"][
        "alb.ingress.kubernetes.io/actions.web-root"
    ]

    assert '"TargetGroupStickinessConfig":{"Enabled":true,"DurationSeconds":3600}' in action


def test_places_that_disagree_are_told_apart_until_all_are_written() -> None:
    _, field, settings, given = CASES[6]
    torn = deepcopy(given)
    torn["spec"]["tcp"][0]["route"][1]["weight"] = 50
    torn["spec"]["tcp"][0]["route"][0]["weight"] = 50

    before = route_of(field, settings, torn)
    after = route_of(field, settings, written(field, settings, torn, Split(50)))

    assert (before.weight, before.weight_low) == (50, 0)
    assert (after.weight, after.weight_low) == (50, 50)


@pytest.mark.parametrize(
    ("observed", "status", "verified"),
    [(3, "True", True), (2, "True", False), (3, "False", False), (None, "True", None)],
)
def test_a_gateway_verifies_what_it_has_accepted(observed: int | None, status: str, verified: bool | None) -> None:
    _, field, settings, given = CASES[0]
    condition: dict[str, Any] = {"type": "Accepted", "status": status}
    if observed is not None:
        condition["observedGeneration"] = observed
    told = {**given, "status": {"parents": [{"conditions": [condition]}]}}

    assert route_of(field, settings, told).verified is verified


def test_a_mark_says_enough_to_give_the_object_back_without_the_rollout() -> None:
    from rollouts.kube import kinds
    from rollouts.traffic import given_back, named

    rollout = Ref(kinds.ROLLOUT, "shop", "web")
    for _, field, settings, given in CASES:
        away = written(field, settings, given, Split(20))
        away["metadata"] |= {"uid": "r1", "resourceVersion": "9"}

        patch = given_back(route_of(field, settings, away).ref, away, rollout, DIALECTS)

        assert list(named(away)) == [rollout]
        assert patch is not None and not isinstance(patch.body, dict)
        back = jsonpatch.apply(away, list(patch.body))
        back["metadata"]["resourceVersion"] = "7"
        assert without_mark(back) == given


def test_a_header_route_of_the_users_own_is_nobody_elses() -> None:
    _, field, settings, given = next(case for case in CASES if case[1] == "contour")
    theirs = {
        "conditions": [{"prefix": "/"}, {"header": {"name": "X-Preview", "present": True}}],
        "services": [{"name": "web-canary", "port": 80}],
    }
    with_theirs = {**given, "spec": {**given["spec"], "routes": [theirs, *given["spec"]["routes"]]}}

    away = written(field, settings, with_theirs, Split(20, managed=(BETA,)))

    assert len(away["spec"]["routes"]) == 4
    assert without_mark(written(field, settings, away, Split(0))) == with_theirs


def elsewhere(given: dict[str, Any], host: str = "") -> dict[str, Any]:
    """The same object in another namespace, its hosts replaced where they are said."""
    moved = deepcopy(given)
    moved["metadata"]["namespace"] = "bank"
    for route in (moved["spec"].get("http") or ()) if host else ():
        for entry in route["route"]:
            entry["destination"]["host"] = host.format(entry["destination"]["host"].split(".")[0])
    return moved


FOREIGN_ISTIO = {
    "two hosts": {"virtualService": {"name": "bank/web", "routes": ["primary"]}},
    "two subsets": {"virtualService": {"name": "bank/web"}, "destinationRule": RULE},
}


@pytest.mark.parametrize("case", FOREIGN_ISTIO)
@pytest.mark.parametrize("host", ["{}", "{}.bank", "{}.bank.svc.cluster.local", "{}.shop-2"])
def test_traffic_of_a_namesake_in_another_namespace_is_not_moved(case: str, host: str) -> None:
    settings = IstioRouting.model_validate(FOREIGN_ISTIO[case])
    route = route_of("istio", settings, elsewhere(istio_of(case), host))

    assert "VirtualService `web`" in route.refusal


@pytest.mark.parametrize("case", FOREIGN_ISTIO)
def test_a_virtual_service_elsewhere_may_lead_here(case: str) -> None:
    settings = IstioRouting.model_validate(FOREIGN_ISTIO[case])
    stored = written("istio", settings, elsewhere(istio_of(case), "{}.shop.svc.cluster.local"), Split(20))

    (primary,) = (route for route in stored["spec"]["http"] if route.get("name") == "primary")
    assert sorted(entry["weight"] for entry in primary["route"]) == [20, 80]


def test_an_http_proxy_of_another_namespace_is_refused() -> None:
    _, field, _, given = next(case for case in CASES if case[1] == "contour")
    settings = ContourRouting.model_validate({"httpProxy": "web", "namespace": "bank"})

    assert "leads to Services of its own namespace" in route_of(field, settings, elsewhere(given)).refusal


def istio_of(case: str) -> dict[str, Any]:
    """The VirtualService of the fixtures with a route between two hosts, or two subsets."""
    fits = [
        given
        for _, field, settings, given in CASES
        if field == "istio" and bool(settings.destination_rule) == (case == "two subsets")
    ]
    return fits[0]
