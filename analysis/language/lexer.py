"""From the text of an expression to tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from analysis.errors import AnalysisError

SOURCE_BYTES_MAX = 8 * 1024
INT_MAX = 2**63 - 1

Kind = Literal["Identifier", "Number", "String", "Bytes", "Operator", "Bracket", "EOF"]


@dataclass(frozen=True, slots=True)
class Token:
    """One word. text: as written; value: what a number or a string means."""

    kind: Kind
    text: str
    at: int
    value: Any = None

    def __str__(self) -> str:
        if self.kind == "EOF":
            return "EOF"
        return f'{self.kind}("{self.value if self.kind == "String" else self.text}")'


_SPACE = re.compile(r"(?:[ \t\r\n\x0b\x0c\u00a0\u0085]|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_NAME = re.compile(r"[^\W\d][\w$]*|\$[\w$]*")
_NUMBER = re.compile(
    r"0[xX][0-9a-fA-F_]*|0[bB][01_]*|0[oO][0-7_]*|(?:[0-9][0-9_]*(?:\.(?!\.)[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9_]*)?"
)
_OPERATOR = re.compile(r"\*\*|&&|\|\||==|!=|<=|>=|\?\?|\?\.|\.\.|[|&+\-*/%^<>!=?:;,.#]")
_WORDS = frozenset(("in", "not", "and", "or", "matches", "contains", "startsWith", "endsWith", "let", "if", "else"))
_ESCAPE = re.compile(
    r"""\\(?:(?P<simple>[abfnrtv\\'"`])|x(?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})"""
    r"""|u\{(?P<braced>[0-9a-fA-F]{1,6})\}|U(?P<U>[0-9a-fA-F]{8})|(?P<octal>[0-7]{3})|(?P<bad>.?))""",
    re.DOTALL,
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def tokens(source: str) -> tuple[Token, ...]:
    """The words of an expression, an EOF at the end. Raises AnalysisError."""
    if len(source.encode("utf-8", "surrogatepass")) > SOURCE_BYTES_MAX:
        raise AnalysisError(f"expression longer than {SOURCE_BYTES_MAX} bytes")
    found: list[Token] = []
    at = 0
    while at < len(source):
        if space := _SPACE.match(source, at):
            at = space.end()
            continue
        token = _next(source, at)
        found.append(token)
        at += len(token.text)
    return (*found, Token("EOF", "", at))


def _next(source: str, at: int) -> Token:
    char = source[at]
    if char in "\"'":
        return _quoted(source, at, at)
    if char == "`":
        end = source.find("`", at + 1)
        if end < 0:
            raise AnalysisError("literal not terminated")
        return Token("String", source[at : end + 1], at, source[at + 1 : end])
    if char == "b" and source[at + 1 : at + 2] in ('"', "'"):
        return _quoted(source, at, at + 1)
    if char in "()[]{}":
        return Token("Bracket", char, at)
    if source.startswith("/*", at):
        raise AnalysisError("unclosed comment")
    if number := _NUMBER.match(source, at):
        return _number(source, number.group(), at)
    if name := _NAME.match(source, at):
        word = name.group()
        return Token("Operator" if word in _WORDS else "Identifier", word, at)
    if operator := _OPERATOR.match(source, at):
        return Token("Operator", operator.group(), at)
    raise AnalysisError(f"unrecognized character: U+{ord(char):04X} '{char}'")


def _number(source: str, text: str, at: int) -> Token:
    after = source[at + len(text) : at + len(text) + 1]
    if after and (after.isalnum() or after == "_"):
        raise AnalysisError(f'bad number syntax: "{text}{after}"')
    digits = text.replace("_", "").lower()
    if digits[:2] in ("0x", "0b", "0o"):
        base = {"x": 16, "b": 2, "o": 8}[digits[1]]
        called = {16: "hex", 2: "binary", 8: "octal"}[base]
        return Token("Number", text, at, _int(digits[2:], base, called, digits))
    if any(mark in digits for mark in ".e"):
        return Token("Number", text, at, _float(digits))
    return Token("Number", text, at, _int(digits, 10, "integer", digits))


def _int(digits: str, base: int, called: str, text: str) -> int:
    if not digits:
        raise AnalysisError(f'invalid {called} literal: strconv.ParseInt: parsing "{text}": invalid syntax')
    value = int(digits, base)
    if value > INT_MAX:
        raise AnalysisError(f'invalid {called} literal: strconv.ParseInt: parsing "{text}": value out of range')
    return value


def _float(digits: str) -> float:
    try:
        value = float(digits)
    except ValueError:
        text = f'invalid float literal: strconv.ParseFloat: parsing "{digits}": invalid syntax'
        raise AnalysisError(text) from None
    if value == float("inf"):
        raise AnalysisError(f'invalid float literal: strconv.ParseFloat: parsing "{digits}": value out of range')
    return value


def _quoted(source: str, at: int, opening: int) -> Token:
    quote, end = source[opening], opening + 1
    while source[end : end + 1] != quote:
        if end >= len(source) or source[end] == "\n":
            raise AnalysisError("literal not terminated")
        end += 2 if source[end] == "\\" else 1
    inner = _ESCAPE.sub(_unescaped, source[opening + 1 : end])
    text = source[at : end + 1]
    return Token("Bytes", text, at, inner.encode()) if opening > at else Token("String", text, at, inner)


def _unescaped(match: re.Match[str]) -> str:
    if simple := match["simple"]:
        return _SIMPLE.get(simple, simple)
    digits = match["x"] or match["u"] or match["braced"] or match["U"]
    code = int(digits, 16) if digits else int(match["octal"], 8) if match["octal"] else -1
    if not 0 <= code <= 0x10FFFF or 0xD800 <= code < 0xE000:
        raise AnalysisError("invalid char escape")
    return chr(code)
