"""Whether the analysis templates that a Rollout names make runs that can start and, where a step waits, end.

All of it is said before a canary starts, not when its first step reaches the analysis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from analysis import args as arguments
from analysis.check import runs_forever, runs_forever_text, spec_errors
from analysis.errors import AnalysisError
from analysis.templates import TemplateName, build_run_spec, flatten, with_fields
from rollouts.api.common import METRICS_MAX
from rollouts.api.parse import shown
from rollouts.api.rollout import BlueGreenStrategy, ExperimentStep, RolloutAnalysis, RolloutArgument, RolloutSpec
from rollouts.core.errors import Refusal
from rollouts.kit.parts import part
from rollouts.kube.ref import Manifest

Templates: TypeAlias = Mapping[tuple[bool, str], Manifest | None]
PLACEHOLDER = "dummy-value"


@dataclass(frozen=True, slots=True)
class Analysis:
    """One place of a Rollout's spec that asks for an analysis. must_end: a step waits for it."""

    at: str
    analysis: RolloutAnalysis
    must_end: bool


def analyses_of(spec: RolloutSpec) -> tuple[Analysis, ...]:
    """Every analysis: those of a canary's steps and the one in the background, or those around a switch."""
    canary, blue_green = spec.strategy.canary, spec.strategy.blue_green
    if blue_green:
        return tuple(
            Analysis(f"spec.strategy.blueGreen.{field}.templates", analysis, True)
            for field, analysis in around_the_switch(blue_green).items()
            if analysis
        )
    if not canary:
        return ()
    steps = tuple(
        Analysis(f"spec.strategy.canary.steps[{index}].analysis.templates", step.analysis, True)
        for index, step in enumerate(canary.steps)
        if step.analysis
    )
    steps += tuple(
        Analysis(f"spec.strategy.canary.steps[{index}].experiment.analyses[{place}].templateName", alone, must_end)
        for index, step in enumerate(canary.steps)
        if step.experiment
        for place, (alone, must_end) in enumerate(_of_experiment(step.experiment))
    )
    if not canary.analysis:
        return steps
    return (*steps, Analysis("spec.strategy.canary.analysis.templates", canary.analysis, False))


def _of_experiment(step: ExperimentStep) -> Iterator[tuple[RolloutAnalysis, bool]]:
    """Each analysis of an experiment as one of a step, and whether the experiment waits for it."""
    for each in step.analyses:
        ref = {"templateName": each.template_name, "clusterScope": each.cluster_scope}
        alone = RolloutAnalysis.model_validate({"templates": [ref]})
        yield alone.model_copy(update={"args": each.args, "dry_run": step.dry_run}), each.required_for_completion


def around_the_switch(blue_green: BlueGreenStrategy) -> dict[str, RolloutAnalysis | None]:
    """The analyses before and after the switch, by field."""
    return {
        "prePromotionAnalysis": blue_green.pre_promotion_analysis,
        "postPromotionAnalysis": blue_green.post_promotion_analysis,
    }


def missing_templates(asked: Analysis, templates: Templates) -> Iterator[Refusal]:
    """A refusal for the templates that are not there, or that nest in a circle."""
    for name in _names(asked.analysis):
        try:
            flatten((name,), lambda wanted: _spec(templates, wanted))
        except AnalysisError as error:
            is_absent = str(error).endswith("not found")
            reason = "TemplateNotFound" if is_absent else "TemplateCycle"
            fix = "create the template, or mend its name" if is_absent else "let the templates nest without a circle"
            yield Refusal(reason, asked.at, str(error), fix=fix, got=shown(name.name))


def unfit_templates(asked: Analysis, templates: Templates) -> Iterator[Refusal]:
    """A refusal where the run could not start, would be refused, or would never end although a step waits for it."""
    names = _names(asked.analysis)
    try:
        specs = flatten(names, lambda wanted: _spec(templates, wanted))
    except AnalysisError:
        return  # told already by missing_templates
    called = shown(f"templateNames: [{' '.join(name.name for name in names)}]")
    try:
        run = build_run_spec(
            specs,
            [_argument(arg) for arg in asked.analysis.args],
            [rule.model_dump(by_alias=True) for rule in asked.analysis.dry_run],
            [rule.model_dump(by_alias=True) for rule in asked.analysis.measurement_retention],
        )
        run = with_fields(run, lambda path: PLACEHOLDER)
        known = arguments.values(run.get("args") or ())
        run = {**run, "metrics": arguments.resolve(run["metrics"], known)}
    except AnalysisError as error:
        fix = "give the argument a value under args" if "args." in str(error) else "mend the template"
        yield Refusal("AnalysisInvalid", asked.at, str(error), fix=fix, got=called)
        return
    yield from _endless(asked, names, templates, known)
    if len(run["metrics"]) > METRICS_MAX:
        text = f"must have at most {METRICS_MAX} metrics"
        yield Refusal(
            "TooMany", asked.at, text, kind="Too many", got=str(len(run["metrics"])), fix="split the analysis"
        )
        return
    for finding in spec_errors(run):
        yield Refusal("AnalysisInvalid", asked.at, finding.text, fix=finding.fix, got=called)


def _endless(
    asked: Analysis, names: Sequence[TemplateName], templates: Templates, known: Mapping[str, str]
) -> Iterator[Refusal]:
    if not asked.must_end:
        return
    for name in names:
        for spec in flatten((name,), lambda wanted: _spec(templates, wanted)):
            for metric in arguments.resolve(spec.get("metrics") or (), known):
                if runs_forever(metric):
                    text = runs_forever_text(name.name, metric)
                    yield Refusal(
                        "AnalysisEndless", asked.at, text, fix="give the metric a count", got=shown(name.name)
                    )


def _names(analysis: RolloutAnalysis) -> tuple[TemplateName, ...]:
    return tuple(TemplateName(ref.template_name, ref.cluster_scope) for ref in analysis.templates)


def _spec(templates: Templates, wanted: TemplateName) -> Manifest | None:
    manifest = templates.get((wanted.cluster_scope, wanted.name))
    return None if manifest is None else part(manifest, "spec")


def _argument(arg: RolloutArgument) -> dict[str, Any]:
    """The argument with a stand-in where its value is known only once the run is made."""
    if arg.value_from is not None:
        return {"name": arg.name, "value": PLACEHOLDER}
    return {"name": arg.name, "value": arg.value or ""}
