"""One controller process: the real machine, its watches with their lag, its lease, its death and return."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from rollouts.core.plan import Answer, Ask, Note
from rollouts.devplane.store import Commit, Store
from rollouts.kit.instant import Instant
from rollouts.kube.object import ref
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.shell.clock import DATE_FORMAT, Clock
from rollouts.shell.loop import Machine
from rollouts.shell.room import Room
from rollouts.shell.settings import Settings
from rollouts.shell.wire import Request, Response, WatchEvent
from rollouts.simulation.faults import Weather
from rollouts.simulation.timeline import START, Timeline

RENEW_DEADLINE_S = 10.0


class Surroundings(Protocol):
    """What a process needs of its world."""

    timeline: Timeline
    store: Store
    weather: Weather

    def send(self, process: Process, request: Request) -> None:
        """Put a request on the wire."""
        ...

    def ask(self, process: Process, ask: Ask) -> None:
        """Put a question to the world."""
        ...

    def tell(self, process: Process, note: Note) -> None:
        """Hear a note."""
        ...

    def event_delay(self) -> tuple[float, float]:
        """The delay of the next watch event, and after how long it comes again (0: it does not)."""
        ...


@dataclass(slots=True)
class Stream:
    """The watch of one kind: events in order, each some time after its commit."""

    kind: Kind
    generation: int = 0  # moves with each relist: what an older watch was about to tell is never told
    version: int = 0
    last_due: Instant = START
    silent_until: Instant = START
    undelivered: deque[Instant] = field(default_factory=deque)


class Process:
    """A machine between its start and its death. `name` is its field manager."""

    def __init__(
        self, world: Surroundings, name: str, rooms: Sequence[Room], settings: Settings, skew_s: float = 0.0
    ) -> None:
        self._world = world
        self.name = name
        self.skew_s = skew_s  # of the machine's clock
        self.clock = Clock(lambda: self.now.plus(self.skew_s).micros, lambda: self.now.micros)
        self.machine = Machine(rooms, settings)
        self.alive = True
        self.term: int | None = None
        self.frozen_until = START
        self._cut_off_until = START
        self._is_overdue = False  # stopped for longer than the renew deadline
        self.own: dict[Ref, dict[Ref, str]] = {}  # root -> object -> version of our latest answered write
        self._term_began = START
        self._read: set[Ref] = set()  # by quorum, in this term
        self._listed_since: dict[Kind, Instant] = {}
        self.decided_since: dict[Ref, Instant] = {}  # root -> the oldest instant its plan under way may rest on
        self.is_due = True
        self._rooms = rooms
        self._roots: dict[Ref, None] = {}
        self._wake: Instant | None = None
        self._inbox: list[Callable[[], object]] = []
        kinds = dict.fromkeys(kind for room in rooms for kind in (room.kind, *room.reads))
        self._streams = {kind: Stream(kind) for kind in kinds}
        for kind in kinds:
            self.relist(kind, world.weather.latency_s)

    @property
    def now(self) -> Instant:
        """The true time, which the process itself has to guess."""
        return self._world.timeline.now

    @property
    def is_frozen(self) -> bool:
        """Whether the process is stopped."""
        return self.frozen_until > self.now

    @property
    def is_reachable(self) -> bool:
        """Whether it runs, and the network is there."""
        return not self.is_frozen and not self.is_cut_off

    @property
    def is_cut_off(self) -> bool:
        """Whether nothing that it sends arrives."""
        return self._cut_off_until > self.now

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Every kind that it watches."""
        return tuple(self._streams)

    @property
    def may_send(self) -> bool:
        """Whether it leads, and the lease was renewed lately enough by its own monotonic clock for a write to leave."""
        return self.term is not None and not self._is_overdue

    def wake(self) -> Instant | None:
        """When the machine wants its next turn."""
        if not self.alive or self.is_frozen:
            return None
        if self.is_due or self._wake is None:
            return self.now if self.is_due else None
        return self.now.plus(max(0.0, self._wake.since(self.clock.now())))

    def has_read(self, thing: Ref) -> bool:
        """Whether an object was read by quorum in this term, alone or in a list."""
        listed = self._listed_since.get(thing.kind)
        return thing in self._read or (listed is not None and listed >= self._term_began)

    def stale_since(self) -> Instant:
        """The oldest instant of which something is still untold: no decision can be blamed for what came after."""
        untold = [stream.undelivered[0] for stream in self._streams.values() if stream.undelivered]
        return min(untold, default=self.now)

    # What happens to it.

    def lead(self, term: int | None) -> None:
        """A term begins or ends."""
        self.term, self._term_began, self._is_overdue = term, self.now, False
        self._read.clear()
        self.own.clear()
        self._input(lambda: self.machine.lead(term, self.clock.now()))

    def die(self) -> None:
        """Nothing that was on its way to it arrives any more."""
        self.alive = False
        self.term = None

    def freeze(self, seconds: float) -> None:
        """Stop; what comes meanwhile waits."""
        self.frozen_until = self.now.plus(seconds)
        self._is_overdue = seconds >= RENEW_DEADLINE_S
        self._world.timeline.at(self.frozen_until, self._thaw)

    def cut_off(self, seconds: float) -> None:
        """The network is gone for a while: watches are silent, calls are lost, its clock goes on."""
        self._cut_off_until = self.now.plus(seconds)
        for kind in self.kinds:
            self.stall(kind, seconds)

    def hear(self, commit: Commit) -> None:
        """The API server tells its watchers of a commit; this one hears it after its lag."""
        stream = self._streams.get(commit.kind)
        if stream is None or not self.alive or commit.version <= stream.version:
            return
        late_s, again_s = self._world.event_delay()
        due = self.now.plus(self._world.weather.lag_of(commit.kind.name) + late_s)
        stream.last_due = max(stream.last_due, stream.silent_until, due)
        stream.undelivered.append(self.now)
        generation = stream.generation
        self._world.timeline.at(stream.last_due, lambda: self._deliver(stream, generation, commit))
        if again_s:
            again = stream.last_due.plus(again_s)
            self._world.timeline.at(again, lambda: self._deliver(stream, generation, commit, again=True))

    def stall(self, kind: Kind, seconds: float) -> None:
        """A watch goes silent for a while, then tells everything."""
        if stream := self._streams.get(kind):
            stream.silent_until = max(stream.silent_until, self.now.plus(seconds))

    def relist(self, kind: Kind, seconds: float) -> None:
        """The watch is lost for good: list the kind, and tell nothing of what lies between."""
        stream = self._streams[kind]
        stream.generation += 1
        generation, began = stream.generation, self.now
        version, objects = int(self._world.store.version), list(self._world.store.all(kind))
        stream.version = version
        stream.last_due = began.plus(seconds)
        stream.undelivered.clear()
        self._world.timeline.after(seconds, lambda: self._listed(stream, generation, objects, version, began))

    def respond(self, response: Response, root: Ref | None, request: Request, sent: Instant) -> None:
        """A response arrives to a request of that moment."""
        version = str(((response.body or {}).get("metadata") or {}).get("resourceVersion") or "")
        if not request.is_write and (response.is_ok or response.status == 404):
            self._read.add(request.ref)
        if response.is_ok and request.is_write and root is not None and version and request.verb != "delete":
            self.own.setdefault(root, {})[request.ref] = version
        date, sent_us = _date(self.now), sent.micros

        def take() -> None:
            if response.status:
                self.clock.heard(date, sent_us)
            self.machine.respond(response, self.clock.now())

        self._input(take)

    def answered(self, answer: Answer) -> None:
        """An answer from the world arrives."""
        self._input(lambda: self.machine.answered(answer, self.clock.now()))

    def nudge(self, about: Ref) -> None:
        """Somebody tells it that the world has changed for an object."""
        self._input(lambda: self.machine.nudge(about, self.clock.now()))

    # What it does.

    def turn(self) -> None:
        """One turn of the machine: send, ask, tell."""
        self.is_due = False
        turn = self.machine.turn(self.clock.now())
        self._wake = turn.wake
        for note in turn.notes:
            self._world.tell(self, note)
        for request in turn.requests:
            self._world.send(self, request)
        for ask in turn.asks:
            self._world.ask(self, ask)
        for kind in turn.watch:
            self._streams[kind] = Stream(kind)
            self.relist(kind, self._world.weather.latency_s)

    def root_of(self, request: Request) -> Ref | None:
        """The key whose plan a request carries out."""
        for root in self._roots:
            key = self.machine.key(root)
            if key is not None and key.request_id == request.id:
                return root
        return None

    def _meet(self, thing: Ref, manifest: Manifest) -> None:
        for room in self._rooms:
            if room.kind == thing.kind:
                self._roots[thing] = None
            elif root := room.names_root(thing, manifest):
                self._roots[root] = None

    def _input(self, take: Callable[[], object]) -> None:
        if not self.alive:
            return
        if self.is_frozen:
            self._inbox.append(take)
            return
        take()
        self.is_due = True

    def _thaw(self) -> None:
        inbox, self._inbox = self._inbox, []
        for take in inbox:
            self._input(take)

    def _deliver(self, stream: Stream, generation: int, commit: Commit, *, again: bool = False) -> None:
        if generation != stream.generation or not self.alive:
            return
        if not again:
            stream.undelivered.popleft()
        event = WatchEvent(stream.kind, commit.type, commit.object)
        self._meet(ref(stream.kind, commit.object), commit.object)
        self._input(lambda: self.machine.absorb(event, self.clock.now()))

    def _listed(
        self, stream: Stream, generation: int, objects: Sequence[Manifest], version: int, began: Instant
    ) -> None:
        if generation != stream.generation:
            return
        self._listed_since[stream.kind] = began
        for manifest in objects:
            self._meet(ref(stream.kind, manifest), manifest)

        def take() -> None:
            self.clock.heard(_date(began), began.micros)
            now = self.clock.now()
            self.machine.replace(stream.kind, objects, str(version), now, began=now.plus(began.since(self.now)))

        self._input(take)


def _date(moment: Instant) -> bytes:
    """What an answer of that moment bears."""
    return datetime.fromtimestamp(moment.micros // 1_000_000, UTC).strftime(DATE_FORMAT).encode()
