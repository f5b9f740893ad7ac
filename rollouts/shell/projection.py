"""Objects decoded from the wire straight into what some gather reads: field ownership is skipped while decoding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict

import msgspec

from rollouts.kube.kinds import POD
from rollouts.kube.ref import Kind


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
    template: Any  # of a PodTemplate
    code: int
    reason: str
    message: str


class PodStatus(TypedDict, total=False):
    """Of a pod's status what tells whether it serves, and why not."""

    phase: str
    conditions: list[Any] | None
    initContainerStatuses: list[Any] | None  # the wire's spelling, here and below
    containerStatuses: list[Any] | None


class PodBody(TypedDict, total=False):
    """A pod without its spec: there are many, and nobody reads it."""

    apiVersion: str
    kind: str
    metadata: Metadata
    status: PodStatus
    code: int
    reason: str
    message: str


ListMetadata = TypedDict("ListMetadata", {"resourceVersion": str, "continue": str}, total=False)


class Page(TypedDict, total=False):
    """One page of a list, its objects not decoded yet: decoded all at once they would be five times as large."""

    metadata: ListMetadata
    items: list[msgspec.Raw] | None


class Event(TypedDict, total=False):
    """One line of a watch."""

    type: str
    object: Body


class PodEvent(TypedDict, total=False):
    """One line of a watch on pods."""

    type: str
    object: PodBody


@dataclass(frozen=True, slots=True)
class Decoding:
    """How the objects of a page and the lines of a watch are read, of one kind."""

    item: Callable[[msgspec.Raw], Any]
    event: Callable[[bytes], Any]


_WHOLE = Decoding(msgspec.json.Decoder().decode, msgspec.json.Decoder().decode)
_USUAL = Decoding(msgspec.json.Decoder(Body).decode, msgspec.json.Decoder(Event).decode)
_PODS = Decoding(msgspec.json.Decoder(PodBody).decode, msgspec.json.Decoder(PodEvent).decode)
page = msgspec.json.Decoder(Page).decode


def decoding(kind: Kind, *, is_whole: bool = False) -> Decoding:
    """How objects of a kind are read. is_whole: as they come, field ownership included."""
    if is_whole:
        return _WHOLE
    return _PODS if kind == POD else _USUAL
