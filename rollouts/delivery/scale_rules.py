"""What a spec may say of its pods: sizes set by steps, floors, thresholds, failures, and who shares the traffic."""

from __future__ import annotations

from collections.abc import Iterator

from rollouts.api.parse import shown
from rollouts.api.rollout import CanaryStrategy, RolloutSpec, SetCanaryScale
from rollouts.api.routing import TrafficRouting
from rollouts.core.errors import Refusal
from rollouts.delivery.refusing import of_canary
from rollouts.kit import amount

PERCENT, PODS = "Percent", "Pods"
_NO_ROUTERS = frozenset({"managed_routes", "max_traffic_weight"})


def sizes(spec: RolloutSpec) -> Iterator[Refusal]:
    """Everything that is wrong with the sizes that a spec gives."""
    yield from _fail_fast(spec)
    canary = spec.strategy.canary
    if canary is None:
        return
    yield from _router(canary.traffic_routing)
    for index, step in enumerate(canary.steps):
        if step.set_canary_scale is not None:
            total = canary.traffic_routing.total if canary.traffic_routing else 100
            yield from _scale(step.set_canary_scale, f"steps[{index}].setCanaryScale", total)
    yield from _threshold(canary)
    limit, floor = canary.scale_down_delay_revision_limit, canary.min_pods_per_replica_set
    yield from _at_least_0("scaleDownDelayRevisionLimit", limit)
    yield from _at_least_0("minPodsPerReplicaSet", floor)


def _fail_fast(spec: RolloutSpec) -> Iterator[Refusal]:
    given, at = spec.fail_fast, "spec.failFast"
    if given is None:
        return
    if given.grace_s < 0:
        text = "must be greater than or equal to 0"
        yield Refusal("Negative", f"{at}.graceSeconds", text, fix="write 0 or more", got=str(given.grace_s))
    try:
        amount.parse(given.pods_most)
    except ValueError:
        text = "must be a whole number of pods, or a percentage such as 25%"
        yield Refusal("ShareInvalid", f"{at}.pods", text, fix="pods: 1", got=shown(given.pods))


def _router(routing: TrafficRouting | None) -> Iterator[Refusal]:
    if routing is None or any(
        getattr(routing, field) for field in type(routing).model_fields if field not in _NO_ROUTERS
    ):
        return
    fix = "name a router, such as nginx; or leave trafficRouting out to share the traffic by the ratio of the pods"
    yield of_canary("RouterMissing", "trafficRouting", "must name a router", fix, kind="Required value")


def _scale(scale: SetCanaryScale, field: str, total: int) -> Iterator[Refusal]:
    yield from _at_least_0(f"{field}.replicas", scale.replicas)
    if scale.weight is not None and not 0 <= scale.weight <= total:
        text, fix = f"must be between 0 and {total}", f"weight: {min(max(scale.weight, 0), total)}"
        yield of_canary("ScaleOutOfRange", f"{field}.weight", text, fix, got=str(scale.weight))
    given = (scale.replicas is not None, scale.weight is not None, scale.match_traffic_weight)
    if sum(given) > 1:
        text = "must have one of the following set: weight, replicas or matchTrafficWeight"
        got = shown(scale.model_dump(by_alias=True, exclude_defaults=True))
        yield of_canary("ScaleChoice", field, text, "keep one of them", got=got)


def _threshold(canary: CanaryStrategy) -> Iterator[Refusal]:
    threshold, field = canary.replica_progress_threshold, "replicaProgressThreshold"
    if threshold is None:
        return
    if threshold.type not in (PERCENT, PODS):
        text = "must be Percent or Pods"
        yield of_canary("ThresholdInvalid", f"{field}.type", text, "type: Percent", got=shown(threshold.type))
    most = 100 if threshold.type == PERCENT else None
    if threshold.value < 1 or (most is not None and threshold.value > most):
        text = "must be between 1 and 100" if most else "must be greater than 0"
        yield of_canary("ThresholdInvalid", f"{field}.value", text, "value: 90", got=str(threshold.value))


def _at_least_0(field: str, value: int | None) -> Iterator[Refusal]:
    if value is not None and value < 0:
        text = "must be greater than or equal to 0"
        yield of_canary("Negative", field, text, "write 0 or more", got=str(value))
