"""A template carried out: nodes and a value in, text out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from rollouts.kit.gotemplate import grammar
from rollouts.kit.gotemplate.lexer import GoTemplateError, complaint
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
from rollouts.kit.gotemplate.printing import MISSING, Missing, Whole, shown, type_name
from rollouts.kit.gotemplate.words import FUNCTIONS, called, is_true

STEPS_MAX = 200_000  # nodes in all, so that no template runs for ever
TEXT_MAX = 16 * 1024 * 1024
USES_MAX = 32  # templates inside one another
_LAZY = ("and", "or")


@dataclass(frozen=True, slots=True)
class GoTemplate:
    """A whole template.

    Raises GoTemplateError from `of` where the text is none, and from `text` where the value does not fit.
    """

    source: str
    bodies: Mapping[str, tuple[Node, ...]]

    @classmethod
    def of(cls, source: str) -> GoTemplate:
        """The template that a text means."""
        return cls(source, grammar.read(source, (*FUNCTIONS, *_LAZY)))

    def text(self, root: Any) -> str:
        """What the template makes of a value."""
        run = _Run(self.source, self.bodies)
        run.body(self.bodies[""], _Scope(root, [("$", root)]))
        return "".join(run.parts)


@dataclass(slots=True)
class _Scope:
    """The dot, and the variables, the innermost last."""

    dot: Any
    variables: list[tuple[str, Any]]

    def value(self, name: str) -> Any:
        return next(value for known, value in reversed(self.variables) if known == name)

    def set(self, name: str, value: Any) -> None:
        """Give a known variable another value."""
        place = max(place for place, (known, _) in enumerate(self.variables) if known == name)
        self.variables[place] = (name, value)


class _Left(Exception):  # noqa: N818 - it is no error: a {{break}} or {{continue}} on its way to its range
    def __init__(self, only_this_round: bool) -> None:
        self.only_this_round = only_this_round


@dataclass(slots=True)
class _Run:
    source: str
    bodies: Mapping[str, tuple[Node, ...]]
    parts: list[str] = field(default_factory=list)
    size: int = 0
    steps: int = 0
    uses: int = 0

    def body(self, nodes: tuple[Node, ...], scope: _Scope) -> None:
        """Carry out nodes; what they declare is gone afterwards."""
        known = len(scope.variables)
        try:
            for node in nodes:
                self.steps += 1
                if self.steps > STEPS_MAX:
                    raise GoTemplateError(f"more than {STEPS_MAX} steps")
                self._node(node, scope)
        finally:
            del scope.variables[known:]

    def _node(self, node: Node, scope: _Scope) -> None:
        match node:
            case str():
                self._write(node)
            case Show(pipeline):
                value = self._value(pipeline, scope)
                if not pipeline.names:
                    self._write(shown(value))
            case Branch():
                self._branch(node, scope)
            case Range():
                self._range(node, scope)
            case Leave(only_this_round):
                raise _Left(only_this_round)
            case Use():
                self._use(node, scope)
            case _:
                assert_never(node)

    def _write(self, text: str) -> None:
        self.size += len(text)
        if self.size > TEXT_MAX:
            raise GoTemplateError(f"more than {TEXT_MAX} characters")
        self.parts.append(text)

    def _branch(self, node: Branch, scope: _Scope) -> None:
        known = len(scope.variables)
        value = self._value(node.pipeline, scope)
        inner = _Scope(value, scope.variables) if node.is_with and is_true(value) else scope
        try:
            self.body(node.body if is_true(value) else node.otherwise, inner)
        finally:
            del scope.variables[known:]

    def _range(self, node: Range, scope: _Scope) -> None:
        known = len(scope.variables)
        names, declares = node.pipeline.names, node.pipeline.declares
        value = self._value(Pipeline(node.pipeline.commands), scope)
        rounds = 0
        try:
            for key, each in self._elements(value, node.pipeline):
                rounds += 1
                pairs = tuple(zip(names, (key, each)[-len(names) :], strict=True)) if names else ()
                if declares:
                    scope.variables += pairs
                else:
                    for name, named in pairs:
                        scope.set(name, named)
                try:
                    self.body(node.body, _Scope(each, scope.variables))
                except _Left as left:
                    if not left.only_this_round:
                        break
                finally:
                    del scope.variables[known:]
        finally:
            del scope.variables[known:]
        if not rounds:
            self.body(node.otherwise, scope)

    def _elements(self, value: Any, pipeline: Pipeline) -> Iterator[tuple[Any, Any]]:
        match value:
            case None | Missing():
                return iter(())
            case bool():
                pass
            case int():
                return ((Whole(number), type(value)(number)) for number in range(value))
            case Mapping():
                return iter(sorted(value.items()))
            case list():
                return ((Whole(number), each) for number, each in enumerate(value))
        raise self._complaint(pipeline.commands[0].at, f"range can't iterate over {shown(value)}")

    def _use(self, node: Use, scope: _Scope) -> None:
        if node.name not in self.bodies or not node.name:
            raise self._complaint(node.at, f"template {node.name!r} is not defined")
        dot = self._value(node.pipeline, scope) if node.pipeline else None
        self.uses += 1
        if self.uses > USES_MAX:
            raise self._complaint(node.at, f"more than {USES_MAX} templates inside one another")
        self.body(self.bodies[node.name], _Scope(dot, [("$", dot)]))
        self.uses -= 1

    # Values.

    def _value(self, pipeline: Pipeline, scope: _Scope) -> Any:
        """What a pipeline gives; its names are set or declared."""
        value: Any = None
        for nth, command in enumerate(pipeline.commands):
            value = self._command(command, scope, [value] if nth else [])
        for name in pipeline.names:
            if pipeline.declares:
                scope.variables.append((name, value))
            else:
                scope.set(name, value)
        return value

    def _command(self, command: Command, scope: _Scope, piped: list[Any]) -> Any:
        first, *others = command.operands
        try:
            if isinstance(first, Word):
                if first.name in _LAZY:
                    return self._lazy(first.name, others, scope, piped)
                return called(first.name, [*(self._operand(each, scope) for each in others), *piped])
            if others or piped:
                raise GoTemplateError("what is no function takes no arguments")
            return self._operand(first, scope)
        except _PlacedError:
            raise
        except GoTemplateError as error:
            raise self._complaint(command.at, str(error)) from None

    def _lazy(self, name: str, others: list[Operand], scope: _Scope, piped: list[Any]) -> Any:
        """`and` and `or`: the first argument that decides, or else the last; those after it are not looked at."""
        if not others and not piped:
            raise GoTemplateError(f"wrong number of args for {name}: want at least 1 got 0")
        value: Any = None
        for operand in others:
            value = self._operand(operand, scope)
            if is_true(value) == (name == "or"):
                return value
        return piped[0] if piped else value

    def _operand(self, operand: Operand, scope: _Scope) -> Any:
        match operand:
            case Dot():
                return scope.dot
            case Nil():
                return None
            case Literal(value):
                return value
            case Variable(name):
                return scope.value(name)
            case Fields(base, names):
                return self._member(self._operand(base, scope), names)
            case Nested(pipeline):
                return self._value(pipeline, scope)
            case Word(name):  # a function without arguments in an argument's place
                return self._command(Command((operand,), 0), scope, [])
            case _:
                assert_never(operand)

    def _member(self, value: Any, names: tuple[str, ...]) -> Any:
        for name in names:
            if isinstance(value, Mapping):
                value = value.get(name, MISSING)
            elif not isinstance(value, Missing):
                what = "null" if value is None else f"a value of type {type_name(value)}"
                raise GoTemplateError(f"{what} has no field {name}")
        return value

    def _complaint(self, at: int, what: str) -> GoTemplateError:
        return _PlacedError(str(complaint(self.source, at, what)))


class _PlacedError(GoTemplateError):
    """One that says already where it arose."""
