"""The two conditions of a metric: compiled early, and tried on the absence of data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

Found: TypeAlias = tuple[str, str, str, Literal["error", "warning", "hint"]]


def check_conditions(metric: Mapping[str, Any]) -> Iterator[Found]:
    """(field, text, fix, severity) for each condition that does not compile or judges the absence of data."""
    yield from ()
