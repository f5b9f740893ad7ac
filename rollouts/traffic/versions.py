"""Routers' kinds in the versions that clusters serve: the newest is taken, of those whose objects say the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from rollouts.kube.ref import Kind, Ref
from rollouts.traffic import gateway, istio, smi, traefik
from rollouts.traffic.inplace import Get
from rollouts.traffic.routers import KINDS, Router


def _of(kind: Kind, *versions: str) -> tuple[Kind, ...]:
    return tuple(replace(kind, version=version) for version in versions)


OLDER: Mapping[Kind, tuple[Kind, ...]] = {
    **{kind: (older,) for kind, older in gateway.OLDER.items()},
    istio.VIRTUAL_SERVICE: _of(istio.VIRTUAL_SERVICE, "v1beta1", "v1alpha3"),
    istio.DESTINATION_RULE: _of(istio.DESTINATION_RULE, "v1beta1", "v1alpha3"),
    smi.TRAFFIC_SPLIT: _of(smi.TRAFFIC_SPLIT, "v1alpha1", "v1alpha3"),
    traefik.TRAEFIK_SERVICE: (replace(traefik.TRAEFIK_SERVICE, group="traefik.containo.us"),),
}
"""Kind → those that do as well where the cluster does not serve it, in the order in which they are tried."""

VERSIONS: tuple[Kind, ...] = tuple(dict.fromkeys((*KINDS, *(kind for each in OLDER.values() for kind in each))))
"""Every kind that some router of the table looks at, in every version that it takes."""


def in_served_versions(router: Router, knows: Callable[[Kind], bool]) -> Router:
    """The router as this cluster can have it: each kind in the first version that is known."""
    served = {kind: _first(kind, knows) for kind in router.kinds}
    if all(kind == found for kind, found in served.items()):
        return router

    def there(ref: Ref) -> Ref:
        return Ref(served.get(ref.kind, ref.kind), ref.namespace, ref.name)

    def through(get: Get) -> Get:
        return Get(lambda ref: get(there(ref)), lambda kind, namespace: get.of(served.get(kind, kind), namespace))

    return replace(
        router,
        kinds=tuple(served.values()),
        find=lambda traffic, get: tuple(
            replace(route, ref=there(route.ref)) for route in router.find(traffic, through(get))
        ),
        selectors=lambda traffic, get: tuple(
            replace(place, ref=there(place.ref)) for place in router.selectors(traffic, through(get))
        ),
        lacking=lambda traffic, get: router.lacking(traffic, through(get)),
    )


def _first(kind: Kind, knows: Callable[[Kind], bool]) -> Kind:
    return next((each for each in (kind, *OLDER.get(kind, ())) if knows(each)), kind)
