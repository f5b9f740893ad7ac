"""Service Mesh Interface (retired): weights of a TrafficSplit that the controller makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollouts.api.routing import SmiRouting
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.traffic.inplace import share
from rollouts.traffic.made import MadeDialect
from rollouts.traffic.route import Beside, Split, Traffic

TRAFFIC_SPLIT = Kind("split.smi-spec.io", "v1alpha2", "TrafficSplit", "trafficsplits", has_status=False)


def pairs(settings: SmiRouting, traffic: Traffic) -> tuple[tuple[Ref, Ref | None], ...]:
    """One TrafficSplit, named by the user or after the Rollout."""
    return ((Ref(TRAFFIC_SPLIT, traffic.namespace, settings.traffic_split_name or traffic.name), None),)


def check(settings: SmiRouting, traffic: Traffic, main: Manifest) -> str:
    """There is no object of the user's."""
    return ""


def weight(settings: SmiRouting, traffic: Traffic, target: Manifest) -> int:
    """The canary backend's share."""
    weights = _weights(target)
    canary = weights.pop(traffic.canary_service, 0)
    return share(canary, sum(weights.values()), traffic.total)


def beside(settings: SmiRouting, traffic: Traffic, target: Manifest) -> tuple[Beside, ...]:
    """The backends of experiments: nobody else writes into an object of ours."""
    own = (traffic.canary_service, traffic.stable_service)
    return tuple(Beside(name, weight) for name, weight in _weights(target).items() if name not in own)


def _weights(target: Manifest) -> dict[str, int]:
    backends = (target.get("spec") or {}).get("backends") or ()
    found = {str(each.get("service")): each.get("weight") for each in backends}
    return {name: weight for name, weight in found.items() if isinstance(weight, int) and weight >= 0}


def spec(settings: SmiRouting, traffic: Traffic, main: Manifest, split: Split) -> Mapping[str, Any]:
    """The root Service and its two backends."""
    return {
        "service": settings.root_service or traffic.stable_service,
        "backends": [
            {"service": traffic.canary_service, "weight": split.canary},
            *({"service": each.service, "weight": each.weight} for each in split.beside),
            {"service": traffic.stable_service, "weight": split.stable},
        ],
    }


DIALECT = MadeDialect("smi", (TRAFFIC_SPLIT,), pairs, check, weight, spec, beside)
