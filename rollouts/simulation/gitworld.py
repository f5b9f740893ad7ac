"""A cluster, a git repository and one sync controller in one thread: what a commit comes to, whatever crashes.

The machine, its watches and the store are the ones of the other stories; git is a list of commits, a render is what
stands in the commit, and people act at the virtual second that the story names.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rollouts.core.plan import Answer, Ask, Note
from rollouts.devplane.builtin import Builtins
from rollouts.devplane.definitions import BUILT_IN, OURS
from rollouts.devplane.errors import ApiError
from rollouts.devplane.request import Deletion, WriteOptions
from rollouts.devplane.store import Commit, Store
from rollouts.gitops.asks import DryRun, DryWrite, GitResolve, Rendered, RenderManifests, Resolution
from rollouts.kit.instant import Instant
from rollouts.kube import builtin, kinds
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.shell.room import Room
from rollouts.shell.settings import Settings
from rollouts.shell.wire import Request, Response
from rollouts.simulation import gate
from rollouts.simulation.faults import CALM, Weather
from rollouts.simulation.process import Process
from rollouts.simulation.timeline import START, Timeline

CONTROL = "argocd"
PERSON = WriteOptions("user")
STEPS_MAX = 200_000
ANSWER_S = 0.05
RESTART_S = 1.0


@dataclass(frozen=True, slots=True)
class Crash:
    """The controller dies at its call number `at`, counted from 1: before it leaves, once it was carried out, or with
    the answer in hand."""

    at: int
    when: str = "before"


@dataclass(slots=True)
class Git:
    """A repository. commits: SHA → manifests, or an error text; branches and tags by name."""

    commits: dict[str, Sequence[Manifest] | str] = field(default_factory=dict)
    heads: dict[str, str] = field(default_factory=dict)

    def push(self, manifests: Sequence[Manifest] | str, branch: str = "HEAD") -> str:
        """A commit at the head of a branch; returns its SHA."""
        sha = f"{len(self.commits) + 1:040x}"
        self.commits[sha] = manifests
        self.heads[branch] = sha
        return sha


class Listener(Process):
    """A process that may not list every kind. denied: those that it may not, by name."""

    denied: frozenset[str] = frozenset()

    def relist(self, kind: Kind, seconds: float) -> None:
        """List a kind, or hear why not."""
        if kind.name in self.denied:
            said = f'{kind.plural} is forbidden: cannot list resource "{kind.plural}"'
            self._input(lambda: self.machine.deaf(kind, said, self.now))
        else:
            super().relist(kind, seconds)


class GitWorld:
    """One run in the making. story: one line per thing that happened, with its virtual second."""

    def __init__(self, room: Room, *, crash: Crash | None = None, settings: Settings | None = None) -> None:
        self.timeline = Timeline()
        self.weather: Weather = CALM
        self.store = Store(lambda: self.timeline.now, definitions=(*BUILT_IN, *OURS))
        self.git = Git()
        self.calls = 0
        self.writes: list[tuple[str, Ref]] = []
        self.notes: list[Note] = []
        self.asked: Counter[str] = Counter()
        self.story: list[str] = []
        self.is_git_down = False
        self.denied: frozenset[str] = frozenset()
        self._room, self._settings, self._crash = room, settings or Settings(), crash
        self._born = self._since = 0
        self.store.listeners.append(self._hear)
        self._builtins = Builtins(self.store, pod_ready_s=1.0, options=WriteOptions("kube-controller-manager"))
        self.process = self._start()

    def crash_in(self, crash: Crash) -> None:
        """The crash is to strike at a call counted from now."""
        self._crash, self._since = crash, self.calls

    @property
    def calls_since(self) -> int:
        """How many calls there were since the last sync was asked for."""
        return self.calls - self._since

    def restart(self) -> None:
        """The controller dies and comes back."""
        self._die()

    # People.

    def bring(self, *manifests: Manifest) -> None:
        """People create objects."""
        for manifest in manifests:
            kind = kind_of(manifest)
            space = str(manifest["metadata"].get("namespace") or "") if kind.namespaced else ""
            self.store.create(kind, space, manifest, PERSON)

    def patch(self, ref: Ref, change: Mapping[str, Any]) -> None:
        """People change an object."""
        self.store.patch(ref, change, "merge", "", PERSON)

    def remove(self, ref: Ref) -> None:
        """People delete an object."""
        self.store.delete(ref, Deletion(propagation="Background", manager="user"))

    def get(self, ref: Ref) -> Manifest | None:
        """An object as it is."""
        return self.store.find(ref)

    # Time.

    def run(self, seconds: float, *, until: Callable[[], bool] | None = None) -> bool:
        """Let time pass; stops early where `until` holds, and says whether it does."""
        end = self.timeline.now.plus(seconds)
        for _ in range(STEPS_MAX):
            if until is not None and until():
                return True
            due = min((one for one in self._dues() if one is not None), default=None)
            if due is None or due > end:
                break
            self._step(max(self.timeline.now, due))
        else:
            raise AssertionError(f"no rest in {seconds} s")
        self.timeline.now = max(self.timeline.now, end)
        return until is not None and until()

    def _dues(self) -> tuple[Instant | None, ...]:
        return self.timeline.next_due(), self._builtins.next_due(), self.process.wake()

    def _step(self, now: Instant) -> None:
        self.timeline.now = now
        while (first := self.timeline.next_due()) is not None and first <= now:
            self.timeline.pop()()
        self._builtins.step(now)
        wake = self.process.wake()
        if wake is not None and wake <= now:
            self.process.turn()

    # What the process asks of its surroundings.

    def send(self, process: Process, request: Request) -> None:
        """A request leaves; the crash of this run may strike."""
        self.calls += 1
        crash = self._crash if self._crash and self._crash.at == self.calls - self._since else None
        self._tell(f"{process.name} {request.verb} {request.ref}")
        if crash and crash.when == "before":
            self._die()
            return
        self.timeline.after(0.005, lambda: self._arrive(process, request, crash))

    def _arrive(self, process: Process, request: Request, crash: Crash | None) -> None:
        response = gate.carry_out(self.store, request, process.name)
        if request.is_write and response.is_ok:
            self.writes.append((request.verb, request.ref))
        self._tell(f"{response.status} to {request.verb} {request.ref}")
        if crash and crash.when == "committed":
            self._die()
            return
        self.timeline.after(0.005, lambda: self._respond(process, request, response, crash))

    def _respond(self, process: Process, request: Request, response: Response, crash: Crash | None) -> None:
        process.respond(response, None, request, self.timeline.now)
        if crash:
            self._die()

    def ask(self, process: Process, ask: Ask) -> None:
        """A question to git, to the renderer, or to the API server's dry run."""
        self.asked[type(ask.question).__name__] += 1
        value, error = self._answer(ask.question)
        asked = self.timeline.now
        answer = Answer(ask.id, asked, asked.plus(ANSWER_S), value=value, error=error)
        self._tell(f"{process.name} asks {ask.id}: {error or 'answered'}")
        self.timeline.after(ANSWER_S, lambda: process.answered(answer))

    def tell(self, process: Process, note: Note) -> None:
        """A note is heard; a room that raises ends the run."""
        self.notes.append(note)
        self._tell(f"note {note.reason}: {note.message}")
        assert note.reason not in ("ReconcileError", "ReconcileBroken"), note.message

    def event_delay(self) -> tuple[float, float]:
        """Events come as fast as the weather lets them."""
        return 0.0, 0.0

    def _answer(self, question: Any) -> tuple[Any, str]:
        if isinstance(question, DryRun):
            return tuple(self._try(write) for write in question.writes), ""
        if self.is_git_down:
            return None, "could not read from the remote repository"
        if isinstance(question, GitResolve):
            wish = question.target_revision or "HEAD"
            sha = wish if wish in self.git.commits else self.git.heads.get(wish)
            return (Resolution(sha, wish), "") if sha else (None, f"unable to resolve '{wish}' to a commit SHA")
        assert isinstance(question, RenderManifests)
        found: list[Manifest] = []
        for revision in question.revisions:
            manifests = self.git.commits.get(revision, f"no branch, tag or commit is called {revision}")
            if isinstance(manifests, str):
                return None, manifests
            found += manifests
        body = json.dumps(found).encode()
        types = tuple("Directory" for _ in question.revisions)
        return Rendered(body, question.revisions, types, tree=" ".join(question.revisions)), ""

    def _try(self, write: DryWrite) -> str:
        if write.verb not in ("create", "apply"):
            return ""
        definition = next(
            one for one in self.store.definitions if one.kind.api_version == write.body.get("apiVersion")
            and one.kind.name == write.body.get("kind")
        )  # fmt: skip
        meta = write.body["metadata"]
        space = str(meta.get("namespace") or "") if definition.kind.namespaced else ""
        options = WriteOptions(write.manager, dry_run=True, force=True)
        try:
            if write.verb == "create":
                self.store.create(definition.kind, space, write.body, options)
            else:
                self.store.apply(Ref(definition.kind, space, meta["name"]), write.body, "", options)
        except ApiError as error:
            return str(error.body.get("message") or error)
        return ""

    # Birth and death.

    def _start(self) -> Process:
        self._born += 1
        process = Listener(self, f"controller-{self._born}", (self._room,), self._settings)
        process.denied = self.denied
        self._tell(f"{process.name} starts")
        process.lead(self._born)
        return process

    def _die(self) -> None:
        self._tell(f"{self.process.name} dies")
        self.process.die()
        self.timeline.after(RESTART_S, self._restart)

    def _restart(self) -> None:
        self.process = self._start()

    def _hear(self, commit: Commit) -> None:
        meta = commit.object["metadata"]
        if commit.kind == kinds.CRD and commit.type == "ADDED":
            established = {"status": {"conditions": [{"type": "Established", "status": "True"}]}}
            crd = Ref(kinds.CRD, "", str(meta["name"]))
            self.timeline.after(0.1, lambda: self._establish(crd, established))
        self._tell(f"{commit.type} {commit.kind.name} {meta.get('namespace', '')}/{meta['name']} by {commit.manager}")
        if hasattr(self, "process"):
            self.process.hear(commit)

    def _establish(self, crd: Ref, status: Mapping[str, Any]) -> None:
        self.store.patch(crd, status, "merge", "status", PERSON)

    def _tell(self, line: str) -> None:
        self.story.append(f"{self.timeline.now.since(START):10.3f}  {line}")


def kind_of(manifest: Manifest) -> Kind:
    """The kind of a manifest, which every server knows."""
    kind = builtin.find(str(manifest["apiVersion"]), str(manifest["kind"]))
    assert kind is not None, f"{manifest['apiVersion']} {manifest['kind']}"
    return kind


def an_application(name: str, spec: Mapping[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    """An Application of the repository: synced by hand into the namespace `shop`, unless the spec says otherwise."""
    return {
        "apiVersion": kinds.APPLICATION.api_version,
        "kind": kinds.APPLICATION.name,
        "metadata": {"name": name, "namespace": CONTROL, **metadata},
        "spec": {
            "source": {"repoURL": "https://git.example/shop.git", "path": "."},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
            **(spec or {}),
        },
    }
