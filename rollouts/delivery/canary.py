"""What a canary wants at each phase: sizes, a share of the traffic, and what each Service selects."""

from __future__ import annotations

from rollouts.delivery import capacity, guests, managed, services, steps
from rollouts.delivery.phase import Phase
from rollouts.delivery.scaling import share_covered
from rollouts.delivery.seen import DeliverySeen
from rollouts.delivery.sizes import sizes
from rollouts.delivery.want import Want
from rollouts.kit.instant import Instant


def wish(seen: DeliverySeen, phase: Phase, now: Instant) -> Want:
    """The wish of the moment; `want.py` turns its distance from what is seen into ordered actions."""
    weight = _weight(seen, phase)
    canary_hash = services.canary_target(seen, phase, weight)
    stable_hash = services.stable_target(seen, phase, weight)
    sets, new_size = sizes(seen, phase, weight, now)
    return Want(
        sets=sets,
        new_size=new_size,
        weight=weight,
        canary_hash=canary_hash,
        stable_hash=stable_hash,
        shares=tuple(
            reach(seen, route.weight, weight, canary_hash or seen.canary_service.hash)
            for _, routes in seen.routers
            for route in routes
        ),
        beside=guests.wanted(seen, phase),
        managed=managed.wanted(seen, phase, canary_hash or seen.canary_service.hash),
    )


def _weight(seen: DeliverySeen, phase: Phase) -> int:
    """The canary's share that the phase asks for."""
    if not seen.replicas:
        return 0
    if phase in (Phase.STEPPING, Phase.PAUSED):
        weight = steps.weight_at(seen, seen.latch.step)
        return capacity.weight_within(seen, weight)
    if phase is Phase.PROMOTING:
        return _promoting(seen)
    if phase is Phase.SETTLED and seen.canary_service.hash == seen.latch.stable != seen.stable_service.hash:
        return seen.weight_high  # until the stable Service selects the new version, the canary Service carries it
    return 0


def _promoting(seen: DeliverySeen) -> int:
    """All, once the canary can carry it; until then what it has, or under dynamicStableScale what it can."""
    usable = seen.current.usable if seen.current else 0
    if not seen.is_routed or usable >= capacity.full(seen):
        return seen.traffic.total
    is_shifting = seen.canary.dynamic_stable_scale and seen.canary_service.hash == seen.latch.current
    covered = share_covered(seen.replicas, usable, seen.traffic.total) if is_shifting else 0
    return max(seen.weight_high, covered)


def reach(seen: DeliverySeen, now: int, wanted: int, canary_hash: str) -> int:
    """How far one route's weight may go from `now` towards `wanted` without pointing at too few pods.

    canary_hash: what the canary Service selects once this plan's switch is made.
    """
    total, replicas = seen.traffic.total, seen.replicas
    if not replicas:
        return 0
    carrier, taker = seen.set_of(canary_hash), seen.set_of(seen.stable_service.hash) or seen.stable
    carrying, taking = carrier.usable if carrier else 0, taker.usable if taker else 0
    # What the canary Service selects may be gone, or may be a version that this update is not about.
    target = wanted if carrying and canary_hash == seen.latch.current else 0
    if target <= now and carrier is not None and carrier is taker:
        return target  # both sides are the same pods
    if target > now and carrying < capacity.needed(seen, target):
        target = now
    if target < now:
        if carrying:
            target = max(target, min(now, total - share_covered(replicas, taking, total)))
        elif not taking:
            target = now  # nobody is there to take it
    return target
