"""How long a key rests after the world, the API server or its own room failed it, and what is said about it."""

from __future__ import annotations

from rollouts.core.errors import BrokenError
from rollouts.core.plan import Note
from rollouts.kit.backoff import delay_s
from rollouts.kit.instant import Instant
from rollouts.shell.cache import Cache
from rollouts.shell.counts import Counts
from rollouts.shell.keys import Key
from rollouts.shell.settings import Settings

MESSAGE_MAX = 500


class Patience:
    """Sets `hold_until` of a key; a complaint is told once, not at every retry."""

    def __init__(self, cache: Cache, counts: Counts, settings: Settings) -> None:
        self._cache = cache
        self._counts = counts
        self._settings = settings
        self.notes: list[Note] = []

    def conflicted(self, key: Key, now: Instant) -> None:
        """Somebody was quicker: no rest at first, but a storm of conflicts backs off."""
        self._counts.conflicts += 1
        key.attempt += 1
        beyond = key.attempt - self._settings.conflicts_free_max
        if beyond > 0:
            key.hold_until = now.plus(self._delay_s(key, beyond))

    def back_off(self, key: Key, now: Instant, *, retry_after_s: float | None = None, complaint: str = "") -> None:
        """A failure: rest longer each time, and no shorter than the server wishes."""
        key.attempt += 1
        self._counts.retries[key.ref.kind.name] += 1
        wish_s = min(retry_after_s or 0.0, self._settings.retry_cap_s)
        key.hold_until = now.plus(max(self._delay_s(key, key.attempt), wish_s))
        if complaint:
            self._complain(key, "WriteRefused", complaint)

    def quarantine(self, key: Key, error: Exception, now: Instant) -> None:
        """The room raised: this key rests, all others run on."""
        key.broken += 1
        self._counts.broken[key.ref.kind.name] += 1
        first_s, cap_s = self._settings.quarantine_first_s, self._settings.quarantine_cap_s
        key.hold_until = now.plus(delay_s(key.broken, first_s=first_s, cap_s=cap_s, seed=str(key.ref)))
        reason = "ReconcileBroken" if isinstance(error, BrokenError) else "ReconcileError"
        self._complain(key, reason, f"{type(error).__name__}: {error}")

    def is_circling(self, key: Key, now: Instant) -> bool:
        """Whether the key's plans keep writing without coming to rest."""
        if key.window_began is None or now.since(key.window_began) >= self._settings.plans_window_s:
            key.window_began, key.window_plans = now, 0
        key.window_plans += 1
        return key.window_plans > self._settings.plans_per_window_max

    def tell(self, key: Key, reason: str, message: str, severity: str = "Warning") -> None:
        """A note about the key's root, unless it was the latest one already."""
        if message == key.complaint:
            return
        key.complaint = message
        root = self._cache.get(key.ref)
        uid = str(root["metadata"].get("uid", "")) if root is not None else ""
        self.notes.append(Note(reason, message, key.ref, uid, "Normal" if severity == "Normal" else "Warning"))

    def _complain(self, key: Key, reason: str, message: str) -> None:
        self.tell(key, reason, " ".join(message.split())[:MESSAGE_MAX])

    def _delay_s(self, key: Key, attempt: int) -> float:
        first_s, cap_s = self._settings.retry_first_s, self._settings.retry_cap_s
        return delay_s(attempt, first_s=first_s, cap_s=cap_s, seed=str(key.ref))
