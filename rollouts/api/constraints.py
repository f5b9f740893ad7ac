"""What the schemas say beyond types: bounds, choices, patterns, merge keys and CEL rules.

Tables by model and attribute. They hold what users get wrong and the API server can tell; the texts of the contract
are used where it has one. Nothing here sets a default: a default would show up as drift in GitOps tools.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import BaseModel

from rollouts.api import analysis, appstatus, common, experiment, project, providers, rollout, routing, status

Place: TypeAlias = tuple[type[BaseModel], str]

NAME_MAX = 253
LIST_MAX = 100
TEXT_MAX = 8192
_GO = r"[+]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+|0"
_ARGS = r".*\{\{.*\}\}.*"
PAUSE = f"^([0-9]+|{_GO})$"
TEMPLATED_DURATION = f"^({_GO}|{_ARGS})?$"
TEMPLATED_INT = f"^(-?[0-9]+|{_ARGS})?$"
SHARE = r"^[0-9]+%?$"
SHARE_100 = r"^([0-9]{1,2}|100)%?$"
PHASES = ("", "Pending", "Running", "Successful", "Failed", "Error", "Inconclusive")
STATUSES = ("True", "False", "Unknown")


@dataclass(frozen=True, slots=True)
class Cel:
    """A CEL rule of a schema; `field` is the field that the refusal names."""

    rule: str
    message: str
    field: str = ""
    message_expression: str = ""

    def as_json(self) -> dict[str, Any]:
        """The rule as `x-kubernetes-validations` has it."""
        value = {"rule": self.rule, "message": self.message}
        if self.message_expression:
            value["messageExpression"] = self.message_expression
        if self.field:
            value["fieldPath"] = self.field
        return value


def _one_of(*fields: str) -> str:
    """CEL: exactly one of these fields is given."""
    return f"{' + '.join(f'(has(self.{field}) ? 1 : 0)' for field in fields)} == 1"


def _choice(single: str, several: str) -> str:
    """CEL: exactly one of a name and a list of names is given and not empty."""
    return f"(has(self.{single}) && self.{single} != '') != (has(self.{several}) && self.{several}.size() > 0)"


_HOST_ROUTERS = ("nginx", "smi", "ambassador", "appMesh", "traefik", "apisix")
_HAS_HOSTS = " || ".join(f"has(self.trafficRouting.{name})" for name in _HOST_ROUTERS)

_SAME = "This rollout uses the same service for the {} and {} services, but two different services are required."
_BOTH = "Multiple Strategies can not be listed"
_NEITHER = "Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'"

# The API server evaluates every rule on every status write, and a `has(self.field)` costs it one allocation per field
# that stands beside it. So a rule asks first what is rarely given, and what only long walks over the steps could tell
# (weights over a total of the user's own, routes that nobody declared) is left to lint, webhook and controller.
RULES: Mapping[type[BaseModel], tuple[Cel, ...]] = {
    rollout.RolloutSpec: (
        Cel("has(self.strategy)", _NEITHER, ".strategy"),
        Cel(
            "has(self.selector) || has(self.workloadRef)", "Rollout has missing field '.spec.selector'", ".selector"
        ),
        Cel("has(self.template) || has(self.workloadRef)", "template or workloadRef must be given", ".template"),
        Cel(
            "!has(self.minReadySeconds) || self.minReadySeconds < "
            "(has(self.progressDeadlineSeconds) ? self.progressDeadlineSeconds : 600)",
            "must be greater than minReadySeconds",
            ".progressDeadlineSeconds",
        ),
    ),
    common.LabelSelector: (
        Cel(
            "(has(self.matchLabels) && self.matchLabels.size() > 0) || "
            "(has(self.matchExpressions) && self.matchExpressions.size() > 0)",
            "empty selector is invalid for deployment",
        ),
    ),
    rollout.Strategy: (
        Cel(
            "has(self.canary) != has(self.blueGreen)",
            "exactly one of strategy.canary and strategy.blueGreen must be given",
            "",
            f'has(self.canary) ? "{_BOTH}" : "{_NEITHER}"',
        ),
    ),
    rollout.CanaryStrategy: (
        Cel(
            "!has(self.canaryService) || self.canaryService == '' || !has(self.stableService) || "
            "self.canaryService != self.stableService",
            _SAME.format("stable", "canary"),
            ".stableService",
        ),
        Cel(
            "!has(self.trafficRouting) || (has(self.stableService) && self.stableService != '' && "
            f"has(self.canaryService) && self.canaryService != '') || !({_HAS_HOSTS})",
            "Canary service and Stable service must to be set to use Traffic Routing",
            ".trafficRouting",
        ),
        Cel(
            "!has(self.scaleDownDelaySeconds) || has(self.trafficRouting)",
            "Canary scaleDownDelaySeconds can only be used with traffic routing",
            ".scaleDownDelaySeconds",
        ),
        Cel(
            "!has(self.dynamicStableScale) || !self.dynamicStableScale || has(self.trafficRouting)",
            "Canary dynamicStableScale can only be used with traffic routing",
            ".dynamicStableScale",
        ),
        Cel(
            "!has(self.dynamicStableScale) || !self.dynamicStableScale || !has(self.scaleDownDelaySeconds)",
            "Canary dynamicStableScale cannot be used with scaleDownDelaySeconds",
            ".dynamicStableScale",
        ),
        Cel(
            "has(self.trafficRouting) || !has(self.steps) || self.steps.all(s, !has(s.setCanaryScale))",
            "SetCanaryScale requires TrafficRouting to be set",
            ".trafficRouting",
        ),
        Cel(
            "!has(self.steps) || self.steps.all(s, !has(s.setWeight) || s.setWeight <= 100) || "
            "(has(self.trafficRouting) && has(self.trafficRouting.maxTrafficWeight))",
            "SetWeight needs to be between 0 and 100",
            ".steps",
        ),
        Cel(
            "!has(self.maxSurge) || !(self.maxSurge == 0 || self.maxSurge == '0' || self.maxSurge == '0%') || "
            "!has(self.maxUnavailable) || !(self.maxUnavailable == 0 || self.maxUnavailable == '0' || "
            "self.maxUnavailable == '0%')",
            "MaxSurge and MaxUnavailable both can not be zero",
            ".maxSurge",
        ),
    ),
    rollout.BlueGreenStrategy: (
        Cel(
            "!has(self.previewService) || self.previewService != self.activeService",
            _SAME.format("active", "preview"),
            ".activeService",
        ),
    ),
    rollout.PingPong: (
        Cel(
            "has(self.pingService) && self.pingService != '' && has(self.pongService) && self.pongService != ''",
            "Ping service and Pong service must to be set to use Ping-Pong feature",
        ),
        Cel(
            "!has(self.pingService) || !has(self.pongService) || self.pingService != self.pongService",
            _SAME.format("ping", "pong"),
        ),
    ),
    rollout.AntiAffinity: (
        Cel(
            _one_of(
                "preferredDuringSchedulingIgnoredDuringExecution", "requiredDuringSchedulingIgnoredDuringExecution"
            ),
            "AntiAffinity must have exactly one strategy listed",
        ),
    ),
    rollout.StringMatch: (
        Cel(_one_of("exact", "prefix", "regex"), "StringMatch match value must have exactly one of the following: "
            "exact, regex, prefix"),
    ),
    rollout.RolloutArgument: (Cel("!has(self.value) || !has(self.valueFrom)", "give one of value and valueFrom"),),
    rollout.ArgumentSource: (
        Cel(_one_of("podTemplateHashValue", "fieldRef"), "give exactly one of podTemplateHashValue and fieldRef"),
    ),
    routing.TrafficRouting: (
        Cel(
            "!has(self.maxTrafficWeight) || has(self.nginx) || has(self.plugins) || has(self.gatewayAPI)",
            "Canary maxTrafficWeight in traffic routing only supported in Nginx and Plugins",
            ".maxTrafficWeight",
        ),
    ),
    routing.NginxRouting: (
        Cel(_choice("stableIngress", "stableIngresses"), "Either StableIngress or StableIngresses must be configured."),
    ),
    routing.AlbRouting: (Cel(_choice("ingress", "ingresses"), "Either Ingress or Ingresses must be configured."),),
    routing.IstioRouting: (
        Cel(
            "has(self.virtualService) != (has(self.virtualServices) && self.virtualServices.size() > 0)",
            "either VirtualService or VirtualServices must be configured",
        ),
    ),
    analysis.AnalysisTemplateSpec: (
        Cel(
            "(has(self.metrics) && self.metrics.size() > 0) || (has(self.templates) && self.templates.size() > 0)",
            "no metrics specified",
        ),
    ),
    analysis.AnalysisRunSpec: (
        Cel("has(self.metrics) && self.metrics.size() > 0", "no metrics specified"),
    ),
    analysis.Metric: (
        Cel("has(self.provider)", "no provider specified", ".provider"),
        Cel(
            "!has(self.count) || type(self.count) != int || self.count <= 1 || "
            "(has(self.interval) && self.interval != '')",
            "interval must be specified when count > 1",
            ".interval",
        ),
        Cel(
            "!(has(self.failureLimit) && self.failureLimit == -1 && "
            "(!has(self.consecutiveSuccessLimit) || self.consecutiveSuccessLimit == 0))",
            "failureLimit and consecutiveSuccessLimit cannot both be disabled",
            ".failureLimit",
        ),
    ),
    analysis.Argument: (Cel("!has(self.value) || !has(self.valueFrom)", "give one of value and valueFrom"),),
    analysis.ValueSource: (
        Cel(_one_of("secretKeyRef", "fieldRef"), "give exactly one of secretKeyRef and fieldRef"),
    ),
    providers.Provider: (
        Cel(
            _one_of(
                "prometheus", "web", "job", "datadog", "cloudWatch", "newRelic", "wavefront", "graphite", "influxdb",
                "skywalking", "kayenta", "plugin",
            ),
            "no provider specified, or multiple providers specified",
        ),
    ),
    experiment.ExperimentSpec: (
        Cel("has(self.templates) && self.templates.size() > 0", "an experiment needs templates", ".templates"),
    ),
}  # fmt: skip
"""CEL rules of each model's schema."""

# Rows that controllers alone write, and many at a time. The API server copies the schema of every field that a row may
# have each time it looks at one, so their fields are told in words.
UNTYPED: frozenset[type[BaseModel]] = frozenset({appstatus.ResourceStatus, appstatus.ResourceResult, appstatus.History})

SHAPES: Mapping[type[BaseModel], Mapping[str, Any]] = {
    # Written by controllers alone: whose each of its fields is would be most of what a write costs the API server.
    **{
        each: {"x-kubernetes-map-type": "atomic"}
        for each in (
            appstatus.ApplicationStatus,
            status.RolloutStatus,
            status.AnalysisRunStatus,
            status.ExperimentStatus,
        )
    },
    rollout.CanaryStep: {"minProperties": 1, "maxProperties": 1},
}
"""Bounds of whole objects: a step says one thing."""

_NAME = {"maxLength": NAME_MAX}
_NOT_NEGATIVE = {"minimum": 0}
_TIME = {"format": "date-time"}
_PHASE = {"enum": list(PHASES)}
_SHARE = {"pattern": SHARE, "minimum": 0}
_LIMIT = {"pattern": TEMPLATED_INT}

FIELDS: Mapping[Place, Mapping[str, Any]] = {
    (appstatus.Summary, "images"): {"maxItems": 10_000},
    (appstatus.Summary, "external_urls"): {"maxItems": 10_000},
    (project.SyncWindow, "kind"): {"enum": ["allow", "deny"]},
    (common.LabelSelector, "match_labels"): {"maxProperties": LIST_MAX},
    (common.SelectorRequirement, "key"): {"maxLength": 317},
    (common.SelectorRequirement, "operator"): {"enum": ["In", "NotIn", "Exists", "DoesNotExist"]},
    (rollout.RolloutSpec, "replicas"): _NOT_NEGATIVE,
    (rollout.RolloutSpec, "min_ready_seconds"): _NOT_NEGATIVE,
    (rollout.RolloutSpec, "revision_history_limit"): _NOT_NEGATIVE,
    (rollout.RolloutSpec, "progress_deadline_seconds"): {"minimum": 1},
    (rollout.RolloutSpec, "selector"): {
        "x-kubernetes-validations": [Cel("self == oldSelf", ".spec.selector is immutable").as_json()]
    },
    (rollout.RolloutSpec, "restart_at"): _TIME,
    (rollout.WorkloadRef, "kind"): {"enum": ["Deployment", "ReplicaSet", "PodTemplate"]},
    (rollout.WorkloadRef, "scale_down"): {"enum": ["never", "onsuccess", "progressively"]},
    (rollout.CanaryStrategy, "canary_service"): _NAME,
    (rollout.CanaryStrategy, "stable_service"): _NAME,
    (rollout.CanaryStrategy, "max_surge"): _SHARE,
    (rollout.CanaryStrategy, "max_unavailable"): _SHARE | {"pattern": SHARE_100},
    (rollout.CanaryStrategy, "scale_down_delay_seconds"): _NOT_NEGATIVE,
    (rollout.CanaryStrategy, "abort_scale_down_delay_seconds"): _NOT_NEGATIVE,
    (rollout.CanaryStrategy, "min_pods_per_replica_set"): _NOT_NEGATIVE,
    (rollout.BlueGreenStrategy, "active_service"): _NAME,
    (rollout.BlueGreenStrategy, "preview_service"): _NAME,
    (rollout.BlueGreenStrategy, "max_unavailable"): _SHARE,
    (rollout.BlueGreenStrategy, "preview_replica_count"): _NOT_NEGATIVE,
    (rollout.PingPong, "ping_service"): _NAME,
    (rollout.PingPong, "pong_service"): _NAME,
    (rollout.PreferredAntiAffinity, "weight"): {"minimum": 1, "maximum": 100},
    (rollout.ProgressThreshold, "type"): {"enum": ["Percent", "Pods"]},
    (rollout.CanaryStep, "set_weight"): _NOT_NEGATIVE,
    (rollout.Pause, "duration"): {"pattern": PAUSE, "minimum": 0},
    (rollout.SetHeaderRoute, "name"): _NAME,
    (rollout.SetMirrorRoute, "name"): _NAME,
    (rollout.MirrorMatch, "headers"): {"maxProperties": 20},
    (rollout.ArgumentSource, "pod_template_hash_value"): {"enum": ["Stable", "Latest"]},
    (rollout.ExperimentTemplate, "spec_ref"): {"enum": ["canary", "stable"]},
    (rollout.BackgroundAnalysis, "starting_step"): _NOT_NEGATIVE,
    (routing.ManagedRoute, "name"): _NAME,
    (routing.NginxRouting, "stable_ingress"): _NAME,
    (routing.AlbRouting, "ingress"): _NAME,
    (routing.TrafficRouting, "max_traffic_weight"): {"minimum": 1},
    (routing.Stickiness, "duration_seconds"): {"maximum": routing.STICKY_S_MAX},
    (analysis.Metric, "interval"): {"pattern": TEMPLATED_DURATION, "maxLength": TEXT_MAX},
    (analysis.Metric, "initial_delay"): {"pattern": TEMPLATED_DURATION, "maxLength": TEXT_MAX},
    (analysis.Metric, "count"): _LIMIT | {"minimum": 0},
    (analysis.Metric, "failure_limit"): _LIMIT | {"minimum": -1},
    (analysis.Metric, "inconclusive_limit"): _LIMIT | {"minimum": 0},
    (analysis.Metric, "consecutive_error_limit"): _LIMIT | {"minimum": 0},
    (analysis.Metric, "consecutive_success_limit"): _LIMIT | {"minimum": 0},
    (analysis.Metric, "success_condition"): {"maxLength": TEXT_MAX},
    (analysis.Metric, "failure_condition"): {"maxLength": TEXT_MAX},
    (analysis.Metric, "no_data"): {"enum": ["inconclusive", "fail", "pass"]},
    (providers.Web, "method"): {"enum": ["GET", "POST", "PUT"]},
    (providers.Datadog, "api_version"): {"enum": ["v1", "v2"]},
    (status.RolloutStatus, "phase"): {"enum": ["", "Healthy", "Progressing", "Paused", "Degraded"]},
    (status.RolloutStatus, "aborted_at"): _TIME,
    (status.RolloutStatus, "restarted_at"): _TIME,
    (status.PauseCondition, "start_time"): _TIME,
    (status.Condition, "status"): {"enum": list(STATUSES)},
    (status.Condition, "last_update_time"): _TIME,
    (status.Condition, "last_transition_time"): _TIME,
    (status.RunRef, "status"): _PHASE,
    (status.AnalysisRunStatus, "phase"): _PHASE,
    (status.AnalysisRunStatus, "started_at"): _TIME,
    (status.AnalysisRunStatus, "completed_at"): _TIME,
    (status.MetricResult, "phase"): _PHASE,
    (status.Measurement, "phase"): _PHASE,
    (status.Measurement, "started_at"): _TIME,
    (status.Measurement, "finished_at"): _TIME,
    (status.Measurement, "resume_at"): _TIME,
    (status.ExperimentStatus, "phase"): _PHASE,
    (status.ExperimentStatus, "available_at"): _TIME,
    (status.ExperimentRun, "phase"): _PHASE,
    (status.TemplateStatus, "last_transition_time"): _TIME,
    (status.DurationStatus, "rollout_started_at"): _TIME,
    (status.DurationStatus, "manual_pause_started_at"): _TIME,
    (status.DurationStatus, "finished_at"): _TIME,
}
"""Bounds, choices and formats of single fields."""

KEYS: Mapping[type[BaseModel], str] = {
    analysis.Metric: "name",
    analysis.Argument: "name",
    rollout.RolloutArgument: "name",
    rollout.DryRun: "metricName",
    rollout.MeasurementRetention: "metricName",
    rollout.ExperimentTemplate: "name",
    rollout.ExperimentStepAnalysis: "name",
    routing.ManagedRoute: "name",
    experiment.TemplateSpec: "name",
    experiment.ExperimentAnalysis: "name",
}
"""Models whose lists are merged by a key. Lists of a status are atomic: the controller alone writes them, and the
ownership of each condition's fields would cost the API server a fifth of every status write."""

ITEMS_MAX: Mapping[type[BaseModel], int] = {
    appstatus.ResourceStatus: 20_000,
    appstatus.ResourceResult: 20_000,
    appstatus.SyncResource: 20_000,
    appstatus.History: 1_000,
    rollout.CanaryStep: common.STEPS_MAX,
    analysis.Metric: common.METRICS_MAX,
    analysis.Argument: common.ARGS_MAX,
    rollout.RolloutArgument: common.ARGS_MAX,
    rollout.ExperimentStepAnalysis: 10,
    rollout.MirrorMatch: 20,
    rollout.HeaderMatch: 20,
    status.Measurement: 1000,
    status.MetricResult: 1000,
}
"""Most elements of lists of a model; LIST_MAX for all others."""
