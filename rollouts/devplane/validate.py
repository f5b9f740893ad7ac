"""A CRD's structural schema at work: prune unknown fields, fill defaults, find what is wrong.

The server's CEL rules (`x-kubernetes-validations`) are left to the real API server; everything else of the structural
schemas that this project writes is judged here, in the server's words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import orjson

from rollouts.devplane.errors import Cause, invalid_value, required

Schema: TypeAlias = Mapping[str, Any]

DEPTH_MAX = 128
_ROOT_FIELDS = frozenset({"apiVersion", "kind", "metadata"})
_FORMATS: Mapping[str, str] = {
    "date-time": r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)",
    "date": r"\d{4}-\d\d-\d\d",
    "uuid": r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}",
}


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def _items(schema: Schema) -> Schema:
    items: Schema = schema.get("items") or {}
    return items


def _field(schema: Schema, name: str) -> Schema | None:
    """The schema of a field; None where the schema does not know it."""
    found = (schema.get("properties") or {}).get(name)
    if found is None and isinstance(schema.get("additionalProperties"), Mapping):
        found = schema["additionalProperties"]
    return found


def pruned(schema: Schema, manifest: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The manifest without the fields that the schema does not know, and the paths of those."""
    unknown: list[str] = []
    rest = {key: value for key, value in manifest.items() if key not in _ROOT_FIELDS}
    kept = _prune(schema, rest, "", unknown)
    return {key: manifest[key] for key in manifest if key in _ROOT_FIELDS} | kept, unknown


def _prune(schema: Schema, value: Any, path: str, unknown: list[str]) -> Any:
    if isinstance(value, list):
        items = _items(schema)
        return [_prune(items, item, f"{path}[{index}]", unknown) for index, item in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    keeps = bool(schema.get("x-kubernetes-preserve-unknown-fields")) or schema.get("additionalProperties") is True
    embedded = _ROOT_FIELDS if schema.get("x-kubernetes-embedded-resource") else frozenset[str]()
    kept = {}
    for name, inner in value.items():
        here = f"{path}.{name}" if path else name
        if (known := _field(schema, name)) is not None:
            kept[name] = _prune(known, inner, here, unknown)
        elif keeps or name in embedded:
            kept[name] = inner
        else:
            unknown.append(here)
    return kept


def defaulted(schema: Schema, value: Any) -> Any:
    """The value with the schema's defaults filled in; a null where null is not allowed reads as absence."""
    if isinstance(value, list):
        items = _items(schema)
        return [defaulted(items, item) for item in value]
    if not isinstance(value, Mapping):
        return value
    result = {}
    for name, inner in value.items():
        known = _field(schema, name)
        if inner is None and known is not None and not known.get("nullable"):
            continue
        result[name] = inner if known is None else defaulted(known, inner)
    for name, known in (schema.get("properties") or {}).items():
        if name not in result and "default" in known:
            result[name] = defaulted(known, known["default"])
    return result


def causes(schema: Schema, manifest: Mapping[str, Any]) -> list[Cause]:
    """Everything that is wrong with a manifest (metadata apart), in document order."""
    rest = {key: value for key, value in manifest.items() if key not in _ROOT_FIELDS}
    known = {key: value for key, value in (schema.get("properties") or {}).items() if key not in _ROOT_FIELDS}
    missing = [name for name in schema.get("required") or () if name not in _ROOT_FIELDS]
    return list(_wrong({**schema, "properties": known, "required": missing}, rest, ""))


def _shown(value: Any) -> str:
    """A value as the server shows it: JSON for scalars, the type's name for the rest."""
    if isinstance(value, Mapping):
        return '"object"'
    if isinstance(value, list):
        return '"array"'
    return orjson.dumps(value).decode()


_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, Mapping),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: (
        not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
    ),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}


def type_name(value: Any) -> str:
    """The JSON type of a value, in the server's words."""
    if value is None:
        return "null"
    return next((name for name, fits in _TYPES.items() if fits(value)), "unknown")


def _wrong(schema: Schema, value: Any, path: str) -> Iterator[Cause]:
    if path.count(".") + path.count("[") > DEPTH_MAX:
        yield invalid_value(path[:200], '"…"', "too deep")
        return
    if value is None and schema.get("nullable"):
        return
    if schema.get("x-kubernetes-int-or-string"):
        if not (_TYPES["integer"](value) or isinstance(value, str)):
            why = f'{path} in body must be of type integer,string: "{type_name(value)}"'
            yield Cause(path, "FieldValueTypeInvalid", f'Invalid value: "{type_name(value)}": {why}')
            return
    elif (wanted := schema.get("type")) and not _TYPES[wanted](value):
        why = f'{path} in body must be of type {wanted}: "{type_name(value)}"'
        yield Cause(path, "FieldValueTypeInvalid", f'Invalid value: "{type_name(value)}": {why}')
        return
    yield from _wrong_value(schema, value, path)
    if isinstance(value, Mapping):
        yield from _wrong_fields(schema, value, path)
    elif isinstance(value, list):
        yield from _wrong_items(schema, value, path)
    yield from _wrong_combinations(schema, value, path)


def _wrong_value(schema: Schema, value: Any, path: str) -> Iterator[Cause]:
    if (allowed := schema.get("enum")) is not None and value not in allowed:
        listed = ", ".join(_shown(one) for one in allowed)
        text = f"Unsupported value: {_shown(value)}: supported values: {listed}"
        yield Cause(path, "FieldValueNotSupported", text)
    if isinstance(value, str):
        if (pattern := schema.get("pattern")) and not _pattern(pattern).search(value):
            yield invalid_value(path, _shown(value), f"{path} in body should match '{pattern}'")
        if (shape := _FORMATS.get(schema.get("format", ""))) and not _pattern(shape).fullmatch(value):
            yield invalid_value(
                path, _shown(value), f"{path} in body must be of type {schema['format']}: {_shown(value)}"
            )
        if "maxLength" in schema and len(value) > schema["maxLength"]:
            yield Cause(path, "FieldValueTooLong", f"Too long: may not be more than {schema['maxLength']} bytes")
        if "minLength" in schema and len(value) < schema["minLength"]:
            least = schema["minLength"]
            yield invalid_value(path, _shown(value), f"{path} in body should be at least {least} chars long")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _wrong_number(schema, value, path)


def _wrong_number(schema: Schema, value: float, path: str) -> Iterator[Cause]:
    if "minimum" in schema:
        strictly = bool(schema.get("exclusiveMinimum"))
        if value < schema["minimum"] or (strictly and value == schema["minimum"]):
            words = "greater than" if strictly else "greater than or equal to"
            yield invalid_value(path, _shown(value), f"{path} in body should be {words} {schema['minimum']}")
    if "maximum" in schema:
        strictly = bool(schema.get("exclusiveMaximum"))
        if value > schema["maximum"] or (strictly and value == schema["maximum"]):
            words = "less than" if strictly else "less than or equal to"
            yield invalid_value(path, _shown(value), f"{path} in body should be {words} {schema['maximum']}")
    bits = {"int32": 31, "int64": 63}.get(schema.get("format", ""))
    if bits and not -(2**bits) <= value < 2**bits:
        yield invalid_value(path, _shown(value), f"{path} in body must be of type {schema['format']}: {_shown(value)}")


def _wrong_fields(schema: Schema, value: Mapping[str, Any], path: str) -> Iterator[Cause]:
    for name in schema.get("required") or ():
        if name not in value:
            yield required(f"{path}.{name}" if path else name)
    if "maxProperties" in schema and len(value) > schema["maxProperties"]:
        text = f"Too many: {len(value)}: must have at most {schema['maxProperties']} items"
        yield Cause(path, "FieldValueTooMany", text)
    if "minProperties" in schema and len(value) < schema["minProperties"]:
        least = schema["minProperties"]
        yield invalid_value(path, _shown(value), f"{path} in body should have at least {least} properties")
    for name, inner in value.items():
        if (known := _field(schema, name)) is not None:
            yield from _wrong(known, inner, f"{path}.{name}" if path else name)


def _wrong_items(schema: Schema, value: Sequence[Any], path: str) -> Iterator[Cause]:
    if "maxItems" in schema and len(value) > schema["maxItems"]:
        text = f"Too many: {len(value)}: must have at most {schema['maxItems']} items"
        yield Cause(path, "FieldValueTooMany", text)
    if "minItems" in schema and len(value) < schema["minItems"]:
        yield invalid_value(path, str(len(value)), f"{path} in body should have at least {schema['minItems']} items")
    keys = schema.get("x-kubernetes-list-map-keys") or ()
    seen: list[Any] = []
    for index, item in enumerate(value):
        yield from _wrong(_items(schema), item, f"{path}[{index}]")
        if schema.get("x-kubernetes-list-type") in ("map", "set"):
            identity = {key: item.get(key) for key in keys} if keys and isinstance(item, Mapping) else item
            if identity in seen:
                shown = orjson.dumps(identity).decode()
                yield Cause(f"{path}[{index}]", "FieldValueDuplicate", f"Duplicate value: {shown}")
            seen.append(identity)


def _wrong_combinations(schema: Schema, value: Any, path: str) -> Iterator[Cause]:
    for inner in schema.get("allOf") or ():
        yield from _wrong(inner, value, path)
    if (some := schema.get("anyOf")) and not any(not list(_wrong(inner, value, path)) for inner in some):
        yield invalid_value(path, _shown(value), f"{path} in body must validate at least one schema (anyOf)")
    if one := schema.get("oneOf"):
        fitting = sum(not list(_wrong(inner, value, path)) for inner in one)
        if fitting != 1:
            found = "Found none valid" if fitting == 0 else f"Found {fitting} valid alternatives"
            yield invalid_value(
                path, _shown(value), f"{path} in body must validate one and only one schema (oneOf). {found}"
            )
    if (barred := schema.get("not")) and not list(_wrong(barred, value, path)):
        yield invalid_value(path, _shown(value), f"{path} in body must not validate the schema (not)")
