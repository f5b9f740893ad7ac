"""Who owns which field: server-side apply, and the record that every other write leaves in managedFields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollouts.devplane import errors, validate
from rollouts.devplane.definitions import Definition
from rollouts.devplane.fieldset import (
    SET,
    FieldSet,
    Names,
    Path,
    Shape,
    decode,
    encode,
    fields_of,
    item_key,
    maps_of,
    spoken,
)
from rollouts.kit.instant import Instant
from rollouts.kube.ref import Manifest


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, through which door, when."""

    manager: str
    subresource: str
    now: Instant

    def owner(self, operation: str, definition: Definition, fields: FieldSet = frozenset()) -> Owner:
        """The entry of managedFields that this writer makes."""
        time = self.now.rfc3339_whole()
        return Owner(self.manager, operation, definition.kind.api_version, self.subresource, fields, time)


@dataclass(frozen=True, slots=True)
class Owner:
    """One entry of managedFields."""

    manager: str
    operation: str
    api_version: str
    subresource: str
    fields: FieldSet
    time: str

    @property
    def identity(self) -> tuple[str, str, str]:
        """What makes two entries the same owner."""
        return (self.manager, self.operation, self.subresource)

    def with_fields(self, fields: FieldSet, time: str) -> Owner:
        """The same owner of other fields; its time moves only if they differ."""
        when = self.time if fields == self.fields else time
        return Owner(self.manager, self.operation, self.api_version, self.subresource, fields, when)

    def __str__(self) -> str:
        if self.operation == "Apply":
            return f'"{self.manager}"'
        through = f' with subresource "{self.subresource}"' if self.subresource else ""
        return f'"{self.manager}"{through} using {self.api_version}'


def owners(manifest: Manifest | None) -> list[Owner]:
    """The owners that an object names."""
    listed = ((manifest or {}).get("metadata") or {}).get("managedFields") or ()
    return [
        Owner(
            one.get("manager", ""),
            one.get("operation", "Update"),
            one.get("apiVersion", ""),
            one.get("subresource", ""),
            decode(one.get("fieldsV1") or {}),
            one.get("time", ""),
        )
        for one in listed
    ]


def _written(listed: list[Owner]) -> list[dict[str, Any]]:
    return [
        {"manager": one.manager, "operation": one.operation, "apiVersion": one.api_version, "time": one.time,
         "fieldsType": "FieldsV1", "fieldsV1": encode(one.fields)}
        | ({"subresource": one.subresource} if one.subresource else {})
        for one in listed
        if one.fields
    ]  # fmt: skip


def record_update(definition: Definition, old: Manifest | None, new: dict[str, Any], writer: Writer) -> None:
    """Note in new.metadata.managedFields that the writer wrote what differs from `old` (None: everything)."""
    shape = Shape(definition)
    before = fields_of(old, shape) if old is not None else {}
    after = fields_of(new, shape)
    written = frozenset(path for path, value in after.items() if path not in before or before[path] != value)
    gone = frozenset(before.keys() - after.keys())
    maps_before, maps_after = maps_of(old, shape) if old is not None else frozenset(), maps_of(new, shape)
    written, gone = written | (maps_after - maps_before), gone | (maps_before - maps_after - after.keys())
    if old is not None and not written and not gone:
        return
    stamp = writer.now.rfc3339_whole()
    mine = writer.owner("Update", definition)
    # Whoever sends owners along says how they are from now on, but not through a subresource.
    listed = (not mine.subresource and owners(new)) or owners(old)
    if mine.identity not in {one.identity for one in listed}:
        listed.append(mine)
    result = [
        one.with_fields(
            (one.fields | written) - gone if one.identity == mine.identity else one.fields - written - gone, stamp
        )
        for one in listed
    ]
    new["metadata"]["managedFields"] = _written(result)


def first(definition: Definition, wanted: Manifest, writer: Writer) -> list[dict[str, Any]]:
    """The managedFields of an object that an apply creates."""
    return _written([writer.owner("Apply", definition, frozenset(fields_of(wanted, Shape(definition))))])


def merged(definition: Definition, old: Manifest, wanted: Manifest, writer: Writer, *, force: bool) -> dict[str, Any]:
    """The object after an apply. Raises Conflict where others own fields that it would change, unless `force`."""
    shape, stamp = Shape(definition), writer.now.rfc3339_whole()
    live, asked = fields_of(old, shape), fields_of(wanted, shape)
    mine = writer.owner("Apply", definition)
    listed = owners(old)
    mine = next((one for one in listed if one.identity == mine.identity), mine)
    others = [one for one in listed if one.identity != mine.identity]
    changed = frozenset(path for path, value in asked.items() if path in live and live[path] != value)
    clashes = [(one, path) for one in others for path in sorted(one.fields & changed)]
    if clashes and not force:
        raise _conflicts(clashes)
    others = [one.with_fields(one.fields - changed, stamp) for one in others]
    held = frozenset().union(*(one.fields for one in others)) if others else frozenset()
    dropped = mine.fields - asked.keys() - held
    result = _merge(_without(old, (), (), dropped, held | asked.keys(), shape), wanted, (), shape)
    mine = mine.with_fields(frozenset(asked), stamp)
    meta = {**result["metadata"], "managedFields": _written([mine, *others])}
    return {**result, "metadata": meta}


def refuse_undeclared(definition: Definition, wanted: Manifest) -> None:
    """Raise what an apply gets for a field that the schema does not know: not pruned, as in other writes, but a 500."""
    if definition.schema is None:
        return
    _, unknown = validate.pruned(definition.schema, dict(wanted))
    if unknown:
        meta = wanted["metadata"]
        what = f"{meta.get('namespace', '')}/{meta.get('name', '')}; {definition.kind.api_version}"
        why = f"failed to create typed patch object ({what}, Kind={definition.kind.name}): "
        raise errors.ApiError(500, "", why + f".{unknown[0]}: field not declared in schema")


def _conflicts(clashes: list[tuple[Owner, Path]]) -> errors.ApiError:
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {one}", "field": spoken(path)}
        for one, path in clashes
    ]
    if len(clashes) == 1:
        one, path = clashes[0]
        message = f"Apply failed with 1 conflict: conflict with {one}: {spoken(path)}"
    else:
        by_owner: dict[str, list[str]] = {}
        for one, path in clashes:
            by_owner.setdefault(str(one), []).append(f"- {spoken(path)}")
        parts = [f"conflicts with {name}:\n" + "\n".join(by_owner[name]) for name in sorted(by_owner)]
        message = f"Apply failed with {len(clashes)} conflicts: " + "\n".join(parts)
    return errors.ApiError(409, "Conflict", message, {"causes": causes})


def _merge(live: Any, wanted: Any, names: Names, shape: Shape) -> Any:
    """`wanted` laid over `live`: maps field by field, keyed lists item by item, everything else replaced."""
    if isinstance(wanted, Mapping) and isinstance(live, Mapping) and not shape.is_whole(names):
        return {**live, **{key: _merge(live.get(key), value, (*names, key), shape) for key, value in wanted.items()}}
    if isinstance(wanted, list) and isinstance(live, list) and (keys := shape.keys(names)):
        result = {item_key(item, keys): item for item in live}
        for item in wanted:
            key = item_key(item, keys)
            result[key] = item if keys == SET or key not in result else _merge(result[key], item, names, shape)
        return list(result.values())
    return wanted


def _without(value: Any, path: Path, names: Names, dropped: FieldSet, kept: FieldSet, shape: Shape) -> Any:
    """The value without the dropped leaves, the dropped items nobody else holds, and the maps that this empties."""
    if not any(one[: len(path)] == path for one in dropped):
        return value
    if isinstance(value, Mapping):
        result = {}
        for name, inner in value.items():
            here = (*path, f"f:{name}")
            if here in dropped:
                continue
            left = _without(inner, here, (*names, name), dropped, kept, shape)
            if left in ({}, []) and inner not in ({}, []):
                continue
            result[name] = left
        return result
    if isinstance(value, list) and (keys := shape.keys(names)):
        items = []
        for item in value:
            here = (*path, item_key(item, keys))
            if here in dropped and not any(one[: len(here)] == here for one in kept):
                continue
            items.append(item if keys == SET else _without(item, here, names, dropped, kept, shape))
        return items
    return value
