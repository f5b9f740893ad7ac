"""The types that an expression has before it is evaluated, and the shapes of all functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from analysis.language.values import Floats

Kind: TypeAlias = Literal[
    "unknown", "nil", "bool", "int", "float", "string", "bytes", "array", "map", "time", "duration", "location",
    "month", "weekday", "func",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Type:
    """A static type. text: as Go names it; element: of an array."""

    kind: Kind
    text: str
    element: Type | None = None

    def is_one_of(self, *kinds: Kind) -> bool:
        """Whether a value of this type may be of one of these kinds: what is unknown may be anything."""
        return self.kind == "unknown" or self.kind in kinds


UNKNOWN = Type("unknown", "unknown")
NIL = Type("nil", "unknown")
BOOL = Type("bool", "bool")
INT = Type("int", "int")
INT64 = Type("int", "int64")
FLOAT = Type("float", "float64")
STRING = Type("string", "string")
BYTES = Type("bytes", "[]uint8")
MAP = Type("map", "map[string]interface {}")
TIME = Type("time", "time.Time")
DURATION = Type("duration", "time.Duration")
LOCATION = Type("location", "*time.Location")
MONTH = Type("month", "time.Month")
WEEKDAY = Type("weekday", "time.Weekday")
FLOATS = Type("array", "[]float64", FLOAT)
INTS = Type("array", "[]int", INT)
STRINGS = Type("array", "[]string", STRING)
ARRAY = Type("array", "[]interface {}", UNKNOWN)


def array_of(element: Type) -> Type:
    """The array whose elements are known to be of one type."""
    return Type("array", "[]interface {}", element)


def type_of(value: Any) -> Type:
    """What is known of a result before it is looked into: of JSON's arrays and objects, nothing of what is inside."""
    if value is None:
        return NIL
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, Floats):
        return FLOATS
    for python, known in ((int, INT), (float, FLOAT), (str, STRING), (bytes, BYTES), (list, ARRAY), (dict, MAP)):
        if isinstance(value, python):
            return known
    return UNKNOWN


@dataclass(frozen=True, slots=True)
class Function:
    """The shape of a function.

    takes: a letter for each argument. s string, i int, n number, b bool, a array, m map, d duration, t time,
    l location, k an index or a key, * anything, p a predicate that says yes or no, P any predicate; a final + repeats
    the letter before.
    required: how many of them must be given.  gives: the type of what comes back; "element" is the array's.
    """

    takes: str
    required: int
    gives: Type | Literal["element", "same", "elements"]


ENVIRONMENT: Mapping[str, Function] = {
    "asInt": Function("*", 1, INT64),
    "asFloat": Function("*", 1, FLOAT),
    "isNaN": Function("n", 1, BOOL),
    "isInf": Function("n", 1, BOOL),
    "isNil": Function("*", 1, BOOL),
    "default": Function("**", 2, UNKNOWN),
}

BUILTINS: Mapping[str, Function] = {
    "all": Function("ap", 2, BOOL), "any": Function("ap", 2, BOOL), "none": Function("ap", 2, BOOL),
    "one": Function("ap", 2, BOOL), "filter": Function("ap", 2, "elements"), "map": Function("aP", 2, ARRAY),
    "count": Function("ap", 1, INT), "find": Function("ap", 2, "element"), "findIndex": Function("ap", 2, UNKNOWN),
    "findLast": Function("ap", 2, "element"), "findLastIndex": Function("ap", 2, UNKNOWN),
    "groupBy": Function("aP", 2, MAP), "sortBy": Function("aPs", 2, ARRAY), "reduce": Function("aP*", 2, UNKNOWN),
    "sum": Function("aP", 1, "element"),
    "len": Function("*", 1, INT), "type": Function("*", 1, STRING), "abs": Function("n", 1, "same"),
    "ceil": Function("n", 1, FLOAT), "floor": Function("n", 1, FLOAT), "round": Function("n", 1, FLOAT),
    "int": Function("*", 1, INT), "float": Function("*", 1, FLOAT), "string": Function("*", 1, STRING),
    "max": Function("*+", 1, UNKNOWN), "min": Function("*+", 1, UNKNOWN), "mean": Function("*+", 1, UNKNOWN),
    "median": Function("*+", 1, UNKNOWN),
    "trim": Function("ss", 1, STRING), "trimPrefix": Function("ss", 1, STRING),
    "trimSuffix": Function("ss", 1, STRING), "upper": Function("s", 1, STRING), "lower": Function("s", 1, STRING),
    "split": Function("ssi", 2, STRINGS), "splitAfter": Function("ssi", 2, STRINGS),
    "replace": Function("sssi", 3, STRING), "repeat": Function("si", 2, STRING), "join": Function("as", 1, STRING),
    "indexOf": Function("ss", 2, INT), "lastIndexOf": Function("ss", 2, INT), "hasPrefix": Function("ss", 2, BOOL),
    "hasSuffix": Function("ss", 2, BOOL),
    "toJSON": Function("*", 1, STRING), "fromJSON": Function("s", 1, UNKNOWN), "toBase64": Function("s", 1, STRING),
    "fromBase64": Function("s", 1, STRING),
    "now": Function("l", 0, TIME), "duration": Function("s", 1, DURATION), "date": Function("*ss", 1, TIME),
    "timezone": Function("s", 1, LOCATION),
    "first": Function("a", 1, "element"), "last": Function("a", 1, "element"), "get": Function("*k", 2, UNKNOWN),
    "take": Function("ai", 2, "elements"), "keys": Function("m", 1, ARRAY), "values": Function("m", 1, ARRAY),
    "toPairs": Function("m", 1, ARRAY), "fromPairs": Function("a", 1, MAP), "reverse": Function("a", 1, ARRAY),
    "uniq": Function("a", 1, ARRAY), "concat": Function("a+", 1, ARRAY), "flatten": Function("a", 1, ARRAY),
    "sort": Function("as", 1, ARRAY),
    "bitand": Function("ii", 2, INT), "bitor": Function("ii", 2, INT), "bitxor": Function("ii", 2, INT),
    "bitnand": Function("ii", 2, INT), "bitnot": Function("i", 1, INT), "bitshl": Function("ii", 2, INT),
    "bitshr": Function("ii", 2, INT), "bitushr": Function("ii", 2, INT),
}  # fmt: skip

METHODS: Mapping[Kind, Mapping[str, Function]] = {
    "time": {
        "Year": Function("", 0, INT), "Month": Function("", 0, MONTH), "Day": Function("", 0, INT),
        "Hour": Function("", 0, INT), "Minute": Function("", 0, INT), "Second": Function("", 0, INT),
        "Nanosecond": Function("", 0, INT), "Weekday": Function("", 0, WEEKDAY), "YearDay": Function("", 0, INT),
        "Unix": Function("", 0, INT64), "UnixMilli": Function("", 0, INT64), "UnixMicro": Function("", 0, INT64),
        "UnixNano": Function("", 0, INT64), "Add": Function("d", 1, TIME), "Sub": Function("t", 1, DURATION),
        "AddDate": Function("iii", 3, TIME), "Before": Function("t", 1, BOOL), "After": Function("t", 1, BOOL),
        "Equal": Function("t", 1, BOOL), "IsZero": Function("", 0, BOOL), "UTC": Function("", 0, TIME),
        "In": Function("l", 1, TIME), "Truncate": Function("d", 1, TIME), "Round": Function("d", 1, TIME),
        "Format": Function("s", 1, STRING), "String": Function("", 0, STRING),
    },
    "duration": {
        "Hours": Function("", 0, FLOAT), "Minutes": Function("", 0, FLOAT), "Seconds": Function("", 0, FLOAT),
        "Milliseconds": Function("", 0, INT64), "Microseconds": Function("", 0, INT64),
        "Nanoseconds": Function("", 0, INT64), "Abs": Function("", 0, DURATION),
        "Round": Function("d", 1, DURATION), "Truncate": Function("d", 1, DURATION),
        "String": Function("", 0, STRING),
    },
    "month": {"String": Function("", 0, STRING)},
    "weekday": {"String": Function("", 0, STRING)},
}  # fmt: skip

PREDICATE_SHAPES: Mapping[str, str] = {
    name: "".join("p" if letter in "pP" else "a" for letter in function.takes) for name, function in BUILTINS.items()
}
