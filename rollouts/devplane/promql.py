"""The part of PromQL that analysis templates use: text to a tree of frozen nodes.

What is left out (group_left, subqueries, @) is refused by name rather than misread. `promeval` computes the tree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TypeAlias

DEPTH_MAX = 64
LENGTH_MAX = 16_384

AGGREGATES = frozenset({"sum", "avg", "min", "max", "count", "group"})
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_DURATION = re.compile(r"(?:\d+(?:ms|[smhdwy]))+", re.ASCII)
_DURATION_PART = re.compile(r"(\d+)(ms|[smhdwy])", re.ASCII)
_TOKEN = re.compile(
    r"(?P<space>(?:\s|\#[^\n]*)+)"
    r"|(?P<duration>(?:\d+(?:ms|[smhdwy]))+)(?![\w.])"
    r"|(?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[a-zA-Z_:][\w:]*)"
    r"|(?P<text>\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)"
    r"|(?P<sign>=~|!~|==|!=|<=|>=|[-+*/%^<>=(){}\[\],@:])",
    re.ASCII,
)
_LEVELS: dict[str, int] = {
    "or": 1, "and": 2, "unless": 2, "==": 3, "!=": 3, "<=": 3, "<": 3, ">=": 3, ">": 3,
    "+": 4, "-": 4, "*": 5, "/": 5, "%": 5, "^": 7,
}  # fmt: skip
_UNARY_LEVEL = 6


class PromqlError(ValueError):
    """The query cannot be read or computed; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One label test. sign: `=`, `!=`, `=~` or `!~`."""

    label: str
    sign: str
    value: str


@dataclass(frozen=True, slots=True)
class Number:
    """A literal number."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A literal string (an argument of label_replace)."""

    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """Series by matchers; with range_s, their samples of the last range_s seconds."""

    matchers: tuple[Matcher, ...]
    range_s: float | None = None
    offset_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Call:
    """A function and its arguments."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregation. labels: those of by(), or of without() where `without` is set."""

    operator: str
    expression: Node
    labels: tuple[str, ...] = ()
    without: bool = False


@dataclass(frozen=True, slots=True)
class Binary:
    """An operation between two values. on/ignoring: labels that pair the sides; is_bool: comparison gives 0 or 1."""

    operator: str
    left: Node
    right: Node
    is_bool: bool = False
    on: tuple[str, ...] | None = None
    ignoring: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Negative:
    """Unary minus."""

    expression: Node


Node: TypeAlias = Number | Text | Selector | Call | Aggregate | Binary | Negative


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the query and where it stands."""

    kind: str
    text: str
    at: int


def duration_s(text: str) -> float:
    """Seconds of a Prometheus duration: `1h30m`, `500ms`, or a bare number of seconds. Raises PromqlError."""
    if _DURATION.fullmatch(text):
        return sum(int(number) * _UNITS_S[unit] for number, unit in _DURATION_PART.findall(text))
    try:
        return float(text)
    except ValueError:
        raise PromqlError(f'not a valid duration string: "{text}"') from None


def parse(query: str) -> Node:
    """The tree of a query. Raises PromqlError."""
    if len(query) > LENGTH_MAX:
        raise PromqlError(f"query of {len(query)} characters, at most {LENGTH_MAX} are read")
    parser = _Parser(_tokens(query))
    node = parser.expression(0, 0)
    parser.expect("end")
    return node


def _tokens(query: str) -> list[Token]:
    tokens: list[Token] = []
    at = 0
    while at < len(query):
        found = _TOKEN.match(query, at)
        if not found:
            raise PromqlError(f"1:{at + 1}: parse error: unexpected character: {query[at]!r}")
        if found.lastgroup != "space":
            tokens.append(Token(str(found.lastgroup), found.group(), at))
        at = found.end()
    return [*tokens, Token("end", "end of input", len(query))]


class _Parser:
    """Precedence climbing over the tokens; depth is bounded."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def wrong(self, why: str = "") -> PromqlError:
        return PromqlError(f"1:{self.token.at + 1}: parse error: {why or f'unexpected {self.token.text!r}'}")

    def take(self, *texts: str) -> str | None:
        """The text of the next token if it is one of these (names are compared without case)."""
        token = self.token
        if token.kind in ("sign", "name") and token.text.lower() in texts:
            self.at += 1
            return token.text.lower()
        return None

    def expect(self, what: str) -> str:
        """The next token, which must be of this kind or be this sign."""
        token = self.token
        if what not in (token.kind, token.text if token.kind == "sign" else token.kind):
            raise self.wrong()
        if token.kind != "end":
            self.at += 1
        return token.text

    def expression(self, level: int, depth: int) -> Node:
        if depth > DEPTH_MAX:
            raise self.wrong(f"nested deeper than {DEPTH_MAX}")
        if sign := self.take("-", "+"):
            inner = self.expression(_UNARY_LEVEL, depth + 1)
            left: Node = inner if sign == "+" else _negated(inner)
        else:
            left = self.postfix(self.atom(depth))
        while (sign := self.operator_above(level)) is not None:
            is_bool, on, ignoring = self.modifiers()
            right = self.expression(_LEVELS[sign] - (sign == "^"), depth + 1)
            left = Binary(sign, left, right, is_bool, on, ignoring)
        return left

    def operator_above(self, level: int) -> str | None:
        text = self.token.text.lower()
        if self.token.kind in ("sign", "name") and _LEVELS.get(text, 0) > level:
            self.at += 1
            return text
        return None

    def modifiers(self) -> tuple[bool, tuple[str, ...] | None, tuple[str, ...]]:
        is_bool = self.take("bool") is not None
        on: tuple[str, ...] | None = None
        ignoring: tuple[str, ...] = ()
        if self.take("on"):
            on = self.names()
        elif self.take("ignoring"):
            ignoring = self.names()
        if self.token.text.lower() in ("group_left", "group_right"):
            raise self.wrong(f"{self.token.text} is not part of the embedded PromQL")
        return is_bool, on, ignoring

    def names(self) -> tuple[str, ...]:
        self.expect("(")
        found: list[str] = []
        while not self.take(")"):
            found.append(self.expect("name"))
            if not self.take(","):
                self.expect(")")
                break
        return tuple(found)

    def atom(self, depth: int) -> Node:
        token = self.token
        if token.kind in ("number", "duration"):
            self.at += 1
            is_hex = token.text[:2] in ("0x", "0X")
            return Number(float(int(token.text, 16)) if is_hex else duration_s(token.text))
        if token.kind == "text":
            self.at += 1
            return Text(_unquoted(token))
        if self.take("("):
            inner = self.expression(0, depth + 1)
            self.expect(")")
            return inner
        if token.kind == "name":
            return self.named(depth)
        if token.text == "{":
            return self.selector("")
        raise self.wrong()

    def named(self, depth: int) -> Node:
        name = self.expect("name")
        lower, follows = name.lower(), self.token.text.lower()
        if lower in AGGREGATES and follows in ("(", "by", "without"):
            return self.aggregate(lower, depth)
        if follows == "(":
            return Call(name, self.arguments(depth))
        if lower in ("inf", "nan"):
            return Number(float(lower))
        return self.selector(name)

    def arguments(self, depth: int) -> tuple[Node, ...]:
        self.expect("(")
        found: list[Node] = []
        while not self.take(")"):
            found.append(self.expression(0, depth + 1))
            if not self.take(","):
                self.expect(")")
                break
        return tuple(found)

    def aggregate(self, operator: str, depth: int) -> Node:
        grouping = self.grouping()
        arguments = self.arguments(depth)
        grouping = grouping or self.grouping() or ((), False)
        if len(arguments) != 1:
            raise self.wrong(f"wrong number of arguments for aggregate expression provided: {operator}")
        return Aggregate(operator, arguments[0], *grouping)

    def grouping(self) -> tuple[tuple[str, ...], bool] | None:
        word = self.take("by", "without")
        return (self.names(), word == "without") if word else None

    def selector(self, name: str) -> Node:
        matchers = [Matcher("__name__", "=", name)] if name else []
        if self.take("{"):
            while not self.take("}"):
                matchers.append(self.matcher())
                if not self.take(","):
                    self.expect("}")
                    break
        if not any(matcher.value or matcher.sign not in ("=", "=~") for matcher in matchers):
            raise self.wrong("vector selector must contain at least one non-empty matcher")
        return Selector(tuple(matchers))

    def matcher(self) -> Matcher:
        if self.token.kind == "text":  # {"metric.name"}
            return Matcher("__name__", "=", _unquoted(self.tokens[self.bump()]))
        label = self.expect("name")
        sign = self.take("=", "!=", "=~", "!~")
        if sign is None or self.token.kind != "text":
            raise self.wrong()
        return Matcher(label, sign, _unquoted(self.tokens[self.bump()]))

    def bump(self) -> int:
        self.at += 1
        return self.at - 1

    def postfix(self, node: Node) -> Node:
        if self.take("["):
            if not isinstance(node, Selector):
                raise self.wrong("ranges are only allowed for vector selectors")
            node = replace(node, range_s=duration_s(self.expect_duration()))
            if self.token.text.startswith(":"):
                raise self.wrong("subqueries are not part of the embedded PromQL")
            self.expect("]")
        if self.take("offset"):
            if not isinstance(node, Selector):
                raise self.wrong("offset modifier must be preceded by a selector")
            sign = -1.0 if self.take("-") else 1.0
            node = replace(node, offset_s=sign * duration_s(self.expect_duration()))
        if self.token.text == "@":
            raise self.wrong("the @ modifier is not part of the embedded PromQL")
        return node

    def expect_duration(self) -> str:
        if self.token.kind not in ("duration", "number"):
            raise self.wrong("unexpected, expected duration")
        return self.tokens[self.bump()].text


def _negated(node: Node) -> Node:
    return Number(-node.value) if isinstance(node, Number) else Negative(node)


def _unquoted(token: Token) -> str:
    if token.text[0] == "`":
        return token.text[1:-1]
    body = token.text[1:-1]
    if "\\" not in body:
        return body
    escapes = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
    simple = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))")

    def plain(found: re.Match[str]) -> str:
        code, char = found.group(1) or found.group(2), found.group(3)
        if code:
            return chr(int(code, 16))
        if char in escapes or char in "\\\"'":
            return escapes.get(char, char)
        raise PromqlError(f"1:{token.at + 1}: parse error: unknown escape sequence \\{char}")

    return simple.sub(plain, body)
