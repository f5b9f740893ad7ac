"""Pods of the new version that will not come up by themselves: told at once, where the user asks for it.

An addition to the contract, `spec.failFast`.  A crash loop or an image that cannot be pulled holds an update for the
whole progress deadline otherwise, and for ever at a pause without end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rollouts.delivery.pods import PodSeen
from rollouts.delivery.seen import DeliverySeen
from rollouts.kit import amount
from rollouts.kit.instant import Instant
from rollouts.kube import conditions
from rollouts.kube import object as obj

HOPELESS = frozenset(
    {
        "CrashLoopBackOff",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    }
)
"""Why a container waits that is not likely to start; an image that could not be pulled once is given a second try."""

DETAIL_MAX = 256


@dataclass(frozen=True, slots=True)
class _Stuck:
    pod: PodSeen
    container: str
    reason: str
    detail: str
    judged_from: Instant

    def __str__(self) -> str:
        said = f"{self.reason}: {self.detail}" if self.detail else self.reason
        return f'container "{self.container}" of pod "{self.pod.name}" waits, {said}'


def sentence(seen: DeliverySeen, now: Instant) -> str:
    """Why the new version's pods are given up, "" while they are not."""
    if seen.spec.fail_fast is None or seen.current is None or not seen.latch.is_updating or seen.latch.aborted:
        return ""
    failing = [each for each in _stuck(seen) if each.judged_from <= now]
    wanted = seen.current.wanted
    allowed = max(1, min(amount.resolve_up(seen.spec.fail_fast.pods_most, wanted), wanted))
    if len(failing) < allowed:
        return ""
    more = f" ({len(failing)} of {wanted} pods)" if len(failing) > 1 else ""
    return f"{failing[0]}{more}"


def next_look(seen: DeliverySeen, now: Instant) -> Instant | None:
    """When the next pod that is stuck is old enough to be judged."""
    if seen.spec.fail_fast is None or not seen.latch.is_updating or seen.latch.aborted:
        return None
    return min((each.judged_from for each in _stuck(seen) if each.judged_from > now), default=None)


def _stuck(seen: DeliverySeen) -> Iterator[_Stuck]:
    grace = seen.spec.fail_fast
    # A person who tries again has perhaps mended the cause, which a pod in back-off notices late.
    turned = Instant.parse(conditions.find(seen.status.get("conditions"), "Progressing").get("lastTransitionTime"))
    if grace is None or seen.current is None or seen.pods is None:
        return
    for pod in sorted(seen.pods.get(obj.uid(seen.current.manifest), ()), key=lambda each: each.name):
        if pod.is_leaving or pod.ready_since is not None or pod.born is None:
            continue
        if waiting := next(_hopeless(pod.manifest), None):
            name, reason, detail = waiting
            since = pod.born if turned is None else max(pod.born, turned)
            yield _Stuck(pod, name, reason, detail, since.plus(grace.grace_s))


def _hopeless(pod: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    status = pod.get("status") or {}
    for each in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        waiting = (each.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in HOPELESS:
            yield str(each.get("name") or ""), str(waiting["reason"]), str(waiting.get("message") or "")[:DETAIL_MAX]
