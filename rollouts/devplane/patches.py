"""The patch types of the API: JSON patch, merge patch, strategic merge patch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rollouts.devplane.errors import ApiError, bad_request
from rollouts.kit import jsonpatch, mergepatch

REJECTED = "the server rejected our request due to an error in our request"

# Lists of built-in kinds that a strategic merge patch (and server-side apply) merges by key rather than replaces.
# By the field's name; where one name means two things, by parent and name.
MERGE_KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "containers.ports": ("containerPort", "protocol"),
    "initContainers.ports": ("containerPort", "protocol"),
    "spec.ports": ("port", "protocol"),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "imagePullSecrets": ("name",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
    "addresses": ("type",),
}
SETS: frozenset[str] = frozenset({"finalizers"})


def merge_keys(path: tuple[str, ...]) -> tuple[str, ...]:
    """The keys by which the list at this path of field names is merged; () where it is replaced whole."""
    if not path:
        return ()
    if path[-1] == "addresses" and "status" not in path:
        return ()
    return MERGE_KEYS.get(".".join(path[-2:])) or MERGE_KEYS.get(path[-1]) or ()


def patched(target: Mapping[str, Any], patch: Any, form: str) -> dict[str, Any]:
    """The target after a patch of form `json`, `merge` or `strategic`. Raises ApiError where the patch is wrong."""
    if form == "json":
        if not isinstance(patch, Sequence) or isinstance(patch, str):
            raise bad_request("error decoding patch: a JSON patch is a list of operations")
        # The library behind the real server lets `replace` make a missing field of an object.
        patch = [{**op, "op": "add"} if _replaces_a_field(op) else op for op in patch]
        try:
            result = jsonpatch.apply(target, patch)
        except jsonpatch.JsonPatchError as error:
            raise ApiError(422, "Invalid", REJECTED) from error
    else:
        if not isinstance(patch, Mapping):
            raise bad_request("error decoding patch: an object is needed")
        result = mergepatch.apply(target, patch) if form == "merge" else strategic(target, patch, ())
    if not isinstance(result, dict):
        raise bad_request("the patch does not leave an object")
    return result


def _replaces_a_field(operation: Any) -> bool:
    if not isinstance(operation, Mapping) or operation.get("op") != "replace":
        return False
    return not str(operation.get("path", "")).rpartition("/")[2].isdigit()


def strategic(target: Any, patch: Any, path: tuple[str, ...]) -> Any:
    """Strategic merge: as a merge patch, but known lists are merged by key; `$patch: delete|replace` is obeyed."""
    if not isinstance(patch, Mapping):
        return patch
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        here = (*path, key)
        if key.startswith("$"):
            _directive(result, key, value)
        elif value is None or (isinstance(value, Mapping) and value.get("$patch") == "delete"):
            result.pop(key, None)
        elif isinstance(value, list) and merge_keys(here):
            result[key] = _merge_list(result.get(key) or [], value, here)
        elif isinstance(value, list) and key in SETS:
            present = list(result.get(key) or [])
            result[key] = present + [item for item in value if item not in present]
        else:
            result[key] = strategic(result.get(key), value, here)
    return result


def _directive(result: dict[str, Any], key: str, value: Any) -> None:
    """`$deleteFromPrimitiveList/finalizers: [a]`; orders and other directives change nothing here."""
    verb, _, field = key.partition("/")
    if verb == "$deleteFromPrimitiveList" and isinstance(result.get(field), list):
        result[field] = [item for item in result[field] if item not in value]
        if not result[field]:
            del result[field]


def _merge_list(present: list[Any], patch: list[Any], path: tuple[str, ...]) -> list[Any]:
    keys = merge_keys(path)
    if any(isinstance(item, Mapping) and item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if not (isinstance(item, Mapping) and item.get("$patch") == "replace")]
    result = list(present)
    for item in patch:
        if not isinstance(item, Mapping):
            raise bad_request("error decoding patch: a list merged by key holds objects")
        at = next((i for i, old in enumerate(result) if same_item(old, item, keys)), None)
        if item.get("$patch") == "delete":
            if at is not None:
                del result[at]
        elif at is None:
            result.append(strategic({}, item, path))
        else:
            result[at] = strategic(result[at], item, path)
    return result


def same_item(one: Mapping[str, Any], other: Mapping[str, Any], keys: tuple[str, ...]) -> bool:
    """Whether two list items are the same by their keys; a missing `protocol` reads as TCP."""
    return all(_key(one, key) == _key(other, key) for key in keys)


def _key(item: Mapping[str, Any], key: str) -> Any:
    return item.get(key, "TCP" if key == "protocol" else None)
