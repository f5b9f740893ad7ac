"""JSON merge patches (RFC 7386): apply one, and derive the smallest one between two values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def apply(target: Any, patch: Any) -> Any:
    """The target after the patch; neither argument is changed. A None in the patch removes the key."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = apply(result.get(key), value)
    return result


def derive(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The smallest merge patch that turns `before` into `after`; empty when they are equal.

    Lists are replaced whole (that is what a merge patch can say). A None in `after` reads as absence.
    """
    patch: dict[str, Any] = {key: None for key in before if after.get(key) is None and before[key] is not None}
    for key, wanted in after.items():
        present = before.get(key)
        if wanted is None or (wanted == present and type(wanted) is type(present)):
            continue
        if isinstance(wanted, Mapping) and isinstance(present, Mapping):
            if inner := derive(present, wanted):
                patch[key] = inner
        else:
            patch[key] = wanted
    return patch


def without_nulls(value: Any) -> Any:
    """The value as it is once a patch has carried it: a field that is null is not there."""
    if isinstance(value, Mapping):
        return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value
