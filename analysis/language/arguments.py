"""What a function of the language is given: arguments of the right type, a predicate, and who pays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from analysis.errors import AnalysisError
from analysis.language.values import go_type

TEXT_CHARS_MAX = 1_000_000


class Machine(Protocol):
    """The evaluation that calls: it is paid before anything grows."""

    now_ns: int

    def spend(self, amount: int) -> None:
        """Pay for so much work."""
        ...


@dataclass(frozen=True, slots=True)
class Scope:
    """What a predicate sees: `#`, `#index`, `#acc`."""

    element: Any
    index: int
    accumulated: Any = None


Predicate: TypeAlias = Callable[[Scope], Any]


def array_in(name: str, value: Any) -> list[Any]:
    """The argument, which must be an array."""
    if not isinstance(value, list):
        raise AnalysisError(f"builtin {name} takes only array (got {go_type(value)})")
    return value


def mapping_in(name: str, value: Any) -> dict[Any, Any]:
    """The argument, which must be a map."""
    if not isinstance(value, dict):
        raise AnalysisError(f"cannot get {name} from {go_type(value)}")
    return value


def text_in(value: Any) -> str:
    """The argument, which must be a text."""
    if not isinstance(value, str):
        bare = "nil" if value is None else go_type(value)
        raise AnalysisError(f"interface conversion: interface {{}} is {bare}, not string")
    return value


def whole_in(name: str, value: Any) -> int:
    """The argument, which must be an int."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise AnalysisError(f"invalid argument for {name} (type {go_type(value)})")
    return int(value)


def afford(machine: Machine, size: int) -> None:
    """Pay for a text before it is made."""
    if size > TEXT_CHARS_MAX:
        raise AnalysisError("memory budget exceeded")
    machine.spend(size // 64)
