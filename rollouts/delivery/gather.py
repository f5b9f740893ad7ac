"""The door of the room: from the cache to one frozen value. Reads nothing else and writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from analysis.templates import NESTING_MAX, nested
from rollouts.api.rollout import BlueGreenStrategy, CanaryStrategy, RolloutSpec
from rollouts.core.reader import Reader
from rollouts.delivery import (
    affinity,
    calling,
    denials,
    guests,
    latch,
    leftovers,
    marks,
    pods,
    readers,
    roles,
    routing,
    rules,
    workload,
)
from rollouts.delivery.reference_rules import References, ingresses_named, services_named, template_keys
from rollouts.delivery.seen import (
    DeliverySeen,
    Farewell,
    Refused,
    Seen,
    ServiceSeen,
    SetSeen,
    StatusCompat,
    Stray,
    Template,
    Waiting,
    WorkloadSeen,
    run_seen,
    service_seen,
    set_seen,
)
from rollouts.delivery.stephash import step_hash
from rollouts.delivery.template_rules import Templates
from rollouts.kube import kinds, podtemplate
from rollouts.kube import object as obj
from rollouts.kube.owners import is_orphan
from rollouts.kube.ref import Manifest, Ref
from rollouts.traffic import VERSIONS, Dialect, Router, Traffic, in_served_versions, named, routers_of

_NO_CANARY = CanaryStrategy.model_validate({})
_NO_PLUGINS: Mapping[str, Dialect] = {}
_SHARED = (
    "max_unavailable",
    "anti_affinity",
    "scale_down_delay_seconds",
    "scale_down_delay_revision_limit",
    "abort_scale_down_delay_seconds",
)
"""Settings of the same name and meaning in both strategies."""


def gather(
    ref: Ref,
    reader: Reader,
    *,
    plugins: Mapping[str, Dialect] = _NO_PLUGINS,
    compat: StatusCompat | None = None,
) -> Seen | None:
    """Everything that this Rollout's turn looks at; None where there is nothing to do for it.

    plugins: routers of somebody else by the name that trafficRouting.plugins has for them.  compat: for which readers
    the status is written; None: for those for whom it was written last.
    """
    seen = _gathered(ref, reader, plugins)
    if not isinstance(seen, DeliverySeen | Refused):
        return seen
    wanted = readers.form(compat, seen.rollout.get("status") or {})
    return seen if wanted == seen.compat else replace(seen, compat=wanted)


def _gathered(ref: Ref, reader: Reader, plugins: Mapping[str, Dialect]) -> Seen | None:
    rollout = reader.get(ref)
    if rollout is None:
        return _farewell(ref, reader, plugins)
    if obj.is_deleting(rollout):
        if parting := workload.parting(ref, rollout, reader):
            return parting
        return Farewell(ref, ())  # its pods still serve; the Services are given back once it is gone
    checked = reader.parsed(rollout, rules.check)
    spec = checked.parsed.spec
    if spec is None or checked.refusals:
        return Refused(ref, rollout, checked.refusals)
    source: WorkloadSeen | None = None
    if spec.workload_ref is not None:
        found = workload.found(ref, rollout, spec, reader)
        if not isinstance(found, WorkloadSeen):
            return found
        source = found
        rollout, spec = workload.resolved(rollout, spec, source)
        if refusals := rules.pod_refusals(spec):
            return Refused(ref, rollout, refusals)
    references = _references(rollout, spec, reader)
    if refusals := rules.reference_refusals(references):
        return Refused(ref, rollout, refusals)
    given = spec.strategy.canary and spec.strategy.canary.traffic_routing
    routers, unusable = routers_of(given, plugins) if given else ((), ())
    if spec.strategy.canary and given and (refusals := tuple(routing.refused(spec.strategy.canary, unusable, plugins))):
        return Refused(ref, rollout, refusals)
    if unknown := routing.not_known(routers, reader):
        kind, complaint = unknown
        if complaint:
            return Refused(ref, rollout, (routing.not_served(kind, complaint),))
        return Waiting(ref, f"{kind} is listed first")
    routers = tuple(in_served_versions(router, reader.knows) for router in routers)
    seen = _delivery(ref, rollout, spec, (references, routers, source, plugins), reader)
    if checked.parsed.unknown and isinstance(seen, DeliverySeen):
        return replace(seen, unknown=checked.parsed.unknown)
    return seen


_Around: TypeAlias = tuple[References, tuple[Router, ...], WorkloadSeen | None, Mapping[str, Dialect]]


def _delivery(ref: Ref, rollout: Manifest, spec: RolloutSpec, around: _Around, reader: Reader) -> Seen:
    references, by_name, source, plugins = around
    blue_green = spec.strategy.blue_green
    canary = spec.strategy.canary or _shared(blue_green)
    status = rollout.get("status") or {}
    traffic = _traffic(ref, rollout, canary, status)
    routers = tuple((router, router.find(traffic, routing.looked_up(reader))) for router in by_name)
    if refusals := tuple(routing.refused_routes(routers, traffic, reader)):
        return Refused(ref, rollout, refusals)
    places = routing.places(by_name, traffic, reader)
    canary_service, stable_service, followers = _led(*_pair(ref, blue_green, traffic, references), places)
    if stray := _stray(ref, rollout, reader):
        return Stray(ref, rollout, stray)
    sets = tuple(set_seen(each) for each in reader.owned_by(kinds.REPLICA_SET, obj.uid(rollout)))
    template = _template(ref, rollout, (sets, source), reader)
    current = _by_hash(sets, template.hash)
    stable_hash = _stable(status.get("stableRS"), sets, template.hash, stable_service.hash)
    stable = _by_hash(sets, stable_hash)
    others = [each for each in sets if each is not current and each is not stable]
    newest = max((each.revision for each in sets if each is not current), default=0)
    steps = 1 if blue_green else len(canary.steps)
    remembered = latch.read(status, steps, stable_hash, blue_green=bool(blue_green))
    seen = DeliverySeen(
        ref=ref,
        rollout=rollout,
        spec=spec,
        canary=canary,
        blue_green=blue_green,
        template=template,
        step_hash=reader.parsed(rollout, step_hash),
        latch=remembered,
        current=current,
        stable=stable,
        older=tuple(sorted(others, key=lambda each: (-each.revision, each.name))),
        revision=current.revision if current and current.revision > newest else newest + 1,
        canary_service=canary_service,
        stable_service=stable_service,
        traffic=traffic,
        routers=routers,
        runs=tuple(run_seen(each) for each in reader.owned_by(kinds.ANALYSIS_RUN, obj.uid(rollout))),
        experiments=guests.gathered(rollout, reader),
        templates=references.templates,
        former=leftovers.gathered(rollout, spec, reader, leftovers.places_of(routers, places), plugins),
        workload=source,
        pods=_pods(rollout, spec, sets, reader),
        followers=followers,
        step_answers=tuple(calling.answers(obj.uid(rollout), remembered, reader)),
        pause_known=reader.known_since(f"pause {remembered.pauses[0].start}") if remembered.pauses else None,
    )
    return replace(seen, refused=refused) if (refused := denials.gathered(seen, reader)) else seen


def _pair(
    ref: Ref, blue_green: BlueGreenStrategy | None, traffic: Traffic, references: References
) -> tuple[ServiceSeen, ServiceSeen]:
    """The Services of the canary side and of the stable side; of blue-green the preview's and the active one."""
    if blue_green is None:
        names = traffic.canary_service, traffic.stable_service
    else:
        names = blue_green.preview_service, blue_green.active_service
    return _service(ref, names[0], references), _service(ref, names[1], references)


def _traffic(ref: Ref, rollout: Manifest, canary: CanaryStrategy, status: Mapping[str, Any]) -> Traffic:
    given = canary.traffic_routing
    return Traffic(
        ref.namespace,
        ref.name,
        obj.controller_reference(kinds.ROLLOUT, rollout),
        *routing.services_by_side(canary, status),
        given.max_traffic_weight if given else None,
        tuple(route.name for route in given.managed_routes) if given else (),
    )


def _led(
    canary: ServiceSeen, stable: ServiceSeen, places: Mapping[str, list[ServiceSeen]]
) -> tuple[ServiceSeen, ServiceSeen, tuple[tuple[str, ServiceSeen], ...]]:
    """Where a router says itself which pods a side stands for, that leads, and the Services follow it."""
    followers: list[tuple[str, ServiceSeen]] = []
    leading = {"canary": canary, "stable": stable}
    for side, found in places.items():
        if found:
            service, leading[side] = leading[side], found[0]
            followers += [(side, each) for each in (service, *found[1:]) if each.is_named]
    return leading["canary"], leading["stable"], tuple(followers)


def _pods(
    rollout: Manifest, spec: RolloutSpec, sets: tuple[SetSeen, ...], reader: Reader
) -> Mapping[str, tuple[pods.PodSeen, ...]] | None:
    manifests = tuple(each.manifest for each in sets)
    return pods.gathered(manifests, reader) if pods.are_needed(rollout, spec, manifests) else None


def _shared(blue_green: BlueGreenStrategy | None) -> CanaryStrategy:
    """What blue-green has in common with a canary, under the canary's names."""
    if blue_green is None:
        return _NO_CANARY
    shared = {name: getattr(blue_green, name) for name in _SHARED}
    roles = {"canary_metadata": blue_green.preview_metadata, "stable_metadata": blue_green.active_metadata}
    return _NO_CANARY.model_copy(update={**shared, **roles})


@dataclass(frozen=True, slots=True)
class _Hashed:
    """A pod template in the two forms in which it is compared, and its hash while no other bears that."""

    canonical: bytes
    comparable: bytes
    free: str


def _hashed(manifest: Manifest) -> _Hashed:
    template = (manifest.get("spec") or {}).get("template") or {}
    canonical = podtemplate.canonical_bytes(template)
    comparable = podtemplate.comparable(affinity.without(template))
    return _Hashed(canonical, comparable, podtemplate.template_hash(canonical))


def _template(
    ref: Ref, rollout: Manifest, around: tuple[tuple[SetSeen, ...], WorkloadSeen | None], reader: Reader
) -> Template:
    """The spec's template under the hash of the ReplicaSet that already runs it, or else under its own."""
    sets, source = around
    manifest = (rollout.get("spec") or {}).get("template") or {}
    # What a workload says changes with its own generation; where it has none nothing can be kept from turn to turn.
    own_source = rollout if source is None else {**source.manifest, "spec": {"template": manifest}}
    hashed = reader.parsed(own_source, _hashed) if obj.generation(own_source) else _hashed(own_source)
    collisions = latch.collisions(rollout.get("status") or {})
    own = hashed.free if collisions is None else podtemplate.template_hash(hashed.canonical, collisions)
    if _by_hash(sets, own):
        return Template(manifest, own)
    for each in sets:
        if each.hash and _borne(each.manifest, reader) == hashed.comparable:
            return Template(manifest, each.hash)
    holder = reader.get(Ref(kinds.REPLICA_SET, ref.namespace, f"{ref.name}-{own}"))
    if holder is None:
        return Template(manifest, own)
    if obj.is_deleting(holder) or _is_of_a_predecessor(holder, rollout):
        return Template(manifest, own, is_blocked=True)
    same = _plain(holder) == hashed.comparable
    if same and is_orphan(holder) and obj.labels(holder).get(marks.HASH_LABEL) == own:
        return Template(manifest, own, orphan=holder)
    return Template(manifest, own, collides=True)


def _borne(manifest: Manifest, reader: Reader) -> bytes:
    """A ReplicaSet's template as it is compared. A note of its role stands where no parsing may look."""
    return _plain(manifest) if marks.EPHEMERAL in obj.annotations(manifest) else reader.parsed(manifest, _plain)


def _plain(manifest: Manifest) -> bytes:
    return podtemplate.comparable(roles.plain(manifest))


def _is_of_a_predecessor(holder: Manifest, rollout: Manifest) -> bool:
    """Whether an object belongs to a Rollout of this name that is no more, and so will be collected."""
    return any(
        owner.get("controller") and owner.get("kind") == kinds.ROLLOUT.name and owner.get("name") == obj.name(rollout)
        for owner in holder["metadata"].get("ownerReferences") or ()
        if owner.get("uid") != obj.uid(rollout)
    )


def _stable(named: object, sets: tuple[SetSeen, ...], current: str, selected: str) -> str:
    """The stable hash as far as the cluster confirms it; "" for a Rollout that has never been deployed.

    A status may be lost or edited. What the stable Service selects, and then the newest other version that has pods,
    are better witnesses than a name that belongs to nothing.
    """
    if isinstance(named, str) and _by_hash(sets, named):
        return named
    carrying = _by_hash(sets, selected)
    if carrying and carrying.wanted > 0:
        return carrying.hash
    others = [each for each in sets if each.hash != current and each.usable > 0]
    if named and others:
        return max(others, key=lambda each: each.revision).hash
    return ""


def _stray(ref: Ref, rollout: Manifest, reader: Reader) -> Manifest | None:
    """The stable ReplicaSet, where somebody has taken its owner away: without it an update would be a first deploy."""
    named = (rollout.get("status") or {}).get("stableRS")
    if not isinstance(named, str) or not named:
        return None
    found = reader.get(Ref(kinds.REPLICA_SET, ref.namespace, f"{ref.name}-{named}"))
    if found is None or not is_orphan(found) or obj.is_deleting(found):
        return None
    return found if obj.labels(found).get(marks.HASH_LABEL) == named else None


def _by_hash(sets: tuple[SetSeen, ...], hash_value: str) -> SetSeen | None:
    found = [each for each in sets if each.hash == hash_value and hash_value and not obj.is_deleting(each.manifest)]
    return max(found, key=lambda each: each.revision) if found else None


def _service(ref: Ref, name: str, references: References) -> ServiceSeen:
    manifest = references.services[name] if name else {}
    assert manifest is not None  # the rules refuse a Service that is not there
    return service_seen(Ref(kinds.SERVICE, ref.namespace, name), manifest)


def _references(rollout: Manifest, spec: RolloutSpec, reader: Reader) -> References:
    namespace = obj.namespace(rollout)
    ingresses = {name: reader.get(Ref(kinds.INGRESS, namespace, name)) for name in ingresses_named(spec)}
    return References(
        name=obj.name(rollout),
        spec=spec,
        services={name: reader.get(Ref(kinds.SERVICE, namespace, name)) for name in services_named(spec).values()},
        ingresses=ingresses,
        templates=_templates(namespace, spec, reader),
        controllers=dict(_controllers(ingresses.values(), reader)),
    )


def _templates(namespace: str, spec: RolloutSpec, reader: Reader) -> Templates:
    """The templates that the spec names and all that they nest, each read once."""
    found: dict[tuple[bool, str], Manifest | None] = {}
    wanted = list(template_keys(spec))
    for _ in range(NESTING_MAX + 1):
        inner: list[tuple[bool, str]] = []
        for cluster_scope, name in wanted:
            kind = kinds.CLUSTER_ANALYSIS_TEMPLATE if cluster_scope else kinds.ANALYSIS_TEMPLATE
            manifest = reader.get(Ref(kind, "" if cluster_scope else namespace, name))
            found[cluster_scope, name] = manifest
            inner += [(each.cluster_scope, each.name) for each in nested((manifest or {}).get("spec") or {})]
        wanted = [key for key in dict.fromkeys(inner) if key not in found]
        if not wanted:
            break
    return found


def _controllers(ingresses: Iterable[Manifest | None], reader: Reader) -> Iterator[tuple[str, str]]:
    for ingress in ingresses:
        called = str(((ingress or {}).get("spec") or {}).get("ingressClassName") or "")
        found = reader.get(Ref(kinds.INGRESS_CLASS, "", called)) if called else None
        if found is not None:
            yield called, str((found.get("spec") or {}).get("controller") or "")


def _farewell(ref: Ref, reader: Reader, plugins: Mapping[str, Dialect]) -> Farewell | None:
    """Services that still name a Rollout which is gone; None where there are none."""
    services = reader.select(kinds.SERVICE, ref.namespace, {})
    marked = tuple(each for each in services if obj.annotations(each).get(marks.MANAGED_BY) == ref.name)
    dialects = leftovers.known_dialects(plugins)
    among = tuple(dict.fromkeys((*VERSIONS, *(kind for dialect in plugins.values() for kind in dialect.kinds))))
    routes = tuple(
        (at, each)
        for at, each in routing.marked(reader, ref, among)
        if ref in named(each) or (at.kind != kinds.SERVICE and obj.annotations(each).get(marks.MANAGED_BY) == ref.name)
    )
    return Farewell(ref, marked, routes, dialects) if marked or routes else None
