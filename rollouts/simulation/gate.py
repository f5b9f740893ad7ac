"""The API server as a controller process meets it: a request in, a response out, carried out on the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from rollouts.devplane import eviction
from rollouts.devplane.errors import ApiError
from rollouts.devplane.request import Deletion, WriteOptions
from rollouts.devplane.store import Store
from rollouts.kube.ref import Manifest
from rollouts.shell.wire import Request, Response


def carry_out(store: Store, request: Request, manager: str) -> Response:
    """Carry a request out; every refusal is a response too."""
    try:
        return Response(request.id, 201 if request.verb == "create" else 200, _body(store, request, manager))
    except ApiError as error:
        return Response(request.id, error.status, error.body)


def refusal(request: Request, status: int, reason: str, retry_after_s: float | None = None) -> Response:
    """A response that the server gives without having done anything."""
    body = ApiError(status, reason, f"injected: {reason}").body
    return Response(request.id, status, body, retry_after_s=retry_after_s)


def lost(request: Request) -> Response:
    """No response at all."""
    return Response(request.id, 0, None, error="connection reset by peer")


def _body(store: Store, request: Request, manager: str) -> Manifest:
    options = WriteOptions(request.manager or manager, force=request.force)
    body = request.body
    match request.verb:
        case "get":
            return store.get(request.ref)
        case "create" if request.subresource == "eviction":
            assert isinstance(body, Mapping)
            return eviction.evict(store, request.ref, body, manager)
        case "create":
            assert body is not None and not isinstance(body, tuple)
            return store.create(request.ref.kind, request.ref.namespace, body, options)
        case "apply":
            assert body is not None and not isinstance(body, tuple)
            return store.apply(request.ref, body, request.subresource, options)
        case "replace":
            assert body is not None and not isinstance(body, tuple)
            return store.update(request.ref, body, request.subresource, options)
        case "patch":
            assert request.form != "apply"
            return store.patch(request.ref, body, request.form, request.subresource, options)
        case "delete":
            wish = body if body is not None and not isinstance(body, tuple) else {}
            seen = wish.get("preconditions") or {}
            deletion = Deletion(
                uid=seen.get("uid", ""),
                version=seen.get("resourceVersion", ""),
                propagation=wish.get("propagationPolicy", ""),
                manager=manager,
            )
            return store.delete(request.ref, deletion)
        case _:
            assert_never(request.verb)
