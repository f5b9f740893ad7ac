"""Functions of arrays and maps, most of them with a predicate."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from analysis.errors import AnalysisError
from analysis.language import operators
from analysis.language.arguments import Machine, Predicate, Scope, array_in, mapping_in, text_in, whole_in
from analysis.language.values import go_type, pieces, shown

_FLATTEN_DEPTH_MAX = 64


def _held(name: str, elements: list[Any], predicate: Predicate) -> Iterator[tuple[int, Any]]:
    """The elements for which the predicate holds, with their places."""
    for index, element in enumerate(array_in(name, elements)):
        if operators.truth(predicate(Scope(element, index))):
            yield index, element


def _yes(scope: Scope) -> Any:
    return scope.element


def _quantified(name: str, wanted: Callable[[int, int], bool]) -> Callable[..., bool]:
    def quantify(machine: Machine, elements: Any, predicate: Predicate) -> bool:
        held = 0
        for _ in _held(name, elements, predicate):
            held += 1
            if name == "any":
                break
        return wanted(held, len(elements))

    return quantify


def _all(machine: Machine, elements: Any, predicate: Predicate) -> bool:
    return all(operators.truth(predicate(Scope(each, at))) for at, each in enumerate(array_in("all", elements)))


def _filter(machine: Machine, elements: Any, predicate: Predicate) -> list[Any]:
    return [element for _, element in _held("filter", elements, predicate)]


def _map(machine: Machine, elements: Any, predicate: Predicate) -> list[Any]:
    return [predicate(Scope(element, index)) for index, element in enumerate(array_in("map", elements))]


def _count(machine: Machine, elements: Any, predicate: Predicate = _yes) -> int:
    return sum(1 for _ in _held("count", elements, predicate))


def _find(name: str, place: int, from_end: bool) -> Callable[..., Any]:
    """place: 0 for the index of what was found, 1 for the element."""

    def find(machine: Machine, elements: Any, predicate: Predicate) -> Any:
        indices = range(len(array_in(name, elements)))
        for index in reversed(indices) if from_end else indices:
            if operators.truth(predicate(Scope(elements[index], index))):
                return (index, elements[index])[place]
        return None

    return find


def _group_by(machine: Machine, elements: Any, predicate: Predicate) -> dict[Any, list[Any]]:
    groups: dict[Any, list[Any]] = {}
    for index, element in enumerate(array_in("groupBy", elements)):
        key = predicate(Scope(element, index))
        if isinstance(key, list | dict):
            raise AnalysisError(f"runtime error: hash of unhashable type {go_type(key)}")
        groups.setdefault(key, []).append(element)
    return groups


def _reduce(machine: Machine, elements: Any, predicate: Predicate, *initial: Any) -> Any:
    start = 0
    if initial:
        accumulated = initial[0]
    elif array_in("reduce", elements):
        accumulated, start = elements[0], 1
    else:
        raise AnalysisError("reduce of empty array with no initial value")
    for index in range(start, len(array_in("reduce", elements))):
        accumulated = predicate(Scope(elements[index], index, accumulated))
        machine.spend(len(accumulated) // 64 if isinstance(accumulated, str | list) else 0)
    return accumulated


def _sum(machine: Machine, elements: Any, predicate: Predicate = _yes) -> Any:
    total: Any = 0
    machine.spend(len(array_in("sum", elements)))
    for index, element in enumerate(elements):
        total = operators.summed(total, predicate(Scope(element, index)))
    return total


def _order(order: Any) -> bool:
    """Whether an order means the greatest first."""
    if text_in(order) not in ("asc", "desc"):
        raise AnalysisError(f"invalid order {shown(order)}, expected asc or desc")
    return bool(order == "desc")


def _sorted(machine: Machine, pairs: list[tuple[Any, Any]], order: Any) -> list[Any]:
    machine.spend(len(pairs) * max(1, len(pairs).bit_length()))

    def compare(one: tuple[Any, Any], other: tuple[Any, Any]) -> int:
        if operators.compared("<", one[0], other[0]):
            return -1
        return 1 if operators.compared("<", other[0], one[0]) else 0

    return [each for _, each in sorted(pairs, key=functools.cmp_to_key(compare), reverse=_order(order))]


def _sort(machine: Machine, elements: Any, order: Any = "asc") -> list[Any]:
    return _sorted(machine, [(each, each) for each in array_in("sort", elements)], order)


def _sort_by(machine: Machine, elements: Any, predicate: Predicate, order: Any = "asc") -> list[Any]:
    keys = [(predicate(Scope(each, at)), each) for at, each in enumerate(array_in("sortBy", elements))]
    return _sorted(machine, keys, order)


def _first(machine: Machine, elements: Any) -> Any:
    return elements[0] if isinstance(elements, list) and elements else None


def _last(machine: Machine, elements: Any) -> Any:
    return elements[-1] if isinstance(elements, list) and elements else None


def _get(machine: Machine, target: Any, key: Any) -> Any:
    if isinstance(target, dict):
        return target.get(key) if isinstance(key, str) else None
    if isinstance(target, list):
        wanted = operators.index(key)
        wanted += len(target) if wanted < 0 else 0
        return target[wanted] if 0 <= wanted < len(target) else None
    if target is None:
        return None
    raise AnalysisError(f"type {go_type(target)} does not support indexing")


def _take(machine: Machine, elements: Any, count: Any) -> list[Any]:
    count = whole_in("take", count)
    if count < 0:
        raise AnalysisError("reflect.Value.Slice: slice index out of bounds")
    return type(array_in("take", elements))(elements[:count])


def _to_pairs(machine: Machine, value: Any) -> list[Any]:
    return [[key, each] for key, each in mapping_in("pairs", value).items()]


def _from_pairs(machine: Machine, pairs: Any) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for pair in array_in("fromPairs", pairs):
        if not isinstance(pair, list) or len(pair) != 2:
            raise AnalysisError(f"invalid pair {shown(pair)}")
        if isinstance(pair[0], list | dict):
            raise AnalysisError(f"runtime error: hash of unhashable type {go_type(pair[0])}")
        found[pair[0]] = pair[1]
    return found


def _uniq(machine: Machine, elements: Any) -> list[Any]:
    found: list[Any] = []
    for element in array_in("uniq", elements):
        machine.spend(len(found) * pieces(element))
        if not any(operators.equal(element, each) for each in found):
            found.append(element)
    return found


def _concat(machine: Machine, *arrays: Any) -> list[Any]:
    machine.spend(sum(len(array_in("concat", each)) for each in arrays))
    return [element for each in arrays for element in each]


def _flatten(machine: Machine, elements: Any, depth: int = 0) -> list[Any]:
    if depth > _FLATTEN_DEPTH_MAX:
        raise AnalysisError("recursion depth exceeded")
    found: list[Any] = []
    for element in array_in("flatten", elements):
        machine.spend(1)
        found += _flatten(machine, element, depth + 1) if isinstance(element, list) else [element]
    return found


ARRAYS: Mapping[str, Callable[..., Any]] = {
    "all": _all,
    "any": _quantified("any", lambda held, _: held > 0),
    "none": _quantified("none", lambda held, _: held == 0),
    "one": _quantified("one", lambda held, _: held == 1),
    "filter": _filter,
    "map": _map,
    "count": _count,
    "find": _find("find", 1, False),
    "findIndex": _find("findIndex", 0, False),
    "findLast": _find("findLast", 1, True),
    "findLastIndex": _find("findLastIndex", 0, True),
    "groupBy": _group_by,
    "sortBy": _sort_by,
    "reduce": _reduce,
    "sum": _sum,
    "first": _first,
    "last": _last,
    "get": _get,
    "take": _take,
    "keys": lambda machine, value: list(mapping_in("keys", value)),
    "values": lambda machine, value: list(mapping_in("values", value).values()),
    "toPairs": _to_pairs,
    "fromPairs": _from_pairs,
    "reverse": lambda machine, value: array_in("reverse", value)[::-1],
    "uniq": _uniq,
    "concat": _concat,
    "flatten": _flatten,
    "sort": _sort,
}
