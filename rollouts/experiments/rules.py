"""What is wrong with an Experiment by itself, with the texts of the contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from analysis import duration
from analysis.errors import AnalysisError
from rollouts.api.experiment import ExperimentSpec, TemplateSpec
from rollouts.api.parse import shown
from rollouts.core.errors import Refusal

PROGRESS_DEADLINE_S_DEFAULT = 600
TEMPLATES_MAX = 10
ANALYSES_MAX = 10


def judge(name: str, spec: ExperimentSpec) -> Iterator[Refusal]:
    """Every refusal, the most telling first. name: of the Experiment, for the messages."""
    if not spec.templates:
        text = f"Experiment {name} has missing field 'spec.templates'"
        yield Refusal("MissingField", "spec.templates", text, fix="give it a template", kind="Required value")
    for field, count, most in (
        ("templates", len(spec.templates), TEMPLATES_MAX),
        ("analyses", len(spec.analyses), ANALYSES_MAX),
    ):
        if count > most:
            yield Refusal("TooMany", f"spec.{field}", f"must have at most {most} items", got=str(count))
    yield from _names(name, "templates", [each.name for each in spec.templates], "template")
    yield from _names(name, "analyses", [each.name for each in spec.analyses], "analysis")
    for index, template in enumerate(spec.templates):
        yield from _template(name, spec, index, template)
    for index, analysis in enumerate(spec.analyses):
        if not analysis.template_name:
            at = f"spec.analyses[{index}].templateName"
            yield Refusal("MissingField", at, "names no template", fix="name a template", kind="Required value")
    if spec.duration and (wrong := _wrong_duration(spec.duration)):
        yield Refusal("DurationInvalid", "spec.duration", wrong, fix="duration: 10m", got=shown(spec.duration))
    delay = spec.scale_down_delay_seconds
    if delay is not None and delay < 0:
        at = "spec.scaleDownDelaySeconds"
        yield Refusal("Negative", at, "must not be negative", fix="scaleDownDelaySeconds: 30", got=str(delay))


def _names(name: str, field: str, given: list[str], called: str) -> Iterator[Refusal]:
    many = Counter(given)
    for index, each in enumerate(given):
        at = f"spec.{field}[{index}].name"
        if not each:
            text = f"Experiment {name} has empty {called} name at index {index}"
            yield Refusal("NameEmpty", at, text, fix=f"name each {called}", got='""')
        elif many[each] > 1 and given.index(each) != index:
            text = f"Experiment {name} has repeated {called} name '{each}' in {field}"
            yield Refusal("NameRepeated", at, text, fix="name each differently", got=shown(each))


def _template(name: str, spec: ExperimentSpec, index: int, template: TemplateSpec) -> Iterator[Refusal]:
    at = f"spec.templates[{index}]"
    selector = template.selector
    if template.replicas is not None and template.replicas < 0:
        yield Refusal(
            "Negative", f"{at}.replicas", "must not be negative", fix="replicas: 1", got=str(template.replicas)
        )
    if not template.template:
        text = f"Experiment {name} has missing field '{at}.template'"
        yield Refusal("MissingField", f"{at}.template", text, fix="say what to run", kind="Required value")
    if selector is None:
        text = f"Experiment {name} has missing field '{at}.selector'"
        yield Refusal("MissingField", f"{at}.selector", text, fix="selector: {matchLabels: …}", kind="Required value")
    elif not selector.match_labels and not selector.match_expressions:
        text = f"This experiment is selecting all pods at index {index}. A non-empty selector is required."
        yield Refusal("SelectsAll", f"{at}.selector", text, fix="selector: {matchLabels: …}")
    elif template.template:
        labels = (template.template.get("metadata") or {}).get("labels") or {}
        if any(labels.get(key) != value for key, value in selector.match_labels.items()):
            text = "`selector` does not match template `labels`"
            yield Refusal("SelectorMismatch", f"{at}.template.metadata.labels", text, fix="give the pods these labels")
    deadline_s = progress_deadline_s(spec)
    if template.min_ready_seconds < 0 or template.min_ready_seconds > deadline_s:
        text = f"MinReadySeconds cannot be longer than ProgressDeadlineSeconds. Template Index {index}"
        got = str(template.min_ready_seconds)
        yield Refusal("MinReadyTooLong", f"{at}.minReadySeconds", text, fix="raise progressDeadlineSeconds", got=got)


def progress_deadline_s(spec: ExperimentSpec) -> int:
    """Seconds without progress until a set of pods has failed."""
    given = spec.progress_deadline_seconds
    return PROGRESS_DEADLINE_S_DEFAULT if given is None or given <= 0 else given


def _wrong_duration(text: str) -> str:
    try:
        seconds = duration.parse_s(text)
    except AnalysisError as error:
        return str(error)
    return "must not be negative" if seconds < 0 else ""
