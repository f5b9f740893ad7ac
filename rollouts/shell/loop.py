"""The machine: events, responses and answers in; requests, asks and notes out.

It never awaits and never reads a clock. The asyncio driver and the simulator drive this very object.
Order of calls in, order of requests out: nothing here depends on anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rollouts.core.errors import HiccupError
from rollouts.core.plan import Answer, Ask, Note, Plan
from rollouts.kit.instant import Instant
from rollouts.kube.object import generation
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.shell.answers import Answers
from rollouts.shell.cache import Cache, Change
from rollouts.shell.carrier import Carrier
from rollouts.shell.counts import Counts
from rollouts.shell.keys import Key
from rollouts.shell.patience import Patience
from rollouts.shell.queue import Line, Queue
from rollouts.shell.reading import Readers, RecordingReader
from rollouts.shell.room import Room, nobody
from rollouts.shell.settings import DEFAULTS, Settings
from rollouts.shell.shadow import Shadow
from rollouts.shell.wire import Response, Turn, WatchEvent


class Machine:
    """Carries the letters of all rooms: at most one plan of a key is under way."""

    def __init__(
        self,
        rooms: Sequence[Room],
        settings: Settings = DEFAULTS,
        *,
        dry_run: bool = False,
        shadow: Shadow | None = None,
    ) -> None:
        self._rooms = {room.kind: room for room in rooms}
        self._settings = settings
        self._dry_run = dry_run
        self.shadow = shadow
        self._term: int | None = None
        self._cache = Cache(is_whole=any(room.is_whole for room in rooms))
        self._answers = Answers(settings.answers_max)
        self._readers = Readers()
        self._queue = Queue()
        self._keys: dict[Ref, Key] = {}
        self._asks: list[Ask] = []
        self.listeners: list[Callable[[Change], None]] = []  # whoever counts what changes; they decide nothing
        self._notes: list[Note] = []
        self._watch: list[Kind] = []
        self._lacking: dict[Kind, dict[Ref, None]] = {}
        self.counts = Counts()
        self._patience = Patience(self._cache, self.counts, settings)
        self._carrier = Carrier(self._cache, self.counts, settings, self._patience, self._ended)

    @property
    def cache(self) -> Cache:
        """What the cluster looks like from here; for reading only."""
        return self._cache

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way and nothing is due now."""
        return not len(self._carrier) and not len(self._queue)

    @property
    def under_way(self) -> int:
        """How much is not over yet: keys that are due, requests without answer, and writes that no watch has told."""
        return len(self._queue) + len(self._carrier) + self._carrier.unseen

    @property
    def is_leading(self) -> bool:
        """Whether a term of leadership runs."""
        return self._term is not None

    def key(self, ref: Ref) -> Key | None:
        """The state of one key, for whoever explains or tests."""
        return self._keys.get(ref)

    # What comes in.

    def absorb(self, event: WatchEvent, now: Instant) -> None:
        """Take in one watch event. With `replace` the cache's only writer."""
        self.counts.events[event.kind.name, event.type] += 1
        change = self._cache.absorb(event)
        if change is None:
            self.counts.stale_events = self._cache.stale_events
            self._mark_waiting(Ref(event.kind, *_place(event.kind, event.object)))
        else:
            self._wake(change)

    def replace(
        self, kind: Kind, objects: Iterable[Manifest], version: str, now: Instant, *, began: Instant | None = None
    ) -> None:
        """Take in a whole list, read by quorum. began: when the list was asked for, if not just now."""
        was_listed = self._cache.is_listed(kind)
        for change in self._cache.replace(kind, objects, version, began or now):
            self._wake(change)
        for ref in self._carrier.fenced_refs():
            if ref.kind == kind:
                self._mark_waiting(ref)
        if not was_listed:  # rooms that read this kind may decide from now on
            self._cache.complaints.pop(kind, None)
            for key in self._keys.values():
                if kind in key.room.reads or key.ref in self._lacking.get(kind, ()):
                    self._mark(key)

    def deaf(self, kind: Kind, complaint: str, now: Instant) -> None:
        """A kind cannot be listed: whoever asked for it is told why."""
        if self._cache.is_listed(kind) or self._cache.complaints.get(kind) == complaint:
            return
        self._cache.complaints[kind] = complaint
        for ref in self._lacking.get(kind, ()):
            if key := self._keys.get(ref):
                self._mark(key)

    def respond(self, response: Response, now: Instant) -> None:
        """Take in the answer to a request of an earlier turn, or the news that there is none (status 0)."""
        self._carrier.respond(response, now)

    def nudge(self, ref: Ref, now: Instant) -> bool:
        """Somebody says that the world has changed for a key; False where this process does not look after it now."""
        key = self._keys.get(ref)
        if key is None or self._term is None:
            return False
        key.nudged_at = now
        self._mark(key)
        return True

    def answered(self, answer: Answer, now: Instant) -> None:
        """Take in what the world said to an ask of an earlier turn."""
        waiting = self._answers.put(answer)
        if waiting is not None and (key := self._keys.get(waiting)):
            self.counts.answers += 1
            self._mark(key)

    def lead(self, term: int | None, now: Instant) -> None:
        """A term of leadership began, or (None) ended: without a term there is no request and no ask."""
        if term == self._term:
            return
        self._term = term
        self._carrier.lead(now if term is not None else None, now)
        self._answers.clear()
        self._asks.clear()
        for key in self._keys.values():
            key.hold_until, key.attempt, key.recalled = None, 0, None
            self._mark(key)
        if term is not None and any(room.names_root is not nobody for room in self._rooms.values()):
            for table in self._cache.tables():
                for manifest in table if table.kind not in self._rooms else ():  # marks are borne by other kinds
                    self._named(Ref(table.kind, *_place(table.kind, manifest)), manifest)

    def turn(self, now: Instant) -> Turn:
        """Look at what is due, and hand out what is to be sent, asked and told."""
        self._queue.advance(now)
        if self._term is not None:
            for _ in range(self._settings.keys_per_turn_max):
                ref = self._queue.pop(urgent_only=self._is_full)
                if ref is None:
                    break
                if key := self._keys.get(ref):
                    self._visit(key, now)
        requests, self._carrier.requests = tuple(self._carrier.requests), []
        asks, self._asks = tuple(self._asks), []
        notes, self._notes = (*self._notes, *self._patience.notes), []
        watch, self._watch = tuple(self._watch), []
        self._patience.notes = []
        for note in notes:
            self.counts.notes[note.about.kind.name, note.severity, note.reason] += 1
        counts = self.counts
        counts.keys, counts.due = len(self._keys), len(self._queue)
        counts.sleeping, counts.inflight = self._queue.sleeping, len(self._carrier)
        return Turn(requests, asks, notes, self._next_wake(now), watch)

    @property
    def _is_full(self) -> bool:
        return len(self._carrier) >= self._settings.requests_inflight_max

    def _next_wake(self, now: Instant) -> Instant | None:
        if self._term is None:
            return None
        if self._queue.has_urgent or (len(self._queue) and not self._is_full):
            return now
        return self._queue.next_due()

    # Whom a change concerns.

    def _wake(self, change: Change) -> None:
        before, after = change.before, change.after
        if after is None or (before and before["metadata"].get("uid") != after["metadata"].get("uid")):
            self._carrier.forget(change.ref)
        self._mark_waiting(change.ref)
        for listener in self.listeners:
            listener(change)
        if room := self._rooms.get(change.ref.kind):
            self._root_changed(room, change)
        if not change.is_echo:
            for concerned in self._readers.concerned(change):
                if key := self._keys.get(concerned):
                    self._mark(key)
            if change.after is not None:
                self._named(change.ref, change.after)

    def _named(self, ref: Ref, manifest: Manifest) -> None:
        """An object that bears a root's mark brings the root up, whether or not it is still there."""
        if self._term is None:
            return  # whoever begins to lead asks every object
        for room in self._rooms.values():
            root = room.names_root(ref, manifest)
            if root is not None and root not in self._keys:
                key = self._keys[root] = Key(root, room)
                self._mark(key)

    def _root_changed(self, room: Room, change: Change) -> None:
        key = self._keys.get(change.ref)
        if key is None:
            key = self._keys[change.ref] = Key(change.ref, room)
        if change.after is None and self._term is None and not key.is_busy:
            self._forget(key)  # a standby sees them come and go for weeks, and never has a turn
            return
        if change.after is None:  # a last turn: the room may have something to take leave of
            key.stopped, key.urgent = key.plan is not None, False
            self._mark(key)
            return
        urgent = room.urgent(change.after)
        if (urgent and not key.urgent) or _is_new_wish(change):
            # A newer wish wins over what is left of a plan, and over the rest that an older one had earned.
            key.stopped = key.plan is not None
            key.hold_until, key.broken = None, 0
            key.refusals.clear()
            key.fresh = not key.is_busy
        key.urgent = urgent
        if not change.is_echo:
            self._mark(key)

    def _mark(self, key: Key) -> None:
        if key.is_busy:
            key.dirty = True
        elif self._term is None:
            return  # whoever begins to lead marks every key
        elif self._queue.mark(key.ref, Line.URGENT if key.urgent else Line.FRESH if key.fresh else Line.BEGUN):
            self.counts.marks[key.ref.kind.name] += 1

    def _mark_waiting(self, ref: Ref) -> None:
        for waiting in self._carrier.waiting_for(ref):
            if key := self._keys.get(waiting):
                self._mark(key)

    # One key's turn.

    def _visit(self, key: Key, now: Instant) -> None:
        if key.is_busy:
            key.dirty = True
            return
        self._queue.calm(key.ref)
        key.fresh = False
        if key.hold_until is not None and key.hold_until > now:
            self._queue.at(key.ref, key.hold_until)
            return
        key.hold_until = None
        if not all(self._cache.is_listed(kind) for kind in key.room.reads):
            return  # marked again once they are
        if blocking := self._carrier.blocking(key):  # law 3
            expired = next((fence for fence in blocking if fence.deadline <= now), None)
            if expired is not None:
                self._carrier.look_up(key, expired)
            else:
                self._queue.at(key.ref, min(fence.deadline for fence in blocking))
            return
        self._decide(key, now)

    def _decide(self, key: Key, now: Instant) -> None:
        reader = RecordingReader(self._cache, self._answers, key, now)
        self.counts.turns[key.ref.kind.name] += 1
        try:
            seen = key.room.gather(key.ref, reader)
            plan = key.room.reconcile(seen, now) if seen is not None else None
            if plan is not None:
                plan.check(now)
        except HiccupError as hiccup:
            self._patience.back_off(key, now, complaint=str(hiccup))
            plan = Plan(wake=key.hold_until)
        except Exception as error:  # whatever a room raises, it must not stop the others
            self._patience.quarantine(key, error, now)
            plan = Plan(wake=key.hold_until)
        else:
            key.broken = 0
        if plan is None:
            self._forget(key)
            return
        self._readers.record(key.ref, reader.reads)
        self._demand(key, reader.lacking)
        if key.hold_until is None:
            key.words = reader.words
            self._answers.keep_only(key.ref, reader.asked.union(ask.id for ask in plan.asks))
        self._begin(key, plan, now)

    def _demand(self, key: Key, kinds: Iterable[Kind]) -> None:
        """A gather lacked a kind that is watched on demand: the first one to say so begins the watch."""
        for kind in kinds:
            assert key.room.is_whole or kind in key.room.on_demand, f"nobody may demand {kind} for {key.ref}"
            if kind not in self._lacking and not any(kind in room.reads for room in self._rooms.values()):
                self._watch.append(kind)
            self._lacking.setdefault(kind, {})[key.ref] = None

    def _begin(self, key: Key, plan: Plan, now: Instant) -> None:
        if key.hold_until is not None:  # the room raised
            self._queue.at(key.ref, key.hold_until)
        elif self.shadow is not None:
            self._notes += self.shadow.saw(key.ref, self._uid(key), plan, now)
            due = self.shadow.due(key.ref)
            if due is not None:
                self._queue.at(key.ref, max(due, now))
            self._sleep(key, plan, now)
        elif self._dry_run:
            self._patience.tell(key, "DryRun", str(plan), severity="Normal")
            self._sleep(key, plan, now)
        elif not plan.writes:
            self.counts.quiet_turns[key.ref.kind.name] += 1
            self._ended(key, plan, now)
        elif self._patience.is_circling(key, now):
            self.counts.circling += 1
            self._patience.back_off(key, now, complaint="circling: plans keep writing without coming to rest")
            self._mark(key)
        else:
            self.counts.plans[key.ref.kind.name] += 1
            self._carrier.begin(key, plan, now)

    def _ended(self, key: Key, plan: Plan | None, now: Instant) -> None:
        """A plan is over: ask and tell if all of it went through. The key comes round again if anything changed."""
        if key.is_foreign:
            self._forget(key)
            return
        again = key.dirty or key.changed or plan is None
        key.dirty = key.changed = False
        if plan is not None:
            if plan.writes:
                key.recalled = plan.recall
                again = again or plan.recall is not None
            if key.refusals and (plan.actions or not plan.writes):
                key.refusals.clear()  # all that the room still wants was done
                again = True
            if not key.refusals:  # a mere report of a refusal does not make up for it
                key.attempt, key.complaint = 0, ""
            fresh = self._answers.new(key.ref, plan.asks)
            self.counts.asks += len(fresh)
            self._asks += fresh
            self._notes += plan.notes
            self._sleep(key, plan, now)
        if again:
            self._mark(key)

    def _sleep(self, key: Key, plan: Plan, now: Instant) -> None:
        if plan.wake is not None:
            self._queue.at(key.ref, max(plan.wake, now))

    def _uid(self, key: Key) -> str:
        root = self._cache.get(key.ref)
        return str(root["metadata"].get("uid", "")) if root is not None else ""

    def _forget(self, key: Key) -> None:
        self._queue.forget(key.ref)
        if self.shadow is not None:
            self.shadow.forget(key.ref)
        self._readers.forget(key.ref)
        self._answers.keep_only(key.ref, ())
        self._carrier.drop(key)
        self._keys.pop(key.ref, None)


def _is_new_wish(change: Change) -> bool:
    """Whether somebody changed the spec; where status is no subresource the generation moves with every report."""
    if change.before is None or change.after is None or not change.ref.kind.has_status:
        return False
    return generation(change.before) != generation(change.after)


def _place(kind: Kind, manifest: Manifest) -> tuple[str, str]:
    meta = manifest["metadata"]
    return (str(meta.get("namespace", "")) if kind.namespaced else "", str(meta["name"]))
