"""Six verbs and a watch against one API server; JSON in and out. Shared by controller and command line."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec
import orjson

from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.shell.connection import ApiError, Connection, Reply
from rollouts.shell.kubeconfig import Access
from rollouts.shell.pool import TooLargeError
from rollouts.shell.settings import DEFAULTS, Settings
from rollouts.shell.wire import Request

__all__ = ["ApiError", "Client", "Form", "Reply"]

Form = Literal["merge", "json"]

_METHODS = {"get": "GET", "create": "POST", "patch": "PATCH", "apply": "PATCH", "replace": "PUT", "delete": "DELETE"}


class Client:
    """One identity at one API server; use it as `async with Client(access) as client`.

    Every verb raises ApiError where the server refuses (status >= 400) or does not answer (status 0).
    dry_run: the server checks creates, patches and applies, and stores none of them.
    """

    def __init__(
        self, access: Access, settings: Settings = DEFAULTS, *, connections_max: int = 64, dry_run: bool = False
    ) -> None:
        self.connection = Connection(access, settings, connections_max=connections_max)
        self._settings = settings
        self._dry_run = dry_run
        self._manager = self._as_manager(settings.field_manager)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self.connection.close()

    async def send(self, request: Request) -> Reply:
        """Carry out one request of the machine; a refusal is a Reply. Raises ApiError (status 0) without an answer."""
        ref, method = request.ref, _METHODS[request.verb]
        name = "" if request.verb == "create" and not request.subresource else ref.name
        target = ref.kind.path(ref.namespace, name, request.subresource)
        body = None if request.body is None else _encoded(request.body)
        if request.verb in ("get", "delete"):
            return await self.connection.send(method, target, body, user=request.user)
        manager = self._as_manager(request.manager) if request.manager else self._manager
        target += f"?{manager}&force=true" if request.force else f"?{manager}"
        form = "" if request.verb in ("create", "replace") else request.form
        return await self.connection.send(method, target, body, form, user=request.user)

    def _as_manager(self, name: str) -> str:
        return _query({"fieldManager": name, "dryRun": "All" if self._dry_run else ""})

    async def get(self, ref: Ref, *, subresource: str = "") -> dict[str, Any]:
        """One object, read by quorum."""
        return (await self.connection.send("GET", ref.kind.path(ref.namespace, ref.name, subresource))).manifest()

    async def list(
        self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> tuple[list[dict[str, Any]], str]:
        """All objects of a kind (of one namespace, or of all), read by quorum in pages, and the list's version."""
        items: list[dict[str, Any]] = []
        version = ""
        async for page in self.pages(kind, namespace, labels=labels, fields=fields):
            items += page.get("items") or ()
            version = str((page.get("metadata") or {}).get("resourceVersion", ""))
        return items, version

    async def create(self, kind: Kind, namespace: str, body: Manifest) -> dict[str, Any]:
        """Create an object; the stored one comes back."""
        target = f"{kind.path(namespace)}?{self._manager}"
        return (await self.connection.send("POST", target, orjson.dumps(body))).manifest()

    async def patch(
        self,
        ref: Ref,
        body: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        subresource: str = "",
        form: Form = "merge",
    ) -> dict[str, Any]:
        """Change some fields; a resourceVersion in a merge patch's metadata is a precondition."""
        target = f"{ref.kind.path(ref.namespace, ref.name, subresource)}?{self._manager}"
        return (await self.connection.send("PATCH", target, orjson.dumps(body), form)).manifest()

    async def apply(self, ref: Ref, body: Manifest, *, force: bool = False) -> dict[str, Any]:
        """Server-side apply of the fields in `body`; `force` takes fields over from other managers."""
        target = f"{ref.path}?{self._manager}" + ("&force=true" if force else "")
        return (await self.connection.send("PATCH", target, orjson.dumps(body), "apply")).manifest()

    async def delete(
        self, ref: Ref, *, uid: str = "", version: str = "", propagation: str = "Background", grace_s: int | None = None
    ) -> dict[str, Any]:
        """Remove an object, only if it still has that uid and version where they are given."""
        seen = {name: value for name, value in (("uid", uid), ("resourceVersion", version)) if value}
        options: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        options |= {"preconditions": seen} if seen else {}
        options |= {"dryRun": ["All"]} if self._dry_run else {}
        options |= {"gracePeriodSeconds": grace_s} if grace_s is not None else {}
        return (await self.connection.send("DELETE", ref.path, orjson.dumps(options))).manifest()

    async def watch(
        self, kind: Kind, namespace: str = "", *, version: str = "", labels: str = "", fields: str = ""
    ) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        """(type, object) of every change after `version`, until the server ends the watch; bookmarks are left out.

        Raises ApiError, with status 410 where the version is too old to resume from, and with 0 where not even a
        bookmark comes: a connection whose other end is gone may say nothing for ever.
        """
        watch = self.watch_lines(kind, namespace, version=version, labels=labels, fields=fields)
        async with contextlib.aclosing(watch) as lines:
            async for line in lines:
                event = orjson.loads(line)
                if event["type"] == "ERROR":
                    said = event["object"]
                    raise ApiError(int(said.get("code") or 500), str(said.get("reason")), str(said.get("message")))
                if event["type"] != "BOOKMARK":
                    yield event["type"], event["object"]

    async def pages(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        decode: Callable[[bytes], Mapping[str, Any]] = orjson.loads,
    ) -> AsyncIterator[Mapping[str, Any]]:
        """The pages of a quorum list, smaller ones where one would be larger than an answer may be.

        Raises ApiError, with status 410 where the list took longer than it may.
        """
        limit, following = self._settings.list_page_max, ""
        while True:
            query = {"limit": limit, "labelSelector": labels, "fieldSelector": fields, "continue": following}
            target = f"{kind.path(namespace)}?{_query(query)}"
            try:
                reply = await self.connection.send("GET", target, timeout_s=self._settings.list_timeout_s)
            except ApiError as error:
                if error.reason != TooLargeError.__name__ or limit == 1:
                    raise
                limit //= 2
                continue
            page = decode(reply.body) if reply.is_ok else reply.manifest()  # the latter raises
            yield page
            following = (page.get("metadata") or {}).get("continue") or ""
            if not following:
                return

    def watch_lines(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        version: str = "",
        labels: str = "",
        fields: str = "",
    ) -> AsyncGenerator[bytes, None]:
        """The undecoded events of one watch, given up where not even a bookmark comes; see `watch`."""
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": f"{self._settings.watch_timeout_s:.0f}",
            "labelSelector": labels,
            "fieldSelector": fields,
        }
        target, silence_s_max = f"{kind.path(namespace)}?{_query(query)}", self._settings.watch_silence_s_max
        return self.connection.lines(target, silence_s_max=silence_s_max)


def _encoded(body: object) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError:  # more than 254 levels, or an integer of more than 64 bits: the API server stores both
        pass
    try:
        return msgspec.json.encode(body)
    except RecursionError:
        raise ApiError(0, "TooDeep", "what is to be written is nested too deeply") from None


def _query(parts: Mapping[str, Any]) -> str:
    return urlencode({name: value for name, value in parts.items() if value})
