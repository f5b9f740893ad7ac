"""From tokens to nodes. A variable that nobody declared and a function that is not there are found here."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from rollouts.kit.gotemplate import lexer
from rollouts.kit.gotemplate.lexer import GoTemplateError, Token
from rollouts.kit.gotemplate.nodes import (
    Branch,
    Command,
    Dot,
    Fields,
    Leave,
    Literal,
    Nested,
    Nil,
    Node,
    Operand,
    Pipeline,
    Range,
    Show,
    Use,
    Variable,
    Word,
)
from rollouts.kit.gotemplate.printing import Whole

DEPTH_MAX = 32
KEYWORDS = ("if", "with", "range", "else", "end", "define", "block", "template", "break", "continue")

_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL)
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"', "'": "'"}


def read(source: str, functions: Collection[str]) -> Mapping[str, tuple[Node, ...]]:
    """The templates of a source by name, its own under "". Raises GoTemplateError."""
    return _Reader(source, functions).whole()


@dataclass(slots=True)
class _Action:
    """The tokens of one action, read from left to right; `keyword` is "" for one that only shows a value."""

    tokens: list[Token]
    keyword: str
    position: int = 0

    @property
    def next(self) -> Token:
        return self.tokens[self.position]

    def skip(self) -> bool:
        """Pass over blanks; whether there were any."""
        began = self.position
        while self.next.kind == "space":
            self.position += 1
        return self.position > began

    def take(self) -> Token:
        token = self.next
        self.position += token.kind != "end"
        return token


@dataclass(slots=True)
class _Body:
    """Nodes up to the action that ended them."""

    nodes: tuple[Node, ...]
    ended_by: _Action


class _Reader:
    def __init__(self, source: str, functions: Collection[str]) -> None:
        self._source = source
        self._functions = functions
        self._pieces = lexer.tokens(source)
        self._names = ["$"]
        self._ranges = 0
        self._depth = 0
        self._defined: dict[str, tuple[Node, ...]] = {}

    def whole(self) -> Mapping[str, tuple[Node, ...]]:
        nodes: list[Node] = []
        for piece in self._pieces:
            node = self._piece(piece)
            if isinstance(node, _Action):
                raise self._complaint(node.tokens[0], f"unexpected {{{{{node.keyword}}}}}")
            nodes += () if node is None else (node,)
        return {**self._defined, "": tuple(nodes)}

    def _piece(self, piece: list[Token]) -> Node | _Action | None:
        """A node; or the action as it is where it ends a body; None for a definition."""
        if piece[0].kind == "text":
            return piece[0].text
        action = _Action(piece, "")
        action.skip()
        if action.next.kind == "word" and action.next.text in KEYWORDS:
            action.keyword = action.take().text
        match action.keyword:
            case "":
                return Show(self._pipeline(action, "command"))
            case "else" | "end":
                return action
            case "if" | "with":
                return self._branch(action, action.keyword)
            case "range":
                return self._range(action)
            case "define" | "block":
                return self._definition(action)
            case "template":
                return self._use(action, self._name(action))
            case word:
                if not self._ranges:
                    raise self._complaint(action.tokens[0], f"{{{{{word}}}}} outside {{{{range}}}}")
                self._finish(action)
                return Leave(only_this_round=word == "continue")

    def _body(self, opened: Token) -> _Body:
        """Nodes up to `else` or `end`, within a scope of their own."""
        known, nodes = len(self._names), list[Node]()
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise self._complaint(opened, f"more than {DEPTH_MAX} levels")
        for piece in self._pieces:
            node = self._piece(piece)
            if isinstance(node, _Action):
                if node.keyword == "end":
                    self._finish(node)
                self._depth -= 1
                del self._names[known:]
                return _Body(tuple(nodes), node)
            nodes += () if node is None else (node,)
        raise self._complaint(opened, "what is opened here has no {{end}}")

    def _branch(self, action: _Action, keyword: str) -> Branch:
        known, opened = len(self._names), action.tokens[0]
        pipeline = self._pipeline(action, keyword)
        body = self._body(opened)
        otherwise: tuple[Node, ...] = ()
        if body.ended_by.keyword == "else":
            otherwise = self._otherwise(body.ended_by, keyword)
        del self._names[known:]
        return Branch(pipeline, body.nodes, otherwise, keyword == "with")

    def _otherwise(self, action: _Action, keyword: str) -> tuple[Node, ...]:
        """What stands after `{{else}}`; `{{else if …}}` is a branch of its own that shares the end."""
        action.skip()
        if action.next.kind == "word" and action.next.text == keyword != "range":
            action.take()
            return (self._branch(action, keyword),)
        self._finish(action)
        body = self._body(action.tokens[0])
        if body.ended_by.keyword == "else":
            raise self._complaint(body.ended_by.tokens[0], "expected {{end}}; found {{else}}")
        return body.nodes

    def _range(self, action: _Action) -> Range:
        known, opened = len(self._names), action.tokens[0]
        pipeline = self._pipeline(action, "range")
        self._ranges += 1
        body = self._body(opened)
        self._ranges -= 1
        otherwise = self._otherwise(body.ended_by, "range") if body.ended_by.keyword == "else" else ()
        del self._names[known:]
        return Range(pipeline, body.nodes, otherwise)

    def _definition(self, action: _Action) -> Node | None:
        """`{{define "name"}}`; `{{block "name" pipeline}}` is one that is used at once."""
        name = self._name(action)
        used = self._use(action, name) if action.keyword == "block" else None
        self._finish(action)
        outer, ranges = self._names, self._ranges
        self._names, self._ranges = ["$"], 0
        body = self._body(action.tokens[0])
        self._names, self._ranges = outer, ranges
        if body.ended_by.keyword == "else":
            raise self._complaint(body.ended_by.tokens[0], "unexpected {{else}}")
        self._defined[name] = body.nodes
        return used

    def _name(self, action: _Action) -> str:
        action.skip()
        token = action.take()
        if token.kind not in ("string", "raw"):
            raise self._complaint(token, "a template's name in quotes is expected")
        return self._text(token)

    def _use(self, action: _Action, name: str) -> Use:
        action.skip()
        pipeline = None if action.next.kind == "end" else self._pipeline(action, action.keyword)
        return Use(name, pipeline, action.tokens[0].at)

    # Pipelines.

    def _pipeline(self, action: _Action, within: str) -> Pipeline:
        """The rest of an action; names that it declares are known from then on."""
        names, declares = self._assigned(action, within)
        commands = self._commands(action, within)
        self._finish(action)
        self._names += names if declares else ()
        return Pipeline(commands, names, declares)

    def _assigned(self, action: _Action, within: str) -> tuple[tuple[str, ...], bool]:
        """The names before `:=` or `=`, and whether they are new."""
        began, names = action.position, list[str]()
        action.skip()
        while action.next.kind == "variable":
            names.append(action.take().text)
            action.skip()
            if not action.next.is_mark(","):
                break
            action.take()
            action.skip()
        if not action.next.is_mark(":=", "="):
            action.position = began
            return (), True
        mark = action.take()
        if len(names) > (2 if within == "range" else 1):
            raise self._complaint(mark, "too many names")
        if mark.text == "=":
            for name in names:
                self._known(mark, name)
        return tuple(names), mark.text == ":="

    def _commands(self, action: _Action, within: str) -> tuple[Command, ...]:
        commands = [self._command(action, within)]
        while action.next.is_mark("|"):
            mark = action.take()
            command = self._command(action, within)
            if not isinstance(command.operands[0], Word | Fields | Variable | Nested):
                raise self._complaint(mark, "what stands behind | takes no value")
            commands.append(command)
        return tuple(commands)

    def _command(self, action: _Action, within: str) -> Command:
        operands: list[Operand] = []
        action.skip()
        began = action.next
        while not (action.next.kind == "end" or action.next.is_mark("|", ")")):
            operands.append(self._operand(action))
            if not action.skip() and not (action.next.kind == "end" or action.next.is_mark("|", ")")):
                raise self._complaint(action.next, f"unexpected {action.next.text!r}")
        if not operands:
            raise self._complaint(began, f"missing value for {within}")
        if operands == [Nil()]:
            raise self._complaint(began, "nil is not a command")
        return Command(tuple(operands), began.at)

    def _operand(self, action: _Action) -> Operand:
        base = self._term(action)
        names: list[str] = []
        while action.next.kind == "field":
            names.append(action.take().text[1:])
        if names and isinstance(base, Word | Literal | Nil):
            raise self._complaint(action.next, "only a value has fields")
        return Fields(base, tuple(names)) if names else base

    def _term(self, action: _Action) -> Operand:
        token = action.next
        if token.kind == "field":
            return Dot()
        action.take()
        match token.kind, token.text:
            case "mark", ".":
                return Dot()
            case "mark", "(":
                return self._nested(action)
            case "variable", name:
                self._known(token, name)
                return Variable(name)
            case "word", "nil":
                return Nil()
            case "word", ("true" | "false") as word:
                return Literal(word == "true")
            case "word", word if word in self._functions:
                return Word(word)
            case "word", word:
                raise self._complaint(token, f"function {word!r} is not defined")
            case (("string" | "raw"), _):
                return Literal(self._text(token))
            case "letter", _:
                return Literal(self._letter(token))
            case "number", text:
                return Literal(self._number(token, text))
        raise self._complaint(token, f"unexpected {token.text or 'end'!r}")

    def _nested(self, action: _Action) -> Nested:
        opened = action.next
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise self._complaint(opened, f"more than {DEPTH_MAX} levels")
        commands = self._commands(action, "parentheses")
        if not action.take().is_mark(")"):
            raise self._complaint(opened, "a parenthesis that is not closed")
        self._depth -= 1
        return Nested(Pipeline(commands))

    def _text(self, token: Token) -> str:
        if token.kind == "raw":
            return token.text[1:-1].replace("\r", "")
        # Escapes stand for bytes, of which several may make one letter.
        parts, at, inner = bytearray(), 0, token.text[1:-1]
        for found in _ESCAPE.finditer(inner):
            parts += inner[at : found.start()].encode()
            parts += self._escaped(token, found)
            at = found.end()
        return (bytes(parts) + inner[at:].encode()).decode(errors="replace")

    def _escaped(self, token: Token, found: re.Match[str]) -> bytes:
        byte, short, long, octal, letter = found.groups()
        if byte or octal:
            return bytes([int(byte, 16) if byte else int(octal, 8) & 0xFF])
        if short or long:
            code = int(short or long, 16)
            if code <= 0x10FFFF and not 0xD800 <= code < 0xE000:
                return chr(code).encode()
        elif letter in _LETTERS:
            return _LETTERS[letter].encode()
        raise self._complaint(token, f"{found[0]} means nothing in quoted text")

    def _letter(self, token: Token) -> Whole:
        text = self._text(token)
        if len(text) != 1:
            raise self._complaint(token, f"{token.text} is not one letter")
        return Whole(ord(text))

    def _number(self, token: Token, text: str) -> Whole | float:
        plain = text.replace("_", "")
        is_octal = re.fullmatch(r"[+-]?0[0-9]+", plain)
        try:
            if "__" in text or text.endswith("_"):
                raise ValueError
            return Whole(int(plain, 8 if is_octal else 0))
        except ValueError:
            if is_octal or "_" in text or "x" in text.lower():
                raise self._complaint(token, f"{text} is no number") from None
            return float(plain)

    def _known(self, token: Token, name: str) -> None:
        if name not in self._names:
            raise self._complaint(token, f"undefined variable {name!r}")

    def _finish(self, action: _Action) -> None:
        action.skip()
        if action.next.kind != "end":
            raise self._complaint(action.next, f"unexpected {action.next.text!r}")

    def _complaint(self, token: Token, what: str) -> GoTemplateError:
        return lexer.complaint(self._source, token.at, what)
