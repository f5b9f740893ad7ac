"""The Experiments that steps ask for: names are derived, specs are built, verdicts are read with suspicion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rollouts.api.rollout import ExperimentStep, ExperimentStepAnalysis, ExperimentTemplate
from rollouts.delivery import guests, marks, roles, runs
from rollouts.delivery.latch import Latch
from rollouts.delivery.seen import DeliverySeen, ExperimentSeen
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Manifest


def step_experiment(seen: DeliverySeen, step: int) -> ExperimentStep | None:
    """What a step asks for, if it is an experiment."""
    if seen.blue_green is not None or step >= len(seen.canary.steps):
        return None
    return seen.canary.steps[step].experiment


def next_name(seen: DeliverySeen, step: int) -> str:
    """The first free name for an Experiment of a step."""
    base = _base(seen, step)
    taken = {each.name for each in seen.experiments}
    tries = (base, *(f"{base}-{number}" for number in range(1, len(taken) + 1)))
    return next(name for name in tries if name not in taken)


def is_for(seen: DeliverySeen, name: str, step: int) -> bool:
    """Whether a name is one that `next_name` gives to that step."""
    base = _base(seen, step)
    return name == base or (name.startswith(f"{base}-") and name[len(base) + 1 :].isdecimal())


def _base(seen: DeliverySeen, step: int) -> str:
    return f"{seen.ref.name}-{seen.template.hash}-{seen.revision}-{step}"


def current(seen: DeliverySeen, latch: Latch) -> ExperimentSeen | None:
    """The Experiment that decides the current step. A name alone proves nothing: the hash must agree."""
    found = seen.experiment_named(latch.experiment)
    return found if found and found.hash == latch.current and is_for(seen, found.name, latch.step) else None


def wanted(seen: DeliverySeen, latch: Latch) -> tuple[str, ExperimentStep] | None:
    """Name and step of the Experiment that the latch asks for."""
    step = step_experiment(seen, latch.step) if latch.is_updating and not latch.aborted else None
    return (latch.experiment, step) if step and is_for(seen, latch.experiment, latch.step) else None


def missing(seen: DeliverySeen) -> Iterator[tuple[str, Manifest]]:
    """Name and body of the Experiment that is to be made, once no other of this update is alive."""
    asked = wanted(seen, seen.latch)
    if asked is None or seen.experiment_named(asked[0]) is not None:
        return
    if not any(not each.is_over and each.hash == seen.template.hash for each in seen.experiments):
        yield asked[0], _body(seen, *asked)


def needless(seen: DeliverySeen) -> Iterator[ExperimentSeen]:
    """Experiments that nobody waits for, and that still run."""
    asked = wanted(seen, seen.latch)
    for each in seen.experiments:
        if (asked is None or each.name != asked[0]) and not each.is_over and not each.is_terminated:
            yield each


def _body(seen: DeliverySeen, name: str, step: ExperimentStep) -> Manifest:
    spec: dict[str, Any] = {"templates": [_template(seen, each) for each in step.templates]}
    if step.duration:
        spec["duration"] = step.duration
    if step.analyses:
        spec["analyses"] = [_analysis(seen, each) for each in step.analyses]
    if step.dry_run:
        spec["dryRun"] = [rule.model_dump(by_alias=True) for rule in step.dry_run]
    if step.analysis_run_metadata:
        spec["analysisRunMetadata"] = step.analysis_run_metadata.model_dump(by_alias=True, exclude_defaults=True)
    if step.scale_down_delay_seconds is not None:
        spec["scaleDownDelaySeconds"] = step.scale_down_delay_seconds
    if seen.spec.progress_deadline_seconds is not None:
        spec["progressDeadlineSeconds"] = seen.spec.progress_deadline_seconds
    return {
        "apiVersion": kinds.EXPERIMENT.api_version,
        "kind": kinds.EXPERIMENT.name,
        "metadata": {
            "name": name,
            "namespace": seen.ref.namespace,
            "labels": {**obj.labels(seen.rollout), marks.HASH_LABEL: seen.template.hash},
            "annotations": {
                marks.REVISION: str(seen.revision),
                **({marks.CARRIES_TRAFFIC: "true"} if guests.weights(step) else {}),
            },
            "ownerReferences": [obj.controller_reference(kinds.ROLLOUT, seen.rollout)],
        },
        "spec": spec,
    }


def _template(seen: DeliverySeen, each: ExperimentTemplate) -> dict[str, Any]:
    """One set of pods: those of the spec or of the stable version, with labels and annotations of their own."""
    pods = dict(_pods_of(seen, each.spec_ref))
    meta = dict(pods.get("metadata") or {})
    labels = {key: value for key, value in (meta.get("labels") or {}).items() if key != marks.HASH_LABEL}
    meta["labels"] = {**labels, **(each.metadata.labels if each.metadata else {})}
    if each.metadata and each.metadata.annotations:
        meta["annotations"] = {**(meta.get("annotations") or {}), **each.metadata.annotations}
    selector: Any = (seen.rollout.get("spec") or {}).get("selector") or {}
    if each.selector is not None:
        selector = each.selector.model_dump(by_alias=True, exclude_defaults=True)
    elif each.metadata:
        relabelled = {key: meta["labels"][key] for key in selector.get("matchLabels") or {} if key in meta["labels"]}
        selector = {**selector, "matchLabels": relabelled}
    made: dict[str, Any] = {"name": each.name, "selector": selector, "template": {**pods, "metadata": meta}}
    if each.replicas is not None:
        made["replicas"] = each.replicas
    if seen.spec.min_ready_seconds:
        made["minReadySeconds"] = seen.spec.min_ready_seconds
    if each.service is not None or each.weight:
        made["service"] = {"name": each.service.name} if each.service and each.service.name else {}
    return made


def _pods_of(seen: DeliverySeen, spec_ref: str) -> Manifest:
    if spec_ref == "stable" and seen.stable is not None:
        return roles.plain(seen.stable.manifest)
    return seen.template.manifest


def _analysis(seen: DeliverySeen, each: ExperimentStepAnalysis) -> dict[str, Any]:
    made: dict[str, Any] = {"name": each.name, "templateName": each.template_name}
    if each.cluster_scope:
        made["clusterScope"] = True
    if each.required_for_completion:
        made["requiredForCompletion"] = True
    if each.args:
        made["args"] = [runs.argument(seen, arg) for arg in each.args]
    return made
