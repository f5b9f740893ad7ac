"""From AnalysisTemplates to the spec of one AnalysisRun: nesting, merging, arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.errors import AnalysisError

NESTING_MAX = 10
TEMPLATES_MAX = 64

Spec = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TemplateName:
    """A reference to an AnalysisTemplate, or to a ClusterAnalysisTemplate."""

    name: str
    cluster_scope: bool = False

    @property
    def kind(self) -> str:
        """The kind of object that is meant."""
        return "ClusterAnalysisTemplate" if self.cluster_scope else "AnalysisTemplate"

    def __str__(self) -> str:
        return f"{self.kind} '{self.name}'"


def nested(spec: Spec) -> tuple[TemplateName, ...]:
    """The templates that `spec.templates` names (of a template, an analysis step, or a background analysis)."""
    return tuple(
        TemplateName(str(each.get("templateName") or ""), each.get("clusterScope") is True)
        for each in spec.get("templates") or ()
        if isinstance(each, Mapping)
    )


def flatten(wanted: Sequence[TemplateName], find: Callable[[TemplateName], Spec | None]) -> tuple[Spec, ...]:
    """The specs of these templates and of all that they nest, each once, a parent before what it nests.

    find: the `spec` of a template, or None where it does not exist.
    Raises AnalysisError where one is missing, a cycle closes, or nesting goes deeper than NESTING_MAX.
    """
    found: dict[TemplateName, Spec] = {}
    for name in wanted:
        _descend(name, find, found, ())
    return tuple(found.values())


def _descend(
    name: TemplateName,
    find: Callable[[TemplateName], Spec | None],
    found: dict[TemplateName, Spec],
    path: tuple[TemplateName, ...],
) -> None:
    trail = (*path, name)
    if name in path:
        raise AnalysisError(f"{name} nests itself: {' -> '.join(each.name for each in trail)}")
    if len(path) > NESTING_MAX:
        raise AnalysisError(f"templates nest deeper than {NESTING_MAX}: {' -> '.join(each.name for each in trail)}")
    if name in found:
        return
    if len(found) >= TEMPLATES_MAX:
        raise AnalysisError(f"more than {TEMPLATES_MAX} templates in one analysis")
    spec = find(name)
    if spec is None:
        raise AnalysisError(f"{name} not found")
    found[name] = spec
    for inner in nested(spec):
        _descend(inner, find, found, trail)


def build_run_spec(
    templates: Sequence[Spec],
    args: Sequence[Spec],
    dry_run: Sequence[Spec] = (),
    measurement_retention: Sequence[Spec] = (),
) -> dict[str, Any]:
    """The spec of an AnalysisRun from the specs of its templates (see `flatten`) and the arguments of its owner.

    args: `{name, value}` or `{name, valueFrom.secretKeyRef}`; they override the templates' own, and those that no
    template declares are dropped.  Raises AnalysisError with the contract's text where templates conflict or an
    argument stays without a value.
    """
    if not templates:
        raise AnalysisError("no templates specified")
    rules = [rule for spec in templates for rule in spec.get("dryRun") or ()]
    limits = [rule for spec in templates for rule in spec.get("measurementRetention") or ()]
    spec: dict[str, Any] = {"metrics": _metrics(templates)}
    if merged := _with_owner_args(_template_args(templates), args):
        spec["args"] = merged
    if all_rules := _distinct([*dry_run, *rules], "Dry-Run"):
        spec["dryRun"] = all_rules
    if all_limits := _distinct([*measurement_retention, *limits], "Measurement Retention"):
        spec["measurementRetention"] = all_limits
    return spec


def with_fields(spec: Spec, text_at: Callable[[str], str]) -> dict[str, Any]:
    """The spec of a run in which each argument from a field of its owner has its value.

    text_at: the text at a field path of the owner.  Raises AnalysisError where the owner has none there.
    """
    if not any(_field_path(arg) for arg in spec.get("args") or ()):
        return dict(spec)
    args = [
        {"name": arg.get("name"), "value": text_at(path)} if (path := _field_path(arg)) else arg for arg in spec["args"]
    ]
    return {**spec, "args": args}


def _field_path(arg: Spec) -> str:
    """Where in its owner the value of an argument stands, "" for one that comes from elsewhere."""
    source = arg.get("valueFrom") if arg.get("value") is None else None
    ref = source.get("fieldRef") if isinstance(source, Mapping) else None
    return str(ref.get("fieldPath") or "") if isinstance(ref, Mapping) else ""


def _metrics(templates: Sequence[Spec]) -> list[Any]:
    metrics = [metric for spec in templates for metric in spec.get("metrics") or ()]
    names: set[str] = set()
    for metric in metrics:
        name = str(metric.get("name", "")) if isinstance(metric, Mapping) else ""
        if name in names:
            raise AnalysisError(f"two metrics have the same name '{name}'")
        names.add(name)
    return metrics


def _template_args(templates: Sequence[Spec]) -> dict[str, dict[str, Any]]:
    merged: dict[str, dict[str, Any]] = {}
    for arg in (arg for spec in templates for arg in spec.get("args") or ()):
        name = str(arg.get("name", ""))
        present = merged.get(name)
        if present is None or not _has_value(present):
            merged[name] = dict(arg)
        elif _has_value(arg) and _value(arg) != _value(present):
            raise AnalysisError(f"Argument `{name}` specified multiple times with different values")
    return merged


def _with_owner_args(merged: dict[str, dict[str, Any]], args: Sequence[Spec]) -> list[dict[str, Any]]:
    for arg in args:
        name = str(arg.get("name", ""))
        if name in merged and _has_value(arg):
            merged[name] = {"name": name, **_value(arg)}
    for name, arg in merged.items():
        if not _has_value(arg):
            raise AnalysisError(f"args.{name} was not resolved")
    return list(merged.values())


def _has_value(arg: Spec) -> bool:
    return arg.get("value") is not None or bool(arg.get("valueFrom"))


def _value(arg: Spec) -> dict[str, Any]:
    return {"value": arg["value"]} if arg.get("value") is not None else {"valueFrom": arg["valueFrom"]}


def _distinct(rules: Sequence[Spec], called: str) -> list[Spec]:
    names: set[str] = set()
    for rule in rules:
        name = str(rule.get("metricName", ""))
        if name in names:
            raise AnalysisError(f"two {called} metric rules have the same name '{name}'")
        names.add(name)
    return list(rules)
