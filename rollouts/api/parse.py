"""From a manifest to a model: tolerant of unknown fields on live objects, strict where a user still has the file open.

Parsing reads metadata and spec alone, so that one parse serves a whole generation of the object.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Generic, TypeAlias, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rollouts.api.analysis import AnalysisRunSpec, AnalysisTemplateSpec
from rollouts.api.application import ApplicationSpec
from rollouts.api.common import aliases
from rollouts.api.experiment import ExperimentSpec
from rollouts.api.project import AppProjectSpec
from rollouts.api.rollout import RolloutSpec
from rollouts.core.errors import Refusal
from rollouts.kube.ref import Manifest

REFUSALS_MAX = 100
_TOP_LEVEL = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})
_SHOWN_MAX = 1024

Spec = TypeVar("Spec", bound=BaseModel)
Loc: TypeAlias = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Parsed(Generic[Spec]):
    """What a manifest says.

    spec: the model, None where the manifest could not be read.  refusals: why not.
    unknown: paths of fields that this version does not know; ignored on live objects.
    """

    name: str
    spec: Spec | None
    refusals: tuple[Refusal, ...] = ()
    unknown: tuple[str, ...] = ()


ParsedRollout: TypeAlias = Parsed[RolloutSpec]
ParsedAnalysisTemplate: TypeAlias = Parsed[AnalysisTemplateSpec]
ParsedAnalysisRun: TypeAlias = Parsed[AnalysisRunSpec]
ParsedExperiment: TypeAlias = Parsed[ExperimentSpec]
ParsedApplication: TypeAlias = Parsed[ApplicationSpec]
ParsedProject: TypeAlias = Parsed[AppProjectSpec]


def parse_rollout(manifest: Manifest, *, strict: bool = False) -> ParsedRollout:
    """The spec of a Rollout. strict: unknown fields are refused instead of being collected in `unknown`."""
    return _parse(RolloutSpec, manifest, strict)


def parse_analysis_template(manifest: Manifest, *, strict: bool = False) -> ParsedAnalysisTemplate:
    """The spec of an AnalysisTemplate or a ClusterAnalysisTemplate; see parse_rollout."""
    return _parse(AnalysisTemplateSpec, manifest, strict)


def parse_analysis_run(manifest: Manifest, *, strict: bool = False) -> ParsedAnalysisRun:
    """The spec of an AnalysisRun; see parse_rollout."""
    return _parse(AnalysisRunSpec, manifest, strict)


def parse_experiment(manifest: Manifest, *, strict: bool = False) -> ParsedExperiment:
    """The spec of an Experiment; see parse_rollout."""
    return _parse(ExperimentSpec, manifest, strict)


def parse_application(manifest: Manifest, *, strict: bool = False) -> ParsedApplication:
    """The spec of an Application; see parse_rollout."""
    return _parse(ApplicationSpec, manifest, strict)


def parse_project(manifest: Manifest, *, strict: bool = False) -> ParsedProject:
    """The spec of an AppProject; see parse_rollout."""
    return _parse(AppProjectSpec, manifest, strict)


def path_of(loc: Iterable[int | str], root: str = "") -> str:
    """A location as Kubernetes writes field paths: `spec.steps[2].pause`, odd keys in brackets."""
    text = root
    for part in loc:
        if isinstance(part, int) or not part.replace("_", "").isalnum():
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def shown(value: Any) -> str:
    """A value as Kubernetes shows it in a field error: JSON, cut where it is long, no steering of terminals."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    text = text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…"
    return text if text.isprintable() else "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _parse(model: type[Spec], manifest: Manifest, strict: bool) -> Parsed[Spec]:
    name = str((manifest.get("metadata") or {}).get("name") or "")
    known = _TOP_LEVEL | {"operation"} if model is ApplicationSpec else _TOP_LEVEL
    outside = tuple(_unknown(BaseModel, (key,), "") for key in manifest if key not in known) if strict else ()
    raw = manifest.get("spec")
    if not isinstance(raw, Mapping):
        wrong = Refusal("MissingField", "spec", "a spec is needed", kind="Required value")
        return Parsed(name, None, (*outside, wrong))
    try:
        return Parsed(name, model.model_validate(raw), outside)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
    extra = [detail["loc"] for detail in details if detail["type"] == "extra_forbidden"]
    refusals = tuple(_refusal(detail) for detail in details if detail["type"] != "extra_forbidden")
    spec = None if refusals else model.model_validate(_without(raw, frozenset(extra), ()))
    if strict:
        refusals = (*outside, *(_unknown(model, loc, "spec") for loc in extra), *refusals)
    return Parsed(name, spec, refusals[:REFUSALS_MAX], () if strict else tuple(path_of(loc, "spec") for loc in extra))


def _without(value: Any, unknown: frozenset[Loc], at: Loc) -> Any:
    if isinstance(value, Mapping):
        return {key: _without(inner, unknown, (*at, key)) for key, inner in value.items() if (*at, key) not in unknown}
    if isinstance(value, list):
        return [_without(inner, unknown, (*at, index)) for index, inner in enumerate(value)]
    return value


_WORDS: Mapping[str, str] = {
    "int_type": "must be an integer",
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be an object",
    "mapping_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "greater_than_equal": "is below the range of the field",
    "less_than_equal": "is above the range of the field",
}


def _refusal(detail: ErrorDetails) -> Refusal:
    at = path_of(detail["loc"], "spec")
    if detail["type"] == "missing":
        return Refusal("MissingField", at, "the field is needed", kind="Required value")
    words = _WORDS.get(detail["type"]) or detail["msg"].removeprefix("Value error, ")
    return Refusal("WrongType", at, words, got=shown(detail["input"]))


def _unknown(model: type[BaseModel], loc: Loc, root: str) -> Refusal:
    wrong = str(loc[-1])
    known = sorted(_known_at(model, loc[:-1])) if root else sorted(_TOP_LEVEL)
    near = get_close_matches(wrong, known, n=1)
    fix = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
    at = path_of(loc, root)
    return Refusal("UnknownField", at, f'unknown field "{at}"', fix=fix, got=shown(wrong))


def _known_at(model: type[BaseModel], loc: Sequence[int | str]) -> frozenset[str]:
    """The fields that the model at a location has; empty where the walk leaves the models."""
    here: type[BaseModel] | None = model
    for part in loc:
        if here is None:
            return frozenset()
        if isinstance(part, str) and (name := aliases(here).get(part)):
            here = _model_in(here.model_fields[name].annotation)
    return frozenset(aliases(here)) if here else frozenset()


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)


PARSERS: Mapping[str, Callable[..., Parsed[Any]]] = {
    "Rollout": parse_rollout,
    "AnalysisTemplate": parse_analysis_template,
    "ClusterAnalysisTemplate": parse_analysis_template,
    "AnalysisRun": parse_analysis_run,
    "Experiment": parse_experiment,
    "Application": parse_application,
    "AppProject": parse_project,
}
"""The parser of each of our kinds, by name."""
