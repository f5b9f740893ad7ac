"""A template's text as pieces of text and of tokens, blanks trimmed where a marker says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

TEMPLATE_CHARS_MAX = 16 * 1024
BLANKS = " \t\r\n"

_OPEN = re.compile(r"\{\{(-(?=[ \t\r\n]))?")
_CLOSE = re.compile(r"([ \t\r\n]-)?\}\}")
_COMMENT = re.compile(r"[ \t\r\n]*/\*.*?\*/", re.DOTALL)
_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r'|(?P<string>"(?:[^"\\\n]|\\.)*")'
    r"|(?P<raw>`[^`]*`)"
    r"|(?P<letter>'(?:[^'\\\n]|\\.)+')"
    r"|(?P<number>[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+"
    r"|(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?)(?![A-Za-z_]))"
    r"|(?P<field>\.[^\W\d]\w*)"
    r"|(?P<variable>\$\w*)"
    r"|(?P<word>[^\W\d]\w*)"
    r"|(?P<mark>:=|[=|(),.])"
)


class GoTemplateError(ValueError):
    """A template that cannot be read, does not fit the data, or asks for more than is spoken or allowed here."""


@dataclass(frozen=True, slots=True)
class Token:
    """One word of an action. kind: a group's name above, or `text` for what stands outside, or `end`."""

    kind: str
    text: str
    at: int

    def is_mark(self, *marks: str) -> bool:
        """Whether it is one of these marks."""
        return self.kind == "mark" and self.text in marks


def tokens(source: str) -> Iterator[list[Token]]:
    """The pieces of a template: a `text` token alone, or the tokens of one action, `end` last."""
    if len(source) > TEMPLATE_CHARS_MAX:
        raise GoTemplateError(f"longer than {TEMPLATE_CHARS_MAX} characters")
    at, trims = 0, False
    while at < len(source):
        found = _OPEN.search(source, at)
        text = source[at : found.start() if found else len(source)]
        text = text.lstrip(BLANKS) if trims else text
        text = text.rstrip(BLANKS) if found and found[1] else text
        if text:
            yield [Token("text", text, at)]
        if not found:
            return
        action, at, trims = _action(source, found.end())
        if action is not None:
            yield action


def _action(source: str, at: int) -> tuple[list[Token] | None, int, bool]:
    """The tokens of one action (None: a comment), where it ends, and whether the blanks behind it go."""
    began = at
    if comment := _COMMENT.match(source, at):
        close = _CLOSE.match(source, comment.end())
        if not close:
            raise complaint(source, began, "a comment ends with */ and }}")
        return None, close.end(), bool(close[1])
    found: list[Token] = []
    while at < len(source):
        if close := _CLOSE.match(source, at):
            found.append(Token("end", "", at))
            return found, close.end(), bool(close[1])
        token = _TOKEN.match(source, at)
        if token is None:
            what = "an unterminated quotation" if source[at] in "\"'`" else f"unexpected {source[at]!r}"
            raise complaint(source, at, what)
        found.append(Token(str(token.lastgroup), token[0], at))
        at = token.end()
    raise complaint(source, began, "an action that is not closed with }}")


def complaint(source: str, at: int, what: str) -> GoTemplateError:
    """What is wrong at a place of a template."""
    line = source.count("\n", 0, at) + 1
    column = at - source.rfind("\n", 0, at)
    return GoTemplateError(f"{line}:{column}: {what}")
