"""AnalysisTemplate, ClusterAnalysisTemplate and AnalysisRun as the contract has them."""

from __future__ import annotations

from pydantic import Field

from rollouts.api.common import Duration, FieldRef, Flag, Int32, IntOrString, Model, Text
from rollouts.api.providers import Provider
from rollouts.api.rollout import DryRun, MeasurementRetention, TemplateRef


class SecretKeyRef(Model):
    """A key of a Secret in the run's namespace."""

    name: Text = Field(description="Name of the Secret.")
    key: Text = Field(description="Key in the Secret.")


class ValueSource(Model):
    """Where the value of an argument comes from."""

    secret_key_ref: SecretKeyRef | None = Field(None, description="A key of a Secret; its value is never shown.")
    field_ref: FieldRef | None = Field(None, description="A field of the object that asks for the analysis.")


class Argument(Model):
    """An argument, used as {{args.name}} in the metrics."""

    name: Text = Field(description="Name of the argument.")
    value: Text | None = Field(None, description="Its value; without one the asker must give it.")
    value_from: ValueSource | None = Field(None, description="Where to take the value from.")


class Metric(Model):
    """One measured figure and what is asked of it."""

    name: Text = Field(description="Name of the metric.")
    interval: Duration = Field("", description="Time between two measurements; one measurement only if empty.")
    initial_delay: Duration = Field("", description="Time before the first measurement.")
    count: IntOrString | None = Field(
        None, description="Number of measurements: 1 without an interval, without end with one."
    )
    success_condition: Text = Field("", description="Expression over `result` that makes a measurement Successful.")
    failure_condition: Text = Field("", description="Expression over `result` that makes a measurement Failed.")
    failure_limit: IntOrString | None = Field(None, description="Failed measurements that are borne (0); -1: any.")
    inconclusive_limit: IntOrString | None = Field(None, description="Inconclusive measurements that are borne (0).")
    consecutive_error_limit: IntOrString | None = Field(None, description="Errors in a row that are borne (4).")
    consecutive_success_limit: IntOrString | None = Field(
        None, description="Successes in a row that end the metric as Successful; 0: off."
    )
    no_data: Text = Field(
        "", description="Verdict on a measurement without data: inconclusive, fail or pass; the conditions' if empty."
    )
    provider: Provider = Field(Provider.model_validate({}), description="Where a measurement comes from.")


class AnalysisTemplateSpec(Model):
    """What is measured, and when it is good enough."""

    metrics: tuple[Metric, ...] = Field((), description="The metrics, judged together.")
    args: tuple[Argument, ...] = Field((), description="The arguments of the template.")
    dry_run: tuple[DryRun, ...] = Field((), description="Metrics that decide nothing.")
    measurement_retention: tuple[MeasurementRetention, ...] = Field((), description="Measurements to keep per metric.")
    templates: tuple[TemplateRef, ...] = Field((), description="Other templates whose metrics are judged along.")


class TtlStrategy(Model):
    """When a finished run is deleted."""

    seconds_after_completion: Int32 | None = Field(None, description="Seconds after any end.")
    seconds_after_failure: Int32 | None = Field(None, description="Seconds after the phase Failed.")
    seconds_after_success: Int32 | None = Field(None, description="Seconds after the phase Successful.")


class AnalysisRunSpec(Model):
    """One run of an analysis."""

    metrics: tuple[Metric, ...] = Field((), description="The metrics, judged together.")
    args: tuple[Argument, ...] = Field((), description="The arguments, with their values.")
    terminate: Flag = Field(False, description="Whether the run is to end now.")
    dry_run: tuple[DryRun, ...] = Field((), description="Metrics that decide nothing.")
    measurement_retention: tuple[MeasurementRetention, ...] = Field((), description="Measurements to keep per metric.")
    ttl_strategy: TtlStrategy | None = Field(None, description="When the finished run is deleted.")
