"""A versioned object store with the API server's semantics: pure, synchronous, no clock of its own.

Objects that it hands out are shared and never changed in place; whoever writes hands in a value of its own, which is
copied. Every write that changes something moves the one revision counter, is kept in the kind's history, and is told
to the listeners before the writer hears of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import orjson

from rollouts.devplane import admission, apply, errors, patches, scale, selectors
from rollouts.devplane.definitions import BUILT_IN, Definition, counts_as_new_generation, from_crd, resource_key
from rollouts.devplane.history import Commit, EventType, History, visible
from rollouts.devplane.request import (
    DEFAULT_DELETION,
    DEFAULT_OPTIONS,
    EVERYTHING,
    Deletion,
    Names,
    Page,
    Query,
    WriteOptions,
    read_token,
    write_token,
)
from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.kube.ref import Kind, Manifest, Ref

__all__ = ["Commit", "Deletion", "Page", "Query", "Store", "WriteOptions"]

Json: TypeAlias = dict[str, Any]
PatchForm: TypeAlias = Literal["merge", "json", "strategic"]

HISTORY_MAX = 20_000


@dataclass(frozen=True, slots=True)
class _Write:
    """One write on its way: to which kind, by whom, through which door.

    records: whether managedFields must still be brought up to date (an apply has done it already).
    """

    definition: Definition
    options: WriteOptions
    subresource: str = ""
    records: bool = True

    def writer(self, now: Instant) -> apply.Writer:
        return apply.Writer(self.options.manager, self.subresource, now)


class Store:
    """All objects of a cluster.

    seed: makes its uids.  requires_namespaces: creates in unknown namespaces are refused.  tracks_fields: writes other
    than applies leave their mark in managedFields too.
    """

    def __init__(
        self,
        now: Callable[[], Instant],
        *,
        definitions: Iterable[Definition] = BUILT_IN,
        seed: str = "",
        requires_namespaces: bool = False,
        tracks_fields: bool = True,
        history_max: int = HISTORY_MAX,
    ) -> None:
        self.now = now
        self.listeners: list[Callable[[Commit], None]] = []
        self._names = Names(seed)
        self._requires_namespaces = requires_namespaces
        self._tracks_fields = tracks_fields
        self._history_max = history_max
        self._version = 1
        self.known: dict[str, Definition] = {}  # every kind that was ever served, by its key
        self._retired: set[str] = set()
        self._is_new_generation: dict[str, Callable[[Manifest, Manifest], bool]] = {}
        self._objects: dict[str, dict[tuple[str, str], Json]] = {}
        self._histories: dict[str, History] = {}
        for definition in definitions:
            self.define(definition)

    # Kinds

    def define(self, definition: Definition) -> None:
        """Serve a kind from now on (again: with another schema, objects kept)."""
        self.known[definition.key] = definition
        self._retired.discard(definition.key)
        self._is_new_generation[definition.key] = counts_as_new_generation(definition)
        self._objects.setdefault(definition.key, {})
        self._histories.setdefault(definition.key, History(self._history_max))

    @property
    def definitions(self) -> tuple[Definition, ...]:
        """Every served kind."""
        return tuple(definition for key, definition in self.known.items() if key not in self._retired)

    def definition(self, kind: Kind) -> Definition:
        """The definition behind a kind. Raises 404 as for a path that the server does not know."""
        key = resource_key(kind)
        if key in self.known and key not in self._retired:
            return self.known[key]
        raise errors.ApiError(404, "NotFound", "the server could not find the requested resource", {})

    # Reading

    @property
    def version(self) -> str:
        """The latest revision: what a list says of itself and a bookmark carries."""
        return str(self._version)

    def get(self, ref: Ref) -> Json:
        """The object. Raises NotFound."""
        definition = self.definition(ref.kind)
        if (found := self._objects[definition.key].get((ref.namespace, ref.name))) is None:
            raise errors.not_found(definition.kind, ref.name)
        return found

    def find(self, ref: Ref) -> Json | None:
        """The object, or None."""
        return self._objects[resource_key(ref.kind)].get((ref.namespace, ref.name))

    def all(self, kind: Kind) -> tuple[Json, ...]:
        """Every object of a kind, in no order that means anything but always the same."""
        return tuple(self._objects[resource_key(kind)].values())

    def list(self, kind: Kind, namespace: str = "", query: Query = EVERYTHING) -> Page:
        """A page of a collection, ordered by namespace and name. Raises Expired for a token too old to continue."""
        self.definition(kind)  # 404 for a kind that is not served
        version, start = self._version, ("", "")
        if query.token:
            version, start = read_token(query.token)
        elif query.version not in ("", "0") and query.match == "Exact":
            version = self._parse_version(query.version)
        elif query.version not in ("", "0"):
            self._parse_version(query.version)
        test = selectors.both(selectors.in_namespace(namespace), self.test(kind, query))
        try:
            objects = self.snapshot(kind, version)
        except errors.ApiError as error:
            raise errors.continue_expired() if query.token else error from error
        keys = sorted(key for key, item in objects.items() if key > start and (test is None or test(item)))
        shown = keys[: query.limit] if query.limit > 0 else keys
        remaining = len(keys) - len(shown)
        token = write_token(version, shown[-1]) if remaining else ""
        return Page(tuple(objects[key] for key in shown), str(version), token, remaining)

    def test(self, kind: Kind, query: Query) -> Callable[[Manifest], bool] | None:
        """The test that a query's selectors mean; None where they select everything."""
        return selectors.both(
            selectors.labels(query.labels), selectors.fields(query.fields, self.definition(kind).fields)
        )

    def snapshot(self, kind: Kind, version: int) -> Mapping[tuple[str, str], Json]:
        """The collection as it was at a version. Raises Expired where the history does not reach back."""
        objects = self._objects[resource_key(kind)]
        if version >= self._version:
            return objects
        past = dict(objects)
        for commit in reversed(self._histories[resource_key(kind)].since(version)):
            meta = commit.object["metadata"]
            key = (meta.get("namespace", ""), meta["name"])
            if commit.previous is None:
                past.pop(key, None)
            else:
                past[key] = dict(commit.previous)
        return past

    def commits_since(self, kind: Kind, version: int) -> Sequence[Commit]:
        """Every commit on a kind later than a version. Raises Expired."""
        return self._histories[self.definition(kind).key].since(version)

    def events_since(
        self, kind: Kind, version: str, namespace: str = "", query: Query = EVERYTHING
    ) -> Sequence[tuple[EventType, Manifest]]:
        """What a watch of a collection is told after a version. Raises Expired (410) where that is too long ago."""
        test = selectors.both(selectors.in_namespace(namespace), self.test(kind, query))
        return visible(self.commits_since(kind, self._parse_version(version)), test)

    def compact(self, version: str = "") -> None:
        """Forget the history up to a version (default: all of it), as etcd's compaction does."""
        upto = int(version) if version else self._version
        for history in self._histories.values():
            history.compact(upto)

    # Writing

    def create(self, kind: Kind, namespace: str, body: Manifest, options: WriteOptions = DEFAULT_OPTIONS) -> Json:
        """Store a new object. Raises AlreadyExists, Invalid, BadRequest, NotFound (its namespace)."""
        definition = self.definition(kind)
        new = _copy(body)
        meta = self._begin(definition, namespace, new)
        if meta.get("resourceVersion"):
            raise errors.bad_request("resourceVersion should not be set on objects to be created")
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = self._names.name(meta["generateName"])
        namespace = meta.get("namespace", "")
        if self._requires_namespaces and definition.kind.namespaced:
            self.get(Ref(kinds.NAMESPACE, "", namespace))
        new = admission.on_create(definition, new, strict=options.strict)
        meta = new["metadata"]
        key = (namespace, meta["name"])
        if key in self._objects[definition.key]:
            raise errors.already_exists(definition.kind, meta["name"])
        meta |= {"uid": self._names.uid(), "creationTimestamp": self.now().rfc3339_whole()}
        for owned in ("deletionTimestamp", "deletionGracePeriodSeconds", "managedFields"):
            meta.pop(owned, None)
        if definition.tells_generation:
            meta["generation"] = 1
        write = _Write(definition, options)
        if options.manager and self._tracks_fields:
            apply.record_update(definition, None, new, write.writer(self.now()))
        return self._commit(write, new, None)

    def update(self, ref: Ref, body: Manifest, subresource: str = "", options: WriteOptions = DEFAULT_OPTIONS) -> Json:
        """Replace an object. Raises NotFound, Conflict, Invalid."""
        definition, old = self.definition(ref.kind), self.get(ref)
        new = _copy(body)
        write = _Write(definition, options, subresource)
        if subresource == "scale":
            return self._scaled(write, old, new)
        meta = self._begin(definition, ref.namespace, new)
        if meta.get("name") != ref.name:
            raise errors.bad_request(
                f"the name of the object ({meta.get('name', '')}) does not match the name on the URL ({ref.name})"
            )
        if definition.is_custom and not meta.get("resourceVersion"):
            cause = errors.invalid_value("metadata.resourceVersion", "0x0", "must be specified for an update")
            raise errors.invalid(definition.kind, ref.name, [cause])
        if meta.get("uid") and meta["uid"] != old["metadata"]["uid"]:
            why = (
                f"Precondition failed: UID in precondition: {meta['uid']}, UID in object meta: {old['metadata']['uid']}"
            )
            raise errors.conflict(definition.kind, ref.name, why)
        return self._replace(write, old, new)

    def patch(
        self, ref: Ref, patch: Any, form: PatchForm, subresource: str = "", options: WriteOptions = DEFAULT_OPTIONS
    ) -> Json:
        """Change some fields. A resourceVersion or uid inside a merge patch is a precondition (409, 422)."""
        definition, old = self.definition(ref.kind), self.get(ref)
        if form == "strategic" and definition.is_custom:
            raise errors.unsupported_media(
                ["application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"]
            )
        write = _Write(definition, options, subresource)
        if subresource == "scale":
            body = patches.patched(scale.of(definition, old), _copy(patch), "merge" if form == "strategic" else form)
            return self._scaled(write, old, body)
        new = patches.patched(old, _copy(patch), form)
        new = {**new, "metadata": dict(new.get("metadata") or {})}
        return self._replace(write, old, new)

    def apply(self, ref: Ref, body: Manifest, subresource: str = "", options: WriteOptions = DEFAULT_OPTIONS) -> Json:
        """Server-side apply under options.manager. Raises Conflict naming every field that others own."""
        definition, old = self.definition(ref.kind), self.find(ref)
        wanted = _copy(body)
        meta = self._begin(definition, ref.namespace, wanted)
        if not options.manager:
            required = errors.required("fieldManager", "is required for apply patch")
            raise errors.ApiError(422, "Invalid", f'PatchOptions.meta.k8s.io "" is invalid: {required}')
        if meta.pop("managedFields", None):
            raise errors.bad_request("metadata.managedFields must be nil")
        apply.refuse_undeclared(definition, wanted)
        write = _Write(definition, options, subresource, records=False)
        writer = write.writer(self.now())
        if old is None:
            if subresource or meta.get("uid") or meta.get("resourceVersion"):
                raise errors.not_found(definition.kind, ref.name)
            made = self.create(ref.kind, ref.namespace, wanted, WriteOptions(dry_run=True, strict=options.strict))
            made["metadata"]["managedFields"] = apply.first(definition, wanted, writer)
            return self._commit(write, made, None)
        return self._replace(write, old, apply.merged(definition, old, wanted, writer, force=options.force))

    def delete(self, ref: Ref, deletion: Deletion = DEFAULT_DELETION) -> Json:
        """Begin (finalizers) or finish a deletion; returns the object's last state. Raises NotFound, Conflict."""
        definition, old = self.definition(ref.kind), self.get(ref)
        meta = old["metadata"]
        if deletion.uid and deletion.uid != meta["uid"]:
            why = (
                f"the UID in the precondition ({deletion.uid}) does not match the UID in record ({meta['uid']}). "
                "The object might have been deleted and then recreated"
            )
            raise errors.conflict(definition.kind, ref.name, why)
        if deletion.version and deletion.version != meta["resourceVersion"]:
            why = (
                f"the ResourceVersion in the precondition ({deletion.version}) does not match the ResourceVersion in "
                f"record ({meta['resourceVersion']}). The object might have been modified"
            )
            raise errors.conflict(definition.kind, ref.name, why)
        write = _Write(definition, WriteOptions(deletion.manager, deletion.dry_run))
        finalizers = admission.finalizers_for(meta, deletion.propagation)
        if not finalizers:
            if definition.kind == kinds.CRD and not deletion.dry_run:
                self._retire(ref.name)
            return self._commit(write, old, old, deleted=True)
        if meta.get("deletionTimestamp") and finalizers == meta.get("finalizers"):
            return old
        marked = {**meta, "finalizers": finalizers}
        if not meta.get("deletionTimestamp"):
            marked |= {"deletionTimestamp": self.now().rfc3339_whole(), "deletionGracePeriodSeconds": 0}
            if "generation" in meta:
                marked["generation"] = meta["generation"] + 1
        return self._commit(write, {**old, "metadata": marked}, old)

    def _retire(self, key: str) -> None:
        """Delete every object of a kind whose CRD goes, and serve the kind no more."""
        for item in tuple(self._objects.get(key, {}).values()):
            self._commit(_Write(self.known[key], DEFAULT_OPTIONS), item, item, deleted=True)
        self._retired.add(key)

    # Steps of a write, in call order

    def _begin(self, definition: Definition, namespace: str, body: Json) -> Json:
        """Check that the body is of the kind and namespace of the path; returns its metadata, to be completed."""
        kind = definition.kind
        sent = (body.setdefault("apiVersion", kind.api_version), body.setdefault("kind", kind.name))
        if sent != (kind.api_version, kind.name):
            raise errors.bad_request(
                f"the API version in the data ({sent[0]}, Kind={sent[1]}) does not match the expected API version "
                f"({kind.api_version}, Kind={kind.name})"
            )
        meta: Json = dict(body.get("metadata") or {})
        body["metadata"] = meta
        if not kind.namespaced:
            meta.pop("namespace", None)
        elif meta.setdefault("namespace", namespace) != namespace:
            raise errors.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        return meta

    def _scaled(self, write: _Write, old: Json, body: Json) -> Json:
        return scale.of(write.definition, self._replace(write, old, scale.changed(write.definition, old, body)))

    def _replace(self, write: _Write, old: Json, new: Json) -> Json:
        """The common path of every change of a stored object: preconditions, admission, generation, commit."""
        definition, had = write.definition, old["metadata"]
        if (new["metadata"].get("resourceVersion") or had["resourceVersion"]) != had["resourceVersion"]:
            raise errors.conflict(definition.kind, had["name"])
        new = admission.on_update(definition, old, new, write.subresource, strict=write.options.strict)
        meta = new["metadata"]
        if "generation" in had and write.subresource != "status" and self._is_new_generation[definition.key](old, new):
            meta["generation"] = had["generation"] + 1
        if write.records and write.options.manager and self._tracks_fields:
            apply.record_update(definition, old, new, write.writer(self.now()))
        if new == old:
            return old
        is_last = bool(meta.get("deletionTimestamp")) and not meta.get("finalizers")
        return self._commit(write, new, old, deleted=is_last)

    def _commit(self, write: _Write, new: Json, old: Json | None, *, deleted: bool = False) -> Json:
        if write.options.dry_run:
            return new
        key, definition = write.definition.key, write.definition
        self._version += 1
        meta = {**new["metadata"], "resourceVersion": str(self._version)}
        new = {**new, "metadata": meta}
        place = (meta.get("namespace", ""), meta["name"])
        if deleted:
            del self._objects[key][place]
        else:
            self._objects[key][place] = new
        type_: EventType = "DELETED" if deleted else "ADDED" if old is None else "MODIFIED"
        manager, subresource = write.options.manager, write.subresource
        commit = Commit(self._version, definition.kind, type_, new, old, manager, subresource)
        self._histories[key].add(commit)
        if key == resource_key(kinds.CRD) and not deleted:
            self.define(from_crd(new))
        for listener in self.listeners:
            listener(commit)
        return new

    def _parse_version(self, text: str) -> int:
        if not text.isdigit():
            raise errors.bad_request(f'Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax')
        if int(text) > self._version:
            raise errors.too_large(int(text))
        return int(text)


def _copy(body: Any) -> Any:
    """A value of our own, and proof that it is JSON."""
    return orjson.loads(orjson.dumps(body))
