"""What a canary wants at each phase: sizes, a share of the traffic, and what each Service selects."""

from __future__ import annotations

from rollouts.api.rollout import SCALE_DOWN_DELAY_S_DEFAULT
from rollouts.delivery import services, steps
from rollouts.delivery.phase import Phase
from rollouts.delivery.scaling import canary_size, pods_needed, share_covered
from rollouts.delivery.seen import DeliverySeen, SetSeen
from rollouts.delivery.want import Keep, SetWant, Want
from rollouts.kit.instant import Instant

_KEEP_DELAY_S_DEFAULT = 30


def wish(seen: DeliverySeen, phase: Phase, now: Instant) -> Want:
    """The wish of the moment; `want.py` turns its distance from what is seen into ordered actions."""
    weight = _weight(seen, phase)
    canary_hash = services.canary_target(seen, phase, weight)
    stable_hash = services.stable_target(seen, phase)
    return Want(
        sets=tuple(_size(seen, phase, each, weight, now) for each in seen.sets),
        new_size=_new_size(seen, phase, weight),
        weight=weight,
        canary_hash=canary_hash,
        stable_hash=stable_hash,
        shares=tuple(
            reach(seen, route.weight, weight, canary_hash or seen.canary_service.hash)
            for _, routes in seen.routers
            for route in routes
        ),
    )


def _weight(seen: DeliverySeen, phase: Phase) -> int:
    """The canary's share that the phase asks for."""
    if not seen.replicas:
        return 0
    if phase in (Phase.STEPPING, Phase.PAUSED):
        return steps.weight_at(seen, seen.latch.step)
    if phase is Phase.PROMOTING:
        is_full = seen.current is not None and seen.current.usable >= seen.replicas
        return seen.traffic.total if is_full else seen.weight_high
    if phase is Phase.SETTLED and seen.canary_service.hash == seen.latch.stable != seen.stable_service.hash:
        return seen.weight_high  # until the stable Service selects the new version, the canary Service carries it
    return 0


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
    if target > now and carrying < pods_needed(replicas, target, total):
        target = now
    if target < now:
        if carrying:
            target = max(target, min(now, total - share_covered(replicas, taking, total)))
        elif not taking:
            target = now  # nobody is there to take it
    return target


def _new_size(seen: DeliverySeen, phase: Phase, weight: int) -> int:
    """The size of the spec's own ReplicaSet while it does not exist yet."""
    if phase in (Phase.STEPPING, Phase.PAUSED):
        return canary_size(seen.replicas, weight, seen.traffic.total)
    return 0 if phase is Phase.ABORTED else seen.replicas


def _size(seen: DeliverySeen, phase: Phase, each: SetSeen, weight: int, now: Instant) -> SetWant:
    if each is seen.current and phase is not Phase.SETTLED:
        return _canary_size(seen, phase, each, weight, now)
    if each is seen.stable or each is seen.current:
        return SetWant(each, seen.replicas, Keep.FOR_GOOD)
    return _old_size(seen, phase, each, now)


def _canary_size(seen: DeliverySeen, phase: Phase, each: SetSeen, weight: int, now: Instant) -> SetWant:
    if phase is Phase.ABORTED:
        delay = seen.canary.abort_scale_down_delay_seconds
        delay = _KEEP_DELAY_S_DEFAULT if delay is None else delay
        if seen.weight_high > 0:  # the delay runs from the moment when the weight is gone
            return SetWant(each, each.wanted, Keep.FOR_GOOD)
        if delay == 0:
            return SetWant(each, each.wanted, Keep.AS_IT_IS)
        return _leaving(seen, each, delay, now)
    if phase in (Phase.FIRST, Phase.PROMOTING, Phase.NEW):
        return SetWant(each, seen.replicas, Keep.FOR_GOOD)
    size = canary_size(seen.replicas, weight, seen.traffic.total)
    # What still carries weight, or is still selected, is not taken away beneath it.
    carried = canary_size(seen.replicas, seen.weight_high, seen.traffic.total)
    if seen.canary_service.hash == each.hash:
        carried = max(carried, min(1, each.wanted))
    return SetWant(each, max(size, min(carried, each.wanted)) if seen.replicas else 0, Keep.FOR_GOOD)


def _old_size(seen: DeliverySeen, phase: Phase, each: SetSeen, now: Instant) -> SetWant:
    """Former versions: one that proved itself leaves after a delay, one that never did leaves at once."""
    if phase in (Phase.FIRST, Phase.NEW):
        return SetWant(each, each.wanted if each.usable else 0, Keep.AS_IT_IS)
    never_stable = seen.stable is not None and each.revision > seen.stable.revision
    delay = seen.canary.scale_down_delay_seconds
    delay = SCALE_DOWN_DELAY_S_DEFAULT if delay is None else delay
    return _leaving(seen, each, 0 if never_stable and each.deadline is None else delay, now)


def _leaving(seen: DeliverySeen, each: SetSeen, delay_s: int, now: Instant) -> SetWant:
    """A set on its way to 0: first nobody may select it, then the delay runs, then it goes."""
    is_selected = each.hash in (seen.canary_service.hash, seen.stable_service.hash)
    if not each.wanted:
        return SetWant(each, 0, Keep.AS_IT_IS)
    if is_selected and seen.replicas:
        return SetWant(each, each.wanted, Keep.FOR_GOOD if seen.weight_high > 0 else Keep.AS_IT_IS)
    if each.deadline is None and delay_s > 0:
        return SetWant(each, each.wanted, Keep.UNTIL, now.plus(delay_s).rounded_up())
    if each.deadline is not None and each.deadline > now:
        return SetWant(each, each.wanted, Keep.UNTIL, each.deadline)
    is_handing_over = not seen.latch.is_updating and seen.weight_high > 0  # the last weight is still to be read back
    return SetWant(each, each.wanted if is_handing_over else 0, Keep.AS_IT_IS)
