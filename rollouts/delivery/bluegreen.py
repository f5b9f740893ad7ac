"""What a blue-green update wants at each phase: sizes, and what the active and the preview Service select.

The active Service is the stable_service of what is seen, the preview Service the canary_service.
"""

from __future__ import annotations

from rollouts.api.rollout import SHARE_DEFAULT, BlueGreenStrategy
from rollouts.delivery.phase import Phase
from rollouts.delivery.seen import DeliverySeen, SetSeen
from rollouts.delivery.sizes import former, given_up_since, running_deadline
from rollouts.delivery.want import Keep, SetWant, Want
from rollouts.kit import amount
from rollouts.kit.instant import Instant

_KEEP_DELAY_S_DEFAULT = 30
_WAITING = (Phase.STEPPING, Phase.PAUSED)


def wish(seen: DeliverySeen, phase: Phase, now: Instant) -> Want:
    """The wish of the moment; `want.py` turns its distance from what is seen into ordered actions."""
    return Want(
        sets=tuple(_size(seen, phase, each, now) for each in seen.sets),
        new_size=0 if phase is Phase.ABORTED else preview_size(seen, phase),
        weight=0,
        canary_hash=preview_target(seen, phase, now),
        stable_hash=active_target(seen, phase),
        shares=(),
    )


def strategy(seen: DeliverySeen) -> BlueGreenStrategy:
    """The settings; only for a Rollout with that strategy."""
    assert seen.blue_green is not None
    return seen.blue_green


def is_released(seen: DeliverySeen) -> bool:
    """Whether the new version has passed what comes before the switch."""
    latch = seen.latch
    return latch.is_updating and not latch.aborted and (latch.step > 0 or latch.promote_full)


def is_fast_return(seen: DeliverySeen) -> bool:
    """Whether the new version is one that proved itself and still had its pods: nobody looks at it or judges it."""
    current = seen.current
    return is_released(seen) and current is not None and current.deadline is not None and not current.is_given_up


def is_active(seen: DeliverySeen) -> bool:
    """Whether the active Service selects the spec's version."""
    return bool(seen.latch.current) and seen.stable_service.hash == seen.latch.current


def active_target(seen: DeliverySeen, phase: Phase) -> str:
    """The hash for the active Service, "" to leave it as it is: it is turned only to what can carry everything."""
    now, latch = seen.stable_service.hash, seen.latch
    if phase in (Phase.NEW, Phase.FIRST) or seen.stable is None:
        return ""
    if is_released(seen):
        is_ready = seen.current is not None and seen.current.usable >= seen.replicas
        if now == latch.current or (is_ready and not seen.spec.paused):
            return latch.current
    # A version that has not proved itself, and is not the one asked for, gives the traffic back.
    if now == latch.stable:
        return now
    carrier = seen.set_of(now)
    is_dangling = carrier is None or carrier.usable == 0
    needed = min(1, seen.replicas) if is_dangling else seen.replicas - tolerated(seen)
    return latch.stable if seen.stable.usable >= needed else ""


def tolerated(seen: DeliverySeen) -> int:
    """Pods of the stable version that may be missing when it takes the traffic back."""
    given = seen.canary.max_unavailable
    return min(amount.resolve_down(SHARE_DEFAULT if given is None else given, seen.replicas), max(0, seen.replicas - 1))


def preview_target(seen: DeliverySeen, phase: Phase, now: Instant) -> str:
    """The hash for the preview Service, "" to leave it as it is: the spec's version, as soon as it has a pod."""
    latch, current = seen.latch, seen.current
    if not seen.canary_service.is_named or phase is Phase.NEW:
        return ""
    is_over = (
        phase is Phase.ABORTED
        and current is not None
        and (
            _is_spent(current, now)
            or seen.canary_service.hash != latch.current  # what was given up is not looked at anew
        )
    )
    if current is None or current.usable == 0 or is_over:
        # Until then it stays with a version that is in use; with any other it has no business.
        is_in_use = seen.canary_service.hash in (latch.current, latch.stable) and phase is not Phase.ABORTED
        return seen.canary_service.hash if is_in_use else latch.stable
    return latch.current


def _is_spent(each: SetSeen, now: Instant) -> bool:
    return each.wanted == 0 or (each.deadline is not None and each.deadline <= now)


def preview_size(seen: DeliverySeen, phase: Phase) -> int:
    """Pods of the spec's version while it is looked at, or on its way to take over."""
    count = strategy(seen).preview_replica_count
    is_small = phase in _WAITING and not is_released(seen) and not is_active(seen)
    return min(count, seen.replicas) if is_small and count is not None else seen.replicas


def _size(seen: DeliverySeen, phase: Phase, each: SetSeen, now: Instant) -> SetWant:
    if each is seen.current and phase is Phase.ABORTED:
        return _aborted(seen, each, now)
    if each is seen.current and phase is not Phase.SETTLED:
        # Until it is the stable one again, its deadline tells that it still had its pods when it was asked for.
        return SetWant(each, preview_size(seen, phase), Keep.AS_IT_IS if is_fast_return(seen) else Keep.FOR_GOOD)
    if each is seen.stable or each is seen.current:
        return SetWant(each, seen.replicas, Keep.FOR_GOOD)
    return former(seen, phase, each, now)


def _aborted(seen: DeliverySeen, each: SetSeen, now: Instant) -> SetWant:
    """A version that was given up: the active Service leaves it first, then its delay runs, then its pods go."""
    delay = seen.canary.abort_scale_down_delay_seconds
    if is_active(seen):
        return SetWant(each, each.wanted, Keep.FOR_GOOD)
    if delay == 0 or not each.wanted:
        return SetWant(each, each.wanted, Keep.AS_IT_IS)
    delay_s = _KEEP_DELAY_S_DEFAULT if delay is None else delay
    since = given_up_since(seen, delay_s, now)
    until = running_deadline(each, delay_s, since) or max(now, since).plus(delay_s).rounded_up()
    if until > now:
        return SetWant(each, each.wanted, Keep.UNTIL, until, is_given_up=True)
    is_previewed = seen.canary_service.hash == each.hash and seen.replicas > 0
    return SetWant(each, each.wanted if is_previewed else 0, Keep.AS_IT_IS)
