"""Objects decoded from the wire straight into what some gather reads: field ownership is skipped while decoding."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict

import msgspec

from rollouts.kube.kinds import POD
from rollouts.kube.ref import Kind

DEPTH_MAX = 200  # what is nested more deeply is no part of any object that somebody means
_STRING_OR_BRACKET = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]')


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


def bounded(decode: Callable[[bytes], Any]) -> Callable[[bytes | msgspec.Raw], Any]:
    """A decoder that reads null for what is nested too deeply: the API server stores thousands of levels, and one
    object that nobody could read would keep everybody else's of its kind unread."""

    def read(text: bytes | msgspec.Raw) -> Any:
        try:
            return decode(text)
        except RecursionError:
            return decode(shallow(bytes(text)))

    return read


def shallow(text: bytes) -> bytes:
    """A JSON text with null for what is nested more deeply than DEPTH_MAX."""
    parts: list[bytes] = []
    depth = kept_to = 0
    for found in _STRING_OR_BRACKET.finditer(text):
        if found[0] in (b"{", b"["):
            depth += 1
            if depth == DEPTH_MAX + 1:
                parts += (text[kept_to : found.start()], b"null")
        elif found[0] in (b"}", b"]"):
            if depth == DEPTH_MAX + 1:
                kept_to = found.end()
            depth -= 1
    return b"".join((*parts, text[kept_to:]))


def _decoding(item: Any, event: Any) -> Decoding:
    return Decoding(bounded(msgspec.json.Decoder(item).decode), bounded(msgspec.json.Decoder(event).decode))


_WHOLE = _decoding(Any, Any)
_USUAL = _decoding(Body, Event)
_PODS = _decoding(PodBody, PodEvent)
page = bounded(msgspec.json.Decoder(Page).decode)


def decoding(kind: Kind, *, is_whole: bool = False) -> Decoding:
    """How objects of a kind are read. is_whole: as they come, field ownership included."""
    if is_whole:
        return _WHOLE
    return _PODS if kind == POD else _USUAL
