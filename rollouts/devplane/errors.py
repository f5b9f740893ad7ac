"""Refusals of the API server, word for word, because tools match the words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rollouts.kube.ref import Kind

MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"
CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


class ApiError(Exception):
    """A refusal: HTTP status, machine reason, sentence, details."""

    def __init__(self, status: int, reason: str, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.details = details

    @property
    def body(self) -> dict[str, Any]:
        """The `Status` object that goes over the wire."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        if self.details:
            body["details"] = dict(self.details)
        return body | {"code": self.status}


@dataclass(frozen=True, slots=True)
class Cause:
    """One field error. `reason` is the machine's word (FieldValueInvalid), `message` the sentence without the path."""

    field: str
    reason: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def resource(kind: Kind) -> str:
    """`replicasets.apps`, or `pods` for the core group."""
    return f"{kind.plural}.{kind.group}" if kind.group else kind.plural


def _details(kind: Kind, name: str, **more: Any) -> dict[str, Any]:
    group = {"group": kind.group} if kind.group else {}
    return {"name": name, **group, "kind": kind.plural, **more}


def not_found(kind: Kind, name: str) -> ApiError:
    """404: no such object."""
    return ApiError(404, "NotFound", f'{resource(kind)} "{name}" not found', _details(kind, name))


def already_exists(kind: Kind, name: str) -> ApiError:
    """409: the name is taken."""
    return ApiError(409, "AlreadyExists", f'{resource(kind)} "{name}" already exists', _details(kind, name))


def conflict(kind: Kind, name: str, why: str = MODIFIED) -> ApiError:
    """409: what was seen is not what is there."""
    message = f'Operation cannot be fulfilled on {resource(kind)} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(kind, name))


def invalid(kind: Kind, name: str, causes: Sequence[Cause]) -> ApiError:
    """422: fields that the kind does not allow."""
    listed = ", ".join(str(cause) for cause in causes)
    text = f"[{listed}]" if len(causes) > 1 else listed
    group_kind = f"{kind.name}.{kind.group}" if kind.group else kind.name
    details = {
        "name": name,
        **({"group": kind.group} if kind.group else {}),
        "kind": kind.name,
        "causes": [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes],
    }
    return ApiError(422, "Invalid", f'{group_kind} "{name}" is invalid: {text}', details)


def bad_request(message: str) -> ApiError:
    """400: the request makes no sense."""
    return ApiError(400, "BadRequest", message)


def unsupported_media(accepted: Sequence[str]) -> ApiError:
    """415: this kind of patch is not for this kind of object."""
    message = f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
    return ApiError(415, "UnsupportedMediaType", message)


def expired(have: int, oldest: int) -> ApiError:
    """410: the watch wants a version that is no longer in the history."""
    return ApiError(410, "Expired", f"too old resource version: {have} ({oldest})")


def continue_expired() -> ApiError:
    """410: the continue token's version is no longer in the history."""
    return ApiError(410, "Expired", CONTINUE_EXPIRED)


def too_large(have: int) -> ApiError:
    """504 as the real server tells it: a version that does not exist yet."""
    return ApiError(504, "Timeout", f"Too large resource version: {have}")


def forbidden_field(field: str, why: str) -> Cause:
    """A field that may not be set here."""
    return Cause(field, "FieldValueForbidden", f"Forbidden: {why}")


def required(field: str, why: str = "") -> Cause:
    """A field that must be set."""
    return Cause(field, "FieldValueRequired", f"Required value: {why}" if why else "Required value")


def invalid_value(field: str, shown: str, why: str) -> Cause:
    """A value that is not allowed; `shown` is the value as JSON."""
    return Cause(field, "FieldValueInvalid", f"Invalid value: {shown}: {why}")
