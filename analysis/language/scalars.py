"""Functions of numbers, texts, dates and bits."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from typing import Any

from analysis import duration as go_duration
from analysis.errors import AnalysisError
from analysis.language import gojson, gotime, operators
from analysis.language.arguments import Machine, afford, array_in, text_in, whole_in
from analysis.language.environment import parse_float, parse_int
from analysis.language.values import (
    Duration,
    Location,
    Time,
    go_type,
    is_number,
    pieces,
    short_type,
    shown,
    text,
    truncated,
    wrapped,
)  # fmt: skip

_NESTING_MAX = 64
_DATE_FUEL = 200  # a date is tried in one layout after the other


def _numbers(machine: Machine, name: str, values: tuple[Any, ...], depth: int = 0) -> list[Any]:
    """All numbers among the arguments, arrays opened."""
    found: list[Any] = []
    for value in values:
        machine.spend(1)
        if isinstance(value, list) and depth < _NESTING_MAX:
            found += _numbers(machine, name, tuple(value), depth + 1)
        elif is_number(value):
            found.append(value)
        else:
            raise AnalysisError(f"invalid argument for {name} (type {go_type(value)})")
    return found


def _max(machine: Machine, *values: Any) -> Any:
    best: Any = None
    for value in _numbers(machine, "max", values):
        best = value if best is None or best < value else best
    return best


def _min(machine: Machine, *values: Any) -> Any:
    best: Any = None
    for value in _numbers(machine, "min", values):
        best = value if best is None or value < best else best
    return best


def _mean(machine: Machine, *values: Any) -> float:
    numbers = _numbers(machine, "mean", values)
    return sum(map(float, numbers)) / len(numbers) if numbers else 0.0


def _median(machine: Machine, *values: Any) -> float:
    numbers = [float(number) for number in _numbers(machine, "median", values)]
    ordered = sorted(numbers, key=lambda number: -math.inf if math.isnan(number) else number)
    middle = len(ordered) // 2
    if not ordered:
        return 0.0
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _len(machine: Machine, value: Any) -> int:
    if isinstance(value, str | list | dict | bytes):
        return len(value)
    raise AnalysisError(f"invalid argument for len (type {go_type(value)})")


def _rounding(name: str, round_one: Callable[[float], float]) -> Callable[..., float]:
    def rounded(machine: Machine, value: Any) -> float:
        if not is_number(value):
            raise AnalysisError(f"invalid argument for {name} (type {go_type(value)})")
        number = float(value)
        return number if not math.isfinite(number) or abs(number) >= 2**52 else float(round_one(number))

    return rounded


def _half_away(value: float) -> float:
    whole = math.trunc(value)
    return float(whole) + math.copysign(1.0, value) if abs(value - whole) >= 0.5 else float(whole)


def _abs(machine: Machine, value: Any) -> Any:
    if not is_number(value):
        raise AnalysisError(f"invalid argument for abs (type {go_type(value)})")
    return operators.negated(value) if value < 0 else value


def _int(machine: Machine, value: Any) -> int:
    if isinstance(value, str):
        try:
            return parse_int(value, "Atoi")
        except AnalysisError:
            raise AnalysisError(f"invalid operation: int({shown(value)})") from None
    if isinstance(value, Duration):
        return value.ns
    if not is_number(value):
        raise AnalysisError(f"invalid operation: int({go_type(value)})")
    return truncated(value) if isinstance(value, float) else int(value)


def _float(machine: Machine, value: Any) -> float:
    if isinstance(value, str):
        try:
            return parse_float(value)
        except AnalysisError:
            raise AnalysisError(f"invalid operation: float({shown(value)})") from None
    if not is_number(value):
        raise AnalysisError(f"invalid operation: float({go_type(value)})")
    return float(value)


def _string(machine: Machine, value: Any) -> str:
    machine.spend(pieces(value) if isinstance(value, list | dict) else 0)
    return gotime.string(value) if isinstance(value, Time) else text(value)


def _trim(machine: Machine, value: Any, chars: Any = None) -> str:
    return text_in(value).strip(None if chars is None else text_in(chars))


def _trim_prefix(machine: Machine, value: Any, prefix: Any = " ") -> str:
    return text_in(value).removeprefix(text_in(prefix))


def _trim_suffix(machine: Machine, value: Any, suffix: Any = " ") -> str:
    return text_in(value).removesuffix(text_in(suffix))


def _split(machine: Machine, value: Any, mark: Any, limit: Any = -1) -> list[str]:
    whole, mark, limit = text_in(value), text_in(mark), whole_in("split", limit)
    machine.spend(len(whole))
    if limit == 0:
        return []
    if not mark:
        head = len(whole) if limit < 0 else min(limit - 1, len(whole))
        rest = whole[head:]
        return [*whole[:head], *([rest] if rest else [])]
    return whole.split(mark, -1 if limit < 0 else limit - 1)


def _split_after(machine: Machine, value: Any, mark: Any, limit: Any = -1) -> list[str]:
    pieces = _split(machine, value, mark, limit)
    return [piece + mark for piece in pieces[:-1]] + pieces[-1:]


def _replace(machine: Machine, value: Any, old: Any, new: Any, times: Any = -1) -> str:
    whole, old, new, times = text_in(value), text_in(old), text_in(new), whole_in("replace", times)
    found = whole.count(old) if times < 0 else min(times, whole.count(old))
    size = len(whole) + found * max(0, len(new) - len(old))
    afford(machine, size)
    return str(whole.replace(old, new, times))


def _repeat(machine: Machine, value: Any, times: Any) -> str:
    times = whole_in("repeat", times)
    if times < 0:
        raise AnalysisError(f"invalid argument for repeat (expected positive integer, got {times})")
    afford(machine, len(text_in(value)) * times)
    repeated: str = text_in(value) * times
    return repeated


def _join(machine: Machine, pieces: Any, mark: Any = "") -> str:
    texts = [text_in(piece) for piece in array_in("join", pieces)]
    afford(machine, sum(map(len, texts)) + len(texts) * len(text_in(mark)))
    return text_in(mark).join(texts)


def _index_of(machine: Machine, value: Any, part: Any) -> int:
    at = text_in(value).find(text_in(part))
    return _bytes_before(value, at)


def _last_index_of(machine: Machine, value: Any, part: Any) -> int:
    at = text_in(value).rfind(text_in(part))
    return _bytes_before(value, at)


def _bytes_before(value: str, at: int) -> int:
    return len(value[:at].encode("utf-8", "surrogatepass")) if at >= 0 else -1


def _to_json(machine: Machine, value: Any) -> str:
    if isinstance(value, Time):
        return f'"{gotime.formatted(value, "2006-01-02T15:04:05.999999999Z07:00")}"'
    said = gojson.dumps(value, machine.spend)
    afford(machine, len(said))
    return said


def _from_json(machine: Machine, value: Any) -> Any:
    machine.spend(len(text_in(value)) // 4)
    return gojson.loads(value)


def _to_base64(machine: Machine, value: Any) -> str:
    afford(machine, len(text_in(value)) * 2)
    return base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()


def _from_base64(machine: Machine, value: Any) -> str:
    try:
        return base64.b64decode(text_in(value), validate=True).decode(errors="replace")
    except (binascii.Error, ValueError):
        raise AnalysisError("illegal base64 data") from None


def _now(machine: Machine, zone: Any = None) -> Time:
    present = Time(machine.now_ns)
    return gotime.located(present, zone) if isinstance(zone, Location) else present


def _duration(machine: Machine, value: Any) -> Duration:
    return Duration(go_duration.parse_ns(text_in(value)))


def _date(machine: Machine, *values: Any) -> Time:
    machine.spend(_DATE_FUEL)
    zone = None
    if isinstance(values[0], Location):
        zone, values = values[0].name, values[1:]
    said, *rest = [text_in(value) for value in values] or [""]
    if len(rest) > 1:
        zone = gotime.location(rest[1]).name
    return gotime.date(said, rest[0] if rest else None, zone)


def _timezone(machine: Machine, name: Any) -> Location:
    return gotime.location(text_in(name))


def _bits(name: str, combine: Callable[[int, int], int]) -> Callable[..., int]:
    def bits(machine: Machine, left: Any, right: Any) -> int:
        one, other = whole_in(name, left), whole_in(name, right)
        if name.startswith("bits") or name == "bitushr":
            if other < 0:
                raise AnalysisError(f"invalid operation: negative shift count {other} (type int)")
            other = min(other, 64)
        return wrapped(combine(one, other))

    return bits


SCALARS: Mapping[str, Callable[..., Any]] = {
    "len": _len,
    "type": lambda machine, value: short_type(value),
    "abs": _abs,
    "ceil": _rounding("ceil", math.ceil),
    "floor": _rounding("floor", math.floor),
    "round": _rounding("round", _half_away),
    "int": _int,
    "float": _float,
    "string": _string,
    "max": _max,
    "min": _min,
    "mean": _mean,
    "median": _median,
    "trim": _trim,
    "trimPrefix": _trim_prefix,
    "trimSuffix": _trim_suffix,
    "upper": lambda machine, value: text_in(value).upper(),
    "lower": lambda machine, value: text_in(value).lower(),
    "split": _split,
    "splitAfter": _split_after,
    "replace": _replace,
    "repeat": _repeat,
    "join": _join,
    "indexOf": _index_of,
    "lastIndexOf": _last_index_of,
    "hasPrefix": lambda machine, value, part: text_in(value).startswith(text_in(part)),
    "hasSuffix": lambda machine, value, part: text_in(value).endswith(text_in(part)),
    "toJSON": _to_json,
    "fromJSON": _from_json,
    "toBase64": _to_base64,
    "fromBase64": _from_base64,
    "now": _now,
    "duration": _duration,
    "date": _date,
    "timezone": _timezone,
    "bitand": _bits("bitand", lambda one, other: one & other),
    "bitor": _bits("bitor", lambda one, other: one | other),
    "bitxor": _bits("bitxor", lambda one, other: one ^ other),
    "bitnand": _bits("bitnand", lambda one, other: one & ~other),
    "bitnot": lambda machine, value: ~whole_in("bitnot", value),
    "bitshl": _bits("bitshl", lambda one, by: one << by),
    "bitshr": _bits("bitshr", lambda one, by: one >> by),
    "bitushr": _bits("bitushr", lambda one, by: (one % 2**64) >> by),
}
