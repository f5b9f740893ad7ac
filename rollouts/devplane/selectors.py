"""Label and field selectors as the API server reads them from a query string."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

from rollouts.devplane.errors import bad_request
from rollouts.kit.parts import at
from rollouts.kube.ref import Manifest
from rollouts.kube.selector import matches as selector_matches

Test: TypeAlias = Callable[[Manifest], bool]

_SET_TERM = re.compile(r"\s*([\w./-]+)\s+(in|notin)\s*\(([^)]*)\)\s*")
_TERM = re.compile(r"\s*(!?)\s*([\w./-]+)\s*(?:(==|=|!=)\s*([\w./-]*))?\s*")
_FIELD = re.compile(r"\s*([\w.]+)\s*(==|=|!=)\s*([^,]*)")


def _split(text: str) -> list[str]:
    """Split at commas outside of parentheses."""
    parts, depth, start = [], 0, 0
    for index, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    return [*parts, text[start:]]


def _label_term(term: str) -> Callable[[Mapping[str, str]], bool]:
    if found := _SET_TERM.fullmatch(term):
        key, how, listed = found.groups()
        values = frozenset(value.strip() for value in listed.split(","))
        if how == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if not (found := _TERM.fullmatch(term)):
        raise bad_request(f"unable to parse requirement: {term!r}")
    bang, key, sign, value = found.groups()
    if sign is None:
        return (lambda labels: key not in labels) if bang else (lambda labels: key in labels)
    if sign == "!=":
        return lambda labels: labels.get(key) != value
    return lambda labels: labels.get(key) == value


def labels(text: str) -> Test | None:
    """The test that a label selector means; None where it selects everything."""
    if not text.strip():
        return None
    terms = [_label_term(term) for term in _split(text)]
    return lambda manifest: all(term(manifest["metadata"].get("labels") or {}) for term in terms)


def _lookup(manifest: Manifest, path: tuple[str, ...]) -> str:
    value = at(manifest, *path)
    return "" if value is None else str(value)


def _field_term(term: str, known: Collection[str]) -> Test:
    if not (found := _FIELD.fullmatch(term)):
        raise bad_request(f"invalid field selector: {term!r}")
    field, sign, value = found.groups()
    if field not in ("metadata.name", "metadata.namespace") and field not in known:
        raise bad_request(f"field label not supported: {field}")
    path = tuple(field.split("."))
    if sign == "!=":
        return lambda manifest: _lookup(manifest, path) != value
    return lambda manifest: _lookup(manifest, path) == value


def fields(text: str, known: Collection[str]) -> Test | None:
    """The test that a field selector means; None where it selects everything.

    known: the fields that a resource is selected by, beside its name and namespace.
    """
    if not text.strip():
        return None
    terms = [_field_term(term, known) for term in text.split(",")]
    return lambda manifest: all(term(manifest) for term in terms)


def in_namespace(namespace: str) -> Test | None:
    """The test that a namespace means; None where it selects everything."""
    if not namespace:
        return None
    return lambda manifest: manifest["metadata"].get("namespace", "") == namespace


def both(one: Test | None, other: Test | None) -> Test | None:
    """The test that both must pass; None where both select everything."""
    if one is None or other is None:
        return one or other
    return lambda manifest: one(manifest) and other(manifest)


def matches(selector: Mapping[str, Any] | None, present: Mapping[str, str]) -> bool:
    """Whether labels satisfy a LabelSelector object (matchLabels and matchExpressions); None selects nothing."""
    return selector is not None and selector_matches(selector, present)


def to_text(selector: Mapping[str, Any] | None) -> str:
    """A LabelSelector as the string that the scale subresource and `kubectl -l` use."""
    if not selector:
        return ""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for rule in selector.get("matchExpressions") or ():
        key, listed = rule["key"], ",".join(rule.get("values") or ())
        parts.append(
            {
                "In": f"{key} in ({listed})",
                "NotIn": f"{key} notin ({listed})",
                "Exists": key,
                "DoesNotExist": f"!{key}",
            }[rule["operator"]]
        )
    return ",".join(parts)
