"""What is wrong with an analysis template or a run by itself: one validator for lint and the admission webhook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from analysis.args import names_used
from analysis.check import check_spec
from analysis.templates import nested
from rollouts.api.common import ARGS_MAX, METRICS_MAX
from rollouts.core.errors import Refusal

Severity: TypeAlias = Literal["error", "warning", "hint"]
Judged: TypeAlias = tuple[Refusal, Severity]


def judge(spec: Mapping[str, Any], args: Sequence[Any] | None, *, is_run: bool) -> Iterator[Judged]:
    """Everything that its own text tells. spec: as written.  args: as parsed, None where it could not be parsed."""
    for found in check_spec(spec, allow_nested=not is_run):
        at = f"spec.{found.path}" if found.path else "spec"
        yield Refusal("AnalysisInvalid", at, found.text, fix=found.fix), found.severity
    for field, most in (("metrics", METRICS_MAX), ("args", ARGS_MAX)):
        count = len(spec.get(field) or ()) if isinstance(spec.get(field), list) else 0
        if count > most:
            yield Refusal("TooMany", f"spec.{field}", f"must have at most {most} items", got=str(count)), "error"
    if args is not None:
        yield from _arguments(spec, args, is_run=is_run)


def _arguments(spec: Mapping[str, Any], args: Sequence[Any], *, is_run: bool) -> Iterator[Judged]:
    declared = [arg.name for arg in args]
    used = names_used({key: value for key, value in spec.items() if key != "args"})
    for index, name in enumerate(declared):
        if name in declared[:index]:
            yield Refusal("ArgDuplicate", f"spec.args[{index}].name", f"argument {name} is given twice"), "error"
        elif name not in used and not nested(spec):
            text = f"argument {name} is used by no metric"
            fix = f"drop it, or use {{{{args.{name}}}}}"
            yield Refusal("ArgUnused", f"spec.args[{index}].name", text, fix=fix), "warning"
        if is_run and args[index].value is None and args[index].value_from is None:
            text = f"args.{name} was not resolved"
            yield Refusal("ArgMissing", f"spec.args[{index}]", text, fix="give it a value"), "error"
    for name in sorted(used - set(declared)):
        if not nested(spec):
            fix = f"add {{name: {name}}} to spec.args"
            yield Refusal("ArgUnknown", "spec.metrics", f"failed to resolve {{{{args.{name}}}}}", fix=fix), "error"
