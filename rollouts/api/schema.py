"""From a model to the structural OpenAPI v3 schema that the API server enforces and `kubectl explain` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rollouts.api.common import INT32_MAX, Model
from rollouts.api.constraints import FIELDS, ITEMS_MAX, KEYS, LIST_MAX, RULES, SHAPES, UNTYPED

DEPTH_MAX = 32
_ANYTHING = {"x-kubernetes-preserve-unknown-fields": True}
_RULES = "x-kubernetes-validations"


def schema_of(model: type[BaseModel], depth: int = 0) -> dict[str, Any]:
    """The schema of a model with a description on every field. Nests as deep as the models do."""
    assert depth < DEPTH_MAX
    fields = model.model_fields
    if model in UNTYPED:
        names = ", ".join(field.alias or name for name, field in fields.items())
        return {"type": "object", "description": f"{_first_sentence(model)} Fields: {names}.", **_ANYTHING}
    schema: dict[str, Any] = {"type": "object", "description": _first_sentence(model), **SHAPES.get(model, {})}
    if fields:
        properties = {field.alias or name: _field(model, name, field, depth + 1) for name, field in fields.items()}
        schema["properties"] = dict(sorted(properties.items()))
    if required := sorted(field.alias or name for name, field in fields.items() if field.is_required()):
        schema["required"] = required
    rules = [rule.as_json() for base in reversed(model.__mro__) if base in RULES for rule in RULES[base]]
    if rules:
        schema[_RULES] = rules
    return schema


def _first_sentence(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _field(model: type[BaseModel], name: str, field: FieldInfo, depth: int) -> dict[str, Any]:
    schema = _typed(field.annotation, tuple(field.metadata), depth)
    schema["description"] = field.description
    for base in reversed(model.__mro__):
        if isinstance(base, type) and issubclass(base, BaseModel):
            more = FIELDS.get((base, name), {})
            rules = [*schema.get(_RULES, ()), *more.get(_RULES, ())]
            schema.update(more, **({_RULES: rules} if rules else {}))
    return {"description": schema.pop("description"), **schema}


def _typed(annotation: Any, metadata: tuple[Any, ...], depth: int) -> dict[str, Any]:
    assert depth < DEPTH_MAX
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return _typed(inner, tuple(each for one in more for each in getattr(one, "metadata", (one,))), depth)
    if annotation is Any:
        return dict(_ANYTHING)
    options = [option for option in get_args(annotation) if option is not type(None)]
    if options and len(options) != len(get_args(annotation)) and len(options) == 1:
        return _typed(options[0], metadata, depth)
    if set(options) >= {int, str}:
        return {"x-kubernetes-int-or-string": True}
    origin = get_origin(annotation)
    if origin is tuple:
        return _list(get_args(annotation)[0], depth)
    if origin is not None and issubclass(origin, Mapping):
        return _map(get_args(annotation)[1], depth)
    return _plain(annotation, metadata, depth)


def _list(item: Any, depth: int) -> dict[str, Any]:
    items = _typed(item, (), depth + 1)
    schema: dict[str, Any] = {"type": "array", "items": items, "maxItems": ITEMS_MAX.get(item, LIST_MAX)}
    if isinstance(item, type) and item in KEYS:
        return {**schema, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [KEYS[item]]}
    return {**schema, "x-kubernetes-list-type": "atomic"}


def _map(value: Any, depth: int) -> dict[str, Any]:
    if value is Any:
        return {"type": "object", **_ANYTHING}
    return {"type": "object", "additionalProperties": _typed(value, (), depth + 1)}


def _plain(annotation: Any, metadata: tuple[Any, ...], depth: int) -> dict[str, Any]:
    if annotation is bool:
        return {"type": "boolean"}
    if annotation is str:
        return {"type": "string"}
    if annotation is int:
        ceilings = [limit for each in metadata if (limit := getattr(each, "le", None)) is not None]
        return {"type": "integer", "format": "int32" if INT32_MAX in ceilings else "int64"}
    assert issubclass(annotation, Model), annotation
    return schema_of(annotation, depth + 1)
