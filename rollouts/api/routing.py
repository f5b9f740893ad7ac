"""The routers of `spec.strategy.canary.trafficRouting`, one model each."""

from __future__ import annotations

from typing import Any

from pydantic import Field, ValidationError

from rollouts.api.common import Flag, Int32, Int64, LabelSelector, Model, Text, TextMap

STICKY_S_MAX = 604_800


class NginxRouting(Model):
    """Weights by the canary annotations of an ingress-nginx compatible controller."""

    annotation_prefix: Text = Field("", description="Prefix of the annotations; nginx.ingress.kubernetes.io if empty.")
    stable_ingress: Text = Field("", description="Ingress in this namespace that sends traffic to the stable Service.")
    stable_ingresses: tuple[Text, ...] = Field((), description="Several such Ingresses, in place of stableIngress.")
    additional_ingress_annotations: TextMap = Field(
        {}, description="Annotations for the canary Ingress; the prefix is put in front where it is missing."
    )
    canary_ingress_annotations: TextMap = Field(
        {}, description="Annotations for the canary Ingress, written exactly as they stand here."
    )

    @property
    def ingresses(self) -> tuple[str, ...]:
        """Every stable Ingress, whichever of the two fields names it."""
        return self.stable_ingresses or ((self.stable_ingress,) if self.stable_ingress else ())


class IstioTcpRoute(Model):
    """A TCP route of a VirtualService."""

    port: Int64 = Field(0, description="Port that the route matches.")


class IstioTlsRoute(Model):
    """A TLS route of a VirtualService."""

    port: Int64 = Field(0, description="Port that the route matches.")
    sni_hosts: tuple[Text, ...] = Field((), description="SNI hosts that the route matches.")


class IstioVirtualService(Model):
    """A VirtualService whose weights the controller sets."""

    name: Text = Field(description="Name, or namespace/name, of the VirtualService.")
    routes: tuple[Text, ...] = Field((), description="HTTP routes to change; may be left out where there is only one.")
    tls_routes: tuple[IstioTlsRoute, ...] = Field((), description="TLS routes to change.")
    tcp_routes: tuple[IstioTcpRoute, ...] = Field((), description="TCP routes to change.")


class IstioDestinationRule(Model):
    """A DestinationRule whose subsets the controller labels with pod template hashes."""

    name: Text = Field(description="Name of the DestinationRule.")
    canary_subset_name: Text = Field("", description="Subset that holds the canary pods.")
    stable_subset_name: Text = Field("", description="Subset that holds the stable pods.")
    additional_subset_names: tuple[Text, ...] = Field((), description="Subsets for the pods of experiments.")


class IstioRouting(Model):
    """Weights on the routes of Istio VirtualServices, between hosts or between subsets."""

    virtual_service: IstioVirtualService | None = Field(None, description="The VirtualService to change.")
    virtual_services: tuple[IstioVirtualService, ...] = Field((), description="Several, in place of virtualService.")
    destination_rule: IstioDestinationRule | None = Field(None, description="Set to route between subsets.")


class Stickiness(Model):
    """Target group stickiness of an AWS load balancer."""

    enabled: Flag = Field(False, description="Whether a client stays with the target group that it first met.")
    duration_seconds: Int64 = Field(0, description="For how many seconds, 1 to 604800.")


class AlbRouting(Model):
    """Weights by the forward action of an AWS load balancer Ingress."""

    ingress: Text = Field("", description="Ingress in this namespace whose action is changed.")
    ingresses: tuple[Text, ...] = Field((), description="Several such Ingresses, in place of ingress.")
    service_port: Int32 = Field(description="Port of the Services that the action forwards to.")
    root_service: Text = Field("", description="Service that the Ingress names as backend; the stable one if empty.")
    annotation_prefix: Text = Field("", description="Prefix of the annotations; alb.ingress.kubernetes.io if empty.")
    stickiness_config: Stickiness | None = Field(None, description="Stickiness of the target group.")


class SmiRouting(Model):
    """Weights by a TrafficSplit of the Service Mesh Interface."""

    root_service: Text = Field("", description="Service that clients call; the stable one if empty.")
    traffic_split_name: Text = Field("", description="Name of the TrafficSplit; the Rollout's name if empty.")


class AmbassadorRouting(Model):
    """Weights by Ambassador Mappings."""

    mappings: tuple[Text, ...] = Field((), description="Mappings that send traffic to the stable Service.")


class AppMeshVirtualService(Model):
    """An App Mesh virtual service whose router the controller changes."""

    name: Text = Field(description="Name of the virtual service.")
    routes: tuple[Text, ...] = Field((), description="Routes to change; may be left out where there is only one.")


class AppMeshVirtualNode(Model):
    """A reference to an App Mesh virtual node."""

    name: Text = Field(description="Name of the virtual node.")


class AppMeshVirtualNodeGroup(Model):
    """The two virtual nodes between which traffic is shared."""

    canary_virtual_node_ref: AppMeshVirtualNode | None = Field(None, description="Virtual node of the canary pods.")
    stable_virtual_node_ref: AppMeshVirtualNode | None = Field(None, description="Virtual node of the stable pods.")


class AppMeshRouting(Model):
    """Weights by an App Mesh virtual router."""

    virtual_service: AppMeshVirtualService | None = Field(None, description="The virtual service to change.")
    virtual_node_group: AppMeshVirtualNodeGroup | None = Field(None, description="The virtual nodes to share between.")


class TraefikRouting(Model):
    """Weights by a TraefikService."""

    weighted_traefik_service_name: Text = Field(description="TraefikService whose weighted backends are changed.")


class ApisixRoute(Model):
    """An ApisixRoute whose backend weights the controller sets."""

    name: Text = Field(description="Name of the ApisixRoute.")
    rules: tuple[Text, ...] = Field((), description="HTTP rules to change; all of them if empty.")


class ApisixRouting(Model):
    """Weights by an ApisixRoute."""

    route: ApisixRoute | None = Field(None, description="The ApisixRoute to change.")


class GatewayRoute(Model):
    """A route of the Gateway API whose backend weights the controller sets."""

    name: Text = Field(description="Name of the route.")
    use_header_routes: Flag = Field(False, description="Whether setHeaderRoute and setMirrorRoute act on this route.")
    rule_name: Text = Field("", description="The one rule to change, by name; all that name both Services if empty.")


class GatewayRouting(Model):
    """Weights on the backends of Gateway API routes."""

    http_route: Text = Field("", description="HTTPRoute to change; header and mirror routes are put into it as well.")
    http_routes: tuple[GatewayRoute, ...] = Field((), description="Several HTTPRoutes.")
    grpc_route: Text = Field("", description="GRPCRoute to change; header routes as well.")
    grpc_routes: tuple[GatewayRoute, ...] = Field((), description="Several GRPCRoutes.")
    tcp_route: Text = Field("", description="TCPRoute to change.")
    tcp_routes: tuple[GatewayRoute, ...] = Field((), description="Several TCPRoutes.")
    tls_route: Text = Field("", description="TLSRoute to change.")
    tls_routes: tuple[GatewayRoute, ...] = Field((), description="Several TLSRoutes.")
    namespace: Text = Field("", description="Namespace of the routes; the Rollout's if empty.")


class GatewayPlugin(GatewayRouting):
    """What the Gateway API plugin of the contract takes beyond that, under its own name."""

    http_route_rule_name: Text = Field("", description="ruleName of httpRoute.")
    http_route_selector: LabelSelector | None = Field(None, description="HTTPRoutes with these labels as well.")
    grpc_route_rule_name: Text = Field("", description="ruleName of grpcRoute.")
    grpc_route_selector: LabelSelector | None = Field(None, description="GRPCRoutes with these labels as well.")
    tcp_route_rule_name: Text = Field("", description="ruleName of tcpRoute.")
    tcp_route_selector: LabelSelector | None = Field(None, description="TCPRoutes with these labels as well.")
    tls_route_rule_name: Text = Field("", description="ruleName of tlsRoute.")
    tls_route_selector: LabelSelector | None = Field(None, description="TLSRoutes with these labels as well.")
    disable_in_progress_label: Flag = Field(False, description="Whether a route that an update is in bears no label.")
    in_progress_label_key: Text = Field("", description="Label's key; rollouts.argoproj.io/gatewayapi-canary if empty.")
    in_progress_label_value: Text = Field("", description="Value of that label; in-progress if empty.")
    config_map: Text = Field("", description="Passed over: what is under way stands in the routes themselves.")
    active_rollouts_annotation_key: Text = Field("", description="Passed over, likewise.")


class ContourRouting(Model):
    """Weights on the services of Contour HTTPProxies."""

    http_proxy: Text = Field("", description="HTTPProxy to change.")
    http_proxies: tuple[Text, ...] = Field((), description="Several HTTPProxies, in place of httpProxy.")
    namespace: Text = Field("", description="Namespace of the HTTPProxies; the Rollout's if empty.")


class HaproxyRouting(Model):
    """Weights by an ACL on the canary Service, for the HAProxy ingress controller."""

    annotation_prefix: Text = Field("", description="Prefix of the annotation; haproxy.org if empty.")


class ManagedRoute(Model):
    """A route that the controller may create and remove in the router."""

    name: Text = Field(description="Name of the route.")


class TrafficRouting(Model):
    """How traffic is shared between stable and canary; several routers may be combined."""

    nginx: NginxRouting | None = Field(None, description="ingress-nginx and compatible controllers.")
    istio: IstioRouting | None = Field(None, description="Istio.")
    alb: AlbRouting | None = Field(None, description="AWS load balancer controller.")
    smi: SmiRouting | None = Field(None, description="Service Mesh Interface.")
    ambassador: AmbassadorRouting | None = Field(None, description="Ambassador.")
    app_mesh: AppMeshRouting | None = Field(None, description="AWS App Mesh.")
    traefik: TraefikRouting | None = Field(None, description="Traefik.")
    apisix: ApisixRouting | None = Field(None, description="Apache APISIX.")
    gateway_api: GatewayRouting | None = Field(None, alias="gatewayAPI", description="Gateway API.")
    contour: ContourRouting | None = Field(None, description="Contour.")
    haproxy: HaproxyRouting | None = Field(None, description="HAProxy ingress controller.")
    plugins: dict[Text, Any] = Field({}, description="Routers known by name, each with a configuration of its own.")
    managed_routes: tuple[ManagedRoute, ...] = Field(
        (), description="Every header and mirror route that the steps use, the one with precedence first."
    )
    max_traffic_weight: Int32 | None = Field(None, description="The weight that means all traffic; 100 if absent.")

    @property
    def total(self) -> int:
        """The weight that means all traffic."""
        return 100 if self.max_traffic_weight is None else self.max_traffic_weight


def first_error(error: ValueError) -> str:
    """The first thing that is wrong with the settings of a router, in one line."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    at = ".".join(str(part) for part in first["loc"])
    return f"{at}: {first['msg']}" if at else first["msg"]
