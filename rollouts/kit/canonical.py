"""One byte form per value: JSON as Go writes it, and the short hash that the contract derives from it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

_SAFE_LETTERS = b"bcdfghjklmnpqrstvwxz2456789"
_FNV_OFFSET, _FNV_PRIME, _WORD = 0x811C9DC5, 0x01000193, 0xFFFFFFFF
_ESCAPED = re.compile("[<>&\u2028\u2029]|[\ud800-\udfff]")


def go_string(text: str) -> str:
    """The string as Go's encoding/json prints it: HTML characters and line separators escaped, the rest as it is."""
    return _ESCAPED.sub(_escape, json.dumps(text, ensure_ascii=False))


def go_json(value: Any) -> str:
    """A JSON value as Go prints it, in the order in which the keys stand (see `sorted_json` for a Go map)."""
    if isinstance(value, str):
        return go_string(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{go_string(str(key))}:{go_json(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(go_json(inner) for inner in value) + "]"
    return json.dumps(value)


def sorted_json(value: Any) -> str:
    """A JSON value with the keys of every object sorted: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def fnv32a(chunks: Iterable[bytes]) -> int:
    """FNV-1a, 32 bits, over the chunks one after the other."""
    state = _FNV_OFFSET
    for chunk in chunks:
        for byte in chunk:
            state = (state ^ byte) * _FNV_PRIME & _WORD
    return state


def safe_encode(number: int) -> str:
    """A number's decimal digits in letters that form no word and no look-alike, as Kubernetes names things."""
    return "".join(chr(_SAFE_LETTERS[byte % len(_SAFE_LETTERS)]) for byte in str(number).encode())


def _escape(found: re.Match[str]) -> str:
    code = ord(found.group())
    return "\\ufffd" if 0xD800 <= code <= 0xDFFF else f"\\u{code:04x}"
