"""A note becomes one log line and one Kubernetes Event; events wait in a bounded queue and delay nothing."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rollouts.core.errors import HiccupError
from rollouts.core.plan import Note
from rollouts.kit.instant import Instant
from rollouts.kube.kinds import EVENT
from rollouts.kube.ref import Ref
from rollouts.shell import clock, logs
from rollouts.shell.client import Client
from rollouts.shell.settings import DEFAULTS, Settings

COMPONENT = "rollouts-controller"
STEP_ASIDE_S = 0.2
CALM_S = 1.0  # neither writes nor many notes for so long: whatever waits is sent
_LOGGED: Mapping[str, Any] = {}  # what was for the log need not wait with the rest
About = tuple[str, str]
SameFact = tuple[str, str, str, str]


@dataclass(slots=True)
class Told:
    """An Event that stands in the cluster, so that the same fact told again is counted there."""

    ref: Ref
    count: int
    told_at: Instant


@dataclass(slots=True)
class Waiting:
    """A note that waits to be sent, and how often it was told meanwhile."""

    note: Note
    began: Instant
    at: Instant
    count: int = 1


@dataclass(slots=True)
class TellCounts:
    """What became of the events."""

    sent: int = 0
    dropped: int = 0
    failed: int = 0


def _fact(note: Note) -> SameFact:
    return note.about_uid, note.about.name, note.reason, note.message


class Teller:
    """Takes notes at once and sends their events when nothing more important is to be sent."""

    def __init__(
        self, client: Client, settings: Settings = DEFAULTS, *, is_busy: Callable[[], bool] = lambda: False
    ) -> None:
        self._client = client
        self._settings = settings
        self._is_busy = is_busy
        self._waiting: OrderedDict[int, Waiting] = OrderedDict()  # by ordinal
        self._newest: dict[About, int] = {}  # object → ordinal of its newest note that waits
        self._ordinal = 0
        self._told: OrderedDict[SameFact, Told] = OrderedDict()
        self._lately: deque[Instant] = deque(maxlen=settings.events_calm_max)  # when the newest notes were told
        self._busy_at: Instant | None = None  # when writes were last seen under way
        self._some = asyncio.Event()
        self._latest_micros = 0
        self.sends_events = True
        self.counts = TellCounts()

    def __len__(self) -> int:
        return len(self._waiting)

    def tell(self, note: Note) -> None:
        """Take a note; never waits. Where too many wait, the oldest is dropped and counted."""
        level = logging.WARNING if note.severity == "Warning" else logging.INFO
        if logging.getLogger("rollouts").isEnabledFor(level):
            say = logs.warn if note.severity == "Warning" else logs.info
            about = note.about
            say(
                note.reason,
                kind=about.kind.name,
                namespace=about.namespace,
                name=about.name,
                text=note.message,
                **note.fields,
            )
        if not self.sends_events:
            return
        same, at = _fact(note), clock.now()
        self._lately.append(at)
        newest = self._waiting.get(self._newest.get(same[:2], -1))
        # What was told in between stands between: only the newest note of an object is counted where it waits.
        if newest is not None and _fact(newest.note) == same:
            newest.count, newest.at = newest.count + 1, at
            return
        if len(self._waiting) >= self._settings.events_queue_max:
            self._oldest()
            self.counts.dropped += 1
        self._ordinal += 1
        self._waiting[self._ordinal] = Waiting(replace(note, fields=_LOGGED), at, at)
        self._newest[same[:2]] = self._ordinal
        self._some.set()

    async def run(self) -> None:
        """Send events in the order in which they were told: where they are few at once, else in bursts. Never returns.

        Who sees a Rollout healthy asks for its events next.
        """
        while True:
            await self._some.wait()
            if not self._is_calm:
                await asyncio.sleep(self._settings.events_gather_s)  # one burst costs a fraction of so many calls
            while self._waiting:
                if self._steps_aside:  # late, but never stuck: a few go out all the same
                    await asyncio.sleep(STEP_ASIDE_S)
                    await self._burst(self._settings.events_busy_max)
                else:
                    await self._burst(self._settings.events_burst_max)
            self._some.clear()

    @property
    def _is_calm(self) -> bool:
        """Whether no more notes wait, and no more were told of late, than can be sent beside everything else."""
        told, few = self._lately, self._settings.events_calm_max
        return len(self._waiting) < few and (len(told) < few or clock.now().since(told[0]) > CALM_S)

    @property
    def _steps_aside(self) -> bool:
        """Whether events leave the API server to the writes of an update, between two of which it may rest a moment."""
        if self._is_calm:
            return False
        now = clock.now()
        if self._is_busy():
            self._busy_at = now
        return self._busy_at is not None and now.since(self._busy_at) <= CALM_S

    async def flush(self, wait_s_max: float) -> None:
        """Give what still waits a last chance."""
        try:
            async with asyncio.timeout(wait_s_max):
                while self._waiting:
                    await self._burst(self._settings.events_burst_max)
        except TimeoutError:
            self.counts.dropped += len(self._waiting)

    async def _burst(self, count_max: int) -> None:
        """One after the other for each object, so that a watch tells them in order; several objects at once."""
        by_object: dict[tuple[str, str], list[tuple[SameFact, Waiting]]] = {}
        for _ in range(min(len(self._waiting), count_max)):
            same, waiting = self._oldest()
            by_object.setdefault(same[:2], []).append((same, waiting))
        await asyncio.gather(*(self._send_in_order(line) for line in by_object.values()))

    def _oldest(self) -> tuple[SameFact, Waiting]:
        ordinal, waiting = self._waiting.popitem(last=False)
        same = _fact(waiting.note)
        if self._newest[same[:2]] == ordinal:
            del self._newest[same[:2]]
        return same, waiting

    async def _send_in_order(self, line: list[tuple[SameFact, Waiting]]) -> None:
        for same, waiting in line:
            await self._send(same, waiting)

    async def _send(self, same: SameFact, waiting: Waiting) -> None:
        known, at = self._told.get(same), waiting.at
        try:
            if known and at.since(known.told_at) < self._settings.events_aggregate_s:
                known.count, known.told_at = known.count + waiting.count, at
                again = {"count": known.count, "lastTimestamp": at.rfc3339_whole()}
                await self._client.patch(known.ref, again)
            else:
                body = self._event(waiting)
                ref = Ref(EVENT, body["metadata"]["namespace"], body["metadata"]["name"])
                await self._client.create(EVENT, ref.namespace, body)
                self._told[same] = Told(ref, waiting.count, at)
                if len(self._told) > self._settings.events_remembered_max:
                    self._told.popitem(last=False)
            self.counts.sent += 1
        except HiccupError as error:
            self._told.pop(same, None)
            self.counts.failed += 1
            logs.info("event not sent", reason=waiting.note.reason, text=str(error))

    def _event(self, waiting: Waiting) -> dict[str, Any]:
        note, about = waiting.note, waiting.note.about
        # Names order the events of one object as they were told, two within one microsecond included.
        self._latest_micros = max(self._latest_micros + 1, waiting.began.micros)
        message = note.message.encode()[: self._settings.event_message_bytes_max].decode(errors="ignore")
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{about.name[:200]}.{self._latest_micros * 1000:016x}",
                "namespace": about.namespace or "default",
            },
            "involvedObject": {
                "apiVersion": about.kind.api_version,
                "kind": about.kind.name,
                "namespace": about.namespace,
                "name": about.name,
                "uid": note.about_uid,
            },
            "reason": note.reason[:128],
            "message": message,
            "type": note.severity,
            "count": waiting.count,
            "firstTimestamp": waiting.began.rfc3339_whole(),
            "lastTimestamp": waiting.at.rfc3339_whole(),
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "reportingInstance": COMPONENT,
        }
