"""The Rollout's spec as the contract has it; what is not supported yet is refused by the rules, not here."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from analysis import duration
from rollouts.api.common import (
    Duration,
    FieldRef,
    Flag,
    Int32,
    IntOrString,
    LabelSelector,
    Metadata,
    Model,
    Object,
    Text,
)
from rollouts.api.routing import TrafficRouting

REPLICAS_DEFAULT = 1
REVISION_HISTORY_LIMIT_DEFAULT = 10
PROGRESS_DEADLINE_S_DEFAULT = 600
SCALE_DOWN_DELAY_S_DEFAULT = 30
RUN_HISTORY_LIMIT_DEFAULT = 5
SHARE_DEFAULT = "25%"
FAILING_PODS_DEFAULT = 1
FAILING_GRACE_S_DEFAULT = 30


class ArgumentSource(Model):
    """Where the value of an argument comes from."""

    pod_template_hash_value: Text | None = Field(
        None, description="Stable or Latest: the pod template hash of that ReplicaSet."
    )
    field_ref: FieldRef | None = Field(None, description="A field of the Rollout.")


class RolloutArgument(Model):
    """An argument that a Rollout hands to an analysis."""

    name: Text = Field(description="Name of the argument.")
    value: Text | None = Field(None, description="The value itself.")
    value_from: ArgumentSource | None = Field(None, description="Where to take the value from.")


class TemplateRef(Model):
    """A reference to an AnalysisTemplate or a ClusterAnalysisTemplate."""

    template_name: Text = Field("", description="Name of the template.")
    cluster_scope: Flag = Field(False, description="Whether a ClusterAnalysisTemplate is meant.")


class DryRun(Model):
    """Metrics that are measured and reported without deciding anything."""

    metric_name: Text = Field(description="Regular expression over metric names.")


class MeasurementRetention(Model):
    """How many measurements of some metrics are kept in status."""

    metric_name: Text = Field(description="Regular expression over metric names.")
    limit: Int32 = Field(0, description="Number of measurements to keep; 10 if not positive.")


class RolloutAnalysis(Model):
    """The AnalysisRun that a step or a promotion waits for."""

    templates: tuple[TemplateRef, ...] = Field((), description="Templates whose metrics are judged together.")
    args: tuple[RolloutArgument, ...] = Field((), description="Arguments for the templates.")
    dry_run: tuple[DryRun, ...] = Field((), description="Metrics that decide nothing.")
    measurement_retention: tuple[MeasurementRetention, ...] = Field((), description="Measurements to keep per metric.")
    analysis_run_metadata: Metadata | None = Field(None, description="Labels and annotations for the AnalysisRun.")


class BackgroundAnalysis(RolloutAnalysis):
    """The AnalysisRun that watches the canary while the steps go on."""

    starting_step: Int32 | None = Field(None, description="Index of the step with which the analysis begins.")


class Pause(Model):
    """A halt between two steps."""

    duration: IntOrString | None = Field(
        None, description='How long: seconds, or a duration such as "1h30m"; until somebody promotes if absent.'
    )

    @property
    def duration_s(self) -> float | None:
        """Seconds, or None for a pause without end. Raises AnalysisError where the text is no duration."""
        if self.duration is None:
            return None
        if isinstance(self.duration, int):
            return float(self.duration)
        return duration.parse_s(self.duration, bare_seconds=True)


class SetCanaryScale(Model):
    """The canary's size, apart from its share of the traffic. Give exactly one of the three."""

    weight: Int32 | None = Field(None, description="Share of spec.replicas, 0 to maxTrafficWeight.")
    replicas: Int32 | None = Field(None, description="Number of pods.")
    match_traffic_weight: Flag = Field(False, description="Back to the size that the traffic weight asks for.")


class StringMatch(Model):
    """A condition on a text. Give exactly one of the three."""

    exact: Text = Field("", description="The whole text.")
    prefix: Text = Field("", description="How the text begins.")
    regex: Text = Field("", description="A regular expression for the text.")


class HeaderMatch(Model):
    """A condition on one request header."""

    header_name: Text = Field(description="Name of the header.")
    header_value: StringMatch | None = Field(None, description="Condition on its value.")


class SetHeaderRoute(Model):
    """Sends requests with certain headers to the canary."""

    name: Text = Field("", description="Name of the route, one of trafficRouting.managedRoutes.")
    match: tuple[HeaderMatch, ...] = Field(
        (), description="Conditions, all of which must hold; none removes the route."
    )


class MirrorMatch(Model):
    """Which requests are mirrored."""

    method: StringMatch | None = Field(None, description="Condition on the method.")
    path: StringMatch | None = Field(None, description="Condition on the path.")
    headers: dict[Text, StringMatch] = Field({}, description="Conditions on headers, by name.")


class SetMirrorRoute(Model):
    """Sends a copy of some requests to the canary and drops its answers."""

    name: Text = Field(description="Name of the route, one of trafficRouting.managedRoutes.")
    match: tuple[MirrorMatch, ...] = Field((), description="Which requests; none removes the route.")
    percentage: Int32 | None = Field(None, description="Percentage of the matching requests.")


class ExperimentService(Model):
    """A Service for the pods of one template of an experiment."""

    name: Text = Field("", description="Name of the Service; the ReplicaSet's name if empty.")


class ExperimentTemplate(Model):
    """One set of pods in an experiment step."""

    name: Text = Field(description="Name of the set.")
    spec_ref: Text = Field(description="canary or stable: whose pod template is run.")
    replicas: Int32 | None = Field(None, description="Number of pods; 1 if absent.")
    metadata: Metadata | None = Field(None, description="Labels and annotations for the pods.")
    selector: LabelSelector | None = Field(None, description="Selector in place of the Rollout's.")
    weight: Int32 | None = Field(None, description="Share of the traffic for these pods.")
    service: ExperimentService | None = Field(None, description="Service to create for these pods.")


class ExperimentStepAnalysis(Model):
    """An analysis beside the pods of an experiment step."""

    name: Text = Field(description="Name of the analysis.")
    template_name: Text = Field("", description="Name of the template.")
    cluster_scope: Flag = Field(False, description="Whether a ClusterAnalysisTemplate is meant.")
    args: tuple[RolloutArgument, ...] = Field((), description="Arguments for the template.")
    required_for_completion: Flag = Field(False, description="Whether the experiment waits for this analysis.")


class ExperimentStep(Model):
    """An Experiment that the step waits for."""

    templates: tuple[ExperimentTemplate, ...] = Field((), description="Sets of pods to run side by side.")
    duration: Duration = Field("", description="How long the experiment runs once its pods are available.")
    analyses: tuple[ExperimentStepAnalysis, ...] = Field((), description="Analyses to run beside the pods.")
    dry_run: tuple[DryRun, ...] = Field((), description="Metrics that decide nothing.")
    analysis_run_metadata: Metadata | None = Field(None, description="Labels and annotations for the AnalysisRuns.")
    scale_down_delay_seconds: Int32 | None = Field(None, description="Seconds before the pods go once it is over.")


class PluginStep(Model):
    """A step that a plugin carries out."""

    name: Text = Field(description="Name of the plugin.")
    config: Any = Field(None, description="Its configuration, any JSON.")


class CanaryStep(Model):
    """One step of a canary. Give exactly one of its fields."""

    set_weight: Int32 | None = Field(None, description="Share of the traffic for the canary, 0 to maxTrafficWeight.")
    pause: Pause | None = Field(None, description="Wait for a time, or for somebody.")
    analysis: RolloutAnalysis | None = Field(None, description="Judge the canary before going on.")
    experiment: ExperimentStep | None = Field(None, description="Run sets of pods side by side before going on.")
    set_canary_scale: SetCanaryScale | None = Field(None, description="Set the canary's size apart from its weight.")
    set_header_route: SetHeaderRoute | None = Field(None, description="Route requests by header.")
    set_mirror_route: SetMirrorRoute | None = Field(None, description="Mirror requests.")
    plugin: PluginStep | None = Field(None, description="Let a plugin carry out the step.")

    @property
    def actions(self) -> tuple[str, ...]:
        """Names (as on the wire) of the fields that are given; a valid step has exactly one."""
        return tuple(
            field.alias or name for name, field in type(self).model_fields.items() if getattr(self, name) is not None
        )


class PreferredAntiAffinity(Model):
    """Anti-affinity as a preference."""

    weight: Int32 = Field(0, description="Weight of the preference, 1 to 100.")


class RequiredAntiAffinity(Model):
    """Anti-affinity as a demand."""


class AntiAffinity(Model):
    """Keeps pods of two revisions off the same node. Give exactly one of the two."""

    preferred_during_scheduling_ignored_during_execution: PreferredAntiAffinity | None = Field(
        None, description="Prefer another node."
    )
    required_during_scheduling_ignored_during_execution: RequiredAntiAffinity | None = Field(
        None, description="Demand another node."
    )


class PingPong(Model):
    """Two Services that take turns in being the stable one."""

    ping_service: Text = Field("", description="Name of the one Service.")
    pong_service: Text = Field("", description="Name of the other Service.")


class ProgressThreshold(Model):
    """When a canary counts as ready enough."""

    type: Text = Field("", description="Percent or Pods.")
    value: Int32 = Field(0, description="How many of the wished pods must be available.")


class CanaryStrategy(Model):
    """A new version takes over the traffic in steps."""

    canary_service: Text = Field("", description="Service that the controller points at the canary pods.")
    stable_service: Text = Field("", description="Service that the controller points at the stable pods.")
    steps: tuple[CanaryStep, ...] = Field((), description="The steps, in order; none makes a plain rolling update.")
    traffic_routing: TrafficRouting | None = Field(None, description="How traffic is shared.")
    analysis: BackgroundAnalysis | None = Field(None, description="Analysis that runs while the steps go on.")
    max_surge: IntOrString | None = Field(None, description="Pods above spec.replicas, a number or percentage (25%).")
    max_unavailable: IntOrString | None = Field(None, description="Pods that may be missing meanwhile (25%).")
    anti_affinity: AntiAffinity | None = Field(None, description="Keeps canary and stable pods on different nodes.")
    canary_metadata: Metadata | None = Field(None, description="Labels and annotations while a pod is canary.")
    stable_metadata: Metadata | None = Field(None, description="Labels and annotations while a pod is stable.")
    scale_down_delay_seconds: Int32 | None = Field(
        None, description="Seconds that the previous stable pods stay after a promotion (30); needs trafficRouting."
    )
    scale_down_delay_revision_limit: Int32 | None = Field(None, description="How many old revisions may keep pods.")
    abort_scale_down_delay_seconds: Int32 | None = Field(
        None, description="Seconds that canary pods stay after an abort (30); 0 keeps them for good."
    )
    dynamic_stable_scale: Flag = Field(False, description="Shrink the stable pods as the canary takes over traffic.")
    ping_pong: PingPong | None = Field(None, description="Two Services that take turns in being the stable one.")
    min_pods_per_replica_set: Int32 | None = Field(None, description="Least number of pods of a set that has any.")
    replica_progress_threshold: ProgressThreshold | None = Field(None, description="When a step counts as ready.")

    @property
    def roles(self) -> tuple[Metadata | None, Metadata | None]:
        """What pods bear while they are of the new version, and while they are of the stable one."""
        return self.canary_metadata, self.stable_metadata


class BlueGreenStrategy(Model):
    """A new version takes over all traffic at once."""

    active_service: Text = Field("", description="Service that carries the traffic.")
    preview_service: Text = Field("", description="Service for the new version before it takes over.")
    preview_replica_count: Int32 | None = Field(None, description="Pods of the new version before it takes over.")
    auto_promotion_enabled: Flag | None = Field(None, description="Whether it takes over by itself (true).")
    auto_promotion_seconds: Int32 = Field(0, description="Seconds to wait before it takes over by itself.")
    max_unavailable: IntOrString | None = Field(None, description="Pods that may be missing during a restart (25%).")
    scale_down_delay_seconds: Int32 | None = Field(None, description="Seconds that the old pods stay (30).")
    scale_down_delay_revision_limit: Int32 | None = Field(None, description="How many old revisions may keep pods.")
    abort_scale_down_delay_seconds: Int32 | None = Field(
        None, description="Seconds that preview pods stay after an abort (30); 0 keeps them for good."
    )
    pre_promotion_analysis: RolloutAnalysis | None = Field(None, description="Judges before the switch.")
    post_promotion_analysis: RolloutAnalysis | None = Field(None, description="Judges after the switch.")
    anti_affinity: AntiAffinity | None = Field(None, description="Keeps the two versions on different nodes.")
    preview_metadata: Metadata | None = Field(None, description="Labels and annotations while a pod is preview.")
    active_metadata: Metadata | None = Field(None, description="Labels and annotations while a pod is active.")

    @property
    def roles(self) -> tuple[Metadata | None, Metadata | None]:
        """What pods bear while they are of the new version, and while they are of the stable one."""
        return self.preview_metadata, self.active_metadata


class Strategy(Model):
    """How a new version replaces the old one. Give exactly one of the two."""

    canary: CanaryStrategy | None = Field(None, description="In steps.")
    blue_green: BlueGreenStrategy | None = Field(None, description="At once.")


class WorkloadRef(Model):
    """A workload whose pod template is used in place of spec.template."""

    api_version: Text = Field("", description="apiVersion of the workload.")
    kind: Text = Field("", description="Deployment, ReplicaSet or PodTemplate.")
    name: Text = Field("", description="Name of the workload.")
    scale_down: Text = Field("", description="never, onsuccess or progressively: what becomes of its own pods.")


class RollbackWindow(Model):
    """How far back a revision may lie so that returning to it skips the steps."""

    revisions: Int32 = Field(0, description="Number of revisions.")


class FailFast(Model):
    """When pods of a new version that cannot start abort their update; an addition to the API of Argo Rollouts."""

    pods: IntOrString | None = Field(None, description="Failing pods that are too many, a number or a percentage (1).")
    grace_seconds: Int32 | None = Field(None, description="Seconds that a pod has to start before it is judged (30).")

    @property
    def pods_most(self) -> int | str:
        """How many failing pods are too many, with its default."""
        return FAILING_PODS_DEFAULT if self.pods is None else self.pods

    @property
    def grace_s(self) -> int:
        """Seconds after which a pod is judged, with its default."""
        return FAILING_GRACE_S_DEFAULT if self.grace_seconds is None else self.grace_seconds


class RunHistory(Model):
    """How many finished AnalysisRuns and Experiments are kept."""

    successful_run_history_limit: Int32 | None = Field(None, description="Successful ones (5).")
    unsuccessful_run_history_limit: Int32 | None = Field(None, description="Failed, erroneous, inconclusive ones (5).")


class RolloutSpec(Model):
    """What a Rollout is to be."""

    replicas: Int32 | None = Field(None, description="Number of pods (1).")
    selector: LabelSelector | None = Field(None, description="Which pods belong to the Rollout; never changes.")
    template: Object | None = Field(None, description="The pods to run.")
    workload_ref: WorkloadRef | None = Field(None, description="Workload that gives the template.")
    min_ready_seconds: Int32 = Field(0, description="Seconds that a pod must be ready to count as available.")
    rollback_window: RollbackWindow | None = Field(None, description="When a return skips the steps.")
    strategy: Strategy = Field(Strategy.model_validate({}), description="How a new version replaces the old one.")
    revision_history_limit: Int32 | None = Field(None, description="Old ReplicaSets to keep (10).")
    paused: Flag = Field(False, description="Whether the Rollout stands still.")
    progress_deadline_seconds: Int32 | None = Field(None, description="Seconds without progress until it fails (600).")
    progress_deadline_abort: Flag = Field(False, description="Whether a missed deadline aborts the update.")
    fail_fast: FailFast | None = Field(None, description="When pods that cannot start abort the update (never).")
    restart_at: Text | None = Field(None, description="Pods older than this moment are restarted.")
    analysis: RunHistory | None = Field(None, description="How many finished runs are kept.")

    @property
    def desired_replicas(self) -> int:
        """spec.replicas with its default."""
        return REPLICAS_DEFAULT if self.replicas is None else self.replicas

    @property
    def revisions_kept(self) -> int:
        """spec.revisionHistoryLimit with its default."""
        return REVISION_HISTORY_LIMIT_DEFAULT if self.revision_history_limit is None else self.revision_history_limit

    @property
    def progress_deadline_s(self) -> int:
        """spec.progressDeadlineSeconds with its default."""
        given = self.progress_deadline_seconds
        return PROGRESS_DEADLINE_S_DEFAULT if given is None else given
