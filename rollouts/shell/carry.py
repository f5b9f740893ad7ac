"""How an action becomes a request, and what a response means for the turn that sent it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from typing import Any, assert_never

from rollouts.core.plan import Action, Apply, Create, Delete, Evict, Patch, Replace
from rollouts.kube.ref import Ref
from rollouts.shell.wire import Request, Response


class Outcome(Enum):
    """What a response means for the plan under way."""

    DONE = "done"
    EXISTS = "exists"  # a create met an object of that name
    MOVED = "moved"  # the object is not, or is no longer, what was seen
    UNKNOWN = "unknown"  # nobody can tell whether the write was made
    BUSY = "busy"  # certainly not made; the server asks for patience
    DECLINED = "declined"  # certainly not made, and rightly so for now: the rest of the plan does not depend on it
    REFUSED = "refused"  # certainly not made, and the same again would be refused again


def request(number: int, action: Action) -> Request:
    """The one call that carries an action out, with its preconditions on the wire."""
    found = _request(number, action)
    return replace(found, user=action.user) if action.user else found


def _request(number: int, action: Action) -> Request:
    match action:
        case Create():
            return Request(number, "create", action.ref, body=action.body, manager=action.manager)
        case Apply():
            return Request(
                number, "apply", action.ref, action.body, form="apply", force=action.force, manager=action.manager
            )
        case Replace():
            seen = {"uid": action.uid, "resourceVersion": action.version}
            whole = {**action.body, "metadata": {**action.body["metadata"], **seen}}
            return Request(number, "replace", action.ref, body=whole, manager=action.manager)
        case Patch():
            return Request(
                number,
                "patch",
                action.ref,
                body=_guarded(action),
                subresource=action.subresource,
                form=action.form,
                manager=action.manager,
            )
        case Delete():
            seen = {"uid": action.uid} | ({"resourceVersion": action.version} if action.version else {})
            options = {
                "kind": "DeleteOptions",
                "apiVersion": "v1",
                "preconditions": seen,
                "propagationPolicy": action.propagation,
            }
            return Request(number, "delete", action.ref, body=options)
        case Evict():
            eviction = {
                "apiVersion": "policy/v1",
                "kind": "Eviction",
                "metadata": {"name": action.ref.name, "namespace": action.ref.namespace},
                "deleteOptions": {"preconditions": {"uid": action.uid, "resourceVersion": action.version}},
            }
            return Request(number, "create", action.ref, body=eviction, subresource="eviction")
        case _:
            assert_never(action)


def outcome(action: Action, response: Response) -> Outcome:
    """Judge the answer to a write."""
    if response.is_ok:
        return Outcome.DONE
    match response.status:
        case 429 | 500 if isinstance(action, Evict):  # a disruption budget says no, or two of them disagree
            return Outcome.DECLINED
        case 409 if isinstance(action, Create):
            return Outcome.EXISTS
        case 409 if not isinstance(action, Apply):  # an apply conflicts with a manager, not with a version
            return Outcome.MOVED
        case 404 if not isinstance(action, Create | Apply):  # of these two the namespace or the kind is not there
            return Outcome.MOVED
        case 401 | 429:
            return Outcome.BUSY
        case 0 | 408:
            return Outcome.UNKNOWN
        case status if status >= 500:
            return Outcome.UNKNOWN
        case _:
            return Outcome.REFUSED


def place(action: Action) -> tuple[Ref, str]:
    """What an action writes to: an object and a subresource of it."""
    return action.ref, action.subresource if isinstance(action, Patch) else ""


def version_of(response: Response) -> str:
    """The resourceVersion of the stored object in a response, "" where it holds none."""
    meta = (response.body or {}).get("metadata")
    return str(meta.get("resourceVersion", "")) if isinstance(meta, Mapping) else ""


def message_of(response: Response) -> str:
    """What the server said, in one bounded line."""
    said = (response.body or {}).get("message") or response.error
    return shortened(" ".join(str(said).split()), 500)


def shortened(text: str, chars_max: int) -> str:
    """A text within a bound: the middle goes, for a refusal begins with the object and ends with the reason."""
    half = chars_max // 2
    return text if len(text) <= chars_max else f"{text[: chars_max - half - 3]}...{text[-half:]}"


def _guarded(action: Patch) -> Mapping[str, Any] | tuple[Mapping[str, Any], ...]:
    """The patch with uid and resourceVersion in it, so that the server refuses it with 409 if either has moved on."""
    seen = {"uid": action.uid, "resourceVersion": action.version}
    if isinstance(action.body, tuple):
        guards = tuple({"op": "add", "path": f"/metadata/{name}", "value": value} for name, value in seen.items())
        return (*guards, *action.body)
    return {**action.body, "metadata": {**(action.body.get("metadata") or {}), **seen}}
