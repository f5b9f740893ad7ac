"""What a change of the strategy leaves behind: Services of the former one, Ingresses that it made, routers' objects.

The first two are looked for only while the status still speaks of the former strategy. The Services lead to the stable
version, then the Ingresses go; once no update is under way the Services select by the user's own labels again. Objects
of routers are looked for where no router is named; they are given back by the marks that they bear.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rollouts.api.rollout import RolloutSpec
from rollouts.core.plan import Action, Delete, Note, Patch
from rollouts.core.reader import Reader
from rollouts.delivery import marks, notes, routing
from rollouts.delivery.reference_rules import services_named
from rollouts.delivery.seen import DeliverySeen, Former, ServiceSeen, service_seen
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Manifest, Ref
from rollouts.traffic import DIALECTS, VERSIONS, Dialect, given_back, named, patch_between, without_hash

_ROUTED = tuple(kind for kind in VERSIONS if kind not in (kinds.SERVICE, kinds.INGRESS))

BARE: dict[str, Any] = {
    "metadata": {"annotations": {marks.MANAGED_BY: None}},
    "spec": {"selector": {marks.HASH_LABEL: None}},
}
"""The merge patch that gives a Service back."""


def gathered(rollout: Manifest, spec: RolloutSpec, reader: Reader) -> Former | None:
    """The objects of the former strategy; None where there are none."""
    former, named = "canary" if spec.strategy.blue_green else "blueGreen", tuple(services_named(spec).values())
    canary, namespace, name = spec.strategy.canary, obj.namespace(rollout), obj.name(rollout)
    is_routed = canary is not None and canary.traffic_routing is not None
    routes = () if is_routed else tuple(_routes(Ref(kinds.ROLLOUT, namespace, name), reader))
    if not (rollout.get("status") or {}).get(former):
        return Former((), (), routes) if routes else None
    services = tuple(
        service_seen(obj.ref(kinds.SERVICE, each), each)
        for each in reader.select(kinds.SERVICE, namespace, {})
        if obj.annotations(each).get(marks.MANAGED_BY) == name and obj.name(each) not in named
    )
    ingresses = reader.owned_by(kinds.INGRESS, obj.uid(rollout)) if former == "canary" else ()
    return Former(services, ingresses, routes) if services or ingresses or routes else None


def _routes(rollout: Ref, reader: Reader) -> Iterator[tuple[Ref, Manifest]]:
    for ref, each in routing.marked(reader, rollout, _ROUTED):
        if rollout in named(each) or obj.annotations(each).get(marks.MANAGED_BY) == rollout.name:
            yield ref, each


def bare(ref: Ref, manifest: Manifest, rollout: Ref, dialects: Mapping[str, Dialect]) -> Patch | None:
    """The write that gives a router's object back, by the mark that it bears; None where there is nothing to give."""
    if ref.kind == kinds.SERVICE or obj.annotations(manifest).get(marks.MANAGED_BY) != rollout.name:
        return given_back(ref, manifest, rollout, dialects)
    wanted = without_hash(manifest)
    kept = {key: value for key, value in obj.annotations(manifest).items() if key != marks.MANAGED_BY}
    wanted["metadata"] = {**wanted["metadata"], "annotations": kept}
    return patch_between(ref, manifest, wanted)


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
    # A canary without router turns no subset: one that kept its version would lead to nobody once those pods leave.
    is_held = seen.latch.is_updating and seen.blue_green is not None
    for ref, manifest in seen.former.routes if seen.former and not is_held else ():
        if (patch := bare(ref, manifest, seen.ref, DIALECTS)) is not None:
            yield patch, ()


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
