"""Routers whose split stands in an object that the controller makes and owns, beside or without one of the user's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rollouts.core.plan import Action, Create, Stage
from rollouts.kube.owners import is_controlled_by
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.traffic.inplace import Get, covers, patch_between
from rollouts.traffic.route import Beside, Route, Split, Traffic


@dataclass(frozen=True, slots=True)
class MadeDialect:
    """How one router spells a split in an object of its own.

    pairs: (the object to make, the user's object that it stands beside or None).  check: what is wrong with the user's
    object, "" where nothing is.  weight: the canary's share that a made object shows.  spec: what one should say.
    beside: what experiments have of a made object, None for a router that gives them nothing.
    """

    name: str
    kinds: tuple[Kind, ...]
    pairs: Callable[[Any, Traffic], tuple[tuple[Ref, Ref | None], ...]]
    check: Callable[[Any, Traffic, Manifest], str]
    weight: Callable[[Any, Traffic, Manifest], int]
    spec: Callable[[Any, Traffic, Manifest, Split], Mapping[str, Any]]
    beside: Callable[[Any, Traffic, Manifest], tuple[Beside, ...]] | None = None


def find(dialect: MadeDialect, settings: Any, traffic: Traffic, get: Get) -> tuple[Route, ...]:
    """One route per object to make; whoever else has its name is a refusal."""
    found = []
    for ref, main_ref in dialect.pairs(settings, traffic):
        target, main = get(ref), get(main_ref) if main_ref else {}
        refusal = ""
        if main is None:
            assert main_ref is not None
            refusal = f'{main_ref.kind.plural}.{main_ref.kind.group} "{main_ref.name}" not found'
        elif main_ref:
            refusal = dialect.check(settings, traffic, main)
        if target is not None and not is_controlled_by(target, traffic.owner_uid):
            refusal = f"{ref.kind.name} `{ref.name}` controlled by different object"
        weight = dialect.weight(settings, traffic, target) if target is not None and not refusal else 0
        guests = dialect.beside(settings, traffic, target) if dialect.beside and target and not refusal else ()
        found.append(Route(ref, main or {}, target, weight, refusal, beside=guests))
    return tuple(found)


def write(dialect: MadeDialect, settings: Any, traffic: Traffic, route: Route, split: Split) -> Action | None:
    """Make the object, or patch what differs; None where it says the split already."""
    if route.refusal:
        return None
    spec = dialect.spec(settings, traffic, route.main, split)
    if route.target is None:
        return Create(route.ref, _new(traffic, route.ref, spec), traffic.owner_uid, Stage.SHIFT)
    present = route.target.get("spec") or {}
    wanted = {key: present[key] if covers(present.get(key), value) else value for key, value in spec.items()}
    return patch_between(route.ref, route.target, {**route.target, "spec": {**present, **wanted}})


def _new(traffic: Traffic, ref: Ref, spec: Mapping[str, Any]) -> Manifest:
    return {
        "apiVersion": ref.kind.api_version,
        "kind": ref.kind.name,
        "metadata": {"name": ref.name, "namespace": ref.namespace, "ownerReferences": [dict(traffic.owner)]},
        "spec": dict(spec),
    }
