"""The language's own functions by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from analysis.language.arrays import ARRAYS
from analysis.language.scalars import SCALARS

FUNCTIONS: Mapping[str, Callable[..., Any]] = {**ARRAYS, **SCALARS}
