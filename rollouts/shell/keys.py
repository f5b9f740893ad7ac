"""What the machine knows of one key: its plan under way, the writes it waits to see, its patience."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from rollouts.core.plan import Action, Plan
from rollouts.kit.instant import Instant
from rollouts.kube.object import is_deleting
from rollouts.kube.ref import Ref
from rollouts.shell.cache import Cache, at_least
from rollouts.shell.room import Room


class Until(Enum):
    """What the cache must show before a fence falls."""

    REACHED = "reached"  # this version or a later one, or that the object is gone since
    MOVED = "moved"  # anything but this version
    GONE = "gone"  # no object of this uid, or one that is being deleted
    READ = "read"  # nothing the cache can show: a quorum GET must come first


@dataclass(frozen=True, slots=True)
class Fence:
    """A write that the cache has not shown yet. After `deadline` a GET looks for it."""

    ref: Ref
    until: Until
    deadline: Instant
    version: str = ""
    uid: str = ""

    def is_down(self, cache: Cache) -> bool:
        """Whether the cache shows what this fence waits for."""
        if not cache.is_listed(self.ref.kind):
            return self.until is not Until.READ  # a kind that nobody watches would hold the key for ever
        seen = cache.get(self.ref)
        match self.until:
            case Until.REACHED:
                if seen is not None:
                    return at_least(seen["metadata"].get("resourceVersion", ""), self.version)
                return cache.table(self.ref.kind).is_past(self.ref.namespace, self.ref.name, self.version)
            case Until.MOVED:
                return seen is None or seen["metadata"].get("resourceVersion", "") != self.version
            case Until.GONE:
                return seen is None or seen["metadata"].get("uid") != self.uid or is_deleting(seen)
            case Until.READ:
                return False


class Purpose(Enum):
    """Why a request was sent."""

    WRITE = "write"
    EXISTS = "exists"  # who is it that stands where we wanted to create?
    CONFIRM = "confirm"  # is the cache right about what an irreversible action rests on?
    FENCE = "fence"  # where did our write go?


@dataclass(slots=True)
class Key:
    """The state of one root object. At most one request of a key is under way."""

    ref: Ref
    room: Room
    urgent: bool = False
    fresh: bool = False  # its root has a new wish that nobody has looked at yet
    dirty: bool = False  # marked while it was busy
    plan: Plan | None = None
    writes: tuple[Action, ...] = ()  # of the plan
    position: int = 0  # the write that is due or under way
    changed: bool = False  # whether a write of the plan changed anything
    stopped: bool = False  # the root moved on while the plan was under way: its remaining writes are void
    root_read: bool = False  # by quorum, since the plan began
    is_foreign: bool = False  # the root stands, but is not ours to see
    request_id: int = 0
    fences: dict[Ref, Fence] = field(default_factory=dict)
    attempt: int = 0  # failures in a row
    broken: int = 0  # exceptions in a row
    hold_until: Instant | None = None
    refusals: dict[tuple[Ref, str], str] = field(default_factory=dict)  # by object and subresource: the server's words
    words: dict[str, Instant] = field(default_factory=dict)  # what the latest gather read, and since when it stands
    recalled: Any = None  # what the latest plan whose writes went through left behind
    nudged_at: Instant | None = None  # when somebody said that the world has changed
    complaint: str = ""  # the latest one told, so that it is told once
    window_began: Instant | None = None
    window_plans: int = 0

    @property
    def is_busy(self) -> bool:
        """Whether a plan or a request is under way."""
        return self.plan is not None or self.request_id != 0

    def is_held_by(self, fence: Fence) -> bool:
        """Whether a standing fence holds this key back; an abort passes all but those of its root and its router."""
        return not self.urgent or fence.ref.kind == self.room.kind or fence.ref.kind in self.room.fences
