"""The letter a room writes and the shell carries out.

Four laws hold for every plan:
1. Remember, then do, then report: a plan with a latch holds nothing else, its effects come in the next turn.
2. Grow, shift, shrink: capacity first, traffic second, removal last.
3. A key sleeps until its own writes are seen.
4. Rooms talk by leaving objects on the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Literal, TypeAlias

from analysis.asks import Question as MetricQuestion
from rollouts.core.errors import BrokenError
from rollouts.core.stepcall import StepCall
from rollouts.gitops.asks import Question as SourceQuestion
from rollouts.kit.instant import Instant
from rollouts.kube.ref import Kind, Manifest, Ref

ACTIONS_MAX = 64
ASKS_MAX = 128
NOTES_MAX = 64


class Stage(IntEnum):
    """Where an action stands in law 2; inside one plan the stages never go back."""

    GROW = 0
    SHIFT = 1
    SHRINK = 2


@dataclass(frozen=True, slots=True)
class Create:
    """Bring an object into being under a derived name.

    owner_uid: an object that already stands there counts as this one if that uid controls it; else the turn ends
    with a conflict that the room sees in its next gather.
    """

    ref: Ref
    body: Manifest
    owner_uid: str
    stage: Stage = Stage.GROW
    manager: str = ""  # whom the fields belong to, the controller itself if empty; so below
    user: str = ""  # as whom it is written, the controller itself if empty; so below

    @property
    def is_irreversible(self) -> bool:
        """A create under a derived name can be repeated, so it waits for no quorum read."""
        return False

    def __str__(self) -> str:
        return f"create {self.ref}"


@dataclass(frozen=True, slots=True)
class Patch:
    """Change some fields of an object that was seen.

    body: a JSON merge patch, or JSON patch operations with form "json".  uid, version: what was seen; the API server
    refuses the write with 409 if either has moved on.  irreversible: needs a quorum read of the target in this term.
    """

    ref: Ref
    body: Mapping[str, Any] | tuple[Mapping[str, Any], ...]
    uid: str
    version: str
    stage: Stage = Stage.SHIFT
    subresource: Literal["", "status", "scale"] = ""
    form: Literal["merge", "json"] = "merge"
    irreversible: bool = False
    manager: str = ""
    user: str = ""

    @property
    def is_irreversible(self) -> bool:
        """Whether a wrong guess could not be taken back (scale to 0, promotion)."""
        return self.irreversible

    def __str__(self) -> str:
        where = f"{self.ref}/{self.subresource}" if self.subresource else str(self.ref)
        return f"patch {where} {_brief(self.body)}"


@dataclass(frozen=True, slots=True)
class Apply:
    """Server-side apply of the fields that this project owns; `force` takes fields over from other managers."""

    ref: Ref
    body: Manifest
    stage: Stage = Stage.GROW
    force: bool = False
    manager: str = ""
    user: str = ""

    @property
    def is_irreversible(self) -> bool:
        """An apply can be applied again."""
        return False

    def __str__(self) -> str:
        return f"apply {self.ref}"


@dataclass(frozen=True, slots=True)
class Replace:
    """Put a whole object in the place of the one that was seen with this uid and version."""

    ref: Ref
    body: Manifest
    uid: str
    version: str
    stage: Stage = Stage.GROW
    manager: str = ""
    user: str = ""

    @property
    def is_irreversible(self) -> bool:
        """The version that it carries guards it."""
        return False

    def __str__(self) -> str:
        return f"replace {self.ref}"


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove an object that was seen with this uid and version; always a SHRINK, always irreversible."""

    ref: Ref
    uid: str
    version: str = ""
    propagation: Literal["Background", "Foreground", "Orphan"] = "Background"
    stage: Stage = Stage.SHRINK
    user: str = ""

    @property
    def is_irreversible(self) -> bool:
        """Nothing brings the same uid back."""
        return True

    def __str__(self) -> str:
        return f"delete {self.ref}"


@dataclass(frozen=True, slots=True)
class Evict:
    """Ask for a pod to be removed, by the door at which disruption budgets are heard.

    A budget that allows no disruption now is no failure: the pod stays, the plan goes on, and the room asks again.
    """

    ref: Ref
    uid: str
    version: str
    stage: Stage = Stage.SHRINK
    user: str = ""

    @property
    def is_irreversible(self) -> bool:
        """Nothing brings the same pod back."""
        return True

    def __str__(self) -> str:
        return f"evict {self.ref}"


Action: TypeAlias = Create | Patch | Apply | Replace | Delete | Evict


Question: TypeAlias = MetricQuestion | SourceQuestion | StepCall


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to the world outside the API.

    id: names this one asking (run uid, metric, ordinal); the same id is never sent twice in a process, and its
    answer waits under it until the room has read it.  secrets: where the values live that fill the question's slots.
    """

    id: str
    question: Question
    namespace: str
    timeout_s: float

    def __str__(self) -> str:
        return f"ask {self.id} {type(self.question).__name__}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Exactly one of value (not None) and error (not "") speaks, except that value may be None
    with no error where the source answered "nothing"."""

    ask_id: str
    asked_at: Instant
    answered_at: Instant
    value: Any = None
    error: str = ""


Severity: TypeAlias = Literal["Normal", "Warning"]


@dataclass(frozen=True, slots=True)
class Note:
    """A fact worth telling: the one source of the Kubernetes Event, the log line and the counter.

    reason: constant, the contract's event reason.  message: the sentence for whoever owns the object.
    fields: the numbers of that sentence, for the log.
    """

    reason: str
    message: str
    about: Ref
    about_uid: str
    severity: Severity = "Normal"
    fields: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"note {self.severity} {self.reason}: {self.message}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a room wants done now. An empty plan means: the world is as wished.

    latch: one status patch with the decisions that must survive a crash, and the observations of the moment.
    actions: in safety order.  status: what we observe, written last.  notes: told once the plan's writes went through.
    wake: look again no later than this.
    recall: what the turns after this one may read back as `reader.recalled()`, until other writes are made. A restart
    forgets it, so it may save work and decide nothing.
    """

    latch: Patch | None = None
    actions: tuple[Action, ...] = ()
    status: Patch | None = None
    asks: tuple[Ask, ...] = ()
    notes: tuple[Note, ...] = ()
    wake: Instant | None = None
    rule: str = ""  # the rule that decided, for `rollouts explain`
    recall: Any = None

    @property
    def writes(self) -> tuple[Action, ...]:
        """Every write in the order in which it is to be made."""
        return (*((self.latch,) if self.latch else ()), *self.actions, *((self.status,) if self.status else ()))

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is to be written or asked."""
        return not (self.latch or self.actions or self.status or self.asks)

    def check(self, now: Instant) -> None:
        """Assert the house laws that can be read off the letter alone. Raises BrokenError."""
        if self.latch and (self.actions or self.status):
            raise BrokenError(f"law 1: a latch stands alone, got {self}")
        stages = [action.stage for action in self.actions]
        if stages != sorted(stages):
            raise BrokenError(f"law 2: grow, shift, shrink, got {[stage.name for stage in stages]}")
        if len(self.actions) > ACTIONS_MAX or len(self.asks) > ASKS_MAX or len(self.notes) > NOTES_MAX:
            raise BrokenError("a plan is bounded: too many actions, asks or notes")
        if self.wake is not None and self.wake <= now:
            raise BrokenError(f"wake must lie ahead: {self.wake} <= {now}")
        for action in self.writes:
            if isinstance(action, Patch) and not (action.uid and action.version):
                raise BrokenError(f"a patch carries what was seen: {action}")

    def __str__(self) -> str:
        lines = [str(action) for action in self.writes]
        if self.latch:
            lines[0] = f"remember {_brief(self.latch.body)}"
        elif self.status:
            lines[-1] = f"report {_brief(self.status.body)}"
        lines += [str(ask) for ask in self.asks] + [str(note) for note in self.notes]
        if self.wake:
            lines.append(f"wake {self.wake}")
        return "\n".join(lines) or "nothing to do"


def status_patch(kind: Kind, ref: Ref, seen: Manifest, body: Mapping[str, Any]) -> Patch:
    """The patch that writes `body` (a merge patch of the status alone) under the preconditions of what was seen."""
    meta = seen["metadata"]
    return Patch(
        ref,
        {"status": body},
        uid=meta["uid"],
        version=meta["resourceVersion"],
        subresource="status" if kind.has_status else "",
    )


def _brief(body: object) -> str:
    """A body as one readable line: `spec.replicas=3 metadata.annotations.x=…`."""
    if isinstance(body, tuple):
        return " ".join(f"{op['op']} {op['path']}" for op in body)
    return " ".join(_leaves("", body))


def _leaves(path: str, value: object) -> list[str]:
    if isinstance(value, Mapping) and value:
        return [leaf for key, inner in value.items() for leaf in _leaves(f"{path}.{key}" if path else str(key), inner)]
    return [f"{path}={value!r}"]
