"""How Go writes values: `%v` and the other verbs of its fmt, for what JSON can hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rollouts.kit.gotemplate.lexer import GoTemplateError

NO_VALUE = "<no value>"
WIDTH_MAX = 1000

_VERB = re.compile(r"%([-+# 0]*)(\d*)(\.\d*)?(.)?", re.DOTALL)
_PLAIN = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
_SHORTEST_MIN, _SHORTEST_MAX = -4, 6  # exponents between which %v of a number has none


class Whole(int):
    """A number that a template names or counts: Go's `int`, while those of the data are `int64`."""


class Missing:
    """What a path that leads nowhere gives; it may be followed further, which `null` may not."""


MISSING = Missing()


@dataclass(frozen=True, slots=True)
class Verb:
    """One `%…` of a format."""

    flags: str
    width: int
    precision: int | None
    letter: str


def type_name(value: Any) -> str:
    """Go's name of a value's type."""
    match value:
        case None | Missing():
            return "<nil>"
        case bool():
            return "bool"
        case Whole():
            return "int"
        case int():
            return "int64"
        case float():
            return "float64"
        case str():
            return "string"
        case Mapping():
            return "map[string]interface {}"
    return "[]interface {}"


def shown(value: Any) -> str:
    """A value as an action shows it."""
    return NO_VALUE if value is None or isinstance(value, Missing) else plain(value)


def plain(value: Any) -> str:
    """`%v`."""
    return _written(Verb("", 0, None, "v"), value)


def printed(values: Sequence[Any]) -> str:
    """Go's Sprint: a blank between two values of which neither is text."""
    text, before = "", ""
    for nth, value in enumerate(values):
        kind = type_name(value)
        text += " " * (nth > 0 and "string" not in (kind, before)) + plain(value)
        before = kind
    return text


def formatted(form: str, values: Sequence[Any]) -> str:
    """Go's Sprintf. Argument numbers and widths by `*` are refused."""
    parts, at, used = [], 0, 0
    for found in _VERB.finditer(form):
        parts.append(form[at : found.start()])
        at = found.end()
        flags, width, precision, letter = found.groups()
        if letter == "%":
            parts.append("%")
            continue
        if letter is None:
            parts.append("%!(NOVERB)")
            continue
        if letter in "[*":
            raise GoTemplateError(f"printf: {letter!r} behind % is not spoken here")
        verb = Verb(flags, int(width or 0), int(precision[1:] or 0) if precision else None, letter)
        if max(verb.width, verb.precision or 0) > WIDTH_MAX:
            raise GoTemplateError(f"printf: a width of more than {WIDTH_MAX}")
        parts.append(f"%!{letter}(MISSING)" if used >= len(values) else _written(verb, values[used]))
        used += 1
    parts.append(form[at:])
    if used < len(values):
        extra = (f"{type_name(each)}={plain(each)}" if each is not None else "<nil>" for each in values[used:])
        parts.append(f"%!(EXTRA {', '.join(extra)})")
    return "".join(parts)


def quoted(text: str) -> str:
    """Go's %q."""
    inner = "".join(_escaped(letter) for letter in text)
    return f'"{inner}"'


def _escaped(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    if letter in _PLAIN:
        return _PLAIN[letter]
    if letter.isprintable():
        return letter
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _written(verb: Verb, value: Any, *, is_inside: bool = False) -> str:
    """One value. is_inside: of a list or a map."""
    match value:
        case _ if verb.letter == "T":
            return _wide(verb, type_name(value))
        case None | Missing():
            return _wide(verb, "<nil>") if is_inside or verb.letter == "v" else f"%!{verb.letter}(<nil>)"
        case Mapping() | list() | tuple() if "#" in verb.flags:
            raise GoTemplateError("printf: %#v of lists and maps is not spoken here")
        case Mapping():
            inner = " ".join(
                f"{_written(verb, key)}:{_written(verb, value[key], is_inside=True)}" for key in sorted(value)
            )
            return f"map[{inner}]"
        case list() | tuple():
            return f"[{' '.join(_written(verb, each, is_inside=True) for each in value)}]"
    text = _scalar(verb, value)
    return f"%!{verb.letter}({type_name(value)}={plain(value)})" if text is None else text


def _scalar(verb: Verb, value: Any) -> str | None:
    """None where the verb has no meaning for the value."""
    match value:
        case bool():
            return _wide(verb, "true" if value else "false") if verb.letter in "vt" else None
        case int():
            return _whole(verb, int(value))
        case float():
            return _real(verb, value)
        case str():
            return _text(verb, value)
    return None


def _text(verb: Verb, value: str) -> str | None:
    cut = value if verb.precision is None else value[: verb.precision]
    match verb.letter:
        case "v" if "#" in verb.flags:
            return _wide(verb, quoted(cut))
        case "v" | "s":
            return _wide(verb, cut)
        case "q":
            is_raw = "#" in verb.flags and "`" not in cut and cut.isprintable()
            return _wide(verb, f"`{cut}`" if is_raw else quoted(cut))
        case "x" | "X":
            digits = value.encode().hex(*(" " if " " in verb.flags else ""))
            return _wide(verb, digits.upper() if verb.letter == "X" else digits)
    return None


def _whole(verb: Verb, value: int) -> str | None:
    bases = {"v": "d", "d": "d", "x": "x", "X": "X", "o": "o", "b": "b"}
    if verb.letter in bases:
        prefix = {"x": "0x", "X": "0X", "o": "0", "b": "0b"}.get(verb.letter, "") if "#" in verb.flags else ""
        digits = format(abs(value), bases[verb.letter]).rjust(verb.precision or 0, "0")
        return _number(verb, value < 0, prefix, digits, is_padded=verb.precision is None)
    if verb.letter in "cUq" and 0 <= value <= 0x10FFFF:
        letter = chr(value)
        return _wide(verb, {"c": letter, "U": f"U+{value:04X}", "q": f"'{_escaped(letter)}'"}[verb.letter])
    return None


def _real(verb: Verb, value: float) -> str | None:
    forms: dict[str, Callable[[], str]] = {
        "v": lambda: _shortest(value, verb.precision),
        "g": lambda: _shortest(value, verb.precision),
        "G": lambda: _shortest(value, verb.precision).upper(),
        "e": lambda: format(value, f".{6 if verb.precision is None else verb.precision}e"),
        "E": lambda: format(value, f".{6 if verb.precision is None else verb.precision}E"),
        "f": lambda: format(value, f".{6 if verb.precision is None else verb.precision}f"),
        "F": lambda: format(value, f".{6 if verb.precision is None else verb.precision}f"),
    }
    if verb.letter not in forms:
        return None
    text = forms[verb.letter]()
    return _number(verb, text.startswith("-"), "", text.lstrip("-"))


def _shortest(value: float, precision: int | None) -> str:
    """The fewest digits that mean this number, or so many; an exponent where it is far from one."""
    if precision is not None:
        return format(value, f".{precision or 1}g")
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)  # JSON has neither infinities nor nan
    places = "".join(map(str, digits))
    leading = len(places) + exponent - 1
    minus = "-" if sign else ""
    if value == 0:
        return f"{minus}0"
    if _SHORTEST_MIN <= leading < _SHORTEST_MAX:
        return minus + format(Decimal((0, digits, exponent)), "f")
    rest = f".{places[1:]}" if len(places) > 1 else ""
    return f"{minus}{places[0]}{rest}e{'-' if leading < 0 else '+'}{abs(leading):02d}"


def _number(verb: Verb, is_negative: bool, prefix: str, digits: str, *, is_padded: bool = True) -> str:
    sign = "-" if is_negative else "+" if "+" in verb.flags else " " if " " in verb.flags else ""
    if is_padded and "0" in verb.flags and "-" not in verb.flags:
        digits = digits.rjust(verb.width - len(sign) - len(prefix), "0")
    text = f"{sign}{prefix}{digits}"
    return text.ljust(verb.width) if "-" in verb.flags else text.rjust(verb.width)


def _wide(verb: Verb, text: str) -> str:
    if "-" in verb.flags:
        return text.ljust(verb.width)
    return text.rjust(verb.width, "0" if "0" in verb.flags else " ")
