"""What a change of the strategy or of the routers leaves behind: Services, objects that were made, routers' objects.

A Rollout bears a note of its Services and of every object in which its routers are, written before anything is written
there. What stands in the note and is no longer named is given back by the marks that it bears, and what was made is
deleted. So it is found whatever the spec says by now, by a controller that has just started too. Services of the former
strategy are looked for while the status still speaks of it, too. They lead to the stable version, and select by the
user's own labels again once no update is under way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rollouts.api.rollout import RolloutSpec
from rollouts.core.plan import Action, Delete, Note, Patch
from rollouts.core.reader import Reader
from rollouts.delivery import capacity, marks, notes
from rollouts.delivery.reference_rules import services_named
from rollouts.delivery.seen import DeliverySeen, Former, ServiceSeen, service_seen
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.owners import is_controlled_by
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.traffic import DIALECTS, VERSIONS, Dialect, Route, Router, given_back, named, patch_between, with_hash

ROUTES_MAX = 100  # that a note names

BARE: dict[str, Any] = {
    "metadata": {"annotations": {marks.MANAGED_BY: None}},
    "spec": {"selector": {marks.HASH_LABEL: None}},
}
"""The merge patch that gives a Service back."""


def gathered(
    rollout: Manifest, spec: RolloutSpec, reader: Reader, present: Iterable[Ref], plugins: Mapping[str, Dialect]
) -> Former | None:
    """What is left of another strategy or of other routers; None where nothing is. present: where the routers are."""
    former, kept = "canary" if spec.strategy.blue_green else "blueGreen", tuple(services_named(spec).values())
    namespace, name, uid = obj.namespace(rollout), obj.name(rollout), obj.uid(rollout)
    here, services = frozenset(present), dict[Ref, Manifest]()
    if former in (rollout.get("status") or {}):  # be it empty: a canary without router says nothing of itself
        services = {
            obj.ref(kinds.SERVICE, each): each
            for each in reader.select(kinds.SERVICE, namespace, {})
            if obj.annotations(each).get(marks.MANAGED_BY) == name and obj.name(each) not in kept
        }
    made = {
        obj.ref(kinds.INGRESS, each): each for each in reader.owned_by(kinds.INGRESS, uid) if _is_canary(each, name)
    }
    own = obj.ref(kinds.ROLLOUT, rollout)
    routes: list[Patch] = []
    selectors: list[tuple[Ref, Manifest]] = []
    unseen: list[Ref] = []
    for ref in _noted(rollout, _known_kinds(plugins)):
        if ref not in here and not _is_watched(ref.kind, reader):
            unseen.append(ref)
        elif ref not in here and (manifest := reader.get(ref)) is not None:
            if is_controlled_by(manifest, uid) and ref.kind != kinds.SERVICE:  # Services are the user's own
                made[ref] = manifest
            elif own in named(manifest):
                patch = given_back(ref, manifest, own, known_dialects(plugins))
                routes += [patch] if patch else []
            elif _is_managed(ref, manifest, own) and ref.kind != kinds.SERVICE:
                selectors.append((ref, manifest))
            elif _is_managed(ref, manifest, own) and ref.name not in kept:
                services[ref] = manifest
    left = tuple((ref, each) for ref, each in made.items() if ref not in here)
    led = tuple(service_seen(*each) for each in services.items())
    found = Former(led, left, tuple(routes), tuple(selectors), tuple(unseen))
    return found if found != Former() else None


def _is_canary(ingress: Manifest, rollout: str) -> bool:
    """Whether an Ingress of the Rollout's is named as nginx's canary Ingresses are: nobody else's may be deleted."""
    return obj.name(ingress).startswith(f"{rollout}-") and obj.name(ingress).endswith("-canary")


def _is_managed(ref: Ref, manifest: Manifest, rollout: Ref) -> bool:
    """Whether a Service, or an object of a router, selects versions of this Rollout.

    The mark names no namespace: it must be the same. Otherwise whoever may write a Rollout here, and its note, could
    turn the traffic of a namesake elsewhere.
    """
    is_here = ref.namespace == rollout.namespace
    return is_here and obj.annotations(manifest).get(marks.MANAGED_BY) == rollout.name


def known_dialects(plugins: Mapping[str, Dialect]) -> dict[str, Dialect]:
    """Every dialect by the name that marks have for it."""
    return {**DIALECTS, **{dialect.name: dialect for dialect in plugins.values()}}


def places_of(
    routers: Iterable[tuple[Router, tuple[Route, ...]]], places: Mapping[str, Iterable[ServiceSeen]]
) -> Iterator[Ref]:
    """Every object in which the routers of a spec are. places: side → what says which pods it stands for."""
    yield from (route.ref for _, routes in routers for route in routes)
    yield from (each.ref for side in places.values() for each in side if each.path)


def note_change(seen: DeliverySeen) -> dict[str, str | None]:
    """The change that brings the Rollout's note up to its Services and routers, and what is left of them; {} if so."""
    sides = (seen.canary_service, seen.stable_service, *(service for _, service in seen.followers))
    refs = [*places_of(seen.routers, {"": sides}), *(each.ref for each in sides if each.is_named)]
    if seen.former:
        refs += [ref for ref, _ in (*seen.former.made, *seen.former.selectors)]
        refs += [each.ref for each in seen.former.services]
        refs += [*(each.ref for each in seen.former.routes), *seen.former.unseen]
    wanted = ",".join(sorted({_text(ref) for ref in refs})[:ROUTES_MAX]) or None
    return {} if obj.annotations(seen.rollout).get(marks.ROUTES) == wanted else {marks.ROUTES: wanted}


def _text(ref: Ref) -> str:
    return f"{_resource(ref.kind)}/{ref.namespace}/{ref.name}"


def _resource(kind: Kind) -> str:
    return f"{kind.plural}.{kind.version}.{kind.group}".rstrip(".")


_KNOWN: Mapping[str, Kind] = {_resource(kind): kind for kind in (kinds.INGRESS, *VERSIONS)}


def _known_kinds(plugins: Mapping[str, Dialect]) -> Mapping[str, Kind]:
    brought = (kind for dialect in plugins.values() for kind in dialect.kinds)
    return {**_KNOWN, **{_resource(kind): kind for kind in brought}} if plugins else _KNOWN


def _noted(rollout: Manifest, known: Mapping[str, Kind]) -> Iterator[Ref]:
    """The objects that the note of a Rollout names; what nobody can read is passed over."""
    for text in (obj.annotations(rollout).get(marks.ROUTES) or "").split(",")[:ROUTES_MAX]:
        resource, _, rest = text.partition("/")
        namespace, _, name = rest.partition("/")
        if name and resource in known:
            yield Ref(known[resource], namespace, name)


def _is_watched(kind: Kind, reader: Reader) -> bool:
    return kind in (kinds.SERVICE, kinds.INGRESS) or reader.knows(kind)


def bare(ref: Ref, manifest: Manifest, rollout: Ref, dialects: Mapping[str, Dialect]) -> Patch | None:
    """The write that gives a router's object back, by the mark that it bears; None where there is nothing to give."""
    if ref.kind == kinds.SERVICE or obj.annotations(manifest).get(marks.MANAGED_BY) != rollout.name:
        return given_back(ref, manifest, rollout, dialects)
    return _unselecting(ref, manifest)


def _unselecting(ref: Ref, manifest: Manifest) -> Patch | None:
    """The write that takes the version, and the Rollout's mark, out of a subset or a virtual node."""
    wanted = with_hash(manifest, "")
    kept = {key: value for key, value in obj.annotations(manifest).items() if key != marks.MANAGED_BY}
    wanted["metadata"] = {**wanted["metadata"], "annotations": kept}
    return patch_between(ref, manifest, wanted)


def turned(seen: DeliverySeen, stable_hash: str) -> Iterator[tuple[Patch, tuple[Note, ...]]]:
    """The writes that lead the former Services to the stable version, and give them back once nothing needs that.

    stable_hash: what the stable Service is to select: they go with it, or the last old pods could not leave.
    """
    to = seen.set_of(stable_hash or seen.latch.stable)
    # A canary without router and Services shares by its pods: whatever leads users to them may lead to both versions.
    is_apart = seen.is_routed or seen.blue_green is not None or seen.stable_service.is_named
    is_needed = (seen.latch.is_updating and is_apart) or (seen.former is not None and bool(seen.former.made))
    for service in seen.former.services if seen.former else ():
        if not is_needed:
            yield _write(service, BARE), ()
        elif to is not None and service.hash != to.hash and to.usable > 0:
            body = {"spec": {"selector": {marks.HASH_LABEL: to.hash}}}
            yield _write(service, body), (notes.switched(seen, service, to.hash),)
    if seen.former and not _is_short(seen) and not (seen.latch.is_updating and seen.blue_green is not None):
        patches = seen.former.routes or tuple(_selecting(seen, seen.former))
        yield from ((patch, ()) for patch in patches)


def _selecting(seen: DeliverySeen, former: Former) -> Iterator[Patch]:
    """The writes for subsets and virtual nodes, once no weights lead to them.

    Beside another router they lead to the stable version for as long as there are two. A canary without router turns
    none of them: one that kept its version would lead to nobody once those pods leave.
    """
    has_two = seen.latch.is_updating and seen.current is not None and seen.current.wanted > 0
    for ref, manifest in former.selectors:
        if not (seen.is_routed and has_two):
            patch = _unselecting(ref, manifest)
        else:
            patch = patch_between(ref, manifest, with_hash(manifest, seen.latch.stable)) if seen.latch.stable else None
        if patch is not None:
            yield patch


def removed(seen: DeliverySeen) -> Iterator[tuple[Action, tuple[Note, ...]]]:
    """The deletions of what was made for former routers, once whatever it leads to is the stable version."""
    former = seen.former
    if former is None or _is_short(seen) or any(each.hash not in ("", seen.latch.stable) for each in former.services):
        return
    for made_ref, each in former.made:
        if not obj.is_deleting(each):
            yield Delete(made_ref, obj.uid(each), obj.version(each)), ()


def _is_short(seen: DeliverySeen) -> bool:
    """Whether the stable pods have made room for the canary's, and are too few for what a former router would add."""
    if not seen.canary.dynamic_stable_scale or seen.stable is None or seen.current is None:
        return False
    return seen.current.usable > 0 and seen.stable.usable < capacity.full(seen)


def _write(service: ServiceSeen, body: dict[str, Any]) -> Patch:
    return Patch(service.ref, body, obj.uid(service.manifest), obj.version(service.manifest))
