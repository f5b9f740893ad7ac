"""What one step of a canary must say, in the order and with the texts of the contract."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.errors import AnalysisError
from rollouts.api.common import INT32_MAX
from rollouts.api.parse import shown
from rollouts.api.rollout import CanaryStep, CanaryStrategy, Pause, StringMatch
from rollouts.api.routing import TrafficRouting
from rollouts.core.errors import Refusal
from rollouts.delivery.refusing import field_refs, of_canary
from rollouts.delivery.trial_rules import experiment_refusals
from rollouts.traffic import headers_of, mirrors, takes_experiments

_ONE_OF = "Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause"
_STEP_NAMES = (
    "Experiment",
    "Pause",
    "SetWeight",
    "Analysis",
    "SetCanaryScale",
    "SetHeaderRoute",
    "SetMirrorRoutes",
    "Plugin",
)
_MATCH_MANY = "StringMatch match value must have exactly one of the following: exact, regex, prefix"
_MATCH_NONE = "StringMatch value missed, match value must have one of the following: exact, regex, prefix"


def step_refusals(canary: CanaryStrategy, index: int) -> Iterator[Refusal]:
    """Everything that is wrong with one step."""
    step = canary.steps[index]
    field = f"steps[{index}]"
    yield from _choice(step, field)
    yield from _weight(canary, step, field)
    if step.pause:
        yield from _pause(step.pause, field)
    if step.set_canary_scale and not canary.traffic_routing:
        text = "SetCanaryScale requires TrafficRouting to be set"
        yield of_canary("NeedsRouting", "trafficRouting", text, "add trafficRouting", kind="Required value")
    yield from _header_route(canary.traffic_routing, step, f"{field}.setHeaderRoute")
    yield from _mirror_route(canary.traffic_routing, step, f"{field}.setMirrorRoute")
    yield from _managed(canary.traffic_routing, step, field)
    yield from _experiment(canary.traffic_routing, step, field)
    yield from _experiment_sum(canary, index, field)
    if step.experiment:
        yield from experiment_refusals(step.experiment, f"{field}.experiment")
    if step.analysis:
        at = f"spec.strategy.canary.{field}.analysis"
        yield from field_refs(step.analysis.args, at, f"spec.strategy.{field}.analyses")


def _choice(step: CanaryStep, field: str) -> Iterator[Refusal]:
    if len(step.actions) == 1:
        return
    if step.actions:
        named = {"Experiment": "experiment", "Pause": "pause", "SetWeight": "setWeight", "Analysis": "analysis"}
        got = " ".join(f"step.{name}: {_go(wire in step.actions)}" for name, wire in named.items())
        fix = f"give {', '.join(step.actions)} a step each"
    else:
        got = " ".join(f"step.{name}: true" for name in _STEP_NAMES)
        fix = "setWeight: 20, pause: {}, or an analysis"
    yield of_canary("StepChoice", field, _ONE_OF, fix, got=shown(got))


def _go(value: bool) -> str:
    return "true" if value else "false"


def _weight(canary: CanaryStrategy, step: CanaryStep, field: str) -> Iterator[Refusal]:
    total = canary.traffic_routing.total if canary.traffic_routing else 100
    if step.set_weight is not None and not 0 <= step.set_weight <= total:
        text = f"SetWeight needs to be between 0 and {total}"
        fix = f"setWeight: {min(max(step.set_weight, 0), total)}"
        yield of_canary("WeightOutOfRange", f"{field}.setWeight", text, fix, got=str(step.set_weight))


def _pause(pause: Pause, field: str) -> Iterator[Refusal]:
    try:
        seconds = pause.duration_s
    except AnalysisError:
        seconds = -1.0
    if seconds is None or 0 <= seconds <= INT32_MAX:
        return
    text = "Duration needs to be greater than 0"
    fix = "seconds (30), a duration such as 1h30m, or pause: {} to wait for somebody"
    got = str(max(int(seconds), -INT32_MAX - 1) if seconds <= 0 else -1)
    yield of_canary("PauseInvalid", f"{field}.pause.duration", text, fix, got=got)


def _header_route(routing: TrafficRouting | None, step: CanaryStep, field: str) -> Iterator[Refusal]:
    route = step.set_header_route
    if not route:
        return
    if not routing or not headers_of(routing):
        text = "SetHeaderRoute requires TrafficRouting, supports Istio and ALB and Apisix"
        got = shown(route.model_dump(by_alias=True, exclude_defaults=True))
        yield of_canary("RouteUnsupported", field, text, "leave it out", got=got)
        return
    for index, match in enumerate(route.match):
        at, value = f"{field}.match[{index}]", match.header_value
        if routing.alb and value and (not value.exact or value.regex or value.prefix):
            text = "SetHeaderRoute match value invalid. ALB supports 'exact' value only"
            yield of_canary("MatchInvalid", at, text, "use exact", got=_match(value))
        else:
            yield from _string_match(value, at)


def _mirror_route(routing: TrafficRouting | None, step: CanaryStep, field: str) -> Iterator[Refusal]:
    route = step.set_mirror_route
    if not route:
        return
    if not routing or not mirrors(routing):
        text = "SetMirrorRoute requires TrafficRouting, supports Istio and Plugins"
        got = shown(route.model_dump(by_alias=True, exclude_defaults=True))
        yield of_canary("RouteUnsupported", field, text, "leave it out", got=got)
    if route.percentage is not None and not 0 <= route.percentage <= 100:
        text = "the percentage must be between 0 and 100"
        yield of_canary("PercentageInvalid", f"{field}.percentage", text, "percentage: 100", got=str(route.percentage))
    for index, match in enumerate(route.match):
        for value in (match.method, match.path, *match.headers.values()):
            if value:
                yield from _string_match(value, f"{field}.match[{index}]")


def _string_match(value: StringMatch | None, field: str) -> Iterator[Refusal]:
    given = [each for each in (value.exact, value.regex, value.prefix) if each] if value else []
    if not given:
        yield of_canary("MatchInvalid", field, _MATCH_NONE, "exact: the text", got=_match(value))
    elif len(given) > 1:
        yield of_canary("MatchInvalid", field, _MATCH_MANY, "keep one of them", got=_match(value))


def _match(value: StringMatch | None) -> str:
    return shown(value.model_dump(by_alias=True, exclude_defaults=True) if value else None)


def _managed(routing: TrafficRouting | None, step: CanaryStep, field: str) -> Iterator[Refusal]:
    routes = {"setHeaderRoute": step.set_header_route, "setMirrorRoute": step.set_mirror_route}
    used = {name: route.name for name, route in routes.items() if route}
    if not used or not routing:
        return
    if not routing.managed_routes:
        text = "Rollout has missing field 'spec.strategy.canary.trafficRouting.managedRoutes'"
        fix = f"managedRoutes: [{{name: {next(iter(used.values()))}}}]"
        yield of_canary("RoutesMissing", "trafficRouting.managedRoutes", text, fix, kind="Required value")
        return
    names = [route.name for route in routing.managed_routes]
    known = set(names)
    if len(known) < len(names):
        at = "trafficRouting.managedRoutes"
        yield of_canary("RoutesDuplicate", at, "", "name each route once", got=shown(names), kind="Duplicate value")
    for name, wanted in used.items():
        if wanted not in known:
            text = "Steps define a route that does not exist in spec.strategy.canary.trafficRouting.managedRoutes"
            yield of_canary("RouteUnknown", f"{field}.{name}", text, f"add {{name: {wanted}}}", got=shown(wanted))


def _experiment_sum(canary: CanaryStrategy, index: int, field: str) -> Iterator[Refusal]:
    """The shares of an experiment leave room for the canary's; the stable version has the rest."""
    step = canary.steps[index]
    if not step.experiment or not canary.traffic_routing:
        return
    before = (each.set_weight for each in reversed(canary.steps[:index]))
    shares = sum(each.weight or 0 for each in step.experiment.templates)
    total = canary.traffic_routing.total
    if shares and shares + next((each for each in before if each is not None), 0) > total:
        text = f"the weights of an experiment and of the canary may not add up to more than {total}"
        yield of_canary("ExperimentWeight", f"{field}.experiment.templates", text, "weight: 5", got=str(shares))


def _experiment(routing: TrafficRouting | None, step: CanaryStep, field: str) -> Iterator[Refusal]:
    if not step.experiment:
        return
    for index, template in enumerate(step.experiment.templates):
        at, got = f"{field}.experiment.templates[{index}].weight", str(template.weight)
        if template.weight is None:
            continue
        if not routing:
            text = "Experiment template weight cannot be set unless TrafficRouting is enabled"
            yield of_canary("ExperimentWeight", at, text, "leave it out", got=got)
        elif template.weight < 0:
            yield of_canary("ExperimentWeight", at, "must not be negative", "weight: 5", got=got)
        elif not takes_experiments(routing):
            text = (
                "Experiment template weight is only available for TrafficRouting with SMI, ALB, Istio and Plugins at "
                "this time"
            )
            yield of_canary("ExperimentWeight", at, text, "leave it out", got=got)
