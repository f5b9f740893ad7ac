"""Label selectors as Kubernetes prints them."""

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
