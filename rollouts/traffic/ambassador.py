"""Ambassador: a second Mapping with a weight beside each of the user's; it stays, with weight 0, at rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollouts.api.routing import AmbassadorRouting
from rollouts.kube import object as obj
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.traffic.made import MadeDialect
from rollouts.traffic.route import Split, Traffic

MAPPING = Kind("getambassador.io", "v2", "Mapping", "mappings")
NAME_MAX = 253
_SUFFIX = "-canary"


def pairs(settings: AmbassadorRouting, traffic: Traffic) -> tuple[tuple[Ref, Ref | None], ...]:
    """A canary Mapping per Mapping of the settings."""
    return tuple(
        (
            Ref(MAPPING, traffic.namespace, name[: NAME_MAX - len(_SUFFIX)] + _SUFFIX),
            Ref(MAPPING, traffic.namespace, name),
        )
        for name in settings.mappings
    )


def check(settings: AmbassadorRouting, traffic: Traffic, main: Manifest) -> str:
    """A Mapping with a weight is itself a share of something."""
    spec_of_main = main.get("spec") or {}
    if spec_of_main.get("weight") is not None:
        return f'Ambassador mapping "{obj.name(main)}" can not define weight'
    if _host(str(spec_of_main.get("service") or "")) != traffic.stable_service:
        return f'Ambassador mapping "{obj.name(main)}" does not lead to service {traffic.stable_service}'
    return ""


def weight(settings: AmbassadorRouting, traffic: Traffic, target: Manifest) -> int:
    """The weight of the canary Mapping, a percentage."""
    given = (target.get("spec") or {}).get("weight")
    return min(max(given, 0), traffic.total) if isinstance(given, int) and not isinstance(given, bool) else 0


def spec(settings: AmbassadorRouting, traffic: Traffic, main: Manifest, split: Split) -> Mapping[str, Any]:
    """The user's spec, led to the canary Service with a weight."""
    given = main.get("spec") or {}
    service = str(given.get("service") or "")
    at = service.rfind(traffic.stable_service)
    led = service[:at] + traffic.canary_service + service[at + len(traffic.stable_service) :]
    return {**given, "service": led, "weight": split.canary}


def _host(service: str) -> str:
    """The Service that a Mapping names: its text may have a scheme, a namespace and a port."""
    host = service.rpartition("://")[2].partition("/")[0]
    return host.partition(":")[0].partition(".")[0]


DIALECT = MadeDialect("ambassador", (MAPPING,), pairs, check, weight, spec)
