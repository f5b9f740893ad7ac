"""The functions of a template: Go's own, and kubectl's `exists` and `base64decode`.

`and` and `or` are not here: they do not look at arguments that no longer matter, so they belong to `run`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any
from urllib.parse import quote_plus

from rollouts.kit.gotemplate import printing
from rollouts.kit.gotemplate.lexer import GoTemplateError
from rollouts.kit.gotemplate.printing import Whole, type_name

_HTML = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;", "\0": "\N{REPLACEMENT CHARACTER}"}
)
_JS = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}


def is_true(value: Any) -> bool:
    """Whether a value counts as true: nothing that is missing, zero or empty does."""
    return not isinstance(value, printing.Missing) and bool(value)


def _eq(first: Any, *others: Any) -> bool:
    if not others:
        raise GoTemplateError("eq: missing argument for comparison")
    return any(_same(first, other) for other in others)


def _ne(first: Any, second: Any) -> bool:
    return not _same(first, second)


def _same(one: Any, other: Any) -> bool:
    for value in (one, other):
        if isinstance(value, Mapping | list):
            raise GoTemplateError(f"eq: a {type_name(value)} cannot be compared")
    if one is None or other is None:
        return one is other
    if _sort(one) != _sort(other):
        raise GoTemplateError(f"incompatible types for comparison: {type_name(one)} and {type_name(other)}")
    return bool(one == other)


def _sort(value: Any) -> str:
    return type_name(value).removesuffix("64") if isinstance(value, int) else type_name(value)


def _lt(one: Any, other: Any) -> bool:
    for value in (one, other):
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise GoTemplateError(f"a {type_name(value)} has no order")
    if _sort(one) != _sort(other):
        raise GoTemplateError(f"incompatible types for comparison: {type_name(one)} and {type_name(other)}")
    return bool(one < other)


def _le(one: Any, other: Any) -> bool:
    return _lt(one, other) or _same(one, other)


def _len(value: Any) -> Whole:
    if isinstance(value, str):
        return Whole(len(value.encode()))
    if isinstance(value, Mapping | list):
        return Whole(len(value))
    raise GoTemplateError(f"len of type {type_name(value)}")


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, Mapping):
            if not isinstance(key, str):
                raise GoTemplateError(f"index: value has type {type_name(key)}; should be string")
            value = value.get(key, printing.MISSING)
        elif isinstance(value, str):
            value = Whole(value.encode()[_place(key, len(value.encode()))])
        elif isinstance(value, list):
            value = value[_place(key, len(value))]
        else:
            raise GoTemplateError(f"index: can't index item of type {type_name(value)}")
    return value


def _place(key: Any, size: int, *, end: bool = False) -> int:
    if isinstance(key, bool) or not isinstance(key, int):
        raise GoTemplateError(f"index: cannot index slice/array with type {type_name(key)}")
    if not 0 <= key < size + end:
        raise GoTemplateError(f"index out of range: {key}")
    return key


def _slice(value: Any, *bounds: Any) -> Any:
    if not isinstance(value, str | list) or len(bounds) > 2:
        raise GoTemplateError(f"slice: can't slice item of type {type_name(value)} at {len(bounds)} places")
    whole = value.encode() if isinstance(value, str) else value
    places = [_place(bound, len(whole), end=True) for bound in bounds]
    if any(first > second for first, second in pairwise(places)):
        raise GoTemplateError(f"slice: {places[0]} > {places[1]}")
    low, high = (*places, *(0, len(whole))[len(places) :])
    cut = whole[low:high]
    return cut.decode(errors="replace") if isinstance(cut, bytes) else cut


def _printf(form: Any, *values: Any) -> str:
    if not isinstance(form, str):
        raise GoTemplateError(f"printf: expected string; found {type_name(form)}")
    return printing.formatted(form, values)


def _print(*values: Any) -> str:
    return printing.printed(values)


def _println(*values: Any) -> str:
    return " ".join(printing.plain(value) for value in values) + "\n"


def _html(*values: Any) -> str:
    return printing.printed(values).translate(_HTML)


def _js(*values: Any) -> str:
    text = printing.printed(values)
    return "".join(_JS.get(each) or (each if each.isprintable() else f"\\u{ord(each):04X}") for each in text)


def _urlquery(*values: Any) -> str:
    return quote_plus(printing.printed(values))


def _exists(value: Any, *keys: Any) -> bool:
    for key in keys:
        is_place = isinstance(value, list) and isinstance(key, int) and 0 <= key < len(value)
        if not is_place and not (isinstance(value, Mapping) and key in value):
            return False
        value = value[key]
    return True


def _base64decode(text: Any) -> str:
    if not isinstance(text, str):
        raise GoTemplateError(f"base64decode: expected string; found {type_name(text)}")
    try:
        return base64.b64decode(text, validate=True).decode(errors="replace")
    except binascii.Error as error:
        raise GoTemplateError(f"base64decode: {error}") from None


# A function, and the fewest and the most arguments that it takes; None: any number.
FUNCTIONS: Mapping[str, tuple[Callable[..., Any], int, int | None]] = {
    "not": (lambda value: not is_true(value), 1, 1),
    "eq": (_eq, 1, None),
    "ne": (_ne, 2, 2),
    "lt": (_lt, 2, 2),
    "le": (_le, 2, 2),
    "gt": (lambda one, other: not _le(one, other), 2, 2),
    "ge": (lambda one, other: not _lt(one, other), 2, 2),
    "len": (_len, 1, 1),
    "index": (_index, 1, None),
    "slice": (_slice, 1, None),
    "print": (_print, 0, None),
    "printf": (_printf, 1, None),
    "println": (_println, 0, None),
    "html": (_html, 0, None),
    "js": (_js, 0, None),
    "urlquery": (_urlquery, 0, None),
    "exists": (_exists, 1, None),
    "base64decode": (_base64decode, 1, 1),
}


def called(name: str, arguments: list[Any]) -> Any:
    """What a function makes of its arguments. What leads nowhere counts as nil here."""
    function, least, most = FUNCTIONS[name]
    if len(arguments) < least or (most is not None and len(arguments) > most):
        wanted = f"{least}" if most == least else f"at least {least}"
        raise GoTemplateError(f"wrong number of args for {name}: want {wanted} got {len(arguments)}")
    return function(*(None if isinstance(each, printing.Missing) else each for each in arguments))
