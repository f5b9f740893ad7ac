"""What the controller writes into status: models for the schemas alone, status itself is written as JSON."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from rollouts.api.common import Flag, Int32, Int64, IntOrString, Model, Text, TextMap


class Condition(Model):
    """One aspect of the object's state."""

    type: Text = Field(description="Name of the condition.")
    status: Text = Field(description="True, False or Unknown.")
    last_update_time: Text | None = Field(None, description="When the condition was last written.")
    last_transition_time: Text | None = Field(None, description="When its status last changed.")
    reason: Text = Field("", description="One word for the last change.")
    message: Text = Field("", description="A sentence about the last change.")


class RolloutCondition(Condition):
    """One aspect of a Rollout's state."""

    observed_generation: Int64 | None = Field(
        None, description="metadata.generation that this is about, under --status-compat=kstatus."
    )


class PauseCondition(Model):
    """Why the Rollout waits."""

    reason: Text = Field(description="One word for the wait.")
    start_time: Text = Field(description="When the wait began.")


class RunRef(Model):
    """An AnalysisRun of this update."""

    name: Text = Field("", description="Name of the AnalysisRun.")
    status: Text = Field("", description="Its phase.")
    message: Text = Field("", description="Its message.")


class WeightDestination(Model):
    """Where a share of the traffic goes."""

    weight: Int32 = Field(0, description="Share of the traffic.")
    service_name: Text = Field("", description="Service that carries it.")
    pod_template_hash: Text = Field("", description="Pods that receive it.")


class Weights(Model):
    """How traffic is shared, as last written to the router."""

    canary: WeightDestination | None = Field(None, description="Share of the canary.")
    stable: WeightDestination | None = Field(None, description="Share of the stable pods.")
    additional: tuple[WeightDestination, ...] = Field((), description="Shares of experiments.")
    verified: Flag | None = Field(None, description="Whether the router was seen to obey.")


class StepPluginStatus(Model):
    """How far a plugin is with its step."""

    index: Int32 = Field(0, description="Index of the step.")
    name: Text = Field("", description="Name of the plugin.")
    operation: Text = Field("", description="Run, Terminate or Abort.")
    phase: Text = Field("", description="Running, Successful, Failed or Error.")
    message: Text = Field("", description="Details of the phase.")
    started_at: Text | None = Field(None, description="When it began.")
    updated_at: Text | None = Field(None, description="When it was last called.")
    finished_at: Text | None = Field(None, description="When it ended.")
    backoff: Text = Field("", description="How long to wait for the next call.")
    executions: Int32 = Field(0, description="How often it was called.")
    disabled: Flag = Field(False, description="Whether the plugin is switched off.")
    status: Any = Field(None, description="What the plugin keeps from call to call.")


class CanaryStatus(Model):
    """State of a canary."""

    current_step_analysis_run_status: RunRef | None = Field(None, description="Analysis that the step waits for.")
    current_background_analysis_run_status: RunRef | None = Field(None, description="Analysis in the background.")
    current_experiment: Text = Field("", description="Experiment that the step waits for.")
    weights: Weights | None = Field(None, description="How traffic is shared.")
    stable_ping_pong: Text = Field("", description="ping or pong: which Service is the stable one.")
    step_plugin_statuses: tuple[StepPluginStatus, ...] = Field((), description="How far plugins are.")


class BlueGreenStatus(Model):
    """State of a blue-green update."""

    preview_selector: Text = Field("", description="Pod template hash behind the preview Service.")
    active_selector: Text = Field("", description="Pod template hash behind the active Service.")
    scale_up_preview_check_point: Flag = Field(False, description="Whether the preview pods grew to full size.")
    pre_promotion_analysis_run_status: RunRef | None = Field(None, description="Analysis before the switch.")
    post_promotion_analysis_run_status: RunRef | None = Field(None, description="Analysis after the switch.")


class AwsResource(Model):
    """A resource of an AWS load balancer."""

    name: Text = Field("", description="Name of the resource.")
    arn: Text = Field("", description="ARN of the resource.")
    full_name: Text = Field("", description="Name with its type, as metrics use it.")


class AlbStatus(Model):
    """What an AWS load balancer was last seen to do."""

    load_balancer: AwsResource | None = Field(None, description="The load balancer.")
    canary_target_group: AwsResource | None = Field(None, description="Target group of the canary.")
    stable_target_group: AwsResource | None = Field(None, description="Target group of the stable pods.")
    ingress: Text = Field("", description="Ingress that it belongs to.")


class DurationStatus(Model):
    """How long the update took."""

    rollout_started_at: Text | None = Field(None, description="When the update began.")
    manual_pause_started_at: Text | None = Field(None, description="When somebody's pause began.")
    total_manual_pause_duration_seconds: Int64 = Field(0, description="Seconds of pauses without end.")
    finished_at: Text | None = Field(None, description="When the update ended.")
    completion_status: Text = Field("", description="How the update ended.")


class RolloutStatus(Model):
    """What is known about a Rollout, and what was decided."""

    phase: Text = Field("", description="Healthy, Progressing, Paused or Degraded.")
    message: Text = Field("", description="Details of the phase.")
    abort: Flag = Field(False, description="Whether the update is aborted; set it to abort.")
    aborted_at: Text | None = Field(None, description="When the abort was noticed.")
    pause_conditions: tuple[PauseCondition, ...] = Field((), description="Why the Rollout waits; clear it to go on.")
    controller_pause: Flag = Field(False, description="Whether the controller itself began the wait.")
    promote_full: Flag = Field(False, description="Whether the remaining steps are skipped; set it to promote.")
    current_pod_hash: Text = Field("", description="Hash of the wished pod template.")
    current_step_hash: Text = Field("", description="Hash of the steps.")
    current_step_index: Int32 | None = Field(None, description="Index of the step under way.")
    stable_rs: Text = Field("", alias="stableRS", description="Hash of the pod template that is stable.")
    replicas: Int32 = Field(0, description="Pods of all revisions.")
    updated_replicas: Int32 = Field(0, description="Pods of the wished revision.")
    ready_replicas: Int32 = Field(0, description="Ready pods.")
    available_replicas: Int32 = Field(0, description="Available pods.")
    hpa_replicas: Int32 = Field(0, alias="HPAReplicas", description="Pods as a HorizontalPodAutoscaler counts them.")
    selector: Text = Field("", description="Label selector of the pods, for a HorizontalPodAutoscaler.")
    collision_count: Int32 | None = Field(None, description="How often a pod template hash was taken already.")
    observed_generation: IntOrString | None = Field(
        None, description="metadata.generation that this status is about: a text, or a number where that is asked for."
    )
    workload_observed_generation: Text = Field("", description="Generation of the referenced workload, as text.")
    restarted_at: Text | None = Field(None, description="spec.restartAt once all pods were restarted.")
    conditions: tuple[RolloutCondition, ...] = Field((), description="Aspects of the state.")
    allowed_actions: tuple[Text, ...] = Field((), description="What `rollouts` could be told to do with it now.")
    canary: CanaryStatus | None = Field(None, description="State of a canary.")
    blue_green: BlueGreenStatus | None = Field(None, description="State of a blue-green update.")
    alb: AlbStatus | None = Field(None, description="What an AWS load balancer was last seen to do.")
    albs: tuple[AlbStatus, ...] = Field((), description="The same for several Ingresses.")
    duration: DurationStatus | None = Field(None, description="How long the update took.")


class Measurement(Model):
    """One measured value and its verdict."""

    phase: Text = Field(description="The verdict.")
    message: Text = Field("", description="Details of the verdict.")
    started_at: Text | None = Field(None, description="When the question was asked.")
    finished_at: Text | None = Field(None, description="When the answer was judged.")
    resume_at: Text | None = Field(None, description="When to look again at a measurement that takes its time.")
    value: Text = Field("", description="The value as text.")
    metadata: TextMap = Field({}, description="What the provider told besides.")


class Summary(Model):
    """Verdicts counted over all metrics."""

    count: Int32 = Field(0, description="Metrics.")
    successful: Int32 = Field(0, description="Metrics that are Successful.")
    failed: Int32 = Field(0, description="Metrics that are Failed.")
    inconclusive: Int32 = Field(0, description="Metrics that are Inconclusive.")
    error: Int32 = Field(0, description="Metrics that are in Error.")


class MetricResult(Model):
    """Verdicts of one metric."""

    name: Text = Field(description="Name of the metric.")
    phase: Text = Field(description="Verdict on the metric.")
    message: Text = Field("", description="Details of the verdict.")
    count: Int32 = Field(0, description="Measurements without error.")
    successful: Int32 = Field(0, description="Measurements that were Successful.")
    failed: Int32 = Field(0, description="Measurements that were Failed.")
    inconclusive: Int32 = Field(0, description="Measurements that were Inconclusive.")
    error: Int32 = Field(0, description="Measurements that were in Error.")
    consecutive_error: Int32 = Field(0, description="Errors in a row up to now.")
    consecutive_success: Int32 = Field(0, description="Successes in a row up to now.")
    dry_run: Flag = Field(False, description="Whether the metric decides nothing.")
    metadata: TextMap = Field({}, description="What the provider told about the metric.")
    measurements: tuple[Measurement, ...] = Field((), description="The last measurements.")


class AnalysisRunStatus(Model):
    """Verdict of a run so far."""

    phase: Text = Field("", description="Verdict on the run.")
    message: Text = Field("", description="Details of the verdict.")
    metric_results: tuple[MetricResult, ...] = Field((), description="Verdicts of each metric.")
    started_at: Text | None = Field(None, description="When the run began.")
    completed_at: Text | None = Field(None, description="When the run ended.")
    run_summary: Summary | None = Field(None, description="Verdicts of the metrics that decide.")
    dry_run_summary: Summary | None = Field(None, description="Verdicts of the metrics that decide nothing.")


class TemplateStatus(Model):
    """State of one set of pods."""

    name: Text = Field(description="Name of the set.")
    replicas: Int32 = Field(0, description="Pods.")
    updated_replicas: Int32 = Field(0, description="Pods of the wished template.")
    ready_replicas: Int32 = Field(0, description="Ready pods.")
    available_replicas: Int32 = Field(0, description="Available pods.")
    collision_count: Int32 | None = Field(None, description="How often a pod template hash was taken already.")
    status: Text = Field("", description="Phase of the set.")
    message: Text = Field("", description="Details of the phase.")
    last_transition_time: Text | None = Field(None, description="When the set last moved.")
    service_name: Text = Field("", description="Service of the set.")
    pod_template_hash: Text = Field("", description="Hash of the set's pods.")


class ExperimentRun(Model):
    """An AnalysisRun of an experiment."""

    name: Text = Field(description="Name of the analysis.")
    analysis_run: Text = Field("", description="Name of the AnalysisRun.")
    phase: Text = Field("", description="Its phase.")
    message: Text = Field("", description="Its message.")


class ExperimentStatus(Model):
    """State of an experiment."""

    phase: Text = Field("", description="Verdict on the experiment.")
    message: Text = Field("", description="Details of the verdict.")
    available_at: Text | None = Field(None, description="When all pods were available.")
    template_statuses: tuple[TemplateStatus, ...] = Field((), description="State of each set of pods.")
    conditions: tuple[Condition, ...] = Field((), description="Aspects of the state.")
    analysis_runs: tuple[ExperimentRun, ...] = Field((), description="The analyses.")
