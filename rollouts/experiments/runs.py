"""The AnalysisRuns of an Experiment: what they ask, under which names, and until when."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from analysis import duration
from analysis.errors import AnalysisError
from analysis.templates import TemplateName, build_run_spec, flatten, with_fields
from rollouts.api.analysis import Argument
from rollouts.api.experiment import ExperimentAnalysis
from rollouts.experiments import marks
from rollouts.experiments.seen import ExperimentSeen
from rollouts.kit.instant import Instant
from rollouts.kube import fieldpath, kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Manifest

_TAG = re.compile(r"\{\{\s*((?:templates|experiment)\.[^{}]*?)\s*\}\}")


def body(seen: ExperimentSeen, name: str, analysis: ExperimentAnalysis) -> Manifest:
    """The AnalysisRun. Raises AnalysisError where its template or arguments do not make a run."""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    if seen.spec.analysis_run_metadata:
        labels.update(seen.spec.analysis_run_metadata.labels)
        annotations.update(seen.spec.analysis_run_metadata.annotations)
    if instance := obj.labels(seen.manifest).get(marks.INSTANCE_ID):
        labels[marks.INSTANCE_ID] = instance
    return {
        "apiVersion": kinds.ANALYSIS_RUN.api_version,
        "kind": kinds.ANALYSIS_RUN.name,
        "metadata": {
            "name": name,
            "namespace": seen.ref.namespace,
            **({"labels": labels} if labels else {}),
            **({"annotations": annotations} if annotations else {}),
            "ownerReferences": [obj.controller_reference(kinds.EXPERIMENT, seen.manifest)],
        },
        "spec": spec_of(seen, analysis, seen.state.available_at),
    }


def spec_of(seen: ExperimentSeen, analysis: ExperimentAnalysis, available_at: Instant | None) -> dict[str, Any]:
    """The run's spec, templates merged and arguments filled in. Raises AnalysisError where that fails."""
    known = _words(seen, available_at)
    spec = build_run_spec(
        flatten((TemplateName(analysis.template_name, analysis.cluster_scope),), lambda name: _source(seen, name)),
        [_argument(seen, arg, known) for arg in analysis.args],
        [rule.model_dump(by_alias=True) for rule in seen.spec.dry_run],
        [rule.model_dump(by_alias=True) for rule in seen.spec.measurement_retention],
    )
    return with_fields(spec, lambda path: _field(seen, path))


def _source(seen: ExperimentSeen, name: TemplateName) -> Mapping[str, Any] | None:
    manifest = seen.sources.get((name.cluster_scope, name.name))
    return (manifest.get("spec") or {}) if manifest else None


def _argument(seen: ExperimentSeen, arg: Argument, known: Mapping[str, str]) -> dict[str, Any]:
    if arg.value is not None:
        return {"name": arg.name, "value": _TAG.sub(lambda found: _word(found, known), arg.value)}
    if arg.value_from is None:
        return {"name": arg.name}
    if arg.value_from.field_ref is not None:
        return {"name": arg.name, "value": _field(seen, arg.value_from.field_ref.field_path)}
    return {"name": arg.name, "valueFrom": arg.value_from.model_dump(by_alias=True, exclude_none=True)}


def _word(found: re.Match[str], known: Mapping[str, str]) -> str:
    word = found.group(1)
    if word not in known:
        raise AnalysisError(f"failed to resolve {{{{{word}}}}}")
    return known[word]


def _words(seen: ExperimentSeen, available_at: Instant | None) -> dict[str, str]:
    """What arguments may say of the experiment; a set goes by its name, or by its place in the list."""
    words: dict[str, str] = {}
    for index, each in enumerate(seen.templates):
        for called in (str(index), each.name):
            words[f"templates.{called}.podTemplateHash"] = each.hash
            words[f"templates.{called}.replicaset.name"] = each.set.name if each.set else each.place.ref.name
    if available_at is not None:
        words["experiment.availableAt"] = available_at.rfc3339_whole()
        if seen.spec.duration:
            finished = available_at.plus(duration.parse_s(seen.spec.duration))
            words["experiment.finishedAt"] = finished.rfc3339_whole()
    return words


def _field(seen: ExperimentSeen, path: str) -> str:
    try:
        return fieldpath.text_at(seen.manifest, path, owner="Experiment")
    except ValueError as error:
        raise AnalysisError(str(error)) from None
