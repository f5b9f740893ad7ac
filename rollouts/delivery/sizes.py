"""How large each ReplicaSet is to be at each phase, and until when."""

from __future__ import annotations

from rollouts.api.rollout import SCALE_DOWN_DELAY_S_DEFAULT
from rollouts.delivery import capacity, scaling
from rollouts.delivery.phase import Phase
from rollouts.delivery.scaling import Side, canary_size
from rollouts.delivery.seen import DeliverySeen, SetSeen
from rollouts.delivery.want import Keep, SetWant
from rollouts.kit.instant import Instant

_KEEP_DELAY_S_DEFAULT = 30


def sizes(seen: DeliverySeen, phase: Phase, weight: int, now: Instant) -> tuple[tuple[SetWant, ...], int]:
    """A wish for every ReplicaSet, and the size of the spec's own while it does not exist.  weight: the canary's."""
    if not seen.is_routed:
        return _plain(seen, phase, weight)
    new = 0 if phase is Phase.ABORTED else seen.replicas
    if phase in (Phase.STEPPING, Phase.PAUSED):
        new = capacity.canary_pods(seen, weight)
    return tuple(_routed(seen, phase, each, weight, now) for each in seen.sets), new


# Without a router: the share is the ratio of the pods.


def _plain(seen: DeliverySeen, phase: Phase, weight: int) -> tuple[tuple[SetWant, ...], int]:
    """The next hop towards the ratio, within maxSurge and maxUnavailable; former versions leave first."""
    canary, rest = seen.replicas, 0
    if seen.stable is not None and phase is not Phase.SETTLED:
        canary, rest = capacity.plain_sizes(seen, weight)
    stable = seen.stable if seen.stable is not seen.current else None
    if phase is Phase.SETTLED and seen.current is not None and stable is None:
        present: tuple[tuple[SetSeen | None, int], ...] = ((seen.current, canary), (None, 0))  # nothing new is coming
    else:
        present = ((stable, rest), (seen.current, canary)) if stable else ((seen.current, canary),)
    growing = [Side(0, 0, 0, target) if each is None else _side(seen, each, target) for each, target in present]
    older = [_side(seen, each, 0) for each in seen.older]
    counts = scaling.hop(growing, older, capacity.limits(seen))
    found = zip((*(each for each, _ in present), *seen.older), counts, strict=True)
    wants = {each.name: SetWant(each, count, Keep.FOR_GOOD) for each, count in found if each is not None}
    return tuple(wants[each.name] for each in seen.sets), counts[len(present) - 1]


def _side(seen: DeliverySeen, each: SetSeen, target: int) -> Side:
    if each.hash in seen.selected:
        # What a Service selects keeps a pod until the Service has turned, unless the user can do without any pod.
        target = max(target, min(1, capacity.limits(seen).least, each.wanted))
    return Side(each.wanted, each.usable, each.ready, target)


# Beside a router: the canary grows beside the stable version.


def _routed(seen: DeliverySeen, phase: Phase, each: SetSeen, weight: int, now: Instant) -> SetWant:
    if each is seen.current and phase is not Phase.SETTLED:
        return _canary(seen, phase, each, weight, now)
    if each is seen.stable or each is seen.current:
        return SetWant(each, _stable(seen, each, weight), Keep.FOR_GOOD)
    return former(seen, phase, each, now)


def _stable(seen: DeliverySeen, each: SetSeen, weight: int) -> int:
    """All pods; with dynamicStableScale those for the larger of its present and its coming share of the traffic."""
    if not seen.canary.dynamic_stable_scale or not seen.latch.is_updating or not seen.replicas:
        return seen.replicas
    # What the canary Service still gives to another version comes back before the spec's own gets anything.
    coming = weight if seen.canary_service.hash == seen.latch.current else 0
    total = seen.traffic.total
    size = capacity.at_least_the_floor(seen, canary_size(seen.replicas, total - min(coming, seen.weight_low), total))
    is_selected = each.hash in (seen.canary_service.hash, seen.stable_service.hash)
    return max(1, size) if is_selected else size


def _canary(seen: DeliverySeen, phase: Phase, each: SetSeen, weight: int, now: Instant) -> SetWant:
    if phase is Phase.ABORTED:
        return _aborted(seen, each, now)
    if phase in (Phase.FIRST, Phase.PROMOTING, Phase.NEW):
        return SetWant(each, seen.replicas, Keep.FOR_GOOD)
    if seen.stable_service.hash == each.hash:  # under blue-green it carried everything; that goes back first
        return SetWant(each, each.wanted, Keep.FOR_GOOD)
    size = capacity.canary_pods(seen, weight)
    # What still carries weight, or is still selected, is not taken away beneath it.
    carried = canary_size(seen.replicas, seen.weight_high, seen.traffic.total)
    if capacity.scale_at(seen, seen.latch) is not None:
        carried = min(carried, max(1, size))
    if seen.canary_service.hash == each.hash:
        carried = max(carried, min(1, each.wanted))
    return SetWant(each, max(size, min(carried, each.wanted)) if seen.replicas else 0, Keep.FOR_GOOD)


def _aborted(seen: DeliverySeen, each: SetSeen, now: Instant) -> SetWant:
    """A canary that was given up: its weight goes first, then its delay runs, then its pods go."""
    delay, is_dynamic = seen.canary.abort_scale_down_delay_seconds, seen.canary.dynamic_stable_scale
    is_shrinking = is_dynamic and delay is None
    if seen.carries:  # the delay runs from the moment when the weight is gone
        carried = max(1, canary_size(seen.replicas, seen.weight_high, seen.traffic.total))
        return SetWant(each, min(each.wanted, carried) if is_shrinking else each.wanted, Keep.FOR_GOOD)
    if delay == 0:
        return SetWant(each, each.wanted, Keep.AS_IT_IS)
    if is_shrinking:
        return leaving(seen, each, 0, now)
    delay_s = _KEEP_DELAY_S_DEFAULT if delay is None else delay
    return leaving(seen, each, delay_s, now, since=given_up_since(seen, delay_s, now))


def given_up_since(seen: DeliverySeen, delay_s: int, now: Instant) -> Instant:
    """When the update was aborted; until that is remembered only a deadline that is over counts as an earlier one's."""
    return seen.latch.aborted_at or now.plus(-delay_s)


def former(seen: DeliverySeen, phase: Phase, each: SetSeen, now: Instant) -> SetWant:
    """Former versions: one that proved itself leaves after a delay, one that never did leaves at once."""
    if phase in (Phase.FIRST, Phase.NEW):
        return SetWant(each, each.wanted if each.usable else 0, Keep.AS_IT_IS)
    never_stable = seen.stable is not None and each.revision > seen.stable.revision
    delay = seen.canary.scale_down_delay_seconds
    delay = SCALE_DOWN_DELAY_S_DEFAULT if delay is None else delay
    if is_beyond_limit(seen, each, seen.canary.scale_down_delay_revision_limit):
        return leaving(seen, each, 0, now, at_once=True)
    return leaving(seen, each, 0 if never_stable and each.deadline is None else delay, now)


def is_beyond_limit(seen: DeliverySeen, each: SetSeen, limit: int | None) -> bool:
    """Whether as many newer versions as scaleDownDelayRevisionLimit allows keep their pods already."""
    if limit is None:
        return False
    keeping = [old.name for old in seen.older if old.wanted > 0]
    return each.name in keeping[limit:]


def running_deadline(each: SetSeen, delay_s: int, since: Instant | None) -> Instant | None:
    """When a set that leaves since then is to be gone; None where only an earlier leave has left its deadline behind.

    A retry takes such a deadline away, but not one that its controller has not been told of yet.
    """
    is_left_over = since is not None and each.deadline is not None and each.deadline < since.plus(delay_s)
    return None if is_left_over else each.deadline


def leaving(
    seen: DeliverySeen,
    each: SetSeen,
    delay_s: int,
    now: Instant,
    *,
    at_once: bool = False,
    since: Instant | None = None,
) -> SetWant:
    """A set on its way to 0: first nobody may select it, then the delay runs, then it goes.

    at_once: a delay that is running already is cut short.  since: when it was decided that the set is to leave.
    """
    deadline = running_deadline(each, delay_s, since)
    is_selected = each.hash in seen.selected
    if not each.wanted:
        return SetWant(each, 0, Keep.AS_IT_IS)
    if is_selected and seen.replicas:
        return SetWant(each, each.wanted, Keep.FOR_GOOD if seen.carries else Keep.AS_IT_IS)
    if deadline is None and delay_s > 0:
        return SetWant(each, each.wanted, Keep.UNTIL, max(now, since or now).plus(delay_s).rounded_up())
    if deadline is not None and deadline > now and not at_once:
        return SetWant(each, each.wanted, Keep.UNTIL, deadline)
    is_handing_over = not seen.latch.is_updating and seen.carries  # the last weight is still to be read back
    return SetWant(each, each.wanted if is_handing_over else 0, Keep.AS_IT_IS)
