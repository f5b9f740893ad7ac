"""An update behind every router: the same laws, V1 to V2 to V3 at every step, and everything given back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import pytest

from rollouts.delivery import gather, names_root
from rollouts.delivery.seen import DeliverySeen
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Ref
from rollouts.traffic import DIALECTS
from rollouts.traffic.inplace import MARK
from tests.builders import NAMESPACE, a_rollout, a_service
from tests.delivery.world import HASH, WEB, World, deployed
from tests.traffic import fixtures

BETA = {"name": "beta", "match": [{"headerName": "X-Beta", "headerValue": {"exact": "yes"}}]}
SHADOW = {"name": "shadow", "match": [{"method": {"exact": "GET"}}], "percentage": 25}
STEPS = ({"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}})


@dataclass(frozen=True)
class Case:
    """A router as a user has set it up. extra: fields of the canary.  beside: objects beside the routed one."""

    field: str
    settings: dict[str, Any]
    routed: dict[str, Any]
    beside: tuple[dict[str, Any], ...] = ()
    extra: tuple[tuple[str, Any], ...] = ()
    plugin: str = ""

    @property
    def routing(self) -> dict[str, Any]:
        given = {"plugins": {self.plugin: self.settings}} if self.plugin else {self.field: self.settings}
        return {**given, "managedRoutes": [{"name": "beta"}, {"name": "shadow"}]}


def subset_rule() -> dict[str, Any]:
    subsets = [
        {"name": "canary", "labels": {"app": "web"}},
        {"name": "stable"},
        {"name": "theirs", "labels": {"a": "b"}},
    ]
    return fixtures.an_object("networking.istio.io/v1", "DestinationRule", {"host": "web", "subsets": subsets})


def node(name: str) -> dict[str, Any]:
    made = fixtures.an_object(
        "appmesh.k8s.aws/v1beta2", "VirtualNode", {"podSelector": {"matchLabels": {"app": "web"}}, "listeners": []}
    )
    made["metadata"]["name"] = name
    return made


def virtual_service() -> dict[str, Any]:
    spec = {"provider": {"virtualRouter": {"virtualRouterRef": {"name": "web"}}}}
    return fixtures.an_object("appmesh.k8s.aws/v1beta2", "VirtualService", spec)


BARE = (("canaryService", None), ("stableService", None))
PING_PONG = (*BARE, ("pingPong", {"pingService": "web-stable", "pongService": "web-canary"}))
CASES = {
    "gateway": Case("gatewayAPI", {"httpRoute": "web"}, fixtures.an_http_route()),
    "gateway plugin": Case(
        "gatewayAPI",
        {"httpRoute": "web", "configMap": "x"},
        fixtures.an_http_route(),
        plugin="argoproj-labs/gatewayAPI",
    ),
    "gateway grpc": Case("gatewayAPI", {"grpcRoute": "web"}, fixtures.a_grpc_route()),
    "gateway tcp": Case("gatewayAPI", {"tcpRoutes": [{"name": "web"}]}, fixtures.a_layer_4_route("TCPRoute")),
    "gateway tls": Case("gatewayAPI", {"tlsRoute": "web"}, fixtures.a_layer_4_route("TLSRoute")),
    "gateway ping-pong": Case("gatewayAPI", {"httpRoute": "web"}, fixtures.an_http_route(), extra=PING_PONG),
    "istio hosts": Case(
        "istio",
        {"virtualService": {"name": "web", "routes": ["primary"]}},
        fixtures.a_virtual_service(fixtures.hosts()),
    ),
    "istio subsets": Case(
        "istio",
        {"virtualService": {"name": "web"}, "destinationRule": fixtures.RULE},
        fixtures.a_virtual_service(fixtures.subsets()),
        (subset_rule(),),
        BARE,
    ),
    "istio subsets with services": Case(
        "istio",
        {"virtualService": {"name": "web"}, "destinationRule": fixtures.RULE},
        fixtures.a_virtual_service(fixtures.subsets()),
        (subset_rule(),),
    ),
    "traefik": Case("traefik", {"weightedTraefikServiceName": "web"}, fixtures.a_traefik_service()),
    "alb": Case("alb", {"ingress": "alb", "servicePort": 80, "rootService": "web-root"}, fixtures.an_alb_ingress()),
    "alb ping-pong": Case(
        "alb",
        {"ingress": "alb", "servicePort": 80, "rootService": "web-root"},
        fixtures.an_alb_ingress(),
        extra=PING_PONG,
    ),
    "apisix": Case("apisix", {"route": {"name": "web"}}, fixtures.an_apisix_route()),
    "contour": Case("contour", {"httpProxies": ["web"]}, fixtures.an_http_proxy()),
    "app mesh": Case(
        "appMesh",
        {"virtualService": {"name": "web"}, "virtualNodeGroup": fixtures.NODES},
        fixtures.a_virtual_router(),
        (virtual_service(), node("web-canary"), node("web-stable")),
    ),
    "smi": Case("smi", {"rootService": "web"}, {}),
    "ambassador": Case(
        "ambassador",
        {"mappings": ["web"]},
        {},
        (fixtures.an_object("getambassador.io/v2", "Mapping", {"prefix": "/", "service": "web-stable.shop:80"}),),
    ),
    "haproxy": Case("haproxy", {}, {}),
}
EVERY = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
WITH_HEADERS = pytest.mark.parametrize(
    "case",
    [CASES[name] for name in ("gateway", "gateway grpc", "istio hosts", "istio subsets", "apisix", "contour", "alb")],
    ids=lambda case: f"{case.field}-{case.routed['kind']}",
)


class Routed(World):
    """The world with another router's object in the place of the Ingress."""

    def __init__(self, case: Case, *, steps: Any = STEPS) -> None:
        self.case = case
        self.built = False
        extra: dict[str, Any] = dict(case.extra)
        if case.field == "alb":
            case.routed["metadata"]["name"] = "alb"
        fresh = [deepcopy(each) for each in (*([case.routed] if case.routed else []), *case.beside)]
        for each in fresh:
            each["metadata"] = {key: value for key, value in each["metadata"].items() if key != "generation"}
        rollout = a_rollout(4, steps=steps, canary={"trafficRouting": case.routing, **extra})
        super().__init__(*fresh, rollout)
        if case.field == "haproxy":
            acl = {"haproxy.org/route-acl": "rand(100) lt 0"}
            self.patch(Ref(kinds.SERVICE, NAMESPACE, "web-canary"), {"metadata": {"annotations": acl}})
        self.built = True

    @property
    def status(self) -> Any:
        return super().status if WEB in self.objects else {}

    @property
    def route_ref(self) -> Ref | None:
        """The object that carries the weight, if it is there."""
        names = {"smi": "TrafficSplit", "ambassador": "Mapping"}
        wanted = self.case.routed["kind"] if self.case.routed else names.get(self.case.field, "")
        for ref in self.objects:
            is_made = self.case.field != "ambassador" or ref.name.endswith("-canary")
            if ref.kind.name == wanted and is_made and (wanted != "Ingress" or ref.name == "alb"):
                return ref
        return Ref(kinds.SERVICE, NAMESPACE, "web-canary") if self.case.field == "haproxy" else None

    @property
    def route(self) -> Any:
        return self.objects[self.route_ref] if self.route_ref else {}

    @property
    def weight(self) -> int:
        """The canary's share, read by the Services or subsets of the moment."""
        if not getattr(self, "built", False) or not self.route_ref:
            return 0
        weights = READ[self.case.field](self.route, *self.sides())
        assert len(set(weights)) == 1, weights
        return weights[0]

    def sides(self) -> tuple[str, str]:
        if self.case.extra and "pingPong" in dict(self.case.extra):
            is_pong = (self.status.get("canary") or {}).get("stablePingPong") == "pong"
            return ("web-stable", "web-canary") if is_pong else ("web-canary", "web-stable")
        return "web-canary", "web-stable"

    def selects(self, service: str) -> str:
        if "subsets" in str(self.case.settings.get("destinationRule", "")) or self.case.settings.get("destinationRule"):
            rule = next(each for each in self.objects.values() if each["kind"] == "DestinationRule")
            subset = next(each for each in rule["spec"]["subsets"] if each["name"] == service)
            return str((subset.get("labels") or {}).get(HASH, ""))
        name = self.sides()[0 if service == "canary" else 1]
        selector = self.objects[Ref(kinds.SERVICE, NAMESPACE, name)]["spec"]["selector"]
        return str(selector.get(HASH, ""))

    def stands(self) -> set[str]:
        """The managed routes that are in the object."""
        shown = {**self.route["metadata"], "annotations": {**obj.annotations(self.route), MARK: ""}}
        text = str({**self.route, "metadata": shown})
        return {name for name in ("X-Beta", "shadow") if name in text}

    def check_traffic(self, action: Any, former: int) -> None:
        super().check_traffic(action, former)
        if WEB in self.objects and self.weight and self.status.get("stableRS"):
            pods = {obj.labels(each).get(HASH): self._pods(each) for each in self.of(kinds.REPLICA_SET)}
            assert pods.get(self.selects("canary")), f"{self.weight} is led to nobody by {action}"


def pairs(key: str) -> Callable[[Mapping[str, Any], str, str], list[int]]:
    """A reading of lists of named backends with weights, written apart from the routers."""

    def read(entries: Any, canary: str, stable: str) -> list[int]:
        found: list[int] = []
        if isinstance(entries, Mapping):
            for value in entries.values():
                found += read(value, canary, stable)
        elif isinstance(entries, list):
            named = {str(each.get(key)): each.get("weight") for each in entries if isinstance(each, Mapping)}
            if canary in named and stable in named:
                assert sum(weight or 0 for weight in named.values()) == 100, named
                found.append(named[canary])
            for each in entries:
                found += read(each, canary, stable)
        return found

    return lambda manifest, canary, stable: read(manifest["spec"], canary, stable)


def istio(manifest: Mapping[str, Any], canary: str, stable: str) -> list[int]:
    entries = next(each for each in manifest["spec"]["http"] if each["name"] == "primary")["route"]
    assert sum(each["weight"] for each in entries) == 100
    ours = ("canary", "web-canary", "web-canary.shop.svc.cluster.local")
    return [each["weight"] for each in entries if {*ours} & {*map(str, each["destination"].values())}]


def alb(manifest: Mapping[str, Any], canary: str, stable: str) -> list[int]:
    action = json.loads(manifest["metadata"]["annotations"]["alb.ingress.kubernetes.io/actions.web-root"])
    groups = {each["ServiceName"]: each["Weight"] for each in action["ForwardConfig"]["TargetGroups"]}
    return [groups[canary]]


def node_weights(manifest: Mapping[str, Any], canary: str, stable: str) -> list[int]:
    targets = manifest["spec"]["routes"][0]["httpRoute"]["action"]["weightedTargets"]
    return [each["weight"] for each in targets if each["virtualNodeRef"]["name"] == "web-canary"]


READ: dict[str, Callable[[Any, str, str], list[int]]] = {
    "gatewayAPI": pairs("name"),
    "traefik": pairs("name"),
    "contour": pairs("name"),
    "apisix": pairs("serviceName"),
    "smi": pairs("service"),
    "istio": istio,
    "alb": alb,
    "appMesh": node_weights,
    "ambassador": lambda manifest, canary, stable: [manifest["spec"].get("weight", 0)],
    "haproxy": lambda manifest, canary, stable: [
        int(obj.annotations(manifest).get("haproxy.org/route-acl", "rand(100) lt 100").rpartition(" ")[2])
    ],
}


def at_rest(world: Routed) -> Any:
    """The object without what the API server counts."""
    found = deepcopy(dict(world.route))
    for key in ("uid", "resourceVersion", "generation", "creationTimestamp"):
        found["metadata"].pop(key, None)
    if found["kind"] == "Service":
        found["spec"]["selector"].pop(HASH, None)
    if not found["metadata"].get("annotations"):
        found["metadata"].pop("annotations", None)  # the API server stores no empty map
    return found


def go_on(world: Routed) -> None:
    """End a pause, and wait for the next one."""
    world.command(pauseConditions=None)
    world.settle(1.0)
    world.until("Paused")


def settled(case: Case, **more: Any) -> Routed:
    world = Routed(case, **more)
    world.settle(60.0)
    assert world.status["phase"] == "Healthy", world.status
    return world


@EVERY
def test_an_update_walks_its_weights_and_leaves_the_object_as_it_was(case: Case) -> None:
    world = settled(case)
    rest = at_rest(world)

    world.set_image("shop/web:2")
    world.settle(1.0)
    world.until("Paused")
    first = world.weight
    go_on(world)
    second = world.weight
    world.command(pauseConditions=None)
    world.settle(1.0)
    world.until("Healthy")
    world.settle(120.0)

    assert (first, second) == (20, 60)
    assert world.sizes() == {"1": 0, "2": 4}
    if "pingPong" not in dict(case.extra):
        assert world.weight == 0
        assert at_rest(world) == rest


@EVERY
@pytest.mark.parametrize("step", [1, 3])
def test_an_abort_gives_everything_back(case: Case, step: int) -> None:
    world = settled(case)
    rest = at_rest(world)
    world.set_image("shop/web:2")
    world.settle(1.0)
    world.until("Paused")
    if step == 3:
        go_on(world)

    world.command(abort=True)
    world.settle(120.0)

    assert world.status["phase"] == "Degraded"
    assert world.weight == 0
    assert at_rest(world) == rest
    assert world.sizes() == {"1": 4, "2": 0}


@EVERY
@pytest.mark.parametrize("wait", [0.05, 0.4, 1, 3])
def test_a_third_version_midway_is_led_no_traffic_without_pods(case: Case, wait: float) -> None:
    world = settled(case)
    world.set_image("shop/web:2")
    if wait < 1:
        world.settle(wait)
    else:
        world.until("Paused")
        if wait == 3:
            go_on(world)
    world.set_image("shop/web:3")
    world.settle(3.0)
    world.until("Paused")
    first = world.weight
    go_on(world)
    world.command(pauseConditions=None)
    world.settle(1.0)
    world.until("Healthy")
    world.settle(120.0)

    assert first == 20
    assert world.sizes()["3"] == 4 and world.sizes()["2"] == 0


@WITH_HEADERS
def test_a_header_route_stands_while_the_steps_want_it(case: Case) -> None:
    steps = (
        {"setWeight": 20},
        {"setHeaderRoute": BETA},
        {"pause": {}},
        {"setHeaderRoute": {"name": "beta"}},
        {"pause": {}},
    )
    world = settled(case, steps=steps)
    world.set_image("shop/web:2")
    world.settle(1.0)
    world.until("Paused")
    during = world.stands()
    go_on(world)

    assert during == {"X-Beta"}
    assert world.stands() == set()


@WITH_HEADERS
def test_a_header_route_goes_before_the_canary_service_turns_to_a_third_version(case: Case) -> None:
    """#4307: the route led to the pods of the second version, which were leaving."""
    world = settled(case, steps=({"setCanaryScale": {"replicas": 1}}, {"setHeaderRoute": BETA}, {"pause": {}}))
    world.set_image("shop/web:2")
    world.settle(1.0)
    world.until("Paused")
    assert world.stands() == {"X-Beta"} and world.selects("canary") == world.hash_of("2")

    turned: list[tuple[str, set[str]]] = []
    check = world.check_traffic

    def watch(action: Any, former: int) -> None:
        check(action, former)
        turned.append((world.selects("canary"), world.stands()))

    world.check_traffic = watch  # type: ignore[method-assign]  # the test looks on after every write
    world.set_image("shop/web:3")
    world.settle(3.0)
    world.until("Paused")

    others = [stands for selects, stands in turned if selects not in (world.hash_of("2"), world.hash_of("3"))]
    assert all(stands == set() for stands in others)
    assert world.stands() == {"X-Beta"} and world.selects("canary") == world.hash_of("3")


@WITH_HEADERS
def test_a_header_route_is_taken_out_by_an_abort_and_by_a_promotion(case: Case) -> None:
    """#2526, #4831: the route stayed, and led to pods that were gone."""
    for end in ({"abort": True}, {"promoteFull": True}):
        world = settled(case, steps=({"setWeight": 20}, {"setHeaderRoute": BETA}, {"pause": {}}))
        rest = at_rest(world)
        world.set_image("shop/web:2")
        world.settle(1.0)
        world.until("Paused")
        assert world.stands() == {"X-Beta"}

        world.command(**end)
        world.settle(120.0)

        assert world.stands() == set()
        assert at_rest(world) == rest


@pytest.mark.parametrize("name", ["gateway", "istio hosts"])
def test_a_mirror_route_stands_with_the_weights_of_the_moment(name: str) -> None:
    world = settled(CASES[name], steps=({"setWeight": 20}, {"setMirrorRoute": SHADOW}, {"pause": {}}))
    world.set_image("shop/web:2")
    world.settle(1.0)
    world.until("Paused")

    assert world.stands() == {"shadow"}


@pytest.mark.parametrize("name", ["gateway ping-pong", "alb ping-pong"])
def test_ping_and_pong_take_turns_and_no_selector_moves_beneath_traffic(name: str) -> None:
    world = settled(CASES[name])
    sides = [world.status["canary"]["stablePingPong"]]
    for image in ("shop/web:2", "shop/web:3"):
        world.set_image(image)
        world.settle(1.0)
        world.until("Paused")
        go_on(world)
        world.command(pauseConditions=None)
        world.settle(1.0)
        world.until("Healthy")
        world.settle(120.0)
        sides.append(world.status["canary"]["stablePingPong"])
        assert world.weight == 0

    assert sides == ["ping", "pong", "ping"]


@EVERY
def test_a_deleted_rollout_gives_its_router_back(case: Case) -> None:
    world = settled(case)
    rest = at_rest(world)
    world.set_image("shop/web:2")
    world.settle(1.0)
    world.until("Paused")
    del world.objects[WEB]
    world.settle(5.0)

    services = [each for each in world.of(kinds.SERVICE) if each["metadata"]["name"].startswith("web-")]
    assert not any(HASH in each["spec"]["selector"] for each in services)
    if case.field not in ("smi", "ambassador"):  # those objects go with their owner
        back = at_rest(world)
        assert names_root(world.route_ref, world.route) is None
        if case.field != "haproxy":
            assert back == rest
    for each in world.objects.values():
        if each["kind"] in ("DestinationRule", "VirtualNode"):
            assert HASH not in str(each)


def test_a_router_that_shares_already_is_refused_in_the_contracts_words() -> None:
    mapping = deepcopy(CASES["ambassador"].beside[0])
    mapping["spec"]["weight"] = 50
    router = deepcopy(CASES["app mesh"].routed)
    targets = router["spec"]["routes"][0]["httpRoute"]["action"]["weightedTargets"]
    targets.append({"virtualNodeRef": {"name": "third"}, "weight": 0})
    told = {
        'Ambassador mapping "web" can not define weight': replace(CASES["ambassador"], beside=(mapping,)),
        "weightedTargets must be exactly 2": replace(CASES["app mesh"], routed=router),
    }
    for said, case in told.items():
        world = Routed(case)
        world.settle(1.0)

        assert said in world.status["message"]
        assert world.of(kinds.REPLICA_SET) == []


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("gateway", {"httpRoute": "gone"}, 'httproutes.gateway.networking.k8s.io "gone" not found'),
        ("istio hosts", {"virtualService": {"name": "web", "routes": ["gone"]}}, "HTTP Route 'gone' is not found"),
        ("apisix", {"route": {"name": "web", "rules": ["gone"]}}, "rule `gone` is not found"),
        ("gateway plugin", {"httpRoute": "web", "what": "x"}, "argoproj-labs/gatewayAPI: what: "),
        ("traefik", {"weightedTraefikServiceName": "none"}, 'traefikservices.traefik.io "none" not found'),
    ],
)
def test_what_is_wrong_with_a_router_is_said(name: str, change: dict[str, Any], said: str) -> None:
    case = CASES[name]
    world = Routed(Case(case.field, change, case.routed, plugin=case.plugin))
    world.settle(1.0)

    assert world.status["conditions"][0]["type"] == "InvalidSpec"
    assert said in world.status["message"]
    assert world.of(kinds.REPLICA_SET) == []


def test_a_router_that_the_cluster_does_not_serve_is_said_once_it_is_known() -> None:
    world = Routed(CASES["gateway"])
    world.knows_pods = False
    world.settle(1.0)
    assert world.status == {}

    world.complaint = lambda kind: "404 page not found"  # type: ignore[method-assign]  # what the API server said
    world.settle(1.0)

    assert "does not serve httproutes.gateway.networking.k8s.io v1: 404" in world.status["message"]


OLDER_CLUSTERS = {
    "gateway": "gateway.networking.k8s.io/v1beta1",
    "gateway grpc": "gateway.networking.k8s.io/v1alpha2",
    "gateway tcp": "gateway.networking.k8s.io/v1alpha2",
    "gateway tls": "gateway.networking.k8s.io/v1alpha2",
    "istio hosts": "networking.istio.io/v1alpha3",
    "istio subsets": "networking.istio.io/v1beta1",
    "smi": "split.smi-spec.io/v1alpha1",
    "traefik": "traefik.containo.us/v1alpha1",
}


@pytest.mark.parametrize("name", OLDER_CLUSTERS)
def test_a_routers_object_is_taken_in_the_version_that_an_older_cluster_serves(name: str) -> None:
    case, version = CASES[name], OLDER_CLUSTERS[name]
    routed = {**case.routed, "apiVersion": version} if case.routed else {}
    beside = tuple({**each, "apiVersion": version} for each in case.beside)
    world = Routed(replace(case, routed=routed, beside=beside))
    world.knows = lambda kind: kind.api_version == version or not kind.group.count(".")  # type: ignore[method-assign]
    world.complaint = lambda kind: "" if world.knows(kind) else "404"  # type: ignore[method-assign]
    world.settle(60.0)

    world.set_image("shop/web:2")
    world.settle(1.0)
    world.until("Paused")
    selected = world.selects("canary")

    assert (20, version) == (world.weight, world.route["apiVersion"])
    assert selected == world.status["currentPodHash"]


SERVICES_NOTED = "services.v1/shop/web-canary,services.v1/shop/web-stable"
"""What the note of a Rollout names whose router is gone."""


@pytest.mark.parametrize("name", ["istio hosts", "istio subsets", "istio subsets with services", "app mesh", "gateway"])
@pytest.mark.parametrize("promote", [True, False], ids=["settled", "in mid-update"])
def test_a_router_that_is_no_longer_named_has_its_objects_back(name: str, promote: bool) -> None:
    world = settled(CASES[name])
    world.set_image("shop/web:2")
    world.settle(1.0)
    world.until("Paused")
    if promote:
        world.command(promoteFull=True)
        world.settle(5.0)
    world.patch(WEB, {"spec": {"strategy": {"canary": {"trafficRouting": None}}}})
    world.settle(5.0)

    ours = (MARK, "argo-rollouts.argoproj.io/managed-by-rollouts")
    routed = [each for each in world.objects.values() if each["kind"] not in ("Rollout", "ReplicaSet", "Service")]
    assert [mark for each in routed for mark in ours if mark in obj.annotations(each)] == []
    assert [each["kind"] for each in routed if HASH in str(each["spec"])] == []
    assert world.weight == 0


@pytest.mark.parametrize("name", [name for name in CASES if not CASES[name].extra])
@pytest.mark.parametrize("end", ["settled", "in mid-update", "aborted"])
def test_a_router_that_another_one_replaces_has_its_objects_back(name: str, end: str) -> None:
    case = CASES[name]
    other = CASES["traefik"] if case.field != "traefik" else CASES["gateway"]
    world = settled(replace(case, beside=(*case.beside, other.routed)))
    rest = at_rest(world)
    world.set_image("shop/web:2")
    world.settle(1.0)
    world.until("Paused")
    assert world.weight == 20
    if end == "settled":
        world.command(promoteFull=True)
        world.settle(60.0)
    gone: dict[str, Any] = {case.field: None, "plugins": None}
    world.patch(WEB, {"spec": {"strategy": {"canary": {"trafficRouting": gone | {other.field: other.settings}}}}})
    if end == "aborted":
        world.command(abort=True)
    world.settle(120.0 if end == "aborted" else 5.0)

    ours = [each for each in world.objects.values() if each["kind"] not in ("Rollout", "ReplicaSet", "Service")]
    weighed = [each["kind"] for each in ours if MARK in obj.annotations(each)]
    telling = [each["kind"] for each in ours if HASH in str(each["spec"])]
    assert weighed == ([other.routed["kind"]] if end == "in mid-update" else [])
    assert not telling or (end == "in mid-update" and {*telling} <= {"DestinationRule", "VirtualNode"})
    if case.field in ("smi", "ambassador"):
        assert world.route_ref is None
    else:
        assert at_rest(world) == rest
    noted = obj.annotations(world.objects[WEB])["rollout.argoproj.io/routes"]
    assert noted.count("/") == 2 * (3 + len(telling)) and f"{other.routed['kind'].lower()}s.v1" in noted


def test_a_managed_route_whose_name_is_taken_out_of_the_spec_goes_with_the_next_write() -> None:
    steps = ({"setWeight": 20}, {"setHeaderRoute": BETA}, {"pause": {}})
    for name in ("gateway", "istio hosts", "apisix", "contour", "alb"):
        world = settled(CASES[name], steps=steps)
        rest = at_rest(world)
        world.set_image("shop/web:2")
        world.settle(1.0)
        world.until("Paused")
        assert world.stands() == {"X-Beta"}

        canary = {"steps": [{"setWeight": 20}, {"pause": {}}], "trafficRouting": {"managedRoutes": []}}
        world.patch(WEB, {"spec": {"strategy": {"canary": canary}}})
        world.settle(5.0)
        assert (world.stands(), world.weight) == (set(), 20)
        world.command(abort=True)
        world.settle(120.0)

        assert at_rest(world) == rest


def test_a_route_that_is_no_longer_named_leads_to_the_stable_side_again() -> None:
    """It kept its share, which nobody took back, and led to nobody once the canary's pods had left."""
    routed = fixtures.a_virtual_service(fixtures.hosts())
    routed["spec"]["http"].append({"name": "second", "route": fixtures.hosts()})
    settings = {"virtualService": {"name": "web", "routes": ["primary", "second"]}}
    world = settled(replace(CASES["istio hosts"], routed=routed, settings=settings))
    world.set_image("shop/web:2")
    world.settle(1.0)
    world.until("Paused")

    fewer = {"istio": {"virtualService": {"name": "web", "routes": ["primary"]}}}
    world.patch(WEB, {"spec": {"strategy": {"canary": {"trafficRouting": fewer}}}})
    world.settle(5.0)

    shares = {each["name"]: each["route"][1].get("weight") for each in world.route["spec"]["http"][1:]}
    assert shares == {"primary": 20, "second": 0}


def test_the_canary_ingress_of_a_router_that_is_no_longer_named_is_deleted() -> None:
    world = deployed(a_rollout(4, steps=STEPS))
    owner = obj.controller_reference(kinds.ROLLOUT, world.objects[WEB])
    theirs = deepcopy(dict(world.objects[Ref(kinds.INGRESS, NAMESPACE, "web")]))
    world.add({**theirs, "metadata": {"name": "theirs", "namespace": NAMESPACE, "ownerReferences": [owner]}})
    world.set_image("shop/web:2")
    world.settle(1.0)
    world.until("Paused")
    assert len(world.of(kinds.INGRESS)) == 3

    world.patch(WEB, {"spec": {"strategy": {"canary": {"trafficRouting": None}}}})
    world.settle(5.0)

    assert [obj.name(each) for each in world.of(kinds.INGRESS)] == ["theirs", "web"]
    assert obj.annotations(world.objects[WEB])["rollout.argoproj.io/routes"] == SERVICES_NOTED


def test_objects_of_a_former_router_are_found_by_a_controller_that_has_just_started() -> None:
    """What no spec names any more was not watched by the next process, and stayed as it was."""
    world = settled(CASES["gateway"])
    world.set_image("shop/web:2")
    world.settle(1.0)
    world.until("Paused")
    world.knows_pods = False  # nothing is watched on demand yet
    world.patch(WEB, {"spec": {"strategy": {"canary": {"trafficRouting": None}}}})
    world.settle(5.0)
    assert world.weight == 20

    world.knows_pods = True
    world.settle(5.0)

    assert world.weight == 0
    assert obj.annotations(world.objects[WEB])["rollout.argoproj.io/routes"] == SERVICES_NOTED


@pytest.mark.parametrize("change", ["taken out", "renamed"])
@pytest.mark.parametrize("is_updating", [False, True], ids=["settled", "in mid-update"])
def test_services_that_are_no_longer_named_are_given_back(change: str, is_updating: bool) -> None:
    """They kept the version that they selected last, and led to nobody after the next update."""
    world = World(a_service("shop-stable"), a_service("shop-canary"), a_rollout(4, steps=STEPS))
    world.settle(60.0)
    if is_updating:
        world.set_image("shop/web:2")
        world.settle(1.0)
        world.until("Paused")
    fields = {"stableService": "shop-stable", "canaryService": "shop-canary"}
    gone = dict.fromkeys(fields) if change == "taken out" else fields
    world.patch(WEB, {"spec": {"strategy": {"canary": {"trafficRouting": None, **gone}}}})
    world.set_image("shop/web:3")
    world.settle(5.0)
    world.command(promoteFull=True)
    world.settle(300.0)

    assert world.status["phase"] == "Healthy"
    marked = {obj.name(each) for each in world.of(kinds.SERVICE) if each["metadata"].get("annotations")}
    telling = {obj.name(each) for each in world.of(kinds.SERVICE) if HASH in each["spec"]["selector"]}
    assert marked == telling == (set() if change == "taken out" else set(fields.values()))


def test_a_forged_note_turns_no_service_of_somebody_else() -> None:
    world = deployed(a_rollout(4, steps=STEPS))
    theirs = a_service("theirs", **{HASH: "theirs"})
    theirs["metadata"]["annotations"] = {"argo-rollouts.argoproj.io/managed-by-rollouts": "another"}
    ref = world.add(theirs)
    before = world.objects[ref]
    noted = f"{SERVICES_NOTED},services.v1/{NAMESPACE}/theirs"
    world.patch(WEB, {"metadata": {"annotations": {"rollout.argoproj.io/routes": noted}}})
    world.settle(5.0)

    assert world.objects[ref] == before


def test_a_forged_note_gives_nothing_back_in_another_namespace() -> None:
    world = settled(CASES["traefik"])
    theirs = subset_rule()
    theirs["metadata"] |= {"namespace": "bank", "annotations": {"argo-rollouts.argoproj.io/managed-by-rollouts": "web"}}
    theirs["spec"]["subsets"][0]["labels"][HASH] = "abc"
    routed = fixtures.an_http_route()
    routed["metadata"] |= {"namespace": "bank", "annotations": {MARK: '{"bank/web":{"router":"gatewayAPI"}}'}}
    refs = [world.add(theirs), world.add(routed)]
    before = [world.objects[ref] for ref in refs]
    forged = [f"{ref.kind.plural}.{ref.kind.version}.{ref.kind.group}/bank/web" for ref in refs]
    world.patch(WEB, {"metadata": {"annotations": {"rollout.argoproj.io/routes": ",".join(forged)}}})
    world.settle(5.0)

    assert [world.objects[ref] for ref in refs] == before
    assert "bank" not in obj.annotations(world.objects[WEB])["rollout.argoproj.io/routes"]


def test_a_former_router_keeps_its_share_until_the_stable_pods_can_carry_it() -> None:
    other = CASES["traefik"]
    extra = (("dynamicStableScale", True),)
    world = settled(replace(CASES["gateway"], beside=(other.routed,), extra=extra))
    world.set_image("shop/web:2")
    world.settle(1.0)
    world.until("Paused")
    go_on(world)
    assert (world.weight, world.sizes()) == (60, {"1": 2, "2": 3})

    wanted = {"gatewayAPI": None, "traefik": other.settings}
    world.patch(WEB, {"spec": {"strategy": {"canary": {"trafficRouting": wanted}}}})
    world.settle(5.0)
    held = world.weight
    world.command(abort=True)
    world.settle(120.0)

    assert (held, world.weight) == (60, 0)
    assert world.sizes() == {"1": 4, "2": 0}


def test_only_the_kinds_that_a_spec_names_are_asked_for() -> None:
    world = Routed(CASES["gateway"])
    asked: list[str] = []
    world.knows = lambda kind: not asked.append(kind.name)  # type: ignore[func-returns-value,method-assign]
    world.settle(60.0)

    assert set(asked) - {"Pod"} == {"HTTPRoute"}


def test_a_step_waits_until_the_gateway_has_accepted_its_weight() -> None:
    world = settled(CASES["gateway"])
    ref = world.route_ref
    assert ref is not None
    told = {"type": "Accepted", "status": "True", "observedGeneration": obj.generation(world.route)}
    world.patch(ref, {"status": {"parents": [{"conditions": [told]}]}})
    world.set_image("shop/web:2")
    world.settle(20.0)
    assert (world.weight, world.status["currentStepIndex"]) == (20, 0)
    assert world.status["canary"]["weights"]["verified"] is False

    told = {**told, "observedGeneration": obj.generation(world.route)}
    world.patch(ref, {"status": {"parents": [{"conditions": [told]}]}})
    world.settle(1.0)

    assert world.status["currentStepIndex"] == 1
    assert world.status["canary"]["weights"]["verified"] is True


def test_a_router_of_somebody_else_goes_by_its_plugin_name() -> None:
    case = CASES["traefik"]
    world = Routed(Case("traefik", case.settings, case.routed, plugin="example.com/edge"))
    world.settle(1.0)
    assert "no router is installed under the name example.com/edge" in world.status["message"]

    seen = gather(WEB, world, plugins={"example.com/edge": DIALECTS["traefik"]})

    assert isinstance(seen, DeliverySeen)
    assert [(router.name, len(routes)) for router, routes in seen.routers] == [("traefik", 1)]
