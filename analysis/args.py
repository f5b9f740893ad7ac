"""`{{args.name}}`: arguments put into a metric, once and without interpreting what they say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.asks import SecretRef, has_slot, slot
from analysis.errors import AnalysisError

_TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_DEPTH_MAX = 64


def values(args: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Name → text of a run's arguments; a secret argument is a slot that is filled as the question leaves.

    Raises AnalysisError where an argument has no value, or one from somewhere else than a Secret.
    """
    found: dict[str, str] = {}
    for arg in args:
        name = str(arg.get("name", ""))
        value, source = arg.get("value"), arg.get("valueFrom") or {}
        if value is not None:
            text = value if isinstance(value, str) else _plain(value)
            if has_slot(text):
                raise AnalysisError(f'argument "{name}" holds control characters')
            found[name] = text
        elif ref := source.get("secretKeyRef"):
            found[name] = slot(_secret_ref(name, ref))
        else:
            raise AnalysisError(f'argument "{name}" was not supplied')
    return found


def resolve(value: Any, known: Mapping[str, str], depth: int = 0) -> Any:
    """JSON with every `{{args.x}}` in its texts replaced; a value's own braces and quotes stay what they are.

    Raises AnalysisError("failed to resolve {{x}}") for any tag that names no argument.
    """
    if isinstance(value, str):
        if has_slot(value):  # a text that imitates a slot would be filled with a Secret that is nobody's to ask for
            raise AnalysisError("a text of a metric holds control characters")
        return _resolved(value, known) if "{{" in value else value
    if depth > _DEPTH_MAX:
        raise AnalysisError(f"nested deeper than {_DEPTH_MAX} levels")
    if isinstance(value, Mapping):
        return {resolve(key, known, depth): resolve(inner, known, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(inner, known, depth + 1) for inner in value]
    return value


def names_used(value: Any, depth: int = 0) -> frozenset[str]:
    """The names of all arguments that the texts of some JSON ask for."""
    if isinstance(value, str):
        tags = (tag.strip() for tag in _TAG.findall(value))
        return frozenset(tag.removeprefix("args.") for tag in tags if tag.startswith("args."))
    if depth > _DEPTH_MAX:
        return frozenset()
    if isinstance(value, Mapping):
        return frozenset().union(*(names_used(each, depth + 1) for pair in value.items() for each in pair))
    if isinstance(value, list | tuple):
        return frozenset().union(*(names_used(inner, depth + 1) for inner in value))
    return frozenset()


def _resolved(text: str, known: Mapping[str, str]) -> str:
    def one(match: re.Match[str]) -> str:
        name = match.group(1).strip()
        if not name.startswith("args.") or name[5:] not in known:
            raise AnalysisError(f"failed to resolve {{{{{match.group(1)}}}}}")
        return known[name[5:]]

    return _TAG.sub(one, text)


def _secret_ref(arg: str, ref: Mapping[str, Any]) -> SecretRef:
    name, key = str(ref.get("name", "")), str(ref.get("key", ""))
    if not name or not key or "/" in name or has_slot(name + key):
        raise AnalysisError(f'argument "{arg}" needs a name and a key in valueFrom.secretKeyRef')
    return SecretRef(name, key)


def _plain(value: Any) -> str:
    """A value that a hand-written manifest gave as a number or a boolean, as YAML would have quoted it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
