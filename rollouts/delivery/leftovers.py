"""What a change of the strategy leaves behind: Services of the former one, and the Ingresses that it made.

They are looked for only while the status still speaks of the former strategy. The Services lead to the stable version,
then the Ingresses go; once no update is under way the Services select by the user's own labels again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rollouts.api.rollout import RolloutSpec
from rollouts.core.plan import Action, Delete, Note, Patch
from rollouts.core.reader import Reader
from rollouts.delivery import marks, notes
from rollouts.delivery.reference_rules import services_named
from rollouts.delivery.seen import DeliverySeen, Former, ServiceSeen, service_seen
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Manifest, Ref

BARE: dict[str, Any] = {
    "metadata": {"annotations": {marks.MANAGED_BY: None}},
    "spec": {"selector": {marks.HASH_LABEL: None}},
}
"""The merge patch that gives a Service back."""


def gathered(rollout: Manifest, spec: RolloutSpec, reader: Reader) -> Former | None:
    """The objects of the former strategy; None where there are none."""
    former, named = "canary" if spec.strategy.blue_green else "blueGreen", tuple(services_named(spec).values())
    if not (rollout.get("status") or {}).get(former):
        return None
    namespace, name = obj.namespace(rollout), obj.name(rollout)
    services = tuple(
        service_seen(obj.ref(kinds.SERVICE, each), each)
        for each in reader.select(kinds.SERVICE, namespace, {})
        if obj.annotations(each).get(marks.MANAGED_BY) == name and obj.name(each) not in named
    )
    ingresses = reader.owned_by(kinds.INGRESS, obj.uid(rollout)) if former == "canary" else ()
    return Former(services, ingresses) if services or ingresses else None


def turned(seen: DeliverySeen) -> Iterator[tuple[Patch, tuple[Note, ...]]]:
    """The writes that lead the former Services to the stable version, and give them back once nothing needs that."""
    # A canary without router and Services shares by its pods: whatever leads users to them may lead to both versions.
    is_apart = seen.is_routed or seen.blue_green is not None or seen.stable_service.is_named
    is_needed = (seen.latch.is_updating and is_apart) or (seen.former is not None and bool(seen.former.ingresses))
    for service in seen.former.services if seen.former else ():
        if not is_needed:
            yield _write(service, BARE), ()
        elif service.hash != seen.latch.stable and seen.stable is not None and seen.stable.usable > 0:
            body = {"spec": {"selector": {marks.HASH_LABEL: seen.latch.stable}}}
            yield _write(service, body), (notes.switched(seen, service, seen.latch.stable),)


def removed(seen: DeliverySeen) -> Iterator[tuple[Action, tuple[Note, ...]]]:
    """The deletions of former Ingresses, once whatever they lead to is the stable version."""
    if seen.former is None or any(each.hash not in ("", seen.latch.stable) for each in seen.former.services):
        return
    for each in seen.former.ingresses:
        if not obj.is_deleting(each):
            ref = Ref(kinds.INGRESS, seen.ref.namespace, obj.name(each))
            yield Delete(ref, obj.uid(each), obj.version(each)), ()


def _write(service: ServiceSeen, body: dict[str, Any]) -> Patch:
    return Patch(service.ref, body, obj.uid(service.manifest), obj.version(service.manifest))
