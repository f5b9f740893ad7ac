"""Regular expressions in Go's dialect and in linear time."""

from __future__ import annotations

import functools

import re2

from analysis.errors import AnalysisError

PATTERN_CHARS_MAX = 1024


@functools.lru_cache(maxsize=256)
def compiled(pattern: str) -> re2._Regexp:
    """The pattern, compiled. Raises AnalysisError in Go's words where it is none."""
    if len(pattern) > PATTERN_CHARS_MAX:
        raise AnalysisError(f"error parsing regexp: expression longer than {PATTERN_CHARS_MAX} characters")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        cause = (
            text.partition(": ")[0].replace("missing )", "missing closing )").replace("missing ]", "missing closing ]")
        )
        raise AnalysisError(f"error parsing regexp: {cause}: `{pattern}`") from None
    except UnicodeError:
        raise AnalysisError("error parsing regexp: invalid UTF-8") from None


def searches(pattern: str, text: str) -> bool:
    """Whether the pattern is found anywhere in the text."""
    try:
        return compiled(pattern).search(text) is not None
    except UnicodeError:
        return False
