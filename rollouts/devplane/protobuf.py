"""Bodies in protobuf, which typed Go clients send for built-in kinds (`kubectl create deployment`), as plain objects.

`protobuf.txt` holds the fields of each message, as tests/devplane/protobuf_fields.py found them. Answers are always
JSON, which every client understands.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from rollouts.devplane.errors import ApiError, bad_request, unsupported_media
from rollouts.kit.instant import Instant

MAGIC = b"k8s\0"
NESTING_MAX = 64
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_UNITS = (("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000))


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message.

    mark: `*` a list, `%` a map, `~` its fields are the message's own, `!` told even where it is zero.
    """

    name: str
    mark: str
    type: str


def decoded(raw: bytes) -> dict[str, Any]:
    """The object in an envelope. Raises ApiError for what is none, and for kinds whose fields are not known here."""
    if not raw.startswith(MAGIC):
        raise bad_request("the body is no protobuf that an API server sends or takes")
    try:
        envelope = {number: value for number, _, value in _pairs(raw[len(MAGIC) :])}
        who = {number: value.decode() for number, _, value in _pairs(envelope.get(1, b""))}
        api_version, kind = who.get(1, ""), who.get(2, "")
        name = _message(api_version, kind)
        body = _object(name, envelope.get(2, b""), NESTING_MAX)
    except (ValueError, IndexError, struct.error, AttributeError) as error:
        raise bad_request(f"the protobuf body cannot be read: {error}") from None
    return {"apiVersion": api_version, "kind": kind, **body}


def _message(api_version: str, kind: str) -> str:
    """The message of a kind: `apps.v1.Deployment`."""
    group, _, version = api_version.rpartition("/")
    for name in (f"{group.partition('.')[0] or 'core'}.{version}.{kind}", f"meta.v1.{kind}"):
        if name in _messages():
            return name
    raise _unknown(f"{api_version} {kind}")


def _unknown(what: str) -> ApiError:
    error = unsupported_media(["application/json", "application/yaml"])
    return ApiError(error.status, error.reason, f"{error.message}; protobuf of {what} is not known here")


@cache
def _messages() -> Mapping[str, Mapping[int, Field]]:
    found: dict[str, dict[int, Field]] = {}
    for line in files("rollouts.devplane").joinpath("protobuf.txt").read_text().splitlines():
        name, _, fields = line.partition(":")
        found[name] = {}
        for field in fields.split():
            told, _, type_name = field.partition("=")
            number = told[: len(told) - len(told.lstrip("0123456789"))]
            rest = told[len(number) :]
            mark = rest[0] if rest[0] in "*%~!" else ""
            found[name][int(number)] = Field(rest[len(mark) :], mark, type_name)
    return found


def _object(name: str, raw: bytes, levels: int) -> dict[str, Any]:
    """A message as JSON has it: what is zero is left out, unless somebody meant it."""
    if not levels:
        raise ValueError(f"more than {NESTING_MAX} levels")
    fields = _messages()[name]
    found: dict[str, Any] = {}
    for number, wire, value in _pairs(raw):
        if (field := fields.get(number)) is None:
            continue  # a newer client's
        match field.mark:
            case "*" if wire == _BYTES and field.type in "ib":
                found.setdefault(field.name, []).extend(_value(field.type, each, levels) for each in _packed(value))
            case "*":
                found.setdefault(field.name, []).append(_value(field.type, value, levels))
            case "%":
                entry = {nth: each for nth, _, each in _pairs(value)}
                empty = b"" if field.type not in "ib" else 0
                inner = _value(field.type, entry.get(2, empty), levels)
                found.setdefault(field.name, {})[entry.get(1, b"").decode()] = inner
            case "~":
                found |= _object(field.type, value, levels - 1)
            case _:
                told = _value(field.type, value, levels)
                if field.mark == "!" or told not in ("", 0, {}, None):
                    found[field.name] = told
    return found


def _value(type_name: str, value: Any, levels: int) -> Any:
    match type_name:
        case "s":
            return value.decode()
        case "i":
            return value - (1 << 64) if value >= 1 << 63 else value
        case "b":
            return bool(value)
        case "d":
            return struct.unpack("<d", value)[0]
        case "y":
            return base64.b64encode(value).decode()
    written = _WRITTEN.get(type_name.rpartition(".")[2])
    if written is not None:
        return written({number: each for number, _, each in _pairs(value)}, value)
    return _object(type_name, value, levels - 1)


# Messages that JSON shows as something else than an object: by their fields, and whole.


def _time(parts: Mapping[int, Any], _raw: bytes) -> str | None:
    """RFC 3339; the time that nobody set is none."""
    return str(Instant(parts[1] * 1_000_000)) if parts.get(1) else None


def _micro_time(parts: Mapping[int, Any], _raw: bytes) -> str | None:
    if not parts.get(1):
        return None
    return str(Instant(parts[1] * 1_000_000)).removesuffix("Z") + f".{parts.get(2, 0) // 1000:06d}Z"


def _int_or_string(parts: Mapping[int, Any], _raw: bytes) -> Any:
    return parts.get(3, b"").decode() if parts.get(1) else _value("i", parts.get(2, 0), 1)


def _duration(parts: Mapping[int, Any], _raw: bytes) -> str:
    left, text = int(parts.get(1, 0)), ""
    for unit, nanos in _UNITS:
        text += f"{left // nanos}{unit}" if left >= nanos else ""
        left %= nanos
    return text or "0s"


def _json(parts: Mapping[int, Any], _raw: bytes) -> Any:
    return json.loads(parts[1]) if parts.get(1) else None


def _items(_parts: Mapping[int, Any], raw: bytes) -> list[str]:
    return [value.decode() for number, _, value in _pairs(raw) if number == 1]


_WRITTEN: Mapping[str, Callable[[Mapping[int, Any], bytes], Any]] = {
    "Time": _time,
    "MicroTime": _micro_time,
    "Quantity": lambda parts, _raw: parts.get(1, b"").decode(),
    "IntOrString": _int_or_string,
    "Duration": _duration,
    "RawExtension": _json,
    "FieldsV1": _json,
    "ExtraValue": _items,
}


# The wire format.


def _pairs(raw: bytes) -> Iterator[tuple[int, int, Any]]:
    """Number, wire type and value of each field: a number, or bytes."""
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        wire = tag & 7
        if wire == _VARINT:
            value, at = _varint(raw, at)
            yield tag >> 3, wire, value
            continue
        size = 8 if wire == _FIXED64 else 4 if wire == _FIXED32 else 0
        if wire == _BYTES:
            size, at = _varint(raw, at)
        elif not size:
            raise ValueError(f"wire type {wire}")
        if at + size > len(raw):
            raise ValueError("it ends too soon")
        yield tag >> 3, wire, raw[at : at + size]
        at += size


def _packed(raw: bytes) -> Iterator[int]:
    at = 0
    while at < len(raw):
        value, at = _varint(raw, at)
        yield value


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
    raise ValueError("a number of more than 64 bits")
