"""Label selectors: what they match, and how Kubernetes prints them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WORDS = {"In": "in", "NotIn": "notin"}


def text(selector: Mapping[str, Any]) -> str:
    """The selector in the form of `kubectl get -l`: `app=web,tier in (a,b)`, ordered by key."""
    parts = [(key, f"{key}={value}") for key, value in (selector.get("matchLabels") or {}).items()]
    for each in selector.get("matchExpressions") or ():
        key, operator = str(each.get("key", "")), each.get("operator")
        if operator in _WORDS:
            parts.append((key, f"{key} {_WORDS[operator]} ({','.join(sorted(each.get('values') or ()))})"))
        else:
            parts.append((key, key if operator == "Exists" else f"!{key}"))
    return ",".join(part for _, part in sorted(parts))


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether labels satisfy a LabelSelector; one without requirements is satisfied by all, an unknown one by none."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_fits(each, labels) for each in selector.get("matchExpressions") or ())


def _fits(requirement: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(str(requirement.get("key"))), requirement.get("values") or ()
    match requirement.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    return False
