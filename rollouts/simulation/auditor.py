"""The auditor hears every commit and every request, keeps what it needs of the past, and says what broke which law."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rollouts.devplane.store import Commit, Store
from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.kube import object as objects
from rollouts.kube.object import namespace, ref, uid
from rollouts.kube.ref import Ref
from rollouts.shell.cache import at_least
from rollouts.shell.wire import Request
from rollouts.simulation.case import Case
from rollouts.simulation.invariants import INVARIANTS
from rollouts.simulation.memory import Memory
from rollouts.simulation.process import Process
from rollouts.simulation.script import MANAGED_BY, USER
from rollouts.simulation.timeline import START
from rollouts.simulation.truth import Truth, truth, wanted

PROBLEMS_MAX = 20
ABORT_S_MAX = 1.0


@dataclass(frozen=True, slots=True)
class Problem:
    """A broken law: which, when, how."""

    law: str
    at: Instant
    text: str

    def __str__(self) -> str:
        return f"{self.law} at {self.at.since(START):.3f} s: {self.text}"


class Auditor:
    """Judges one run. abort_s_max: how long after an abort the canary may still have traffic in fair weather.

    blur_s: see Case.
    """

    def __init__(
        self, store: Store, processes: Mapping[str, Process], abort_s_max: float = ABORT_S_MAX, blur_s: float = 0.0
    ) -> None:
        self.problems: list[Problem] = []
        self.memory = Memory()
        self.writes = 0
        self.last_write = START
        self.disturbed = START  # until when a fault may still be felt
        self._store = store
        self._processes = processes
        self._abort_s_max = abort_s_max
        self._blur_s = blur_s

    def report(self, law: str, text: str) -> None:
        """Note a broken law."""
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(Problem(law, self._store.now(), text))

    def hear(self, commit: Commit) -> None:
        """Judge a commit, then remember it."""
        now = self._store.now()
        actor = self._processes.get(commit.manager)
        if self.memory.abort_known:
            for root in self._roots():
                until_now = truth(self._store, root, {ref(commit.kind, commit.object): commit.previous})
                self._abort_is_quick(until_now, now)
        if actor is not None:
            self.writes, self.last_write = self.writes + 1, now
            for root in self._concerned(commit):
                self._judge(commit, root, actor, now)
        self.memory.keep(commit, now, commit.manager == USER, actor is not None)
        for root in self._roots():
            stands = truth(self._store, root)
            self.memory.settle(stands, now, by_controller=actor is not None)

    def finish(self) -> None:
        """Judge what should have happened and did not."""
        for root in self._roots():
            stands = truth(self._store, root)
            if stands.aborted and stands.is_updating and stands.weight > 0:
                self.report("S21", f"aborted, and still weight {stands.weight}")
        for text in self._left_behind():
            self.report("S36", text)

    def _left_behind(self) -> Iterator[str]:
        """S36: a Rollout that is gone leaves no mark on what is the user's."""
        there = {(root.namespace, root.name) for root in self._roots()}
        for service in self._store.all(kinds.SERVICE):
            named = objects.annotations(service).get(MANAGED_BY)
            if named and (namespace(service), named) not in there:
                yield f"Service {service['metadata']['name']} bears the mark of {named}, which is gone"
        for ingress in self._store.all(kinds.INGRESS):
            owners = [one for one in ingress["metadata"].get("ownerReferences") or () if one["kind"] == "Rollout"]
            if owners and (namespace(ingress), owners[0]["name"]) not in there:
                yield f"Ingress {ingress['metadata']['name']} of {owners[0]['name']}, which is gone"

    # At the door, before a request leaves.

    def sent(self, process: Process, request: Request, root: Ref | None) -> None:
        """Judge a write as it leaves its process."""
        if not request.is_write:
            return
        if not process.may_send:
            self.report("S31", f"{request.verb} {request.ref} sent without a term")
        for text in _unguarded(request):
            self.report("S31", text)
        if root is None:
            self.report("S31", f"{request.verb} {request.ref} belongs to no key")
            return
        key = process.machine.key(root)
        if key is not None and key.position == 0:
            process.decided_since[root] = min(process.now, process.stale_since())
            for text in self._stale_decision(process, root):
                self.report("S33", f"{request.verb} {request.ref}: {text}")
        if self._is_irreversible(request):
            for needed in (root, request.ref):
                if not process.has_read(needed):
                    self.report("S33", f"{request.verb} {request.ref} although {needed} was not read in this term")

    def _stale_decision(self, process: Process, root: Ref) -> Iterator[str]:
        key = process.machine.key(root)
        assert key is not None
        for thing, version in process.own.get(root, {}).items():
            if key.urgent and thing.kind != root.kind and thing.kind not in key.room.fences:
                continue
            seen = process.machine.cache.get(thing)
            if seen is not None and process.machine.cache.is_listed(thing.kind):
                have = str(seen["metadata"].get("resourceVersion", ""))
                if not at_least(have, version):
                    yield f"decided on {thing} at {have} after our own write {version}"

    def _is_irreversible(self, request: Request) -> bool:
        if request.verb == "delete":
            return True
        body = request.body
        if request.ref.kind != kinds.REPLICA_SET or request.verb != "patch" or isinstance(body, tuple) or body is None:
            return False
        target = self._store.find(request.ref)
        return (body.get("spec") or {}).get("replicas") == 0 and wanted(target) > 0

    # One commit.

    def _judge(self, commit: Commit, root: Ref, actor: Process, now: Instant) -> None:
        before = truth(self._store, root, {ref(commit.kind, commit.object): commit.previous})
        after = truth(self._store, root)
        since = min(actor.decided_since.get(root, now), now)
        case = Case(commit, before, after, self.memory, now, since, self._blur_s)
        for law, check in INVARIANTS:
            for text in check(case):
                self.report(law, text)

    def _abort_is_quick(self, stands: Truth, now: Instant) -> None:
        """S21: with pods enough the stable version has all traffic back within a second of the abort."""
        own = uid(stands.rollout)
        known = self.memory.abort_known.get(own)
        if known is None or stands.weight == 0 or known <= self.disturbed or not stands.aborted:
            return
        if now.since(known) > self._abort_s_max:
            self.report("S21", f"weight {stands.weight} {now.since(known):.3f} s after the abort")

    def _roots(self) -> Iterator[Ref]:
        for manifest in self._store.all(kinds.ROLLOUT):
            yield Ref(kinds.ROLLOUT, namespace(manifest), manifest["metadata"]["name"])

    def _concerned(self, commit: Commit) -> Iterator[Ref]:
        """The Rollouts that a commit can concern: those of its namespace."""
        space = namespace(commit.object)
        yield from (root for root in self._roots() if root.namespace == space)


def _unguarded(request: Request) -> Iterator[str]:
    """S31: every write names what it has seen, or has a derived name."""
    body = request.body
    match request.verb:
        case "create":
            if body is None or isinstance(body, tuple) or not (body.get("metadata") or {}).get("name"):
                yield f"create {request.ref} without a name of its own"
        case "patch":
            if isinstance(body, tuple):
                paths = {one.get("path") for one in body}
                if not {"/metadata/uid", "/metadata/resourceVersion"} <= paths:
                    yield f"patch {request.ref} without preconditions"
            elif body is None or not {"uid", "resourceVersion"} <= set(body.get("metadata") or ()):
                yield f"patch {request.ref} without preconditions"
        case "delete":
            seen = (body or {}).get("preconditions") or {} if not isinstance(body, tuple) else {}
            if not seen.get("uid"):
                yield f"delete {request.ref} without a uid"
        case _:
            pass
