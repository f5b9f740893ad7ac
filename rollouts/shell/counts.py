"""What the machine counts, as plain numbers; `metrics.py` gives them their public names."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counts:
    """Totals since start. Labels are bounded: kinds, verbs, codes and reasons, never names."""

    events: Counter[tuple[str, str]] = field(default_factory=Counter)  # kind, type
    stale_events: int = 0
    marks: Counter[str] = field(default_factory=Counter)  # root kind
    turns: Counter[str] = field(default_factory=Counter)  # root kind: gather and reconcile ran
    quiet_turns: Counter[str] = field(default_factory=Counter)
    plans: Counter[str] = field(default_factory=Counter)  # root kind: plans with writes
    requests: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # verb, kind, status code
    noop_writes: int = 0
    lost_responses: int = 0
    conflicts: int = 0
    fences_expired: int = 0
    confirmations: int = 0
    declined: int = 0  # evictions for which a disruption budget had no room
    retries: Counter[str] = field(default_factory=Counter)  # root kind
    broken: Counter[str] = field(default_factory=Counter)  # root kind: a room raised
    circling: int = 0
    asks: int = 0
    answers: int = 0
    notes: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # root kind, severity, reason
    # Gauges, as of the latest turn.
    keys: int = 0
    due: int = 0
    sleeping: int = 0
    inflight: int = 0
