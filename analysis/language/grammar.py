"""From tokens to a syntax tree: a Pratt parser of bounded depth."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.errors import AnalysisError
from analysis.language.lexer import Token, tokens
from analysis.language.nodes import (
    Array,
    Binary,
    Builtin,
    Call,
    Chain,
    Conditional,
    Let,
    Literal,
    Map,
    Member,
    Name,
    Node,
    Pointer,
    Predicate,
    Sequence,
    Slice,
    Unary,
    walk,
)  # fmt: skip

NESTING_MAX = 64
NODES_MAX = 10_000
HEIGHT_MAX = 128  # of the tree: a chain of && is flat to the reader, yet as deep as it is long

_BINARY: Mapping[str, int] = {
    "|": 0,
    "or": 10, "||": 10,
    "and": 15, "&&": 15,
    "==": 20, "!=": 20, "<": 20, ">": 20, "<=": 20, ">=": 20,
    "in": 20, "matches": 20, "contains": 20, "startsWith": 20, "endsWith": 20,
    "..": 25,
    "+": 30, "-": 30,
    "*": 60, "/": 60, "%": 60,
    "**": 100, "^": 100,
    "??": 500,
}  # fmt: skip
_UNARY: Mapping[str, int] = {"not": 50, "!": 50, "-": 90, "+": 90}
_SAME = {"||": "or", "&&": "and", "^": "**"}
_NEGATABLE = frozenset(("in", "matches", "contains", "startsWith", "endsWith"))
_ORDER = frozenset(("<", ">", "<=", ">="))
_CONSTANTS: Mapping[str, object] = {"true": True, "false": False, "nil": None}


def parse(source: str, builtins: Mapping[str, str]) -> Node:
    """The tree of an expression.

    builtins: the shapes of the language's own functions, a letter for each argument that is a predicate ("p") or any
    other ("a"); more arguments than letters are plain.  Raises AnalysisError with the position where the text breaks.
    """
    parser = _Parser(tokens(source), builtins)
    root = parser.sequence()
    if parser.now.kind != "EOF":
        raise parser.unexpected()
    for count, (_, height) in enumerate(walk(root), start=1):
        if height > HEIGHT_MAX:
            raise AnalysisError(f"expression nests deeper than {HEIGHT_MAX} operations")
        if count > NODES_MAX:
            raise AnalysisError(f"expression of more than {NODES_MAX} nodes")
    return root


class _Parser:
    """Reads one expression; `depth` counts open levels, `inside` open predicates."""

    def __init__(self, words: tuple[Token, ...], builtins: Mapping[str, str]) -> None:
        self.words = words
        self.builtins = builtins
        self.place = 0
        self.depth = 0
        self.inside = 0

    @property
    def now(self) -> Token:
        return self.words[self.place]

    def unexpected(self) -> AnalysisError:
        return AnalysisError(f"unexpected token {self.now}")

    def step(self) -> Token:
        word = self.now
        self.place += 1
        return word

    def sees(self, *texts: str) -> bool:
        return self.now.kind in ("Operator", "Bracket") and self.now.text in texts

    def take(self, *texts: str) -> Token:
        if not self.sees(*texts):
            raise self.unexpected()
        return self.step()

    def sequence(self) -> Node:
        """Expressions with semicolons between them; one at the end may stay empty."""
        at, items = self.now.at, [self.expression(0)]
        while self.sees(";"):
            self.step()
            if self.now.kind == "EOF" or self.sees(")", "}"):
                break
            items.append(self.expression(0))
        return items[0] if len(items) == 1 else Sequence(tuple(items), at)

    def expression(self, precedence: int) -> Node:
        self.depth += 1
        if self.depth > NESTING_MAX:
            raise AnalysisError(f"expression nests deeper than {NESTING_MAX} levels")
        try:
            if precedence == 0 and self.sees("let"):
                return self.let()
            if precedence == 0 and self.sees("if"):
                return self.conditional()
            return self.operators(precedence)
        finally:
            self.depth -= 1

    def operators(self, precedence: int) -> Node:
        left = self.unary()
        last = ""
        while self.now.kind == "Operator":
            sign, negate = self.now, False
            following = self.words[min(self.place + 1, len(self.words) - 1)]
            if sign.text == "not" and following.kind == "Operator" and following.text in _NEGATABLE:
                sign, negate = following, True
            bound = _BINARY.get(sign.text, -1)
            if bound < precedence:
                break
            self.place += 2 if negate else 1
            left = self.binary(left, sign, bound, negate, last)
            last = sign.text
        return self.ternary(left) if precedence == 0 else left

    def binary(self, left: Node, sign: Token, bound: int, negate: bool, last: str) -> Node:
        if sign.text == "|":
            return self.piped(left)
        right_bound = bound if sign.text in ("**", "^") else bound + 1
        if last == "??" and sign.text != "??":
            raise AnalysisError(
                f"Operator ({sign.text}) and coalesce expressions (??) cannot be mixed. Wrap either by parentheses."
            )
        if sign.text in _ORDER:
            return self.compared(left, sign, right_bound)
        right = self.expression(right_bound)
        node: Node = Binary(_SAME.get(sign.text, sign.text), left, right, sign.at)
        return Unary("not", node, sign.at) if negate else node

    def compared(self, left: Node, sign: Token, right_bound: int) -> Node:
        """`a < b < c` means `a < b and b < c`."""
        right = self.expression(right_bound)
        node: Node = Binary(sign.text, left, right, sign.at)
        while self.sees(*_ORDER):
            sign = self.step()
            following = self.expression(right_bound)
            node = Binary("and", node, Binary(sign.text, right, following, sign.at), sign.at)
            right = following
        return node

    def ternary(self, test: Node) -> Node:
        while self.sees("?"):
            at = self.step().at
            if self.sees(":"):
                self.step()
                test = Conditional(test, test, self.expression(0), at)
                continue
            then = self.expression(0)
            self.take(":")
            test = Conditional(test, then, self.expression(0), at)
        return test

    def let(self) -> Node:
        at = self.take("let").at
        if self.now.kind != "Identifier":
            raise self.unexpected()
        name = self.step().text
        self.take("=")
        value = self.expression(0)
        self.take(";")
        return Let(name, value, self.sequence(), at)

    def conditional(self) -> Node:
        at = self.take("if").at
        test = self.expression(0)
        then = self.block()
        self.take("else")
        otherwise = self.expression(0) if self.sees("if") else self.block()
        return Conditional(test, then, otherwise, at)

    def block(self) -> Node:
        self.take("{")
        body = self.sequence()
        self.take("}")
        return body

    def unary(self) -> Node:
        if self.now.kind == "Operator" and self.now.text in _UNARY:
            sign = self.step()
            operand = self.expression(_UNARY[sign.text])
            return self.postfix(Unary("not" if sign.text == "!" else sign.text, operand, sign.at))
        if self.sees("("):
            self.step()
            inner = self.sequence()
            self.take(")")
            return self.postfix(inner)
        if self.inside and self.sees("."):
            return self.postfix(Pointer("", self.now.at))
        if self.inside and self.sees("#"):
            at = self.step().at
            is_named = self.now.kind == "Identifier" and self.now.at == at + 1
            return self.postfix(Pointer(self.step().text if is_named else "", at))
        return self.primary()

    def primary(self) -> Node:
        word = self.now
        if word.kind in ("Number", "String", "Bytes"):
            self.step()
            literal = Literal(word.value, word.at)
            return literal if word.kind == "Number" else self.postfix(literal)
        if word.kind == "Identifier":
            self.step()
            if word.text in _CONSTANTS:
                return Literal(_CONSTANTS[word.text], word.at)
            return self.postfix(self.called(word) if self.sees("(") else Name(word.text, word.at))
        if self.sees("["):
            return self.postfix(self.array())
        if self.sees("{"):
            return self.postfix(self.map())
        raise self.unexpected()

    def called(self, word: Token, first: Node | None = None) -> Node:
        """A call; the name decides whether it is the language's own function. first: what a pipe puts in front."""
        if word.text not in self.builtins:
            return Call(Name(word.text, word.at), self.arguments(first, ""), word.at)
        return Builtin(word.text, self.arguments(first, self.builtins[word.text]), word.at)

    def arguments(self, first: Node | None, shape: str) -> tuple[Node, ...]:
        self.take("(")
        found = [first] if first is not None else []
        while not self.sees(")"):
            takes_predicate = shape[len(found) : len(found) + 1] == "p"
            found.append(self.predicate() if takes_predicate else self.expression(0))
            if not self.sees(")"):
                self.take(",")
        self.take(")")
        return tuple(found)

    def predicate(self) -> Node:
        at = self.now.at
        self.inside += 1
        body = self.block() if self.sees("{") else self.expression(0)
        self.inside -= 1
        return Predicate(body, at)

    def piped(self, left: Node) -> Node:
        if self.now.kind != "Identifier":
            raise self.unexpected()
        word = self.step()
        if not self.sees("("):
            raise self.unexpected()
        return self.postfix(self.called(word, left))

    def postfix(self, node: Node) -> Node:
        has_optional = False
        while True:
            if self.sees(".", "?."):
                sign = self.step()
                has_optional |= sign.text == "?."
                node = self.member(node, sign)
            elif self.sees("["):
                node = self.indexed(node, self.step().at, False)
            else:
                break
        return Chain(node, node.at) if has_optional else node

    def member(self, node: Node, sign: Token) -> Node:
        is_optional = sign.text == "?."
        if is_optional and self.sees("["):
            return self.indexed(node, self.step().at, True)
        word = self.now
        is_name = word.kind == "Identifier" or (word.kind == "Operator" and word.text.isidentifier())
        if not is_name:
            raise self.unexpected()
        self.step()
        found: Node = Member(node, Literal(word.text, word.at), is_optional, word.at)
        return Call(found, self.arguments(None, ""), word.at) if self.sees("(") else found

    def indexed(self, node: Node, at: int, is_optional: bool) -> Node:
        low: Node | None = None if self.sees(":") else self.expression(0)
        if self.sees(":"):
            self.step()
            high = None if self.sees("]") else self.expression(0)
            self.take("]")
            return Slice(node, low, high, at)
        self.take("]")
        assert low is not None
        return Member(node, low, is_optional, at)

    def array(self) -> Node:
        at, items = self.take("[").at, []
        while not self.sees("]"):
            items.append(self.expression(0))
            if not self.sees("]"):
                self.take(",")
        self.take("]")
        return Array(tuple(items), at)

    def map(self) -> Node:
        at, items = self.take("{").at, []
        while not self.sees("}"):
            items.append(self.key())
            self.take(":")
            items.append(self.expression(0))
            if not self.sees("}"):
                self.take(",")
        self.take("}")
        return Map(tuple(items), at)

    def key(self) -> Node:
        word = self.now
        if word.kind in ("String", "Number", "Identifier"):
            self.step()
            return Literal(word.value if word.kind == "String" else word.text, word.at)
        if self.sees("("):
            return self.expression(0)
        raise self.unexpected()
