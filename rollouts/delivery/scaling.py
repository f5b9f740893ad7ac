"""Replica arithmetic under a router: exact integers, rounded so that capacity is never short."""

from __future__ import annotations

from rollouts.kit.amount import ceil_share


def canary_size(replicas: int, weight: int, total: int) -> int:
    """Pods of the canary for its share of the traffic, rounded up."""
    assert 0 <= weight <= total and replicas >= 0
    return ceil_share(replicas, weight, total)


def pods_needed(replicas: int, weight: int, total: int) -> int:
    """Available pods that a side needs before it may carry that weight: its share rounded up, at least one."""
    return max(1, canary_size(replicas, weight, total)) if weight else 0


def share_covered(replicas: int, available: int, total: int) -> int:
    """The largest weight that so many available pods may carry."""
    if available <= 0:
        return 0
    return total if available >= replicas else available * total // replicas
