"""Objects decoded from the wire straight into what some gather reads: field ownership is skipped while decoding."""

from __future__ import annotations

from typing import Any, TypedDict

import msgspec


class Metadata(TypedDict, total=False):
    """The metadata that the house reads; managedFields and selfLink are not in it."""

    name: str
    namespace: str
    uid: str
    resourceVersion: str  # the wire's spelling, here and below
    generation: int
    creationTimestamp: str | None
    deletionTimestamp: str | None
    labels: dict[str, Any] | None
    annotations: dict[str, Any] | None
    ownerReferences: list[dict[str, Any]] | None
    finalizers: list[Any] | None


class Body(TypedDict, total=False):
    """An object's parts. code, reason and message: those of a Status in an ERROR event."""

    apiVersion: str
    kind: str
    metadata: Metadata
    spec: Any
    status: Any
    data: Any
    type: Any
    code: int
    reason: str
    message: str


ListMetadata = TypedDict("ListMetadata", {"resourceVersion": str, "continue": str}, total=False)


class Page(TypedDict, total=False):
    """One page of a list."""

    metadata: ListMetadata
    items: list[Body] | None


class Event(TypedDict, total=False):
    """One line of a watch."""

    type: str
    object: Body


decode_page = msgspec.json.Decoder(Page).decode
decode_event = msgspec.json.Decoder(Event).decode
