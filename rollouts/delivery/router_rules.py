"""What the settings of one router must say."""

from __future__ import annotations

from collections.abc import Iterator

from rollouts.api.rollout import RolloutSpec
from rollouts.api.routing import STICKY_S_MAX
from rollouts.core.errors import Refusal
from rollouts.delivery.refusing import of_canary
from rollouts.traffic import RETIRED, fields_of


def routers(spec: RolloutSpec) -> Iterator[Refusal]:
    """A router says in one way which of its objects carry the traffic."""
    canary = spec.strategy.canary
    routing = canary.traffic_routing if canary else None
    if not routing:
        return
    alb, istio = routing.alb, routing.istio
    if alb and bool(alb.ingress) == bool(alb.ingresses):
        said = "Both" if alb.ingress else "Neither"
        text = f"Either Ingress or Ingresses must be configured. {said} are configured."
        yield _router("alb", "IngressChoice", text, "ingress: the name of an Ingress")
    if alb and alb.stickiness_config and alb.stickiness_config.enabled:
        seconds = alb.stickiness_config.duration_seconds
        if not 1 <= seconds <= STICKY_S_MAX:
            text = f"must be between 1 and {STICKY_S_MAX} seconds"
            field = "trafficRouting.alb.stickinessConfig.durationSeconds"
            fix = "durationSeconds: 3600"
            yield of_canary("StickinessOutOfRange", field, text, fix, got=str(seconds))
    if istio and bool(istio.virtual_service) == bool(istio.virtual_services):
        text = "either VirtualService or VirtualServices must be configured"
        yield _router("istio", "VirtualServiceChoice", text, "virtualService: {name: …}")
    if istio and istio.destination_rule:
        rule = istio.destination_rule
        if not rule.canary_subset_name or rule.canary_subset_name == rule.stable_subset_name:
            text = "the destination rule needs two different subsets"
            yield _router("istio.destinationRule", "SubsetsSame", text, "canarySubsetName and stableSubsetName")


def _router(field: str, reason: str, text: str, fix: str) -> Refusal:
    at = f"spec.strategy.canary.trafficRouting.{field}"
    return Refusal(reason, at, text, fix=fix, kind="Internal error")


def retired(spec: RolloutSpec) -> Iterator[Refusal]:
    """Routers that a spec names although their makers have given them up: worth a warning, no refusal."""
    canary = spec.strategy.canary
    routing = canary.traffic_routing if canary else None
    for field in fields_of(routing) if routing else ():
        if field in RETIRED:
            at = f"spec.strategy.canary.trafficRouting.{field}"
            yield Refusal("RouterRetired", at, RETIRED[field], fix="plan the move to another router")
