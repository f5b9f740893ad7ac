"""What the routers' settings must say, and which router can do what."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.delivery.rules import check
from tests.api.cases import changed

HEADER = {"setHeaderRoute": {"name": "beta", "match": [{"headerName": "X", "headerValue": {"exact": "y"}}]}}
PREFIX = {"setHeaderRoute": {"name": "beta", "match": [{"headerName": "X", "headerValue": {"prefix": "y"}}]}}
MIRROR = {"setMirrorRoute": {"name": "beta", "match": [{"method": {"exact": "GET"}}], "percentage": 10}}
ALB = {"ingress": "web", "servicePort": 80}
ISTIO = {"virtualService": {"name": "web"}}
GATEWAY = {"httpRoute": "web"}
BARE = {"canary__canaryService": None, "canary__stableService": None}
PING_PONG = {**BARE, "canary__pingPong": {"pingService": "a", "pongService": "b"}}


def routed(*steps: dict[str, Any], **routers: Any) -> dict[str, Any]:
    routing = {"managedRoutes": [{"name": "beta"}], **routers}
    return {"canary__trafficRouting": routing, "canary__steps": [{"setWeight": 5}, *steps]}


@pytest.mark.parametrize(
    ("spec", "reasons"),
    [
        (routed(HEADER, gatewayAPI=GATEWAY), []),
        (routed(HEADER, plugins={"argoproj-labs/gatewayAPI": GATEWAY}), []),
        (routed(HEADER, istio=ISTIO), []),
        (routed(PREFIX, contour={"httpProxy": "web"}), []),
        (routed(PREFIX, apisix={"route": {"name": "web"}}), []),
        (routed(HEADER, alb=ALB), []),
        (routed(PREFIX, alb=ALB), ["MatchInvalid"]),
        (routed(HEADER, traefik={"weightedTraefikServiceName": "web"}), ["RouteUnsupported"]),
        (routed(HEADER, nginx={"stableIngress": "web"}), ["RouteUnsupported"]),
        (routed(HEADER, istio=ISTIO, nginx={"stableIngress": "web"}), ["RouteUnsupported"]),
        (routed(HEADER, plugins={"example.com/edge": {}}), []),
        (routed(MIRROR, gatewayAPI=GATEWAY), []),
        (routed(MIRROR, istio=ISTIO), []),
        (routed(MIRROR, alb=ALB), ["RouteUnsupported"]),
        (routed(HEADER, istio=ISTIO, managedRoutes=[]), ["RoutesMissing"]),
        (routed(HEADER, istio=ISTIO, managedRoutes=[{"name": "other"}]), ["RouteUnknown"]),
        (routed(HEADER, istio=ISTIO, managedRoutes=[{"name": "beta"}, {"name": "beta"}]), ["RoutesDuplicate"]),
        (routed(alb={"servicePort": 80}), ["IngressChoice"]),
        (routed(alb={**ALB, "ingresses": ["x"]}), ["IngressChoice"]),
        (routed(alb={**ALB, "stickinessConfig": {"enabled": True}}), ["StickinessOutOfRange"]),
        (
            routed(alb={**ALB, "stickinessConfig": {"enabled": True, "durationSeconds": 604801}}),
            ["StickinessOutOfRange"],
        ),
        (routed(istio={}), ["VirtualServiceChoice"]),
        (routed(istio={**ISTIO, "virtualServices": [{"name": "x"}]}), ["VirtualServiceChoice"]),
        (routed(istio={**ISTIO, "destinationRule": {"name": "web"}}), ["SubsetsSame"]),
        (
            {
                **BARE,
                **routed(
                    istio={
                        **ISTIO,
                        "destinationRule": {"name": "w", "canarySubsetName": "c", "stableSubsetName": "s"},
                    }
                ),
            },
            [],
        ),
        ({**BARE, **routed(istio=ISTIO)}, ["ServicesMissing", "ServicesMissing"]),
        ({**BARE, **routed(gatewayAPI=GATEWAY)}, ["ServicesMissing", "ServicesMissing"]),
        ({**PING_PONG, **routed(gatewayAPI=GATEWAY)}, []),
        ({**PING_PONG, **routed(alb={**ALB, "rootService": "root"})}, []),
        ({**PING_PONG, **routed(alb=ALB)}, ["PingPongRootService"]),
        ({**PING_PONG, **routed(traefik={"weightedTraefikServiceName": "w"})}, ["PingPongRouter", "ServicesMissing"]),
        (routed(gatewayAPI=GATEWAY, maxTrafficWeight=1000), []),
        (routed(gatewayAPI=GATEWAY, istio=ISTIO, maxTrafficWeight=1000), ["TotalUnsupported"]),
        (routed(alb=ALB, maxTrafficWeight=1000), ["TotalUnsupported"]),
    ],
)  # fmt: skip
def test_a_spec_says_what_its_router_can_do(spec: dict[str, Any], reasons: list[str]) -> None:
    found = [each.reason for each in check(changed(**spec)).refusals]

    assert found[: len(reasons)] == reasons
    assert bool(found) == bool(reasons), found


@pytest.mark.parametrize("istio", [{}, {**ISTIO, "virtualServices": [{"name": "x"}]}])
def test_istio_is_refused_in_the_contracts_words(istio: dict[str, Any]) -> None:
    refused = check(changed(**routed(istio=istio))).refusals[0]

    assert refused.text == "either VirtualService or VirtualServices must be configured"
