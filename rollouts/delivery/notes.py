"""Every Note that this room can say, with the contract's reasons and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rollouts.core.errors import Refusal
from rollouts.core.plan import Note, Severity
from rollouts.delivery import rules, steps
from rollouts.delivery.calls import Call
from rollouts.delivery.seen import DeliverySeen, ExperimentSeen, Refused, RunSeen, ServiceSeen, SetSeen
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Ref

REFUSALS_TOLD_MAX = 10


def _note(seen: DeliverySeen | Refused, reason: str, message: str, **fields: Any) -> Note:
    return Note(reason, message, seen.ref, obj.uid(seen.rollout), fields=fields)


def _warning(seen: DeliverySeen | Refused, reason: str, message: str, **fields: Any) -> Note:
    severity: Severity = "Warning"
    return Note(reason, message, seen.ref, obj.uid(seen.rollout), severity, fields)


def added(seen: DeliverySeen) -> Note:
    """The Rollout is looked after from now on."""
    where = f"{seen.ref.namespace}/{seen.ref.name}"
    return _note(seen, "RolloutAddedToInformer", f"Rollout resource added to informer: {where}")


def updated(seen: DeliverySeen) -> Note:
    """A new template."""
    return _note(seen, "RolloutUpdated", f"Rollout updated to revision {seen.revision}", revision=seen.revision)


def created(seen: DeliverySeen, name: str) -> Note:
    """A ReplicaSet for the new template."""
    message = f"Created ReplicaSet {name} (revision {seen.revision})"
    return _note(seen, "NewReplicaSetCreated", message, replicaset=name, revision=seen.revision)


def started(seen: DeliverySeen) -> Note:
    """The Rollout is no longer at its stable version."""
    message = f"Rollout not completed, started update to revision {seen.revision} ({seen.template.hash})"
    return _note(seen, "RolloutNotCompleted", message, revision=seen.revision, pod_hash=seen.template.hash)


def scaled(seen: DeliverySeen, name: str, revision: int, before: int, after: int) -> Note:
    """A ReplicaSet changes its size."""
    way = "up" if after > before else "down"
    message = f"Scaled {way} ReplicaSet {name} (revision {revision}) from {before} to {after}"
    return _note(seen, "ScalingReplicaSet", message, replicaset=name, before=before, after=after)


def scaled_set(seen: DeliverySeen, each: SetSeen, after: int) -> Note:
    """A ReplicaSet that was seen changes its size."""
    return scaled(seen, each.name, each.revision, each.wanted, after)


def step_done(seen: DeliverySeen, step: int) -> Note:
    """A step is done."""
    count, what = len(seen.canary.steps), steps.text(seen.canary.steps[step])
    return _note(seen, "RolloutStepCompleted", f"Rollout step {step + 1}/{count} completed ({what})", step=step)


def paused(seen: DeliverySeen, reason: str) -> Note:
    """A pause begins."""
    return _note(seen, "RolloutPaused", f"Rollout is paused ({reason})")


def resumed(seen: DeliverySeen) -> Note:
    """A pause is over."""
    return _note(seen, "RolloutResumed", "Rollout is resumed")


def aborted(seen: DeliverySeen, message: str) -> Note:
    """The update was aborted."""
    return _warning(seen, "RolloutAborted", message, revision=seen.revision)


def skipped(seen: DeliverySeen, why: str = "Rollback to stable ReplicaSets") -> Note:
    """Back at a version that has proved itself: the steps have nothing to do."""
    return _note(seen, "SkipSteps", why)


def completed(seen: DeliverySeen, why: str) -> Note:
    """The version is the stable one from now on."""
    message = f"Rollout completed update to revision {seen.revision} ({seen.template.hash}): {why}"
    return _note(seen, "RolloutCompleted", message, revision=seen.revision, pod_hash=seen.template.hash)


def switched(seen: DeliverySeen, service: ServiceSeen, after: str) -> Note:
    """A Service selects another version."""
    message = f"Switched selector for service '{service.ref.name}' from '{service.hash}' to '{after}'"
    return _note(seen, "SwitchService", message, service=service.ref.name)


def weight_set(seen: DeliverySeen, before: int, after: int) -> Note:
    """The canary's share of the traffic changes."""
    message = f"Traffic weight updated from {before} to {after}"
    return _note(seen, "TrafficWeightUpdated", message, before=before, after=after)


def weight_begun(seen: DeliverySeen, weight: int) -> Note:
    """The canary has a share of the traffic for the first time, be it none."""
    return _note(seen, "TrafficWeightUpdated", f"Traffic weight updated to {weight}", after=weight)


def route_made(seen: DeliverySeen, router: str, ref: Ref, weight: int) -> tuple[Note, ...]:
    """An object of a router comes into being: what the contract says of it."""
    if router == "nginx":
        said = f"Creating canary ingress `{ref.name}` with weight `{weight}`"
        return (_note(seen, "CreatingCanaryIngress", said),)
    return (_note(seen, "TrafficSplitCreated", f"TrafficSplit `{ref.name}` created"),) if router == "smi" else ()


def route_changed(seen: DeliverySeen, router: str, ref: Ref, weight: int) -> tuple[Note, ...]:
    """An object of a router changes: what the contract says of it."""
    reasons = {"nginx": "PatchingCanaryIngress", "alb": "PatchingALBIngress"}
    if router not in reasons:
        return ()
    return (_note(seen, reasons[router], f"Updating Ingress `{ref.name}` to desiredWeight '{weight}'"),)


def run_changed(seen: DeliverySeen, run: RunSeen, before: str | None) -> Note:
    """An AnalysisRun of this update has a new phase."""
    former = "NoPreviousStatus" if before is None else before
    message = f"{run.type} Analysis Run '{run.name}' Status New: '{run.phase}' Previous: '{former}'"
    tell = _warning if run.phase in ("Failed", "Error") else _note
    return tell(seen, f"AnalysisRun{run.phase}", message, run=run.name)


def run_ended(seen: DeliverySeen, run: RunSeen) -> Note:
    """An AnalysisRun is no longer needed: told of the run itself, since the contract's Rollout says nothing."""
    about = Ref(kinds.ANALYSIS_RUN, seen.ref.namespace, run.name)
    return Note("AnalysisRunTerminating", f"Terminating AnalysisRun '{run.name}'", about, obj.uid(run.manifest))


def experiment_made(seen: DeliverySeen, name: str) -> Note:
    """A step's Experiment comes into being."""
    return _note(seen, "ExperimentCreated", f"Created Experiment '{name}'", experiment=name)


def experiment_ended(seen: DeliverySeen, each: ExperimentSeen) -> Note:
    """An Experiment is no longer needed."""
    return _note(seen, "ExperimentTerminating", f"Terminating Experiment '{each.name}'", experiment=each.name)


def plugin_turned(seen: DeliverySeen, before: Call, after: Call) -> Note:
    """A step plugin has said something new."""
    message = f"Step plugin '{after.name}' {after.operation} of step {after.index + 1}: {after.phase}"
    tell = _warning if after.phase in ("Failed", "Error") else _note
    said = f"{message}: {after.message}" if after.message else message
    return tell(seen, "StepPluginTransition", said, plugin=after.name, operation=after.operation, before=before.phase)


def denied(seen: DeliverySeen, reason: str, message: str) -> Note:
    """The API server refused a write."""
    return _warning(seen, reason, message)


def unknown_fields(seen: DeliverySeen, said: str) -> Note:
    """Fields of the spec do nothing."""
    return _warning(seen, "UnknownField", said)


def invalid(seen: Refused, refusals: Sequence[Refusal]) -> Note:
    """What is wrong with the spec, all of it."""
    told = [rules.field_error(each) + (f" ({each.fix})" if each.fix else "") for each in refusals[:REFUSALS_TOLD_MAX]]
    if len(refusals) > REFUSALS_TOLD_MAX:
        told.append(f"and {len(refusals) - REFUSALS_TOLD_MAX} more")
    return _warning(seen, "InvalidSpec", f'The Rollout "{seen.ref.name}" is invalid: {"; ".join(told)}')
