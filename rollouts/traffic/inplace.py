"""Routers whose split stands in an object of the user's own: read it, change a few fields, leave the rest.

A dialect is two pure functions, `read` and `edit`; everything else that a router does is here, once for all of them.
While an object is away from its rest (weight for the canary, or a managed route) it bears a mark that says how to
bring it back, so that it is given back even if the Rollout is gone by then.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from rollouts.core.plan import Action, Patch, Stage
from rollouts.kit import jsonpatch
from rollouts.kube import object as obj
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.traffic.route import Beside, Route, Split, Traffic

MARK = "argo-rollouts.argoproj.io/routed-by-rollouts"
MARK_MAX = 4096


@dataclass(frozen=True, slots=True)
class Get:
    """The objects as the turn sees them: `get(ref)` is one, None where it is not there.

    read: one object.  of: those of a kind in a namespace.
    """

    read: Callable[[Ref], Manifest | None]
    of: Callable[[Kind, str], Iterable[Manifest]] = lambda kind, namespace: ()

    def __call__(self, ref: Ref) -> Manifest | None:
        """One object."""
        return self.read(ref)


@dataclass(frozen=True, slots=True)
class Reading:
    """What an object says of the canary.

    weights: its share at each place, of the traffic's total; no place at all needs a refusal.  managed: the managed
    routes that stand in it.  verified, refusal, beside: as in Route.
    """

    weights: tuple[int, ...] = ()
    managed: tuple[str, ...] = ()
    verified: bool | None = None
    refusal: str = ""
    beside: tuple[Beside, ...] = ()


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one router spells a split.

    refs: the objects that carry it, by the settings.  read: what one of them says now.  edit: the same object with a
    split in it; the argument may be changed, it is a copy.  settings: its settings from JSON, ValueError where they are
    wrong.  headers: the ways in which header routes may compare,
    empty where there are none.  mirrors: whether it can send copies.  experiments: whether it
    can give Services beside the two a share.  needs: those of the kinds that
    certain settings name, where that is not all of them.
    """

    name: str
    kinds: tuple[Kind, ...]
    refs: Callable[[Any, Traffic, Get], tuple[Ref, ...]]
    read: Callable[[Any, Traffic, Manifest], Reading]
    edit: Callable[[Any, Traffic, dict[str, Any], Split], dict[str, Any]]
    settings: Callable[[Mapping[str, Any]], Any] = dict
    headers: frozenset[str] = frozenset()
    mirrors: bool = False
    experiments: bool = False
    needs: Callable[[Any], tuple[Kind, ...]] | None = None


def find(dialect: Dialect, settings: Any, traffic: Traffic, get: Get) -> tuple[Route, ...]:
    """One route per object; one that is not there is a refusal."""
    found = []
    for ref in dialect.refs(settings, traffic, get):
        target = get(ref)
        if target is None:
            text = f'{ref.kind.plural}.{ref.kind.group} "{ref.name}" not found'
            found.append(Route(ref, {}, None, 0, text))
            continue
        reading = dialect.read(settings, _with_guests(traffic, target), target)
        refusal = reading.refusal
        if not reading.weights and not refusal:
            names = f"{traffic.stable_service} and {traffic.canary_service}"
            refusal = f"{ref.kind.name} `{ref.name}` shares no traffic between {names}"
        weights = reading.weights or (0,)
        shown = (reading.managed, reading.verified, reading.beside)
        found.append(Route(ref, target, target, max(weights), refusal, min(weights), *shown))
    return tuple(found)


def write(dialect: Dialect, settings: Any, traffic: Traffic, route: Route, split: Split) -> Action | None:
    """The patch of the fields that differ; None where the object carries the split already."""
    if route.target is None or route.refusal:
        return None
    base = _without_former(dialect, settings, traffic, route.target)
    wanted = dialect.edit(settings, _with_guests(traffic, route.target), base, split)
    mark(wanted, traffic, dialect.name, settings, split)
    return patch_between(route.ref, route.target, wanted)


def patch_between(ref: Ref, before: Manifest, after: Manifest) -> Patch | None:
    """A patch of what differs, under the preconditions of what was seen."""
    changes = jsonpatch.derive(before, after)
    if not changes:
        return None
    return Patch(ref, tuple(changes), obj.uid(before), obj.version(before), Stage.SHIFT, form="json")


def mark(manifest: dict[str, Any], traffic: Traffic, router: str, settings: Any, split: Split) -> None:
    """Set this Rollout's entry of the mark while the object is away from its rest, and take it out at rest."""
    key = f"{traffic.namespace}/{traffic.name}"
    if split.is_rest:
        unmark(manifest, key)
        return
    guests_named = {"beside": [each.service for each in split.beside]} if split.beside else {}
    entry = {**_entry(traffic, router, settings), **guests_named}
    _annotate(manifest, MARK, _text({**marks_of(manifest), key: entry}))


def _entry(traffic: Traffic, router: str, settings: Any) -> dict[str, Any]:
    """What a mark says of how to bring an object back."""
    given = settings if isinstance(settings, Mapping) else settings.model_dump(by_alias=True, exclude_defaults=True)
    return {
        "router": router,
        "settings": given,
        "canary": traffic.canary_service,
        "stable": traffic.stable_service,
        "total": traffic.total,
        "managed": list(traffic.managed),
    }


def _without_former(dialect: Dialect, settings: Any, traffic: Traffic, manifest: Manifest) -> dict[str, Any]:
    """A copy without what this Rollout had led there under other settings: a route or a managed name less, say."""
    entry = marks_of(manifest).get(f"{traffic.namespace}/{traffic.name}")
    if entry is None or entry.get("router") != dialect.name:
        return copied(manifest)
    said = {key: value for key, value in entry.items() if key != "beside"}
    if _text(said) == _text(_entry(traffic, dialect.name, settings)):
        return copied(manifest)
    return at_rest(dialect, entry, traffic.namespace, traffic.name, manifest) or copied(manifest)


def at_rest(
    dialect: Dialect, entry: Mapping[str, Any], namespace: str, name: str, manifest: Manifest
) -> dict[str, Any] | None:
    """The object as an entry of the mark says that it was; None where nobody can read the entry."""
    with suppress(KeyError, TypeError, ValueError):
        managed, beside = (tuple(map(str, entry.get(key) or ())) for key in ("managed", "beside"))
        sides = str(entry["canary"]), str(entry["stable"])
        traffic = Traffic(namespace, name, {"uid": ""}, *sides, int(entry.get("total") or 100), managed, beside)
        settings = dialect.settings(entry.get("settings") or {})
        if not dialect.read(settings, traffic, manifest).refusal:
            return dialect.edit(settings, traffic, copied(manifest), Split(0, traffic.total))
    return None


def unmark(manifest: dict[str, Any], key: str) -> None:
    """Take one Rollout's entry out of the mark."""
    entries = marks_of(manifest)
    if MARK in obj.annotations(manifest):
        entries.pop(key, None)
        _annotate(manifest, MARK, _text(entries) if entries else None)


def _with_guests(traffic: Traffic, manifest: Manifest) -> Traffic:
    """The traffic with the Services of experiments that its own mark says are in the object."""
    entry = marks_of(manifest).get(f"{traffic.namespace}/{traffic.name}", {})
    names = entry.get("beside")
    return replace(traffic, beside=tuple(map(str, names))) if isinstance(names, list) and names else traffic


def guests(weights: Mapping[str, Any], traffic: Traffic) -> tuple[Beside, ...]:
    """What experiments have of an object, by the weight of each of its Services."""
    found = ((name, weights[name]) for name in traffic.beside if name in weights)
    return tuple(Beside(name, _count(weight)) for name, weight in found)


def copied(manifest: Manifest) -> dict[str, Any]:
    """A copy that may be changed."""
    return deepcopy(dict(manifest))


def _text(entries: Mapping[str, Any]) -> str:
    return json.dumps(entries, sort_keys=True, separators=(",", ":"))


def marks_of(manifest: Manifest) -> dict[str, Any]:
    """Who may have to give this object back: `namespace/name` of a Rollout → how. Unreadable marks count as none."""
    text = obj.annotations(manifest).get(MARK)
    if not text or len(text) > MARK_MAX:
        return {}
    try:
        entries = json.loads(text)
    except ValueError:
        return {}
    return {key: each for key, each in entries.items() if isinstance(each, dict)} if isinstance(entries, dict) else {}


def _annotate(manifest: dict[str, Any], key: str, value: str | None) -> None:
    """Set or remove one annotation; an object without annotations stays without."""
    meta = dict(manifest["metadata"])
    annotations = dict(meta.get("annotations") or {})
    if value is None:
        annotations.pop(key, None)
    else:
        annotations[key] = value
    if annotations or "annotations" in meta:  # what the cache leaves out of an empty map would go with the map
        meta["annotations"] = annotations
    manifest["metadata"] = meta


def covers(stored: Any, wanted: Any) -> bool:
    """Whether a stored value says all that was wanted, defaults of the API server added or not."""
    if isinstance(stored, Mapping) and isinstance(wanted, Mapping):
        return all(key in stored and covers(stored[key], value) for key, value in wanted.items())
    if isinstance(stored, list) and isinstance(wanted, list):
        return len(stored) == len(wanted) and all(covers(*pair) for pair in zip(stored, wanted, strict=True))
    return bool(stored == wanted)


def share(weight: Any, others: Any, total: int) -> int:
    """A weight beside others as a share of the total, rounded up: a router may count to any sum."""
    mine, rest = _count(weight), _count(others)
    return -(-mine * total // (mine + rest)) if mine + rest else 0


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
