"""What passes between the machine and whoever drives it (asyncio in production, the simulator in one thread)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from rollouts.core.plan import Ask, Note
from rollouts.kit.instant import Instant
from rollouts.kube.ref import Kind, Manifest, Ref

Verb: TypeAlias = Literal["get", "create", "patch", "apply", "replace", "delete"]


@dataclass(frozen=True, slots=True)
class Request:
    """One call to the API server. `id` returns with the Response; `form` says how `body` patches.

    manager: whom the written fields belong to; user: as whom it is done; the controller itself if empty.
    """

    id: int
    verb: Verb
    ref: Ref
    body: Manifest | tuple[Mapping[str, Any], ...] | None = None
    subresource: str = ""
    form: Literal["merge", "json", "apply"] = "merge"
    force: bool = False
    manager: str = ""
    user: str = ""

    @property
    def is_write(self) -> bool:
        """Whether the call may change the cluster."""
        return self.verb != "get"


@dataclass(frozen=True, slots=True)
class Response:
    """What came back. status 0: nothing did (time-out, reset), so the outcome of a write is unknown.

    body: the stored object on success, a Status on refusal.  retry_after_s: the server's wish, if any.
    """

    request_id: int
    status: int
    body: Manifest | None = None
    retry_after_s: float | None = None
    error: str = ""

    @property
    def is_ok(self) -> bool:
        """Whether the server carried the call out."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One change of one object as a watch tells it (bookmarks and errors stay in the reflector)."""

    kind: Kind
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Manifest


@dataclass(frozen=True, slots=True)
class Turn:
    """What the machine wants done after a step.

    requests: to be sent now, each answered by one Response.  asks: to be put to the world, each answered once.
    notes: to be told.  wake: call `turn` again no later than this, even if nothing happens.
    watch: kinds of which objects are to be watched from now on.
    """

    requests: tuple[Request, ...] = ()
    asks: tuple[Ask, ...] = ()
    notes: tuple[Note, ...] = ()
    wake: Instant | None = None
    watch: tuple[Kind, ...] = ()
