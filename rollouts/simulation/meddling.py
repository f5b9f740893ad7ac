"""What strangers, evictions and a failing API server do: the faults that touch objects or refuse requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rollouts.devplane.errors import ApiError
from rollouts.devplane.request import Deletion, WriteOptions
from rollouts.devplane.store import Store
from rollouts.kube import kinds
from rollouts.kube.object import name, namespace, ref
from rollouts.kube.ref import Kind, Manifest
from rollouts.shell.wire import Request, Response
from rollouts.simulation import gate
from rollouts.simulation.faults import Fault, What
from rollouts.simulation.scenario import NAMESPACE
from rollouts.simulation.truth import HASH, NGINX

_TOUCHED = (kinds.ROLLOUT, kinds.REPLICA_SET, kinds.SERVICE, kinds.INGRESS)
_CODES: Mapping[What, tuple[int, str]] = {
    What.CONFLICT: (409, "Conflict"),
    What.NOT_FOUND: (404, "NotFound"),
    What.THROTTLED: (429, "TooManyRequests"),
    What.UNAUTHORIZED: (401, "Unauthorized"),
    What.FORBIDDEN: (403, "Forbidden"),
    What.INVALID: (422, "Invalid"),
    What.ERROR: (500, "InternalError"),
    What.UNAVAILABLE: (503, "ServiceUnavailable"),
}


def _is_rollouts(manifest: Manifest) -> bool:
    return any(one["kind"] == kinds.ROLLOUT.name for one in manifest["metadata"].get("ownerReferences") or ())


def _tells_versions_apart(manifest: Manifest) -> bool:
    return HASH in (manifest["spec"].get("selector") or {})


def _annotated(**values: str | None) -> dict[str, Any]:
    return {"metadata": {"annotations": {f"{NGINX}/{key.replace('_', '-')}": value for key, value in values.items()}}}


HANDS: tuple[tuple[Kind, Callable[[Manifest], bool], dict[str, Any] | None], ...] = (
    (kinds.REPLICA_SET, _is_rollouts, {"spec": {"replicas": 0}}),
    (kinds.REPLICA_SET, _is_rollouts, {"spec": {"replicas": 9}}),
    (kinds.REPLICA_SET, _is_rollouts, {"spec": {"minReadySeconds": 7}}),
    (kinds.REPLICA_SET, _is_rollouts, {"metadata": {"ownerReferences": None}}),
    (kinds.REPLICA_SET, _is_rollouts, {"metadata": {"annotations": {"rollout.argoproj.io/desired-replicas": None}}}),
    (kinds.SERVICE, _tells_versions_apart, {"spec": {"selector": {HASH: None}}}),
    (kinds.SERVICE, _tells_versions_apart, {"spec": {"selector": {HASH: "nobody"}}}),
    (kinds.INGRESS, _is_rollouts, None),
    (kinds.INGRESS, _is_rollouts, _annotated(canary_weight="x")),
    (kinds.INGRESS, _is_rollouts, _annotated(canary_weight=None)),
    (kinds.INGRESS, _is_rollouts, _annotated(canary="false")),
    (kinds.INGRESS, _is_rollouts, {"spec": {"rules": None, "defaultBackend": {"service": {"name": "web-stable"}}}}),
    (kinds.ROLLOUT, lambda one: True, {"metadata": {"annotations": {"rollout.argoproj.io/revision": None}}}),
)
"""What a hand may do in the middle of an update: an object's kind, which ones, and the edit (None: it is deleted)."""


def refusal(fault: Fault, request: Request) -> Response | None:
    """The response of a fault that keeps a request from being carried out; None for another fault."""
    if fault.what is What.LOST_REQUEST:
        return gate.lost(request)
    if fault.what not in _CODES:
        return None
    status, reason = _CODES[fault.what]
    return gate.refusal(request, status, reason, fault.amount_s or None)


def meddle(store: Store, fault: Fault) -> None:
    """Somebody else touches an object, or a pod dies; which one is drawn by the fault's number."""
    try:
        (_edit if fault.what is What.HAND else _touch)(store, fault)
    except ApiError as error:
        if error.status not in (404, 409):
            raise


def _touch(store: Store, fault: Fault) -> None:
    watched = (kinds.POD,) if fault.what is What.POD else _TOUCHED
    things = [ref(kind, one) for kind in watched for one in store.all(kind) if _is_target(fault, one)]
    if not things:
        return
    thing = things[int(fault.about or 0) % len(things)]
    if fault.what is What.POD:
        store.delete(thing, Deletion(manager="eviction"))
        return
    key, value = f"example.org/note-{fault.at}", "seen"
    if fault.what is What.DRIFT:
        key, value = f"{NGINX}/canary-weight", "1"
    store.patch(thing, {"metadata": {"annotations": {key: value}}}, "merge", options=WriteOptions("somebody"))


def _edit(store: Store, fault: Fault) -> None:
    """One edit of the table, on one of the objects that it fits."""
    number = int(fault.about or 0)
    kind, fits, patch = HANDS[number % len(HANDS)]
    things = [ref(kind, one) for one in store.all(kind) if fits(one)]
    if not things:
        return
    thing = things[number // len(HANDS) % len(things)]
    if patch is None:
        store.delete(thing, Deletion(manager="somebody"))
    else:
        store.patch(thing, patch, "merge", options=WriteOptions("somebody"))


def _is_target(fault: Fault, manifest: Mapping[str, Any]) -> bool:
    if fault.what is What.DRIFT:
        return name(manifest).endswith("-canary") and "ingressClassName" in (manifest.get("spec") or {})
    return namespace(manifest) == NAMESPACE
