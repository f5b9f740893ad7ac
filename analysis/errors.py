"""The one error of this package."""

from __future__ import annotations


class AnalysisError(ValueError):
    """A spec, an expression or an answer that cannot be used. `str()` is the sentence for the user."""
