"""A scripted driver for the machine, and a small room whose plans the tests write themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rollouts.core.plan import Patch, Plan, Stage
from rollouts.core.reader import Reader
from rollouts.kit.instant import Instant
from rollouts.kube.kinds import INGRESS, REPLICA_SET, ROLLOUT
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.shell.loop import Machine
from rollouts.shell.room import Room, nobody
from rollouts.shell.settings import Settings
from rollouts.shell.shadow import Shadow
from rollouts.shell.wire import Request, Response, Turn, WatchEvent

WEB = Ref(ROLLOUT, "shop", "web")
SET = Ref(REPLICA_SET, "shop", "web-1")
ROUTE = Ref(INGRESS, "shop", "web-canary")
START = Instant.of(1_700_000_000)


def an_object(ref: Ref, version: str, uid: str = "", owner: str = "", **parts: Any) -> dict[str, Any]:
    meta: dict[str, Any] = {"name": ref.name, "namespace": ref.namespace, "uid": uid or f"uid-{ref.name}"}
    meta |= {"resourceVersion": version, "generation": parts.pop("generation", 1)}
    meta |= parts.pop("metadata", {})
    if owner:
        meta["ownerReferences"] = [{"uid": owner, "controller": True}]
    return {"metadata": meta, **parts}


def web(version: str, generation: int = 1, uid: str = "uid-web", **parts: Any) -> dict[str, Any]:
    return an_object(WEB, version, uid=uid, generation=generation, **parts)


def a_patch(ref: Ref, seen: Manifest, body: dict[str, Any], *, irreversible: bool = False, sub: str = "") -> Patch:
    meta = seen["metadata"]
    return Patch(
        ref,
        body,
        meta["uid"],
        meta["resourceVersion"],
        stage=Stage.SHIFT,
        subresource="status" if sub else "",
        irreversible=irreversible,
    )


def report(seen: Manifest, **status: Any) -> Patch:
    return a_patch(WEB, seen, {"status": status}, sub="status")


@dataclass
class Story:
    """One machine, one clock that moves when told, and every turn so far."""

    reconcile: Callable[[Any, Instant], Plan]
    gather: Callable[[Ref, Reader], Any] = lambda ref, reader: reader.get(ref)
    kinds: tuple[Kind, ...] = (ROLLOUT, REPLICA_SET, INGRESS)
    settings: Settings = field(default_factory=Settings)
    dry_run: bool = False
    shadow: Shadow | None = None
    on_demand: tuple[Kind, ...] = ()
    names_root: Callable[[Ref, Manifest], Ref | None] = nobody
    now: Instant = START
    leading: bool = True
    turns: list[Turn] = field(default_factory=list)
    calls: int = 0

    def __post_init__(self) -> None:
        def counted(seen: Any, now: Instant) -> Plan:
            self.calls += 1
            return self.reconcile(seen, now)

        room = Room(
            ROLLOUT,
            self.gather,
            counted,
            urgent=lambda manifest: bool((manifest.get("status") or {}).get("abort")),
            fences=frozenset({INGRESS}),
            reads=self.kinds,
            names_root=self.names_root,
            on_demand=self.on_demand,
        )
        self.machine = Machine([room], self.settings, dry_run=self.dry_run, shadow=self.shadow)
        if self.leading:
            self.machine.lead(1, self.now)

    def listed(self, *objects: tuple[Ref, Manifest], version: str = "10") -> Story:
        for kind in self.kinds:
            self.machine.replace(kind, [body for ref, body in objects if ref.kind == kind], version, self.now)
        return self

    def told(self, ref: Ref, body: Manifest, what: Any = "MODIFIED") -> Story:
        self.machine.absorb(WatchEvent(ref.kind, what, body), self.now)
        return self

    def turn(self) -> Turn:
        self.turns.append(self.machine.turn(self.now))
        return self.turns[-1]

    def sent(self) -> Request | None:
        """The one request of the next turn, or None."""
        requests = self.turn().requests
        assert len(requests) <= 1
        return requests[0] if requests else None

    def send(self) -> Request:
        request = self.sent()
        assert request is not None
        return request

    def answer(self, request: Request, status: int = 200, body: Manifest | None = None, **more: Any) -> Story:
        self.machine.respond(Response(request.id, status, body, **more), self.now)
        return self

    def later(self, seconds: float) -> Story:
        self.now = self.now.plus(seconds)
        return self

    def notes(self) -> list[str]:
        return [note.reason for turn in self.turns for note in turn.notes]


def wanting(**status: Any) -> Callable[[Any, Instant], Plan]:
    """A room that wants nothing but this status."""

    def reconcile(seen: Manifest, now: Instant) -> Plan:
        return Plan() if seen.get("status") == status else Plan(status=report(seen, **status))

    return reconcile
