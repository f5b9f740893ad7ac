"""Real requests behind other routers: Traefik routes by the TraefikService or HTTPRoute that the controller writes."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.plane.build import PlaneMissingError
from tests.plane.fixtures import say_through
from tests.plane.leftout import leave_out
from tests.plane.plane import Plane
from tests.plane.schemas import fetched
from tests.plane.traffic import Service, start_routers
from tests.realplane.customers import Customers, share_percent
from tests.realplane.shop import Shop, controller, opened

pytestmark = [pytest.mark.realplane, pytest.mark.netns]

SPREAD_S = 0.7
PODS_LINGER = {"linger": "2"}
STATUS = "application/merge-patch+json"
GATEWAY_API, TRAEFIK = "/apis/gateway.networking.k8s.io/v1", "/apis/traefik.io/v1alpha1"
BETA = {"name": "beta", "match": [{"headerName": "X-Beta", "headerValue": {"exact": "yes"}}]}


class RoutedShop(Shop):
    """The example's application behind a TraefikService or an HTTPRoute."""

    router = ""
    port = 0

    def arranged(self, body: dict[str, Any]) -> dict[str, Any] | None:
        if body["kind"] == "Rollout":
            canary = body["spec"]["strategy"]["canary"]
            settings = {"traefik": {"weightedTraefikServiceName": "web"}, "gatewayAPI": {"httpRoute": "web"}}
            canary["trafficRouting"] = {self.router: settings[self.router]}
            if self.router == "gatewayAPI":
                canary["trafficRouting"]["managedRoutes"] = [{"name": "beta"}]
                canary["steps"].insert(2, {"setHeaderRoute": BETA})
        return None if body["kind"] == "Ingress" else body

    def route(self) -> None:
        """What the user makes beside the example's objects."""
        space = f"/namespaces/{self.namespace}"
        shared = [{"name": "web-stable", "port": 80}, {"name": "web-canary", "port": 80, "weight": 0}]
        if self.router == "traefik":
            self._make(f"{TRAEFIK}{space}/traefikservices", "web", {"weighted": {"services": shared}})
            rule = {"kind": "Rule", "match": f"Host(`{self.host}`)"}
            routes = [{**rule, "services": [{"name": "web", "kind": "TraefikService"}]}]
            self._make(f"{TRAEFIK}{space}/ingressroutes", "web", {"entryPoints": ["web"], "routes": routes})
            return
        listener = {"name": "web", "protocol": "HTTP", "port": self.port}
        self._make(f"{GATEWAY_API}{space}/gateways", "edge", {"gatewayClassName": "traefik", "listeners": [listener]})
        spec = {"parentRefs": [{"name": "edge"}], "hostnames": [self.host], "rules": [{"backendRefs": shared}]}
        self._make(f"{GATEWAY_API}{space}/httproutes", "web", spec)

    def weight(self) -> int:
        space = f"/namespaces/{self.namespace}"
        if self.router == "traefik":
            spec = self.plane.admin.ask("GET", f"{TRAEFIK}{space}/traefikservices/web")["spec"]
            services = spec["weighted"]["services"]
        else:
            services = self.plane.admin.ask("GET", f"{GATEWAY_API}{space}/httproutes/web")["spec"]["rules"][-1][
                "backendRefs"
            ]
        return next(int(each.get("weight", 1)) for each in services if each["name"] == "web-canary")

    def _make(self, path: str, name: str, spec: dict[str, Any]) -> None:
        self.plane.admin.ask("POST", path, {"metadata": {"name": name}, "spec": spec} | _typed(path))


def _typed(path: str) -> dict[str, str]:
    names = {"traefikservices": "TraefikService", "ingressroutes": "IngressRoute"}
    names |= {"gateways": "Gateway", "httproutes": "HTTPRoute"}
    parts = path.split("/")
    return {"apiVersion": f"{parts[2]}/{parts[3]}", "kind": names[parts[-1]]}


@pytest.fixture(scope="module")
def routers(traffic_plane: Plane, request: pytest.FixtureRequest) -> Service:
    """Traefik with its own kinds and those of the Gateway API."""
    try:
        traffic_plane.install_crds(fetched(say_through(request.config)))
    except PlaneMissingError as error:
        leave_out(request.config, "the CRDs of the routers", str(error))
    body = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "traefik"}}
    spec = {"controllerName": "traefik.io/gateway-controller"}
    traffic_plane.admin.ask("POST", f"{GATEWAY_API}/gatewayclasses", {**body, "spec": spec})
    return start_routers(traffic_plane)


@pytest.fixture(params=["traefik", "gatewayAPI"])
def shop(
    traffic_plane: Plane, routers: Service, prometheus: Service, request: pytest.FixtureRequest
) -> Iterator[RoutedShop]:
    """The application behind each of the two."""
    with ExitStack() as stack:
        name = f"{request.param}-{request.node.originalname[5:25]}"
        plain = stack.enter_context(opened(traffic_plane, name))
        plain.__class__ = RoutedShop
        assert isinstance(plain, RoutedShop)
        plain.router, plain.port = request.param, int(urlsplit(routers.url).port or 0)
        plain.route()
        plain.open(prometheus.url, pause="6s", **PODS_LINGER)
        yield plain


def until_served(shop: Shop, routers: Service) -> None:
    with Customers(routers.url, shop.host) as first:
        shop.until("the first version answers", lambda: any(answer.status == 200 for answer in first.answers[-5:]))


def share_at(shop: Shop, customers: Customers, weight: int, for_s: float) -> float:
    shop.until_weight(weight)
    begin = time.monotonic() + SPREAD_S
    shop.until("enough requests", lambda: time.monotonic() > begin + for_s)
    return share_percent(customers.between(begin, begin + for_s), "good-2")


def answer_to(routers: Service, host: str, **headers: str) -> str:
    connection = http.client.HTTPConnection(urlsplit(routers.url).netloc, timeout=10)
    connection.request("GET", "/", headers={"Host": host, **headers})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.getheader("x-version") or ""


def test_a_promotion_costs_no_request(shop: RoutedShop, routers: Service) -> None:
    with controller(shop):
        shop.until_phase("Healthy")
        until_served(shop, routers)
        with Customers(routers.url, shop.host) as customers:
            shop.set_image("good-2")
            at_20 = share_at(shop, customers, 20, 2.5)
            at_50 = share_at(shop, customers, 50, 1.5)
            shop.until_phase("Healthy")
            promoted = time.monotonic() + SPREAD_S
            shop.until("old pods are gone", lambda: len(shop.list("Pod")) == 4)
            end = time.monotonic()

    assert [answer for answer in customers.answers if answer.status != 200] == []
    assert 12 <= at_20 <= 28
    assert 42 <= at_50 <= 58
    assert share_percent(customers.between(promoted, end), "good-2") == 100


def test_an_abort_costs_no_request(shop: RoutedShop, routers: Service) -> None:
    with controller(shop):
        shop.until_phase("Healthy")
        until_served(shop, routers)
        with Customers(routers.url, shop.host) as customers:
            shop.set_image("good-2")
            shop.until_weight(20)
            time.sleep(SPREAD_S)
            beta = {answer_to(routers, shop.host, **{"X-Beta": "yes"}) for _ in range(20)}
            shop.plane.admin.ask("PATCH", f"{shop.path('Rollout')}/web/status", {"status": {"abort": True}}, STATUS)
            shop.until_weight(0)
            back = time.monotonic() + SPREAD_S
            shop.until("the canary is gone", lambda: len(shop.list("Pod")) == 4)
            end = time.monotonic()
        after = {answer_to(routers, shop.host, **{"X-Beta": "yes"}) for _ in range(20)}

    assert [answer for answer in customers.answers if answer.status != 200] == []
    assert share_percent(customers.between(back, end), "good-1") == 100
    if shop.router == "gatewayAPI":
        assert beta == {"good-2"}, "the header route leads every one of them to the canary"
    assert after == {"good-1"}
