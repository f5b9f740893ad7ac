"""What happens to a body between the wire and the store: server-owned metadata, subresources, defaults, schema."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from rollouts.devplane import defaults, errors, validate
from rollouts.devplane.definitions import Definition
from rollouts.kit.parts import at
from rollouts.kube.ref import Manifest

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"

_LABEL_PART = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_LABEL_PART}(\.{_LABEL_PART})*")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_ANNOTATIONS_BYTES_MAX = 256 * 1024
_SERVER_OWNED = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")
_IMMUTABLE: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "ReplicaSet": (("spec", "selector"),),
    "Deployment": (("spec", "selector"),),
    "Job": (("spec", "selector"), ("spec", "template"), ("spec", "completions")),
}


def on_create(definition: Definition, new: dict[str, Any], *, strict: bool) -> dict[str, Any]:
    """The object as it would be stored, but for what the store itself draws. Raises Invalid."""
    kind = definition.kind
    if kind.has_status:
        new.pop("status", None)
    causes = _metadata_causes(new["metadata"])
    if definition.is_custom:
        new, more = _by_schema(definition, new, strict=strict)
    else:
        new = defaults.of_new(kind, defaults.filled(kind, new))
        more = defaults.causes(kind, new)
    if causes or more:
        raise errors.invalid(kind, new["metadata"].get("name", ""), [*causes, *more])
    return new


def on_update(
    definition: Definition, old: Manifest, new: Manifest, subresource: str, *, strict: bool
) -> dict[str, Any]:
    """The object as it would be stored in place of `old`. Raises Invalid."""
    kind, had = definition.kind, old["metadata"]
    meta = dict(new["metadata"])
    causes = _identity_causes(meta, had)
    for owned in _SERVER_OWNED:
        if owned in had:
            meta[owned] = had[owned]
        else:
            meta.pop(owned, None)
    meta["resourceVersion"] = had["resourceVersion"]
    if "managedFields" in had and "managedFields" not in meta:
        meta["managedFields"] = had["managedFields"]
    for emptied in ("labels", "annotations", "finalizers", "ownerReferences"):
        if emptied in meta and not meta[emptied]:
            del meta[emptied]
    result = through_subresource(definition, old, {**new, "metadata": meta}, subresource)
    causes += _metadata_causes(result["metadata"])
    if definition.is_custom:
        result, more = _by_schema(definition, result, strict=strict)
    else:
        result = defaults.filled(kind, result)
        more = defaults.causes(kind, result) + _immutable_causes(kind.name, old, result)
    if causes or more:
        raise errors.invalid(kind, had["name"], [*causes, *more])
    return result


def through_subresource(definition: Definition, old: Manifest, new: Manifest, subresource: str) -> dict[str, Any]:
    """Only what this door lets pass: the status alone through /status, all but the status through the main one."""
    if subresource == "status":
        kept = {key: value for key, value in old.items() if key != "status"}
        passing = ("managedFields", "annotations") if definition.kind.name == "Deployment" else ("managedFields",)
        meta = old["metadata"] | {key: new["metadata"][key] for key in passing if key in new["metadata"]}
        return {**kept, "metadata": meta} | ({"status": new["status"]} if "status" in new else {})
    if not definition.kind.has_status:
        return dict(new)
    rest = {key: value for key, value in new.items() if key != "status"}
    return rest | ({"status": old["status"]} if "status" in old else {})


def finalizers_for(meta: Mapping[str, Any], propagation: str) -> list[str]:
    """The finalizers that a delete with this propagation leaves to be worked off."""
    present = [name for name in meta.get("finalizers") or () if name not in (FOREGROUND, ORPHAN)]
    asked = {"Foreground": FOREGROUND, "Orphan": ORPHAN}.get(propagation)
    if meta.get("deletionTimestamp") and not propagation:
        return list(meta.get("finalizers") or ())
    return [*present, asked] if asked else present


def _by_schema(
    definition: Definition, new: dict[str, Any], *, strict: bool
) -> tuple[dict[str, Any], list[errors.Cause]]:
    if definition.schema is None:
        return new, []
    pruned, unknown = validate.pruned(definition.schema, new)
    if strict and unknown:
        listed = ", ".join(f'unknown field "{path}"' for path in unknown)
        raise errors.bad_request(f"strict decoding error: {listed}")
    filled = validate.defaulted(definition.schema, pruned)
    return filled, validate.causes(definition.schema, filled)


def _identity_causes(meta: Mapping[str, Any], had: Mapping[str, Any]) -> list[errors.Cause]:
    causes = []
    for field in ("name", "namespace", "uid"):
        if meta.get(field, had.get(field)) != had.get(field):
            shown = orjson.dumps(meta[field]).decode()
            causes.append(errors.invalid_value(f"metadata.{field}", shown, "field is immutable"))
    if had.get("deletionTimestamp"):
        present = had.get("finalizers") or ()
        if added := [name for name in meta.get("finalizers") or () if name not in present]:
            listed = ", ".join(f'"{name}"' for name in added)
            why = "no new finalizers can be added if the object is being deleted, found new finalizers "
            why += f"[]string{{{listed}}}"
            causes.append(errors.forbidden_field("metadata.finalizers", why))
    return causes


def _metadata_causes(meta: Mapping[str, Any]) -> list[errors.Cause]:
    name = meta.get("name")
    if not name:
        return [errors.required("metadata.name", "name or generateName is required")]
    causes = []
    if len(name) > 253 or not _SUBDOMAIN.fullmatch(name):
        causes.append(errors.invalid_value("metadata.name", orjson.dumps(name).decode(), _SUBDOMAIN_RULE))
    for value in (meta.get("labels") or {}).values():
        if not isinstance(value, str):
            raise errors.bad_request(
                "json: cannot unmarshal into Go struct field ObjectMeta.metadata.labels of type string"
            )
        if len(value) > 63 or not _LABEL_VALUE.fullmatch(value):
            causes.append(errors.invalid_value("metadata.labels", orjson.dumps(value).decode(), _LABEL_VALUE_RULE))
    size = 0
    for key, value in (meta.get("annotations") or {}).items():
        if not isinstance(value, str):
            raise errors.bad_request("json: cannot unmarshal into Go struct field ObjectMeta.metadata.annotations of type string")  # fmt: skip # noqa: E501
        size += len(key.encode()) + len(value.encode())
    if size > _ANNOTATIONS_BYTES_MAX:
        why = f"Too long: may not be more than {_ANNOTATIONS_BYTES_MAX} bytes"
        causes.append(errors.Cause("metadata.annotations", "FieldValueTooLong", why))
    return causes


def _immutable_causes(kind: str, old: Manifest, new: Manifest) -> list[errors.Cause]:
    causes = []
    for path in _IMMUTABLE.get(kind, ()):
        before, after = at(old, *path), at(new, *path)
        if before != after:
            causes.append(errors.invalid_value(".".join(path), orjson.dumps(after).decode(), "field is immutable"))
    return causes
