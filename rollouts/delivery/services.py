"""Which version each of the two Services is to select, and when it may be turned to it."""

from __future__ import annotations

from collections.abc import Iterator

from rollouts.core.plan import Note, Patch
from rollouts.delivery import capacity, managed, marks, notes
from rollouts.delivery.phase import Phase
from rollouts.delivery.seen import DeliverySeen, ServiceSeen
from rollouts.kube import object as obj
from rollouts.traffic import patch_between, turned


def canary_target(seen: DeliverySeen, phase: Phase, weight: int) -> str:
    """The hash for the canary Service under a wanted weight, "" to leave the Service as it is.

    Never turned while it carries weight, unless what it is turned to can carry that weight.
    """
    latch, now = seen.latch, seen.canary_service.hash
    if phase in (Phase.NEW, Phase.FIRST) or not seen.canary_service.is_named:
        return ""
    target = latch.stable
    if phase not in (Phase.SETTLED, Phase.ABORTED) and (weight > 0 or managed.asked(seen, phase)):
        ready = seen.current is not None and seen.current.usable >= max(1, _pods(seen, weight))
        # Until the canary is ready the Service stays with a version that is in use; with any other it has no business.
        target = latch.current if ready else (now if now in (latch.current, latch.stable) else latch.stable)
    if target == now:
        return now
    to, high = seen.set_of(target), seen.weight_high
    if to is None or to.usable == 0:
        return ""
    can_carry = target == latch.current and high <= weight and to.usable >= _pods(seen, high)
    is_free = not seen.carries or (can_carry and high > 0)
    return target if is_free else ""


def stable_target(seen: DeliverySeen, phase: Phase, weight: int) -> str:
    """The hash for the stable Service, "" to leave it as it is: it is turned only to what can carry everything.

    weight: the canary's, as the phase asks for it.
    """
    if phase in (Phase.NEW, Phase.FIRST) or seen.stable is None or not seen.stable_service.is_named:
        return ""
    if _overtaken(seen, phase, weight):
        return seen.latch.current
    if seen.stable_service.hash == seen.latch.stable:
        return seen.latch.stable
    selected = seen.set_of(seen.stable_service.hash)
    is_dangling = selected is None or selected.usable == 0
    needed = min(1, seen.replicas) if is_dangling else capacity.full(seen)
    return seen.latch.stable if seen.stable.usable >= needed else ""


def _overtaken(seen: DeliverySeen, phase: Phase, weight: int) -> bool:
    """Whether a canary without a router is to be alone, and has all the pods that it needs to serve alone.

    Its stable Service turns before the promotion, because the last stable pods make room for the last new ones, and
    what a Service selects does not leave.
    """
    is_to_be_alone = phase is Phase.PROMOTING or (seen.latch.is_updating and weight == seen.traffic.total)
    if seen.is_routed or not is_to_be_alone or seen.current is None:
        return False
    return seen.current.usable >= capacity.full(seen)


def tells_versions_apart(seen: DeliverySeen) -> bool:
    """Whether the stable Service would leave the pods of a new version alone. One without a hash selects them all."""
    service = seen.stable_service
    return bool(service.hash) or not service.is_named or seen.stable is None or seen.stable.usable == 0


def _pods(seen: DeliverySeen, weight: int) -> int:
    return capacity.needed(seen, weight) if seen.is_routed else min(1, seen.replicas)


def turn(seen: DeliverySeen, service: ServiceSeen, target: str) -> Iterator[tuple[Patch, tuple[Note, ...]]]:
    """The write that points a Service at a version and marks it as this Rollout's; nothing where it is so."""
    if service.path:
        yield from _turn_place(seen, service, target)
        return
    body: dict[str, object] = {}
    if target and target != service.hash:
        body["spec"] = {"selector": {marks.HASH_LABEL: target}}
    if target and obj.annotations(service.manifest).get(marks.MANAGED_BY) != seen.ref.name:
        body["metadata"] = {"annotations": {marks.MANAGED_BY: seen.ref.name}}
    if body:
        told = (notes.switched(seen, service, target),) if "spec" in body else ()
        yield Patch(service.ref, body, obj.uid(service.manifest), obj.version(service.manifest)), told


def _turn_place(seen: DeliverySeen, service: ServiceSeen, target: str) -> Iterator[tuple[Patch, tuple[Note, ...]]]:
    """The same in an object of a router."""
    if not target:
        return
    wanted = turned(service.manifest, service.path, target)
    annotations = {**obj.annotations(service.manifest), marks.MANAGED_BY: seen.ref.name}
    wanted["metadata"] = {**wanted["metadata"], "annotations": annotations}
    patch = patch_between(service.ref, service.manifest, wanted)
    if patch is not None:
        yield patch, (notes.switched(seen, service, target),) if target != service.hash else ()
