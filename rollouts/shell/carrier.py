"""Carries one plan of a key out: write by write, with fences, quorum reads and an answer to every refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from rollouts.core.plan import Create, Delete, Evict, Plan
from rollouts.kit.instant import Instant
from rollouts.kube.object import controller_uid
from rollouts.kube.ref import Manifest, Ref
from rollouts.shell import carry
from rollouts.shell.cache import Cache, at_least
from rollouts.shell.carry import Outcome
from rollouts.shell.counts import Counts
from rollouts.shell.keys import Fence, Key, Purpose, Until
from rollouts.shell.patience import Patience
from rollouts.shell.settings import Settings
from rollouts.shell.wire import Request, Response


class Carrier:
    """What is under way at the API server. `ended(key, plan, now)` tells that a key is free again: with its plan
    where every write went through, else with None."""

    def __init__(
        self,
        cache: Cache,
        counts: Counts,
        settings: Settings,
        patience: Patience,
        ended: Callable[[Key, Plan | None, Instant], None],
    ) -> None:
        self._cache = cache
        self._counts = counts
        self._settings = settings
        self._patience = patience
        self._ended = ended
        self._inflight: dict[int, tuple[Key, Purpose, Request]] = {}
        self._fenced: dict[Ref, dict[Ref, None]] = {}
        self._number = 0
        self._term_began: Instant | None = None
        self._confirmed: dict[Ref, None] = {}
        self.requests: list[Request] = []

    def __len__(self) -> int:
        return len(self._inflight)

    # What the machine says.

    def begin(self, key: Key, plan: Plan, now: Instant) -> None:
        """Start to carry out a plan that has writes."""
        key.plan, key.writes, key.position = plan, plan.writes, 0
        key.changed = key.stopped = key.root_read = False
        self._proceed(key, now)

    def lead(self, term_began: Instant | None, now: Instant) -> None:
        """A term began, or (None) ended: what was not handed out yet is never sent."""
        self._term_began = term_began
        self._confirmed.clear()
        unsent, self.requests = self.requests, []
        for request in unsent:
            key = self._inflight.pop(request.id)[0]
            key.request_id = 0
            self._end(key, now)

    def waiting_for(self, ref: Ref) -> tuple[Ref, ...]:
        """The keys that wait to see a write on this object."""
        return tuple(self._fenced.get(ref, ()))

    @property
    def unseen(self) -> int:
        """How many objects were written whose new version no watch has told yet."""
        return len(self._fenced)

    def fenced_refs(self) -> tuple[Ref, ...]:
        """Every object that some key waits to see."""
        return tuple(self._fenced)

    def forget(self, ref: Ref) -> None:
        """The object of that name is another one now: nothing about it was confirmed."""
        self._confirmed.pop(ref, None)

    def drop(self, key: Key) -> None:
        """The key is no more."""
        for ref in list(key.fences):
            self._unfence(key, ref)

    def blocking(self, key: Key) -> list[Fence]:
        """The fences that still hold the key back; those that have fallen are forgotten."""
        for ref in [ref for ref, fence in key.fences.items() if fence.is_down(self._cache)]:
            self._unfence(key, ref)
        return [fence for fence in key.fences.values() if key.is_held_by(fence)]

    def look_up(self, key: Key, fence: Fence) -> None:
        """Ask the API server where a write went."""
        if fence.until is not Until.READ:
            self._counts.fences_expired += 1
        self._get(key, Purpose.FENCE, fence.ref)

    def respond(self, response: Response, now: Instant) -> None:
        """Take in the answer to a request, or the news that there is none."""
        found = self._inflight.pop(response.request_id, None)
        if found is None:
            return
        key, purpose, request = found
        key.request_id = 0
        self._counts.requests[request.verb, request.ref.kind.name, str(response.status)] += 1
        if response.status == 0:
            self._counts.lost_responses += 1
        match purpose:
            case Purpose.WRITE:
                self._written(key, response, now)
            case _ if self._term_began is None:
                self._end(key, now)
            case Purpose.FENCE:
                self._looked_up(key, request.ref, response, now)
            case Purpose.EXISTS:
                self._met(key, response, now)
            case Purpose.CONFIRM:
                self._confirm(key, request.ref, response, now)

    # One step of a plan.

    def _proceed(self, key: Key, now: Instant) -> None:
        """Send the next write, or what must be read before it; end where there is none."""
        if key.position == len(key.writes):
            self._end(key, now, done=True)
            return
        if key.stopped or self._term_began is None:
            self._end(key, now)
            return
        action = key.writes[key.position]
        if action.is_irreversible:
            for ref in (key.ref, action.ref):
                if not self._is_confirmed(ref) and not (key.root_read and ref == key.ref):
                    self._counts.confirmations += 1
                    self._get(key, Purpose.CONFIRM, ref)
                    return
        if isinstance(action, Create) and not key.root_read and self._was_removed(action.ref):
            # Whoever removed it may have removed its owner first, and the cache is the last to know.
            self._counts.confirmations += 1
            self._get(key, Purpose.CONFIRM, key.ref)
            return
        self._number += 1
        self._send(key, Purpose.WRITE, carry.request(self._number, action))

    def _end(self, key: Key, now: Instant, *, done: bool = False) -> None:
        plan, key.plan, key.writes, key.position = key.plan, None, (), 0
        key.stopped = False
        self._ended(key, plan if done else None, now)

    # What an answer means.

    def _written(self, key: Key, response: Response, now: Instant) -> None:
        action = key.writes[key.position]
        match carry.outcome(action, response):
            case Outcome.DONE:
                self._count_done(key, carry.version_of(response), now)
                key.position += 1
                self._proceed(key, now)
                return
            case Outcome.DECLINED:
                self._counts.declined += 1
                key.position += 1
                self._proceed(key, now)
                return
            case Outcome.EXISTS:
                if self._term_began is not None:
                    self._get(key, Purpose.EXISTS, action.ref)
                    return
            case Outcome.MOVED:
                self._fence_moved(key, action, now)
                self._patience.conflicted(key, now)
            case Outcome.UNKNOWN:
                self._fence(key, Fence(action.ref, Until.READ, now))
                self._patience.back_off(key, now, retry_after_s=response.retry_after_s)
            case Outcome.BUSY:
                self._patience.back_off(key, now, retry_after_s=response.retry_after_s)
            case Outcome.REFUSED:
                said = carry.message_of(response) or f"the API server answered {response.status}"
                key.refusals[carry.place(action)] = said
                complaint = f"{action.ref}: {response.status} {said}"
                self._patience.back_off(key, now, complaint=complaint)
            case unreachable:
                assert_never(unreachable)
        self._end(key, now)

    def _count_done(self, key: Key, version: str, now: Instant) -> None:
        """Raise the fence of an answered write, unless the cache shows it already or it changed nothing."""
        action = key.writes[key.position]
        if key.refusals.pop(carry.place(action), ""):
            key.dirty = True  # what the room says about it is out of date
        if isinstance(action, Delete | Evict):
            key.changed = True
            self._fence(key, Fence(action.ref, Until.GONE, self._wait(now), uid=action.uid))
            return
        seen = self._cache.get(action.ref)
        sent = getattr(action, "version", version)
        if version and version == sent == _version(seen):
            self._counts.noop_writes += 1
            return
        key.changed = True
        if version:
            self._fence(key, Fence(action.ref, Until.REACHED, self._wait(now), version=version))

    def _met(self, key: Key, response: Response, now: Instant) -> None:
        """A create met an object: it counts as ours if the same uid controls it."""
        action = key.writes[key.position]
        assert isinstance(action, Create)
        if response.is_ok and response.body and controller_uid(response.body) == action.owner_uid:
            self._count_done(key, carry.version_of(response), now)
            key.position += 1
            self._proceed(key, now)
            return
        if response.is_ok:
            self._fence(key, Fence(action.ref, Until.REACHED, self._wait(now), version=carry.version_of(response)))
            self._patience.back_off(key, now, complaint=f"{action.ref}: stands there already under another owner")
        elif response.status == 404:
            self._patience.conflicted(key, now)
        else:
            self._patience.back_off(key, now, retry_after_s=response.retry_after_s)
        self._end(key, now)

    def _confirm(self, key: Key, ref: Ref, response: Response, now: Instant) -> None:
        """What an irreversible action rests on was read by quorum: go on only if the cache agrees."""
        version, seen = carry.version_of(response), self._cache.get(ref)
        if response.is_ok and seen is None and ref == key.ref:
            # The root is there, though not for us to see: another instance looks after it.
            key.is_foreign = True
            self._end(key, now)
            return
        is_gone = seen is None and response.status == 404
        if is_gone or (response.is_ok and version == _version(seen)):
            if ref != key.ref or not is_gone:  # a root that is gone may be made again by another instance
                self._confirmed[ref] = None
            key.root_read = key.root_read or ref == key.ref
            self._proceed(key, now)
            return
        if response.is_ok:
            self._fence(key, Fence(ref, Until.REACHED, self._wait(now), version=version))
            self._patience.conflicted(key, now)
        elif response.status == 404:
            self._fence_absence(key, ref, now)
            self._patience.conflicted(key, now)
        else:
            self._patience.back_off(key, now, retry_after_s=response.retry_after_s)
        self._end(key, now)

    def _looked_up(self, key: Key, ref: Ref, response: Response, now: Instant) -> None:
        """A GET tells where a write went: its version is the fence from now on."""
        if not (response.is_ok or response.status == 404):
            self._patience.back_off(key, now, retry_after_s=response.retry_after_s)
            self._end(key, now)
            return
        fence = key.fences.get(ref)
        self._unfence(key, ref)
        if response.status == 404:
            self._fence_absence(key, ref, now)
        elif not _reaches(self._cache.get(ref), version := carry.version_of(response)):
            self._fence(key, Fence(ref, Until.REACHED, self._wait(now), version=version))
        elif fence is not None and fence.until in (Until.MOVED, Until.GONE):
            # The server refused, or did not do, what the cache and a quorum read agree on: nothing will arrive.
            self._patience.back_off(key, now)
        self._end(key, now)

    # Fences and confirmations.

    def _fence(self, key: Key, fence: Fence) -> None:
        if fence.is_down(self._cache):
            self._unfence(key, fence.ref)
            return
        key.fences[fence.ref] = fence
        self._fenced.setdefault(fence.ref, {})[key.ref] = None

    def _fence_moved(self, key: Key, action: object, now: Instant) -> None:
        """The target is not what was seen: wait for the watch to tell, then look."""
        soon = now.plus(self._settings.conflict_wait_s_max)
        if isinstance(action, Delete) and not action.version:
            self._fence(key, Fence(action.ref, Until.GONE, soon, uid=action.uid))
            return
        ref, version = getattr(action, "ref", key.ref), getattr(action, "version", "")
        self._fence(key, Fence(ref, Until.MOVED, soon, version=version))

    def _fence_absence(self, key: Key, ref: Ref, now: Instant) -> None:
        """The object is gone; the cache must come to know it."""
        seen = self._cache.get(ref)
        if seen is not None:
            self._fence(key, Fence(ref, Until.GONE, self._wait(now), uid=seen["metadata"].get("uid", "")))

    def _unfence(self, key: Key, ref: Ref) -> None:
        key.fences.pop(ref, None)
        waiting = self._fenced.get(ref)
        if waiting is not None:
            waiting.pop(key.ref, None)
            if not waiting:
                del self._fenced[ref]

    def _wait(self, now: Instant) -> Instant:
        return now.plus(self._settings.fence_wait_s_max)

    def _was_removed(self, ref: Ref) -> bool:
        return (ref.namespace, ref.name) in self._cache.table(ref.kind).graves

    def _is_confirmed(self, ref: Ref) -> bool:
        if ref in self._confirmed:
            return True
        if self._cache.get(ref) is None:
            return False  # a list by labels proves no absence
        listed_at = self._cache.table(ref.kind).listed_at
        return listed_at is not None and self._term_began is not None and listed_at >= self._term_began

    # What goes out.

    def _get(self, key: Key, purpose: Purpose, ref: Ref) -> None:
        self._number += 1
        self._send(key, purpose, Request(self._number, "get", ref))

    def _send(self, key: Key, purpose: Purpose, request: Request) -> None:
        assert not key.request_id and self._term_began is not None
        key.request_id = request.id
        self._inflight[request.id] = (key, purpose, request)
        self.requests.append(request)


def _version(manifest: Manifest | None) -> str:
    return str(manifest["metadata"].get("resourceVersion", "")) if manifest is not None else ""


def _reaches(seen: Manifest | None, version: str) -> bool:
    return seen is not None and at_least(_version(seen), version)
