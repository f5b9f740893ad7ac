"""The cluster as last told: one writer, indexes by owner and label, versions that never go back.

What changed lately is held as it is read; the rest is packed, to a fifth of its size, and opened when it is read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from rollouts.kit.instant import Instant
from rollouts.kube.object import controller_uid
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.shell.wire import WatchEvent

TOMBSTONES_MAX = 4096
OPEN_MAX = 2048  # objects of one kind that are held as they are read; opening a packed one takes microseconds

_DROPPED_METADATA = ("managedFields", "selfLink")
_pack, _open = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode
_DROPPED_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"


def at_least(have: str, want: str) -> bool:
    """Whether a resourceVersion is `want` or a later one; versions that are no numbers can only be equal."""
    if have.isdecimal() and want.isdecimal():
        return int(have) >= int(want)
    return have == want


def project(manifest: Manifest) -> Manifest:
    """The manifest without what no gather reads (field ownership, the copy that kubectl apply leaves)."""
    meta = manifest["metadata"]
    annotations = meta.get("annotations") or {}
    if not any(name in meta for name in _DROPPED_METADATA) and _DROPPED_ANNOTATION not in annotations:
        return manifest
    kept = {name: value for name, value in meta.items() if name not in _DROPPED_METADATA}
    if _DROPPED_ANNOTATION in annotations:
        kept["annotations"] = {name: value for name, value in annotations.items() if name != _DROPPED_ANNOTATION}
    return {**manifest, "metadata": kept}


@dataclass(frozen=True, slots=True)
class Change:
    """One object before and after an event. `is_echo`: nothing but its resourceVersion moved."""

    ref: Ref
    before: Manifest | None
    after: Manifest | None
    is_echo: bool = False


Held: TypeAlias = Manifest | bytes


@dataclass(slots=True)
class Table:
    """The objects of one kind."""

    kind: Kind
    open_max: int = OPEN_MAX
    buckets: dict[str, dict[str, Held]] = field(default_factory=dict)  # namespace -> name -> object
    opened: dict[tuple[str, str], None] = field(default_factory=dict)  # (namespace, name) of those that are not packed
    owned: dict[str, dict[tuple[str, str], None]] = field(default_factory=dict)  # controller uid -> (namespace, name)
    labelled: dict[str, dict[tuple[str, str], dict[str, None]]] = field(default_factory=dict)
    graves: dict[tuple[str, str], str] = field(default_factory=dict)  # the version at which an object was removed
    listed_version: str = ""
    listed_at: Instant | None = None
    size: int = 0

    def get(self, namespace: str, name: str) -> Manifest | None:
        """The object, or None."""
        bucket = self.buckets.get(namespace)
        held = bucket.get(name) if bucket else None
        return None if held is None else _read(held)

    def __iter__(self) -> Iterator[Manifest]:
        """Every object, in no order that means anything."""
        return (_read(held) for bucket in self.buckets.values() for held in bucket.values())

    def owned_by(self, uid: str) -> tuple[Manifest, ...]:
        """The objects that the uid controls, ordered by name."""
        names = self.owned.get(uid)
        return tuple(_read(self.buckets[space][name]) for space, name in sorted(names)) if names else ()

    def select(self, namespace: str, labels: Mapping[str, str]) -> tuple[Manifest, ...]:
        """The objects of a namespace that carry all the labels, ordered by name."""
        bucket = self.buckets.get(namespace)
        if not bucket:
            return ()
        names: Iterable[str] = bucket
        for label, value in labels.items():
            found = self._index(label).get((namespace, value), {})
            names = found if names is bucket else [name for name in names if name in found]
        return tuple(_read(bucket[name]) for name in sorted(names))

    def is_past(self, namespace: str, name: str, version: str) -> bool:
        """Whether the absence of an object is known to be as new as a version."""
        if self.listed_version and at_least(self.listed_version, version):
            return True
        grave = self.graves.get((namespace, name))
        return grave is not None and at_least(grave, version)

    def put(self, namespace: str, name: str, new: Manifest | None) -> Manifest | None:
        """Store an object, or remove it; returns what was there. Keeps every index."""
        old = self.get(namespace, name)
        if old is not None:
            self._unindex(namespace, name, old)
        self.opened.pop((namespace, name), None)
        if new is None:
            if old is not None:
                bucket = self.buckets[namespace]
                del bucket[name]
                self.size -= 1
                if not bucket:
                    del self.buckets[namespace]
            return old
        self.buckets.setdefault(namespace, {})[name] = new
        self.opened[namespace, name] = None
        self._pack_oldest()
        self.size += old is None
        if uid := controller_uid(new):
            self.owned.setdefault(uid, {})[namespace, name] = None
        present = new["metadata"].get("labels") or {}
        for label, index in self.labelled.items():
            if label in present:
                index.setdefault((namespace, present[label]), {})[name] = None
        return old

    def bury(self, namespace: str, name: str, version: str) -> None:
        """Remember at which version an object was removed, so that no late event revives it."""
        self.graves.pop((namespace, name), None)
        self.graves[namespace, name] = version
        if len(self.graves) > TOMBSTONES_MAX:
            del self.graves[next(iter(self.graves))]

    def _pack_oldest(self) -> None:
        """Pack what has not changed for longest; what cannot be packed (an integer of more than 64 bits) stays."""
        if len(self.opened) > self.open_max:
            place = next(iter(self.opened))
            del self.opened[place]
            bucket = self.buckets[place[0]]
            with contextlib.suppress(OverflowError, RecursionError):
                bucket[place[1]] = _pack(bucket[place[1]])

    def _unindex(self, namespace: str, name: str, old: Manifest) -> None:
        _drop(self.owned, controller_uid(old), (namespace, name))
        present = old["metadata"].get("labels") or {}
        for label, index in self.labelled.items():
            if label in present:
                _drop(index, (namespace, present[label]), name)

    def _index(self, label: str) -> dict[tuple[str, str], dict[str, None]]:
        """The index of one label, built when a room first selects by it."""
        index = self.labelled.get(label)
        if index is None:
            index = {}
            for namespace, bucket in self.buckets.items():
                for name, held in bucket.items():
                    value = (_read(held)["metadata"].get("labels") or {}).get(label)
                    if value is not None:
                        index.setdefault((namespace, value), {})[name] = None
            self.labelled[label] = index
        return index


class Cache:
    """A table per kind, and what was parsed from the objects.

    is_whole: whether field ownership and the copy that kubectl apply leaves are kept as well.
    open_max: how many objects of a kind are not packed.
    """

    def __init__(self, *, is_whole: bool = False, open_max: int = OPEN_MAX) -> None:
        self._project = _as_it_is if is_whole else project
        self._open_max = open_max
        self.complaints: dict[Kind, str] = {}  # why a kind could not be listed
        self._tables: dict[Kind, Table] = {}
        self._parsed: dict[str, dict[Callable[..., Any], tuple[int, Any]]] = {}
        self.stale_events = 0

    def is_listed(self, kind: Kind) -> bool:
        """Whether the kind was listed at least once: absence from the table means absence from the cluster."""
        table = self._tables.get(kind)
        return table is not None and table.listed_at is not None

    def table(self, kind: Kind) -> Table:
        """The table of a kind, empty while nothing was told."""
        table = self._tables.get(kind)
        if table is None:
            table = self._tables[kind] = Table(kind, self._open_max)
        return table

    def tables(self) -> tuple[Table, ...]:
        """Every table, in the order in which their kinds were first heard of."""
        return tuple(self._tables.values())

    def get(self, ref: Ref) -> Manifest | None:
        """The object, or None."""
        table = self._tables.get(ref.kind)
        return table.get(ref.namespace, ref.name) if table else None

    def absorb(self, event: WatchEvent) -> Change | None:
        """Take one event in; None where it tells nothing new (doubled, late, of an object that is gone)."""
        kind, table = event.kind, self.table(event.kind)
        meta = event.object["metadata"]
        ref = Ref(kind, str(meta.get("namespace", "")) if kind.namespaced else "", str(meta["name"]))
        version = str(meta.get("resourceVersion", ""))
        old = table.get(ref.namespace, ref.name)
        if self._is_stale(table, ref, old, event, version):
            self.stale_events += 1
            return None
        if event.type == "DELETED":
            table.bury(ref.namespace, ref.name, version)
            return self._remove(table, ref) if old is not None else None
        new = self._project(event.object)
        table.put(ref.namespace, ref.name, new)
        return Change(ref, old, new, is_echo=old is not None and _same_but_version(old, new))

    def replace(self, kind: Kind, objects: Iterable[Manifest], version: str, began: Instant) -> Iterator[Change]:
        """Take a whole list in, as read by quorum at a moment not before `began`: while its changes are read."""
        table = self.table(kind)
        present: set[tuple[str, str]] = set()
        for manifest in objects:
            meta = manifest["metadata"]
            namespace = str(meta.get("namespace", "")) if kind.namespaced else ""
            place = (namespace, str(meta["name"]))
            present.add(place)
            old = table.get(*place)
            seen = str(meta.get("resourceVersion", ""))
            if old is not None and _version(old) == seen:
                continue
            if old is not None and _is_older(seen, _version(old)):
                continue  # the watch was quicker than the last page of the list
            new = self._project(manifest)
            table.put(*place, new)
            yield Change(Ref(kind, *place), old, new, is_echo=old is not None and _same_but_version(old, new))
        for namespace, bucket in list(table.buckets.items()):
            for name, held in list(bucket.items()):
                if (namespace, name) not in present and not _is_older(version, _version(_read(held))):
                    yield self._remove(table, Ref(kind, namespace, name))
        table.listed_version, table.listed_at = version, began

    def parsed(self, manifest: Manifest, parse: Callable[[Manifest], Any]) -> Any:
        """`parse(manifest)`, done once per (uid, generation) and parser."""
        meta = manifest["metadata"]
        uid, generation = meta.get("uid"), meta.get("generation")
        if not uid or not generation:
            return parse(manifest)
        memo = self._parsed.setdefault(uid, {})
        known = memo.get(parse)
        if known is not None and known[0] == generation:
            return known[1]
        value = parse(manifest)
        memo[parse] = (generation, value)
        return value

    def _remove(self, table: Table, ref: Ref) -> Change:
        old = table.put(ref.namespace, ref.name, None)
        if old is not None:
            self._parsed.pop(old["metadata"].get("uid", ""), None)
        return Change(ref, old, None)

    @staticmethod
    def _is_stale(table: Table, ref: Ref, old: Manifest | None, event: WatchEvent, version: str) -> bool:
        if old is not None:
            have = _version(old)
            if event.type == "DELETED":
                return _is_older(version, have)
            return have == version or _is_older(version, have)
        if not version.isdecimal():
            return False
        return table.is_past(ref.namespace, ref.name, version)


def _read(held: Held) -> Manifest:
    return held if not isinstance(held, bytes) else _open(held)


def _as_it_is(manifest: Manifest) -> Manifest:
    return manifest


def _version(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("resourceVersion", ""))


def _is_older(one: str, other: str) -> bool:
    return one.isdecimal() and other.isdecimal() and int(one) < int(other)


def _same_but_version(old: Manifest, new: Manifest) -> bool:
    if old.keys() != new.keys():
        return False
    with contextlib.suppress(RecursionError):  # nested almost too deeply to be read
        if any(old[part] != new[part] for part in old if part != "metadata"):
            return False
        return {**old["metadata"], "resourceVersion": ""} == {**new["metadata"], "resourceVersion": ""}
    return False


def _drop(index: dict[Any, dict[Any, None]], at: Any, what: Any) -> None:
    places = index.get(at)
    if places is not None:
        places.pop(what, None)
        if not places:
            del index[at]
