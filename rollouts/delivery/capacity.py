"""How many pods the canary is to have, and how many of them are enough: steps, traffic and promotion agree on it."""

from __future__ import annotations

from rollouts.api.rollout import SHARE_DEFAULT, SetCanaryScale
from rollouts.delivery import scaling
from rollouts.delivery.latch import Latch
from rollouts.delivery.phase import Phase, phase_of
from rollouts.delivery.seen import DeliverySeen
from rollouts.kit.amount import ceil_share


def scale_at(seen: DeliverySeen, latch: Latch) -> SetCanaryScale | None:
    """The last setCanaryScale up to the current step, None where the size follows the traffic.

    It ends with the steps, and with an abort.
    """
    if not latch.is_updating or latch.aborted or latch.promote_full or latch.step >= len(seen.canary.steps):
        return None
    passed = (each.set_canary_scale for each in reversed(seen.canary.steps[: latch.step + 1]))
    scale = next((each for each in passed if each is not None), None)
    is_given = scale is not None and (scale.replicas is not None or scale.weight is not None)
    return scale if is_given and scale is not None and not scale.match_traffic_weight else None


def canary_pods(seen: DeliverySeen, weight: int) -> int:
    """The canary's size beside a router: what a step has set, or else its share of the traffic."""
    if not seen.replicas:
        return 0
    scale = scale_at(seen, seen.latch)
    if scale is not None and scale.replicas is not None:
        return scale.replicas
    if scale is not None and scale.weight is not None:
        size = scaling.canary_size(seen.replicas, scale.weight, seen.traffic.total)
    else:
        size = scaling.canary_size(seen.replicas, weight, seen.traffic.total)
    return at_least_the_floor(seen, size)


def weight_within(seen: DeliverySeen, weight: int) -> int:
    """The share that a canary of that size may carry in the end: a size that a step has set to nothing carries none."""
    is_none = scale_at(seen, seen.latch) is not None and canary_pods(seen, weight) == 0
    return 0 if is_none or not seen.replicas else weight


def at_least_the_floor(seen: DeliverySeen, size: int) -> int:
    """A size raised to minPodsPerReplicaSet, if there are to be any pods at all."""
    return scaling.floored(size, seen.canary.min_pods_per_replica_set or 0, seen.replicas)


def enough(seen: DeliverySeen, pods: int) -> int:
    """How many available pods count as `pods` of them: all, or what replicaProgressThreshold says, at least one."""
    threshold = seen.canary.replica_progress_threshold
    if threshold is None or pods <= 0:
        return max(0, pods)
    wanted = threshold.value if threshold.type == "Pods" else ceil_share(pods, threshold.value, 100)
    return max(1, min(pods, wanted))


def needed(seen: DeliverySeen, weight: int) -> int:
    """Available pods without which the canary may not carry a weight.

    A size that a step has set is taken at its word, even where the share would need more.
    """
    pods = scaling.pods_needed(seen.replicas, weight, seen.traffic.total)
    if scale_at(seen, seen.latch) is not None:
        pods = min(pods, max(1, canary_pods(seen, weight)))
    return enough(seen, pods)


def limits(seen: DeliverySeen) -> scaling.Limits:
    """Between what a canary without a router moves its pods."""
    surge, unavailable = seen.canary.max_surge, seen.canary.max_unavailable
    return scaling.limits(
        seen.replicas,
        SHARE_DEFAULT if surge is None else surge,
        SHARE_DEFAULT if unavailable is None else unavailable,
    )


def plain_sizes(seen: DeliverySeen, weight: int) -> tuple[int, int]:
    """Pods of the canary and of the stable version, whose ratio is the weight where no router shares the traffic."""
    return scaling.plain_sizes(seen.replicas, weight, limits(seen).surge)


def is_proven(seen: DeliverySeen) -> bool:
    """Whether the canary has its pods and all the traffic, so that only its promotion is left to do."""
    current = seen.current
    if current is None or phase_of(seen.latch, seen.step_count) is not Phase.PROMOTING:
        return False
    has_pods = current.usable >= enough(seen, seen.replicas) and current.wanted >= seen.replicas
    is_shown = not seen.replicas or seen.is_verified is not False
    return has_pods and is_shown and _carries_all(seen)


def _carries_all(seen: DeliverySeen) -> bool:
    """Whether the canary has all the traffic; without a router that is once the stable version has no pods left.

    A canary that may be promoted with fewer pods than all cannot wait for the last stable ones, which fill the gap.
    """
    if not seen.is_routed:
        is_alone = seen.stable is None or seen.stable.wanted == 0
        return is_alone or seen.canary.replica_progress_threshold is not None
    return not seen.replicas or seen.weight_low == seen.traffic.total


def full(seen: DeliverySeen) -> int:
    """Available pods with which a version may carry everything."""
    if seen.is_routed or seen.blue_green is not None:
        return enough(seen, seen.replicas)
    # Under maxSurge 0 the last pod of one version leaves before the last one of the other comes.
    return max(min(1, seen.replicas), limits(seen).least)
