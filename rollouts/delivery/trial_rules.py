"""What an experiment of a canary's step must say; the rest is judged where the Experiment is."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.duration import parse_s
from analysis.errors import AnalysisError
from rollouts.api.parse import shown
from rollouts.api.rollout import ExperimentStep
from rollouts.core.errors import Refusal
from rollouts.delivery.refusing import field_refs, of_canary

TEMPLATES_MAX = 10
ANALYSES_MAX = 10


def experiment_refusals(step: ExperimentStep, field: str) -> Iterator[Refusal]:
    """Everything that is wrong with one experiment. field: its path below spec.strategy.canary."""
    if not step.templates:
        text = "an experiment needs templates"
        yield of_canary("TemplatesMissing", f"{field}.templates", text, "name a set of pods", kind="Required value")
    for part, count, most in (
        ("templates", len(step.templates), TEMPLATES_MAX),
        ("analyses", len(step.analyses), ANALYSES_MAX),
    ):
        if count > most:
            yield of_canary("TooMany", f"{field}.{part}", f"must have at most {most} items", "fewer", got=str(count))
    yield from _named_once(f"{field}.templates", [each.name for each in step.templates])
    yield from _named_once(f"{field}.analyses", [each.name for each in step.analyses])
    for index, each in enumerate(step.templates):
        at = f"{field}.templates[{index}]"
        if each.spec_ref not in ("canary", "stable"):
            text = "Invalid template step SpecRef: must be canary or stable"
            yield of_canary("SpecRefInvalid", f"{at}.specRef", text, "specRef: canary", got=shown(each.spec_ref))
        if each.replicas is not None and each.replicas < 0:
            text = "must not be negative"
            yield of_canary("Negative", f"{at}.replicas", text, "replicas: 1", got=str(each.replicas))
    if wrong := _wrong_duration(step.duration):
        yield of_canary("DurationInvalid", f"{field}.duration", wrong, "duration: 10m", got=shown(step.duration))
    delay = step.scale_down_delay_seconds
    if delay is not None and delay < 0:
        at = f"{field}.scaleDownDelaySeconds"
        yield of_canary("Negative", at, "must not be negative", "scaleDownDelaySeconds: 30", got=str(delay))
    for index, analysis in enumerate(step.analyses):
        at = f"spec.strategy.canary.{field}.analyses[{index}]"
        yield from field_refs(analysis.args, at, f"spec.strategy.{field}.analyses")


def _named_once(field: str, names: list[str]) -> Iterator[Refusal]:
    for index, name in enumerate(names):
        at = f"{field}[{index}].name"
        if not name:
            yield of_canary("NameEmpty", at, "a name is needed", "give it a name", kind="Required value")
        elif name in names[:index]:
            yield of_canary("NameRepeated", at, "", "name each differently", got=shown(name), kind="Duplicate value")


def _wrong_duration(text: str) -> str:
    if not text:
        return ""
    try:
        return "must not be negative" if parse_s(text) < 0 else ""
    except AnalysisError as error:
        return str(error)
