"""One object per router that a user could have written, with fields of somebody else's in every place."""

from __future__ import annotations

from typing import Any

from rollouts.api.routing import (
    AlbRouting,
    ApisixRouting,
    AppMeshRouting,
    ContourRouting,
    GatewayPlugin,
    HaproxyRouting,
    IstioRouting,
    TraefikRouting,
)
from rollouts.traffic import ManagedRoute, Match, Request, Traffic

NAMESPACE = "shop"
OWNER = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web", "uid": "u1", "controller": True}
MANAGED = ("beta", "shadow")
TRAFFIC = Traffic(NAMESPACE, "web", OWNER, "web-canary", "web-stable", None, MANAGED)
BETA = ManagedRoute("beta", (Request({"X-Beta": Match("exact", "yes")}),))
SHADOW = ManagedRoute("shadow", (Request({}, Match("exact", "GET"), Match("prefix", "/cart")),), 25)


def an_object(api_version: str, kind: str, spec: dict[str, Any], **annotations: str) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "name": "web",
        "namespace": NAMESPACE,
        "uid": "r1",
        "resourceVersion": "7",
        "generation": 3,
        "labels": {"team": "shop"},
    }
    if annotations:
        meta["annotations"] = annotations
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, "spec": spec}


def backends(canary: int = 0, stable: int = 100) -> list[dict[str, Any]]:
    common = {"group": "", "kind": "Service", "port": 80}
    return [
        {**common, "name": "web-stable", "weight": stable, "filters": []},
        {**common, "name": "web-canary", "weight": canary},
    ]


def an_http_route(kind: str = "HTTPRoute") -> dict[str, Any]:
    ours = {
        "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
        "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "a", "value": "b"}]}}],
        "timeouts": {"request": "10s"},
        "backendRefs": backends(),
    }
    theirs = {"matches": [{"path": {"type": "Exact", "value": "/api"}}], "backendRefs": [{"name": "api", "port": 80}]}
    spec = {"parentRefs": [{"name": "edge"}], "hostnames": ["shop.example"], "rules": [theirs, ours]}
    return an_object("gateway.networking.k8s.io/v1", kind, spec)


def a_grpc_route() -> dict[str, Any]:
    rules = [{"matches": [{"method": {"service": "shop.Cart"}}], "backendRefs": backends()}]
    return an_object("gateway.networking.k8s.io/v1", "GRPCRoute", {"parentRefs": [{"name": "edge"}], "rules": rules})


def a_layer_4_route(kind: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"parentRefs": [{"name": "edge"}], "rules": [{"backendRefs": backends()}]}
    if kind == "TLSRoute":
        spec["hostnames"] = ["shop.example"]
    return an_object("gateway.networking.k8s.io/v1", kind, spec)


def hosts() -> list[dict[str, Any]]:
    return [
        {"destination": {"host": "web-stable"}, "weight": 100},
        {"destination": {"host": "web-canary.shop.svc.cluster.local"}, "weight": 0, "headers": {"request": {}}},
    ]


def subsets() -> list[dict[str, Any]]:
    return [
        {"destination": {"host": "web", "subset": "stable"}, "weight": 100},
        {"destination": {"host": "web", "subset": "canary"}, "weight": 0},
    ]


def a_virtual_service(entries: list[dict[str, Any]]) -> dict[str, Any]:
    spec = {
        "hosts": ["shop.example"],
        "gateways": ["edge"],
        "http": [
            {"name": "api", "match": [{"uri": {"prefix": "/api"}}], "route": [{"destination": {"host": "api"}}]},
            {"name": "primary", "retries": {"attempts": 3}, "route": entries},
        ],
    }
    return an_object("networking.istio.io/v1", "VirtualService", spec)


def a_layer_4_virtual_service() -> dict[str, Any]:
    spec = {
        "hosts": ["shop.example"],
        "tls": [{"match": [{"port": 443, "sniHosts": ["shop.example"]}], "route": hosts()}],
        "tcp": [
            {"match": [{"port": 27017}], "route": hosts()},
            {"match": [{"port": 9}], "route": [{"destination": {"host": "x"}}]},
        ],
    }
    return an_object("networking.istio.io/v1", "VirtualService", spec)


def a_traefik_service() -> dict[str, Any]:
    services = [
        {"name": "web-stable", "port": 80, "weight": 100},
        {"name": "web-canary", "port": 80, "weight": 0, "serversTransport": "slow"},
    ]
    spec = {"weighted": {"sticky": {"cookie": {"name": "lvl1"}}, "services": services}}
    return an_object("traefik.io/v1alpha1", "TraefikService", spec)


def an_alb_ingress() -> dict[str, Any]:
    path = {
        "path": "/*",
        "pathType": "ImplementationSpecific",
        "backend": {"service": {"name": "web-root", "port": {"name": "use-annotation"}}},
    }
    spec = {"ingressClassName": "alb", "rules": [{"host": "shop.example", "http": {"paths": [path]}}]}
    rest = (
        '{"Type":"forward","ForwardConfig":{"TargetGroups":['
        '{"ServiceName":"web-canary","ServicePort":"80","Weight":0},'
        '{"ServiceName":"web-stable","ServicePort":"80","Weight":100}]}}'
    )
    return an_object(
        "networking.k8s.io/v1",
        "Ingress",
        spec,
        **{
            "alb.ingress.kubernetes.io/actions.web-root": rest,
            "rollouts.argoproj.io/managed-alb-annotations": '{"web":["alb.ingress.kubernetes.io/actions.web-root"]}',
            "alb.ingress.kubernetes.io/scheme": "internal",
        },
    )


def an_apisix_route() -> dict[str, Any]:
    ours = {
        "name": "primary",
        "match": {"hosts": ["shop.example"], "paths": ["/*"]},
        "plugins": [{"name": "cors", "enable": True}],
        "backends": [
            {"serviceName": "web-stable", "servicePort": 80, "weight": 100},
            {"serviceName": "web-canary", "servicePort": 80, "weight": 0},
        ],
    }
    theirs = {"name": "api", "match": {"paths": ["/api"]}, "backends": [{"serviceName": "api", "servicePort": 80}]}
    return an_object("apisix.apache.org/v2", "ApisixRoute", {"http": [theirs, ours]})


def an_http_proxy() -> dict[str, Any]:
    ours = {
        "conditions": [{"prefix": "/"}],
        "timeoutPolicy": {"response": "10s"},
        "services": [
            {"name": "web-stable", "port": 80, "weight": 100},
            {"name": "web-canary", "port": 80, "weight": 0},
        ],
    }
    theirs = {"conditions": [{"prefix": "/api"}], "services": [{"name": "api", "port": 80}]}
    spec = {"virtualhost": {"fqdn": "shop.example"}, "routes": [theirs, ours]}
    return an_object("projectcontour.io/v1", "HTTPProxy", spec)


def a_canary_service() -> dict[str, Any]:
    made = an_object("v1", "Service", {"selector": {"app": "web"}, "ports": [{"port": 80}]})
    made["metadata"] |= {"name": "web-canary", "annotations": {"haproxy.org/route-acl": "rand(100) lt 0", "a": "b"}}
    return made


def a_virtual_router() -> dict[str, Any]:
    targets = [
        {"virtualNodeRef": {"name": "web-stable"}, "weight": 100},
        {"virtualNodeRef": {"name": "web-canary"}, "weight": 0},
    ]
    routes = [{"name": "primary", "httpRoute": {"match": {"prefix": "/"}, "action": {"weightedTargets": targets}}}]
    return an_object("appmesh.k8s.aws/v1beta2", "VirtualRouter", {"listeners": [], "routes": routes})


NODES = {"canaryVirtualNodeRef": {"name": "web-canary"}, "stableVirtualNodeRef": {"name": "web-stable"}}
RULE = {"name": "web", "canarySubsetName": "canary", "stableSubsetName": "stable"}

CASES: tuple[tuple[str, str, Any, dict[str, Any]], ...] = (
    ("an HTTPRoute", "gatewayAPI", GatewayPlugin.model_validate({"httpRoute": "web"}), an_http_route()),
    ("a GRPCRoute", "gatewayAPI", GatewayPlugin.model_validate({"grpcRoute": "web"}), a_grpc_route()),
    ("a TCPRoute", "gatewayAPI", GatewayPlugin.model_validate({"tcpRoute": "web"}), a_layer_4_route("TCPRoute")),
    ("a TLSRoute", "gatewayAPI", GatewayPlugin.model_validate({"tlsRoute": "web"}), a_layer_4_route("TLSRoute")),
    (
        "a VirtualService between hosts",
        "istio",
        IstioRouting.model_validate({"virtualService": {"name": "web", "routes": ["primary"]}}),
        a_virtual_service(hosts()),
    ),
    (
        "a VirtualService between subsets",
        "istio",
        IstioRouting.model_validate({"virtualServices": [{"name": "shop/web"}], "destinationRule": RULE}),
        a_virtual_service(subsets()),
    ),
    (
        "a VirtualService with TLS and TCP",
        "istio",
        IstioRouting.model_validate(
            {
                "virtualService": {
                    "name": "web",
                    "tlsRoutes": [{"port": 443, "sniHosts": ["shop.example"]}],
                    "tcpRoutes": [{"port": 27017}],
                }
            }
        ),
        a_layer_4_virtual_service(),
    ),
    (
        "a TraefikService",
        "traefik",
        TraefikRouting.model_validate({"weightedTraefikServiceName": "web"}),
        a_traefik_service(),
    ),
    (
        "an ALB Ingress",
        "alb",
        AlbRouting.model_validate({"ingress": "web", "servicePort": 80, "rootService": "web-root"}),
        an_alb_ingress(),
    ),
    ("an ApisixRoute", "apisix", ApisixRouting.model_validate({"route": {"name": "web"}}), an_apisix_route()),
    ("an HTTPProxy", "contour", ContourRouting.model_validate({"httpProxy": "web"}), an_http_proxy()),
    ("a Service behind HAProxy", "haproxy", HaproxyRouting.model_validate({}), a_canary_service()),
    (
        "a virtual router",
        "appMesh",
        AppMeshRouting.model_validate({"virtualService": {"name": "web"}, "virtualNodeGroup": NODES}),
        a_virtual_router(),
    ),
)
"""The case's name, the router's field, its settings, an object at rest."""
