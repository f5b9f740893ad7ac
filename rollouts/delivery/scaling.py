"""Replica arithmetic: exact integers, rounded so that capacity is never short.

Beside a router the canary gets pods for its share and the stable version keeps its own.  Without one the share is the
ratio of the pods themselves, and every change of it stays between maxSurge and maxUnavailable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from rollouts.kit import amount
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


def floored(size: int, least: int, replicas: int) -> int:
    """A size under minPodsPerReplicaSet: none stays none, any is at least `least`, which ends at spec.replicas."""
    return max(size, min(least, replicas)) if size else 0


@dataclass(frozen=True, slots=True)
class Limits:
    """Between what an update without a router moves. most: pods asked for at once.  least: pods that serve."""

    replicas: int
    surge: int
    unavailable: int

    @property
    def most(self) -> int:
        """The pods that all ReplicaSets together may ask for."""
        return self.replicas + self.surge

    @property
    def least(self) -> int:
        """The pods that must serve before one that serves is taken away."""
        return max(0, self.replicas - self.unavailable)


def limits(replicas: int, surge: int | str, unavailable: int | str) -> Limits:
    """maxSurge rounded up, maxUnavailable rounded down; both of them nothing would move nothing, so one may be missing.

    A surge of 0 that is meant as a number stays 0; a share of no pods is no surge.
    """
    above, missing = amount.resolve_up(surge, replicas), amount.resolve_down(unavailable, replicas)
    return Limits(replicas, above, missing if above or missing else 1)


def plain_sizes(replicas: int, weight: int, surge: int) -> tuple[int, int]:
    """Pods of the canary and of the stable version whose ratio is nearest to a weight out of 100.

    The total is spec.replicas, or one more where a surge allows it.  Between 0 and 100 each version has a pod, if there
    are two; of two equally near ratios the larger canary is taken.
    """
    assert 0 <= weight <= 100
    if weight in (0, 100) or not replicas:
        return (replicas, 0) if weight == 100 else (0, replicas)
    up, down = ceil_share(replicas, weight, 100), replicas * weight // 100
    totals = (replicas, replicas + 1) if surge else (replicas,)
    found = [(count, total) for total in totals for count in (up, down) if 0 < count < total]
    if not found:
        return 0, replicas  # a single pod that may not be doubled belongs to the stable version

    def nearness(option: tuple[int, int]) -> tuple[Fraction, int, int]:
        return abs(Fraction(100 * option[0], option[1]) - weight), -option[0], option[1]

    canary, total = min(found, key=nearness)
    return canary, total - canary


@dataclass(frozen=True, slots=True)
class Side:
    """One ReplicaSet of an update without a router.

    wanted: pods that it asks for.  usable: those that serve.  ready: those that a removal may hit first or last.
    target: pods to which it is to come.
    """

    wanted: int
    usable: int
    ready: int
    target: int

    @property
    def unready(self) -> int:
        """Pods that it asks for and that serve nobody."""
        return self.wanted - min(self.wanted, max(self.ready, self.usable))


def hop(sides: Sequence[Side], older: Sequence[Side], within: Limits) -> tuple[int, ...]:
    """The sizes of all ReplicaSets after the next step towards their targets, first those of `sides`, then `older`.

    sides: in the order in which they grow, the new version last.  A pod that serves is taken only from what serves
    beyond the limit.  One that is not ready serves nobody and goes first; the new version's as it likes, but another
    version's only while the pods left to the others, and those with which the new one serves, are enough: they may
    come back, and a new version that does not come up is no reason to drop them.
    """
    every = (*sides, *older)
    grown = list(_grown(every, within.most - sum(each.wanted for each in every)))
    newest = len(sides) - 1
    spare = sum(each.usable for each in every) - within.least
    others = sum(each.wanted for at, each in enumerate(every) if at != newest) + every[newest].usable - within.least
    after = grown.copy()
    for at in (*range(len(sides), len(every)), *range(len(sides))):
        each = every[at]
        excess = max(0, each.wanted - each.target)
        free = min(excess, each.unready, each.unready if at == newest else max(0, others))
        paid = min(excess - free, max(0, spare))
        spare -= paid
        others -= 0 if at == newest else free + paid
        after[at] -= free + paid
    # A user who asks for less in the middle of an update means it: what is beyond the limit and serves nobody goes.
    left = every[newest].unready - max(0, every[newest].wanted - after[newest])
    after[newest] -= max(0, min(left, sum(after) - within.most))
    return tuple(after)


def _grown(every: Sequence[Side], room: int) -> Iterator[int]:
    for each in every:
        more = max(0, min(room, each.target - each.wanted))
        room -= more
        yield each.wanted + more
