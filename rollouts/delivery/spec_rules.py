"""What a Rollout's spec must say, in the order and with the texts of the contract (its section 1.7)."""

from __future__ import annotations

from collections.abc import Iterator

from rollouts.api.common import ARGS_MAX, STEPS_MAX
from rollouts.api.parse import shown
from rollouts.api.rollout import (
    SHARE_DEFAULT,
    AntiAffinity,
    BlueGreenStrategy,
    CanaryStrategy,
    RolloutAnalysis,
    RolloutSpec,
)
from rollouts.core.chain import Chain, Rule
from rollouts.core.errors import Refusal
from rollouts.delivery import workload
from rollouts.delivery.name_rules import names
from rollouts.delivery.pod_rules import selector_refusals, template_refusals
from rollouts.delivery.refusing import field_refs, of_canary
from rollouts.delivery.router_rules import routers
from rollouts.delivery.scale_rules import sizes
from rollouts.delivery.step_rules import step_refusals
from rollouts.delivery.template_rules import around_the_switch
from rollouts.kit import amount
from rollouts.kit.instant import Instant
from rollouts.traffic import fields_of


def _negative(at: str, value: int | None, told_at: str = "") -> Iterator[Refusal]:
    if value is not None and value < 0:
        text = "must be greater than or equal to 0"
        yield Refusal("Negative", at, text, fix="write 0 or more", got=str(value), told_at=told_at)


def _canary(field: str, got: str, text: str, fix: str, reason: str) -> Refusal:
    return of_canary(reason, field, text, fix, got=got)


def _replicas(spec: RolloutSpec) -> Iterator[Refusal]:
    yield from _negative("spec.replicas", spec.replicas)


def pod_rules(spec: RolloutSpec) -> Iterator[Refusal]:
    """What a selector and a template must be, wherever they come from."""
    yield from _own_selector(spec)
    yield from template_refusals(spec)


def _selector(spec: RolloutSpec) -> Iterator[Refusal]:
    if not spec.workload_ref:
        yield from _own_selector(spec)


def _own_selector(spec: RolloutSpec) -> Iterator[Refusal]:
    if spec.selector is None:
        text = "Rollout has missing field '.spec.selector'"
        fix = "selector: {matchLabels: …} with the labels of spec.template"
        yield Refusal("SelectorMissing", "spec.selector", text, fix=fix, kind="Required value")
        return
    yield from selector_refusals(spec.selector, "spec.selector")
    if not spec.selector.match_labels and not spec.selector.match_expressions:
        text = "empty selector is invalid for deployment"
        yield Refusal("SelectorEmpty", "spec.selector", text, fix="name the labels of spec.template", got="{}")


def _template(spec: RolloutSpec) -> Iterator[Refusal]:
    if not spec.workload_ref:
        yield from template_refusals(spec)


def _times(spec: RolloutSpec) -> Iterator[Refusal]:
    yield from _negative("spec.minReadySeconds", spec.min_ready_seconds)
    yield from _negative("spec.revisionHistoryLimit", spec.revision_history_limit)
    yield from _negative("spec.progressDeadlineSeconds", spec.progress_deadline_seconds)
    if spec.progress_deadline_s <= spec.min_ready_seconds:
        yield Refusal(
            "DeadlineTooShort",
            "spec.progressDeadlineSeconds",
            "must be greater than minReadySeconds",
            fix=f"progressDeadlineSeconds: {spec.min_ready_seconds + 600}",
            got=str(spec.progress_deadline_s),
        )
    if spec.restart_at is not None and Instant.parse(spec.restart_at) is None:
        text, got = "must be a moment as RFC 3339 writes it", shown(spec.restart_at)
        yield Refusal("TimeUnreadable", "spec.restartAt", text, fix='restartAt: "2026-01-31T12:00:00Z"', got=got)


def _strategy(spec: RolloutSpec) -> Iterator[Refusal]:
    strategy = spec.strategy
    if not strategy.canary and not strategy.blue_green:
        text = "Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'"
        fix = "strategy: {canary: {…}}"
        yield Refusal("StrategyMissing", "spec.strategy", text, fix=fix, kind="Required value")
    elif strategy.canary and strategy.blue_green:
        text = "Multiple Strategies can not be listed"
        got = '"blueGreen: true canary: true"'
        yield Refusal("StrategiesBoth", "spec.strategy", text, fix="keep one of the two", got=got)


def _blue_green(spec: RolloutSpec) -> Iterator[Refusal]:
    blue_green = spec.strategy.blue_green
    if not blue_green or spec.strategy.canary:
        return
    at = "spec.strategy.blueGreen"
    if not blue_green.active_service:
        fix = "name the Service that carries the traffic"
        yield Refusal("ServiceMissing", f"{at}.activeService", "", fix=fix, kind="Required value")
    elif blue_green.active_service == blue_green.preview_service:
        yield Refusal(
            "ServicesSame",
            f"{at}.activeService",
            _SAME.format("active", "preview"),
            fix="name two different Services",
            got=shown(blue_green.active_service),
            told_at="spec.strategy.activeService",
        )
    limit = blue_green.scale_down_delay_revision_limit
    if limit is not None and spec.revisions_kept < limit:
        yield Refusal(
            "HistoryTooShort",
            f"{at}.scaleDownDelayRevisionLimit",
            "This rollout's revision history limit can not be smaller than the rollout's scale down limit",
            fix=f"revisionHistoryLimit: {limit}",
            got=str(limit),
            told_at="spec.strategy.scaleDownDelayRevisionLimit",
        )
    yield from _blue_green_counts(blue_green, at)
    yield from _anti_affinity(blue_green.anti_affinity, f"{at}.antiAffinity")
    for field, analysis in around_the_switch(blue_green).items():
        if analysis:
            yield from field_refs(analysis.args, f"{at}.{field}", f"spec.strategy.{field}")
            yield from _args(analysis, f"{at}.{field}")


def _blue_green_counts(given: BlueGreenStrategy, at: str) -> Iterator[Refusal]:
    counts = {
        "previewReplicaCount": given.preview_replica_count,
        "autoPromotionSeconds": given.auto_promotion_seconds,
        "scaleDownDelaySeconds": given.scale_down_delay_seconds,
        "scaleDownDelayRevisionLimit": given.scale_down_delay_revision_limit,
        "abortScaleDownDelaySeconds": given.abort_scale_down_delay_seconds,
    }
    for field, count in counts.items():
        yield from _negative(f"{at}.{field}", count, f"spec.strategy.{field}")
    try:
        number, is_percent = amount.parse(SHARE_DEFAULT if given.max_unavailable is None else given.max_unavailable)
    except ValueError:
        number, is_percent = 101, True
    if is_percent and number > 100:
        text = "must be a whole number of pods, or a percentage such as 25%"
        where, told = f"{at}.maxUnavailable", "spec.strategy.maxUnavailable"
        fix, got = "maxUnavailable: 25%", shown(given.max_unavailable)
        yield Refusal("ShareInvalid", where, text, fix=fix, got=got, told_at=told)


_SAME = "This rollout uses the same service for the {} and {} services, but two different services are required."
_NO_SERVICES = "Canary service and Stable service must to be set to use Traffic Routing"


def _shares(spec: RolloutSpec) -> Iterator[Refusal]:
    canary = spec.strategy.canary
    if not canary:
        return
    zero = True
    for field, value in (("maxSurge", canary.max_surge), ("maxUnavailable", canary.max_unavailable)):
        try:
            number, is_percent = amount.parse(SHARE_DEFAULT if value is None else value)
        except ValueError:
            text = "must be a whole number of pods, or a percentage such as 25%"
            yield _canary(field, shown(value), text, f"{field}: 25%", "ShareInvalid")
            zero = False
            continue
        if field == "maxUnavailable" and is_percent and number > 100:
            yield _canary(field, shown(value), "must not be greater than 100%", f"{field}: 25%", "ShareInvalid")
        zero = zero and number == 0
    if zero:
        text = "MaxSurge and MaxUnavailable both can not be zero"
        yield _canary("maxSurge", shown(canary.max_surge), text, "maxSurge: 1", "SharesZero")


def _services(spec: RolloutSpec) -> Iterator[Refusal]:
    canary = spec.strategy.canary
    if canary and canary.stable_service and canary.stable_service == canary.canary_service:
        fix = "name two different Services"
        got = shown(canary.stable_service)
        yield _canary("stableService", got, _SAME.format("stable", "canary"), fix, "ServicesSame")


def _ping_pong(spec: RolloutSpec) -> Iterator[Refusal]:
    canary = spec.strategy.canary
    if not canary or not canary.ping_pong:
        return
    routing, services = canary.traffic_routing, canary.ping_pong
    if routing and not (routing.alb or routing.istio or routing.plugins or routing.gateway_api):
        text = "Ping-pong feature works with the ALB, Istio, and plugin-based traffic routers only"
        yield _canary("trafficRouting.alb", "null", text, "use canaryService and stableService", "PingPongRouter")
    for field, name in (("pingService", services.ping_service), ("pongService", services.pong_service)):
        if not name:
            text = "Ping service and Pong service must to be set to use Ping-Pong feature"
            yield _canary(f"pingPong.{field}", shown(name), text, "name both Services", "PingPongService")
    if services.ping_service == services.pong_service:
        got = shown(services.ping_service)
        fix = "name two different Services"
        yield _canary("pingPong.pingService", got, _SAME.format("ping", "pong"), fix, "ServicesSame")
    if routing and routing.alb and not routing.alb.root_service:
        text = "Root service field is required for the configuration with ALB and ping-pong feature enabled"
        yield _canary("trafficRouting.alb.rootService", '""', text, "name the root Service", "PingPongRootService")


def _needs_services(canary: CanaryStrategy) -> bool:
    routing = canary.traffic_routing
    if not routing:
        return False
    fields = set(fields_of(routing))
    if routing.istio and routing.istio.destination_rule:
        fields.discard("istio")
    return bool(fields - (_PING_PONG if canary.ping_pong else frozenset()))


_PING_PONG = frozenset({"alb", "istio", "gatewayAPI"})


def _routing(spec: RolloutSpec) -> Iterator[Refusal]:
    canary = spec.strategy.canary
    if not canary:
        return
    if _needs_services(canary):
        for field, name in (("stableService", canary.stable_service), ("canaryService", canary.canary_service)):
            if not name:
                yield _canary(field, '""', _NO_SERVICES, f"{field}: the name of a Service", "ServicesMissing")
    delay, dynamic = canary.scale_down_delay_seconds, canary.dynamic_stable_scale
    if not canary.traffic_routing:
        if delay is not None:
            text = "Canary scaleDownDelaySeconds can only be used with traffic routing"
            yield _canary("scaleDownDelaySeconds", str(delay), text, "leave it out", "NeedsRouting")
        if dynamic:
            text = "Canary dynamicStableScale can only be used with traffic routing"
            yield _canary("dynamicStableScale", "true", text, "leave it out", "NeedsRouting")
        return
    if delay is not None and dynamic:
        text = "Canary dynamicStableScale cannot be used with scaleDownDelaySeconds"
        yield _canary("dynamicStableScale", "true", text, "keep one of the two", "DynamicScaleAndDelay")
    yield from _total(canary)
    for name, value in (("scaleDown", delay), ("abortScaleDown", canary.abort_scale_down_delay_seconds)):
        field = f"{name}DelaySeconds"
        yield from _negative(f"spec.strategy.canary.{field}", value, f"spec.strategy.{field}")


_BY_HUNDREDS = frozenset({"istio", "alb", "smi", "ambassador", "appMesh"})
"""Routers whose weights are percentages."""


def _total(canary: CanaryStrategy) -> Iterator[Refusal]:
    routing = canary.traffic_routing
    if not routing or routing.max_traffic_weight is None:
        return
    field, got = "trafficRouting.maxTrafficWeight", str(routing.max_traffic_weight)
    if not (routing.nginx or routing.plugins or routing.gateway_api) or _BY_HUNDREDS & set(fields_of(routing)):
        text = "Canary maxTrafficWeight in traffic routing only supported in Nginx and Plugins"
        yield _canary(field, got, text, "leave it out", "TotalUnsupported")
    if routing.max_traffic_weight <= 0:
        yield _canary(field, got, "must be greater than 0", "maxTrafficWeight: 100", "TotalNotPositive")


def _steps(spec: RolloutSpec) -> Iterator[Refusal]:
    canary = spec.strategy.canary
    if not canary:
        return
    if len(canary.steps) > STEPS_MAX:
        yield _too_many("spec.strategy.canary.steps", len(canary.steps), STEPS_MAX)
        return
    for index in range(len(canary.steps)):
        yield from step_refusals(canary, index)


def _too_many(at: str, count: int, most: int) -> Refusal:
    text = f"must have at most {most} items"
    return Refusal("TooMany", at, text, fix=f"keep {most}", kind="Too many", got=str(count))


def _anti_affinity(affinity: AntiAffinity | None, at: str) -> Iterator[Refusal]:
    if not affinity:
        return
    preferred = affinity.preferred_during_scheduling_ignored_during_execution
    required = affinity.required_during_scheduling_ignored_during_execution
    told = at.replace(".canary.", ".").replace(".blueGreen.", ".")
    if (preferred is None) == (required is None):
        has, name = str(preferred is not None).lower(), "DuringSchedulingIgnoredDuringExecution"
        got = f"antiAffinity.Preferred{name}: {has} antiAffinity.Required{name}: {has}"
        text = "AntiAffinity must have exactly one strategy listed"
        yield Refusal("AntiAffinityChoice", at, text, fix="keep one of the two", got=shown(got), told_at=told)
    if preferred and not 1 <= preferred.weight <= 100:
        text = "AntiAffinity weight must be between 1-100"
        where = f"{at}.preferredDuringSchedulingIgnoredDuringExecution.weight"
        got, told = str(preferred.weight), f"{told}.weight"
        yield Refusal("AntiAffinityWeight", where, text, fix="weight: 100", got=got, told_at=told)


def _canary_affinity(spec: RolloutSpec) -> Iterator[Refusal]:
    if spec.strategy.canary:
        yield from _anti_affinity(spec.strategy.canary.anti_affinity, "spec.strategy.canary.antiAffinity")


def _background(spec: RolloutSpec) -> Iterator[Refusal]:
    canary = spec.strategy.canary
    if not canary:
        return
    if canary.analysis:
        yield from field_refs(canary.analysis.args, "spec.strategy.canary.analysis", "spec.strategy.analysis")
        yield from _negative(
            "spec.strategy.canary.analysis.startingStep", canary.analysis.starting_step, "spec.strategy.startingStep"
        )
    for index, step in enumerate(canary.steps):
        yield from _args(step.analysis, f"spec.strategy.canary.steps[{index}].analysis")
    yield from _args(canary.analysis, "spec.strategy.canary.analysis")


def _args(analysis: RolloutAnalysis | None, at: str) -> Iterator[Refusal]:
    if analysis and len(analysis.args) > ARGS_MAX:
        yield _too_many(f"{at}.args", len(analysis.args), ARGS_MAX)
    elif analysis:
        names: set[str] = set()
        for index, arg in enumerate(analysis.args):
            if arg.name in names:
                fix = "give each argument once"
                yield Refusal(
                    "ArgDuplicate", f"{at}.args[{index}].name", "", fix=fix, kind="Duplicate value", got=shown(arg.name)
                )
            names.add(arg.name)


def _nginx(spec: RolloutSpec) -> Iterator[Refusal]:
    canary = spec.strategy.canary
    nginx = canary.traffic_routing.nginx if canary and canary.traffic_routing else None
    if not nginx or bool(nginx.stable_ingress) != bool(nginx.stable_ingresses):
        return
    said = "Both" if nginx.stable_ingress else "Neither"
    text = f"Either StableIngress or StableIngresses must be configured. {said} are configured."
    at = "spec.strategy.canary.trafficRouting.nginx"
    yield Refusal("IngressChoice", at, text, fix="stableIngress: the name of an Ingress", kind="Internal error")


SPEC_RULES: Chain[RolloutSpec] = Chain(
    (
        Rule("Replicas", _replicas, "spec.replicas is 0 or more"),
        Rule("Selector", _selector, "spec.selector is there, can be evaluated and is not empty"),
        Rule("Workload", workload.refusals, "spec.workloadRef names a known kind, beside an empty spec.template"),
        Rule("Template", _template, "spec.template carries the selector's labels and is a pod"),
        Rule(
            "Times",
            _times,
            "limits are 0 or more, the progress deadline lies beyond minReadySeconds, restartAt is a moment",
        ),
        Rule("Strategy", _strategy, "exactly one strategy is given"),
        Rule("BlueGreen", _blue_green, "blue-green names two Services and keeps enough history"),
        Rule("Shares", _shares, "maxSurge and maxUnavailable are counts or percentages, not both zero"),
        Rule("Services", _services, "stable and canary Service differ"),
        Rule("PingPong", _ping_pong, "ping-pong names two Services and has a router that can do it"),
        Rule("Routing", _routing, "a router has its Services, and what needs a router has one"),
        Rule("Steps", _steps, "each step does one thing, within bounds, that the router can do"),
        Rule("Sizes", sizes, "sizes are whole, said in one way, and shared by a router that is named or by none"),
        Rule("AntiAffinity", _canary_affinity, "anti-affinity is one of preferred and required"),
        Rule("Background", _background, "arguments of analyses are few, named once and readable"),
        Rule("Nginx", _nginx, "nginx names its stable Ingress in one of two ways"),
        Rule("Names", names, "Services, Ingresses, templates and the workload have names that an object can have"),
        Rule("Routers", routers, "a router says which of its objects carry the traffic"),
    )
)
