"""What strangers, evictions and a failing API server do: the faults that touch objects or refuse requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollouts.devplane.errors import ApiError
from rollouts.devplane.request import Deletion, WriteOptions
from rollouts.devplane.store import Store
from rollouts.kube import kinds
from rollouts.kube.object import name, namespace, ref
from rollouts.shell.wire import Request, Response
from rollouts.simulation import gate
from rollouts.simulation.faults import Fault, What
from rollouts.simulation.scenario import NAMESPACE
from rollouts.simulation.truth import NGINX

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
    watched = (kinds.POD,) if fault.what is What.POD else _TOUCHED
    things = [ref(kind, one) for kind in watched for one in store.all(kind) if _is_target(fault, one)]
    if not things:
        return
    thing = things[int(fault.about or 0) % len(things)]
    try:
        if fault.what is What.POD:
            store.delete(thing, Deletion(manager="eviction"))
            return
        key, value = f"example.org/note-{fault.at}", "seen"
        if fault.what is What.DRIFT:
            key, value = f"{NGINX}/canary-weight", "1"
        patch = {"metadata": {"annotations": {key: value}}}
        store.patch(thing, patch, "merge", options=WriteOptions("somebody"))
    except ApiError as error:
        if error.status not in (404, 409):
            raise


def _is_target(fault: Fault, manifest: Mapping[str, Any]) -> bool:
    if fault.what is What.DRIFT:
        return name(manifest).endswith("-canary") and "ingressClassName" in (manifest.get("spec") or {})
    return namespace(manifest) == NAMESPACE
