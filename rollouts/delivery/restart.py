"""A restart without a new version: pods older than spec.restartAt go, no more at a time than may be missing."""

from __future__ import annotations

from collections.abc import Iterator

from rollouts.api.rollout import SHARE_DEFAULT
from rollouts.core.plan import Evict
from rollouts.delivery.pods import PodSeen
from rollouts.delivery.seen import DeliverySeen, SetSeen
from rollouts.kit import amount
from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Ref

RECHECK_S = 30.0  # a disruption budget that has room again tells nobody


def wished_at(seen: DeliverySeen) -> Instant | None:
    """The moment of spec.restartAt, None where the status says that it was done."""
    wished = Instant.parse(seen.spec.restart_at)
    return None if wished == Instant.parse(seen.status.get("restartedAt")) else wished


def is_due(seen: DeliverySeen, now: Instant) -> bool:
    """Whether a restart is under way."""
    wished = wished_at(seen)
    return wished is not None and wished <= now


def next_look(seen: DeliverySeen, now: Instant) -> Instant | None:
    """When the clock alone makes a difference: the restart begins, or a budget may have room again."""
    wished = wished_at(seen)
    if wished is None or wished > now:
        return wished
    return now.plus(RECHECK_S)


def restarted_at(seen: DeliverySeen, now: Instant) -> str | None:
    """What the status should say: spec.restartAt once no older pod is left, and until then what it says."""
    told = seen.status.get("restartedAt")
    return seen.spec.restart_at if is_due(seen, now) and _is_done(seen, now) else told


def sentence(seen: DeliverySeen, now: Instant) -> str:
    """What a restart waits for, as a part of the rule that `explain` shows; "" where none is under way."""
    wished = wished_at(seen)
    if wished is None or wished > now:
        return ""
    if seen.pods is None:
        return "; a restart waits until the pods are known"
    left = sum(len(_older(_pods(seen, each), wished)) for each in seen.sets)
    return f"; a restart is under way: {left} older pods are left, {at_once(seen)} may be missing at a time"


def evictions(seen: DeliverySeen, now: Instant) -> Iterator[Evict]:
    """The pods that may go now, the stable version's first: as many as may be missing, less those that are.

    Counted from the pods themselves, so that a ReplicaSet whose counts lag behind never costs one pod too many.
    """
    wished = wished_at(seen)
    if wished is None or wished > now or seen.pods is None:
        return
    room = at_once(seen) - sum(_missing(seen, each, now) for each in seen.sets)
    for each in _in_order(seen):
        for pod in sorted(_older(_pods(seen, each), wished), key=lambda one: (one.born or wished, one.name)):
            is_serving = pod.is_available(seen.spec.min_ready_seconds, now)
            if is_serving and room <= 0:
                continue
            room -= is_serving  # what does not serve is missing already
            ref = Ref(kinds.POD, seen.ref.namespace, pod.name)
            yield Evict(ref, obj.uid(pod.manifest), obj.version(pod.manifest))


def at_once(seen: DeliverySeen) -> int:
    """How many pods may be missing: maxUnavailable, and at least one, or nothing would ever be restarted."""
    given = seen.canary.max_unavailable
    return max(1, amount.resolve_down(SHARE_DEFAULT if given is None else given, seen.replicas))


def _is_done(seen: DeliverySeen, now: Instant) -> bool:
    wished = wished_at(seen)
    if seen.pods is None or wished is None:
        return False
    return all(
        not any(_older(_pods(seen, each), wished)) and len(_pods(seen, each)) >= min(each.wanted, each.pods)
        for each in seen.sets
    )


def _missing(seen: DeliverySeen, each: SetSeen, now: Instant) -> int:
    serving = sum(pod.is_available(seen.spec.min_ready_seconds, now) for pod in _pods(seen, each))
    return max(0, each.wanted - serving)


def _older(pods: tuple[PodSeen, ...], wished: Instant) -> list[PodSeen]:
    return [pod for pod in pods if pod.born is not None and pod.born < wished and not pod.is_leaving]


def _pods(seen: DeliverySeen, each: SetSeen) -> tuple[PodSeen, ...]:
    return (seen.pods or {}).get(obj.uid(each.manifest), ())


def _in_order(seen: DeliverySeen) -> tuple[SetSeen, ...]:
    stable = () if seen.stable is None else (seen.stable,)
    return (*stable, *(each for each in seen.sets if each is not seen.stable))
