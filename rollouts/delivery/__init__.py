"""The Rollout: gather what concerns it, decide what it needs next.

Lives here: rules of the spec, the latch and its turns, steps, sizes, the order of moving traffic, conditions, events.
Never here: how a router spells a weight (`rollouts.traffic`), how a run is judged (`rollouts.runs`), and any I/O.
Read `reconcile.py` first, then `advance.py` and `canary.py`, or `stages.py` and `bluegreen.py`.
"""

from rollouts.delivery.denials import told_of
from rollouts.delivery.gather import gather
from rollouts.delivery.reconcile import names_root, reconcile, urgent
from rollouts.delivery.seen import DeliverySeen, Farewell, Refused, Seen, StatusCompat

__all__ = [
    "DeliverySeen",
    "Farewell",
    "Refused",
    "Seen",
    "StatusCompat",
    "gather",
    "names_root",
    "reconcile",
    "told_of",
    "urgent",
]
