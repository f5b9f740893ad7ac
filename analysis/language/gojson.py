"""JSON as Go writes it (two blanks of indent, `<>&` escaped, keys in order) and reads it (every number a float)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from analysis.errors import AnalysisError
from analysis.language.values import Duration, float_json, is_number

_DEPTH_MAX = 64
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def loads(said: str) -> Any:
    """The value of a JSON text. Raises AnalysisError."""
    try:
        return json.loads(said, parse_int=float, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        short = "unexpected end of JSON input" if getattr(error, "pos", 0) >= len(said) else f"invalid JSON: {error}"
        raise AnalysisError(short) from None


def dumps(value: Any, spend: Callable[[int], None], depth: int = 0) -> str:
    """The JSON text of a value; `spend` pays for each piece. Raises AnalysisError for what JSON cannot say."""
    spend(1)
    if depth > _DEPTH_MAX:
        raise AnalysisError("json: nested too deeply")
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, Duration):
        return str(value.ns)
    if is_number(value):
        return float_json(value) if isinstance(value, float) else str(int(value))
    if isinstance(value, str):
        spend(len(value) // 16)
        return "".join(_ESCAPES.get(char, char) for char in json.dumps(value, ensure_ascii=False))
    inner, outer = "\n" + "  " * (depth + 1), "\n" + "  " * depth
    if isinstance(value, list):
        items = [dumps(each, spend, depth + 1) for each in value]
        return f"[{inner}{f',{inner}'.join(items)}{outer}]" if items else "[]"
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        items = [f"{dumps(key, spend)}: {dumps(value[key], spend, depth + 1)}" for key in sorted(value)]
        return f"{{{inner}{f',{inner}'.join(items)}{outer}}}" if items else "{}"
    raise AnalysisError("json: unsupported type")


def _refused(name: str) -> Any:
    raise ValueError(f"invalid character '{name[0]}'")
