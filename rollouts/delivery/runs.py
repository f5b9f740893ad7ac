"""Which AnalysisRuns there should be: names are derived, specs are built, verdicts are read with suspicion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from analysis.errors import AnalysisError
from analysis.templates import TemplateName, build_run_spec, flatten, with_fields
from rollouts.api.rollout import RolloutAnalysis, RolloutArgument
from rollouts.delivery import history, marks
from rollouts.delivery.latch import Latch
from rollouts.delivery.seen import DeliverySeen, RunSeen
from rollouts.delivery.template_rules import around_the_switch
from rollouts.kube import fieldpath, kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Manifest

_PLACES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "canary": (),
    "blueGreen": ((marks.RUN_PRE, "pre"), (marks.RUN_POST, "post")),
}
"""Strategy → (type, word in the name) of the run of each stage; a canary's steps go by their index."""


def step_analysis(seen: DeliverySeen, step: int) -> RolloutAnalysis | None:
    """The inline analysis at a step, if that is what the step is; of blue-green, the one before or after the switch."""
    if seen.blue_green is not None:
        return tuple(around_the_switch(seen.blue_green).values())[step]
    return seen.canary.steps[step].analysis if step < len(seen.canary.steps) else None


def background_due(seen: DeliverySeen, step: int) -> bool:
    """Whether the analysis in the background is to run while the update stands at a step."""
    background = seen.canary.analysis
    if background is None or not background.templates or step < (background.starting_step or 0):
        return False
    return step < len(seen.canary.steps) or not history.is_near_return(seen)


def next_name(seen: DeliverySeen, step: int | None) -> str:
    """The first free name for a run: of a step, or (None) in the background."""
    base = _base(seen, step)
    taken = {run.name for run in seen.runs}
    tries = (base, *(f"{base}.{number}" for number in range(1, len(taken) + 1)))
    return next(name for name in tries if name not in taken)


def is_for(seen: DeliverySeen, name: str, step: int | None) -> bool:
    """Whether a name is one that `next_name` gives to runs of that step (None: in the background)."""
    base = _base(seen, step)
    return name == base or (name.startswith(f"{base}.") and name[len(base) + 1 :].isdecimal())


def _base(seen: DeliverySeen, step: int | None) -> str:
    places = _PLACES[seen.strategy]
    suffix = "" if step is None else f"-{places[step][1]}" if places else f"-{step}"
    return f"{seen.ref.name}-{seen.template.hash}-{seen.revision}{suffix}"


def label(seen: DeliverySeen, step: int | None) -> tuple[str, str]:
    """The labels rollout-type and step-index of a run, "" for none."""
    places = _PLACES[seen.strategy]
    if step is None:
        return marks.RUN_BACKGROUND, ""
    return (places[step][0], "") if places else (marks.RUN_STEP, str(step))


def step_run(seen: DeliverySeen, latch: Latch) -> RunSeen | None:
    """The run that decides the current step. A name alone proves nothing: hash and step must agree."""
    run = seen.run_named(latch.step_run)
    kind, at = label(seen, latch.step)
    return run if run and (run.type, run.hash, run.step) == (kind, latch.current, at) else None


def background_run(seen: DeliverySeen, latch: Latch) -> RunSeen | None:
    """The run in the background of the current update."""
    run = seen.run_named(latch.background_run)
    return run if run and (run.type, run.hash) == (marks.RUN_BACKGROUND, latch.current) else None


def wanted(seen: DeliverySeen, latch: Latch) -> Iterator[tuple[str, RolloutAnalysis, int | None]]:
    """(name, analysis, step) of each run that the latch asks for."""
    analysis = step_analysis(seen, latch.step) if latch.is_updating and not latch.aborted else None
    if analysis and is_for(seen, latch.step_run, latch.step):
        yield latch.step_run, analysis, latch.step
    is_on = latch.is_updating and not latch.aborted and is_for(seen, latch.background_run, None)
    if seen.canary.analysis and is_on:
        yield latch.background_run, seen.canary.analysis, None


def rivals(seen: DeliverySeen, name: str, step: int | None) -> bool:
    """Whether another run of the same place is still alive: there is never more than one."""
    kind, at = label(seen, step)
    return any(
        run.name != name and not run.is_over and (run.type, run.hash, run.step) == (kind, seen.template.hash, at)
        for run in seen.runs
    )


def body(seen: DeliverySeen, name: str, analysis: RolloutAnalysis, step: int | None) -> Manifest:
    """The AnalysisRun. Raises AnalysisError where its templates or arguments do not make a run."""
    labels = dict((seen.spec.selector.match_labels if seen.spec.selector else {}).items())
    annotations = {marks.REVISION: str(seen.revision)}
    if analysis.analysis_run_metadata:
        labels.update(analysis.analysis_run_metadata.labels)
        annotations.update(analysis.analysis_run_metadata.annotations)
    labels[marks.HASH_LABEL] = seen.template.hash
    labels[marks.RUN_TYPE], at = label(seen, step)
    if at:
        labels[marks.STEP_INDEX] = at
    if instance := obj.labels(seen.rollout).get(marks.INSTANCE_ID):
        labels[marks.INSTANCE_ID] = instance
    return {
        "apiVersion": kinds.ANALYSIS_RUN.api_version,
        "kind": kinds.ANALYSIS_RUN.name,
        "metadata": {
            "name": name,
            "namespace": seen.ref.namespace,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [obj.controller_reference(kinds.ROLLOUT, seen.rollout)],
        },
        "spec": spec_of(seen, analysis),
    }


def spec_of(seen: DeliverySeen, analysis: RolloutAnalysis) -> dict[str, Any]:
    """The run's spec, templates merged and arguments filled in. Raises AnalysisError where that fails."""
    names = [TemplateName(each.template_name, each.cluster_scope) for each in analysis.templates]
    spec = build_run_spec(
        flatten(names, lambda name: _template_spec(seen, name)),
        [argument(seen, arg) for arg in analysis.args],
        [rule.model_dump(by_alias=True) for rule in analysis.dry_run],
        [rule.model_dump(by_alias=True) for rule in analysis.measurement_retention],
    )
    return with_fields(spec, lambda path: field_value(seen.rollout, path))


def _template_spec(seen: DeliverySeen, name: TemplateName) -> Mapping[str, Any] | None:
    manifest = seen.templates.get((name.cluster_scope, name.name))
    return (manifest.get("spec") or {}) if manifest else None


def argument(seen: DeliverySeen, arg: RolloutArgument) -> dict[str, Any]:
    """An argument with its value filled in from the Rollout."""
    return {"name": arg.name, "value": _value(seen, arg)}


def _value(seen: DeliverySeen, arg: RolloutArgument) -> str | None:
    if arg.value is not None or arg.value_from is None:
        return arg.value
    if arg.value_from.field_ref:
        return field_value(seen.rollout, arg.value_from.field_ref.field_path)
    return seen.latch.stable if arg.value_from.pod_template_hash_value == "Stable" else seen.template.hash


def field_value(manifest: Manifest, path: str) -> str:
    """The text at a path of the Rollout. Raises AnalysisError where there is none."""
    try:
        return fieldpath.text_at(manifest, path, owner="Rollout")
    except ValueError as error:
        raise AnalysisError(str(error)) from None
