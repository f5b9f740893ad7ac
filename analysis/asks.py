"""Questions to a metric provider, as frozen values."""

from __future__ import annotations
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class PromQuery:
    url: str


Question: TypeAlias = PromQuery
