"""A status that the API server can store: what many objects make too long is told more briefly, never forgotten.

The names of the objects stay whatever happens, for pruning remembers by them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from rollouts.gitops.operation import OVER
from rollouts.gitops.sync.task import SUCCEEDED
from rollouts.kit.parts import at, objects, part

STATUS_BYTES_MAX = 1_000_000  # etcd takes 1.5 MB an object, and the spec and the owners of fields are in it too
ROWS_UNWEIGHED_MAX = 300
SHORTENED = "ShortenedStatusWarning"

Json = dict[str, Any]


def fitting(before: Mapping[str, Any], after: Mapping[str, Any]) -> Mapping[str, Any]:
    """The status `after`, shortened as far as its length asks for; the one before tells since when it is."""
    if len(_rows(after)) + len(_results(after)) <= ROWS_UNWEIGHED_MAX or _size(after) <= STATUS_BYTES_MAX:
        return after
    found: Json = _told(before, after)
    for cut in CUTS:
        found = cut(found)
        if _size(found) <= STATUS_BYTES_MAX:
            break
    return found


def _told(before: Mapping[str, Any], after: Mapping[str, Any]) -> Json:
    others = [each for each in objects(after, "conditions") if each.get("type") != SHORTENED]
    said = f"the status of {len(_rows(after))} objects is longer than {STATUS_BYTES_MAX} bytes and told without details"
    old = [each for each in objects(before, "conditions") if each.get("type") == SHORTENED]
    since = old[0].get("lastTransitionTime") if old else None
    since = since or after.get("observedAt") or at(after, "operationState", "startedAt")
    stamp = {"lastTransitionTime": since} if since else {}
    return {**after, "conditions": [*others, {"type": SHORTENED, "message": said, **stamp}]}


def _without_differences(status: Json) -> Json:
    rows = [{name: value for name, value in row.items() if name != "differences"} for row in _rows(status)]
    return {**status, "resources": rows}


def _without_words(status: Json) -> Json:
    """Hooks keep theirs: what was seen of them is compared with what is seen."""
    return _with_results(status, [row if row.get("hookType") else _brief(row) for row in _results(status)])


def _brief(row: Mapping[str, Any]) -> Json:
    dropped = ("images", "message") if row.get("hookPhase") == SUCCEEDED else ("images",)
    return {name: value for name, value in row.items() if name not in dropped}


def _without_successes(status: Json) -> Json:
    """Once a sync is over, what went well in it is no longer needed."""
    if at(status, "operationState", "phase") not in OVER:
        return status
    rows = [row for row in _results(status) if row.get("hookType") or row.get("hookPhase") != SUCCEEDED]
    return _with_results(status, rows)


def _without_healths(status: Json) -> Json:
    rows = [{name: value for name, value in row.items() if name != "health"} for row in _rows(status)]
    return {**status, "resources": rows}


CUTS: tuple[Callable[[Json], Json], ...] = (_without_differences, _without_words, _without_successes, _without_healths)


def _rows(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return objects(status, "resources")


def _results(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return objects(status, "operationState", "syncResult", "resources")


def _with_results(status: Json, rows: list[Any]) -> Json:
    if not _results(status):
        return status
    state = part(status, "operationState")
    result = {**part(state, "syncResult"), "resources": rows}
    return {**status, "operationState": {**state, "syncResult": result}}


def _size(status: Mapping[str, Any]) -> int:
    return len(json.dumps(status, separators=(",", ":"), ensure_ascii=False).encode())
