"""The Experiment's spec as the contract has it."""

from __future__ import annotations

from pydantic import Field

from rollouts.api.analysis import Argument
from rollouts.api.common import Duration, Flag, Int32, LabelSelector, Metadata, Model, Object, Text
from rollouts.api.rollout import DryRun, ExperimentService, MeasurementRetention


class TemplateSpec(Model):
    """One set of pods."""

    name: Text = Field(description="Name of the set.")
    replicas: Int32 | None = Field(None, description="Number of pods (1).")
    min_ready_seconds: Int32 = Field(0, description="Seconds that a pod must be ready to count as available.")
    selector: LabelSelector | None = Field(None, description="Which pods belong to the set.")
    template: Object | None = Field(None, description="The pods to run.")
    service: ExperimentService | None = Field(None, description="Service to create for these pods.")


class ExperimentAnalysis(Model):
    """An analysis beside the pods."""

    name: Text = Field(description="Name of the analysis.")
    template_name: Text = Field("", description="Name of the template.")
    cluster_scope: Flag = Field(False, description="Whether a ClusterAnalysisTemplate is meant.")
    args: tuple[Argument, ...] = Field((), description="Arguments for the template.")
    required_for_completion: Flag = Field(False, description="Whether the experiment waits for this analysis.")


class ExperimentSpec(Model):
    """Sets of pods that run side by side for a while."""

    templates: tuple[TemplateSpec, ...] = Field((), description="The sets of pods.")
    duration: Duration = Field("", description="How long it runs once all pods are available; without end if empty.")
    progress_deadline_seconds: Int32 | None = Field(None, description="Seconds without progress until it fails (600).")
    terminate: Flag = Field(False, description="Whether the experiment is to end now.")
    analyses: tuple[ExperimentAnalysis, ...] = Field((), description="Analyses to run beside the pods.")
    scale_down_delay_seconds: Int32 | None = Field(None, description="Seconds that pods stay after the end (30).")
    dry_run: tuple[DryRun, ...] = Field((), description="Metrics that decide nothing.")
    measurement_retention: tuple[MeasurementRetention, ...] = Field((), description="Measurements to keep per metric.")
    analysis_run_metadata: Metadata | None = Field(None, description="Labels and annotations for the AnalysisRuns.")
