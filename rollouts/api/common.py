"""Field types that all our kinds share."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, model_validator
from pydantic.alias_generators import to_camel

INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1
STEPS_MAX = 500
METRICS_MAX = 100
ARGS_MAX = 200


def _int_or_string(value: object) -> int | str:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("must be an integer or a string")
    if isinstance(value, int) and not -INT32_MAX - 1 <= value <= INT32_MAX:
        raise ValueError("must be a 32-bit integer")
    return value


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("must be an object")
    return value


Int32 = Annotated[int, Field(strict=True, ge=-INT32_MAX - 1, le=INT32_MAX)]
Int64 = Annotated[int, Field(strict=True, ge=-INT64_MAX - 1, le=INT64_MAX)]
Text = Annotated[str, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]
IntOrString = Annotated[int | str, PlainValidator(_int_or_string)]
Duration = Annotated[str, Field(strict=True)]
"""A duration in Go's grammar, "1h30m": kept as written, read by whoever needs the seconds."""
Object = Annotated[Mapping[str, Any], PlainValidator(_object)]
"""A part that is handed on as it is (a pod template, a Job's spec): parsed by whoever it is for."""
TextMap = Mapping[Text, Text]


class Model(BaseModel):
    """The base of all models: frozen, no unknown fields, camelCase outside and snake_case inside.

    An explicit null reads as absence, as Kubernetes reads it.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: Any) -> Any:
        if not isinstance(value, Mapping) or None not in value.values():
            return value
        known = aliases(cls)
        return {key: inner for key, inner in value.items() if inner is not None or key not in known}


@cache
def aliases(model: type[BaseModel]) -> Mapping[str, str]:
    """Field name on the wire → attribute name."""
    return {field.alias or name: name for name, field in model.model_fields.items()}


class SelectorRequirement(Model):
    """One expression of a label selector."""

    key: Text = Field(description="Label key that the requirement is about.")
    operator: Text = Field(description="In, NotIn, Exists or DoesNotExist.")
    values: tuple[Text, ...] = Field((), description="Values for In and NotIn; empty for the other two.")


class LabelSelector(Model):
    """A label selector; all of its requirements must hold."""

    match_labels: TextMap = Field({}, description="Labels that must be there with exactly these values.")
    match_expressions: tuple[SelectorRequirement, ...] = Field((), description="Further requirements on labels.")


class Metadata(Model):
    """Labels and annotations to put on something that the controller makes or marks."""

    labels: TextMap = Field({}, description="Labels to add.")
    annotations: TextMap = Field({}, description="Annotations to add.")


class FieldRef(Model):
    """A field of the object itself."""

    field_path: Text = Field(description="Path of the field, such as metadata.labels['region'] or spec.replicas.")
