"""The wire of the embedded API server: verbs, options and bodies of Kubernetes' HTTP API over a Store."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

import orjson
import yaml
from aiohttp import web

from rollouts.devplane import discovery, eviction, protobuf, reviews, scale, table
from rollouts.devplane.errors import ApiError, bad_request, unsupported_media
from rollouts.devplane.paths import Resources, Target, unknown_path
from rollouts.devplane.store import Deletion, PatchForm, Query, Store, WriteOptions
from rollouts.devplane.watching import TIMEOUT_S_MAX, Watches, WatchRequest
from rollouts.kube.ref import Manifest

BODY_BYTES_MAX = 3 * 1024 * 1024
HEALTH_PATHS = frozenset({"/healthz", "/livez", "/readyz"})
_PATCH_FORMS: Mapping[str, PatchForm] = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
}
_APPLY = frozenset({"application/apply-patch+yaml", "application/apply-patch+cbor"})
_ACCEPTED = [*_PATCH_FORMS, "application/apply-patch+yaml"]


class RestServer:
    """One handler for every path. token: the bearer token to ask for, "" asks for none."""

    def __init__(self, store: Store, *, token: str = "", watches: Watches | None = None) -> None:
        self.store = store
        self.watches = watches or Watches(store)
        self._resources = Resources(store)
        self._authorization = f"Bearer {token}".encode() if token else b""

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; every refusal leaves as a Status object."""
        try:
            return await self._answer(request)
        except ApiError as error:
            return _json(error.body, error.status)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.rel_url.raw_path
        if path.startswith(tuple(HEALTH_PATHS)):
            return web.Response(text="ok")
        sent = request.headers.get("Authorization", "").encode()
        if self._authorization and not hmac.compare_digest(sent, self._authorization):
            raise ApiError(401, "Unauthorized", "Unauthorized")
        if request.method == "GET" and (found := discovery.document(self._resources, path)) is not None:
            return _json(found)
        if request.method == "POST" and reviews.answer(path, {}) is not None:
            return _json(reviews.answer(path, await _manifest(request)) or {}, 201)
        target = self._resources.target(path)
        match request.method, bool(target.name):
            case "GET", True:
                return await self._read(request, target)
            case "GET", False:
                return await self._list(request, target)
            case "POST", False:
                return await self._create(request, target)
            case "POST", True if target.subresource == "eviction":
                body = await _manifest(request)
                return _json(eviction.evict(self.store, target.ref, body, _options(request).manager), 201)
            case "PUT", True:
                return await self._update(request, target)
            case "PATCH", True:
                return await self._patch(request, target)
            case "DELETE", _:
                return await self._delete(request, target)
        raise ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")

    # Reading

    async def _read(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        found = self.store.get(target.ref)
        if target.subresource == "scale":
            found = scale.of(target.definition, found)
        return self._shown(request, target, found)

    async def _list(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        asked = request.query
        query = Query(
            labels=asked.get("labelSelector", ""),
            fields=asked.get("fieldSelector", ""),
            limit=_whole(asked, "limit"),
            token=asked.get("continue", ""),
            version=asked.get("resourceVersion", ""),
            match=asked.get("resourceVersionMatch", ""),  # type: ignore[arg-type]  # compared, never trusted
        )
        kind = target.definition.kind
        if asked.get("watch") in ("true", "1"):
            show = None
            if form := table.wanted(request.headers.get("Accept", "")):
                columns = table.Columns(target.definition)
                include = asked.get("includeObject", "")
                show = lambda item: columns.table([item], include, form, self.store.now())  # noqa: E731  # one line
            timeout_s = min(float(_whole(asked, "timeoutSeconds") or TIMEOUT_S_MAX), TIMEOUT_S_MAX)
            bookmarks = asked.get("allowWatchBookmarks") in ("true", "1")
            initial = asked.get("sendInitialEvents") in ("true", "1")
            wanted = WatchRequest(kind, target.namespace, query, bookmarks, initial, timeout_s, show)
            return await self.watches.serve(request, wanted)
        page = self.store.list(kind, target.namespace, query)
        meta: dict[str, Any] = {"resourceVersion": page.version}
        if page.token:
            meta["continue"] = page.token
            if not (query.labels or query.fields):
                meta["remainingItemCount"] = page.remaining
        if form := table.wanted(request.headers.get("Accept", "")):
            shown = table.Columns(target.definition).table(
                page.items, asked.get("includeObject", ""), form, self.store.now()
            )
            return _json({**shown, "metadata": meta})
        body = {"kind": f"{kind.name}List", "apiVersion": kind.api_version, "metadata": meta, "items": page.items}
        return _json(body)

    def _shown(
        self, request: web.BaseRequest, target: Target, manifest: Manifest, status: int = 200
    ) -> web.StreamResponse:
        """An object as the client wants it: itself, or a Table of one row."""
        if form := table.wanted(request.headers.get("Accept", "")):
            include = request.query.get("includeObject", "")
            manifest = table.Columns(target.definition).table([manifest], include, form, self.store.now())
        return _json(manifest, status)

    # Writing

    async def _create(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        body = await _manifest(request)
        kind = target.definition.kind
        namespace = target.namespace or str((body.get("metadata") or {}).get("namespace") or "")
        if kind.namespaced and not target.namespace:
            raise ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        made = self.store.create(kind, namespace if kind.namespaced else "", body, _options(request))
        return self._shown(request, target, made, 201)

    async def _update(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        body = await _manifest(request)
        changed = self.store.update(target.ref, body, target.subresource, _options(request))
        return self._shown(request, target, changed)

    async def _patch(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        options = _options(request)
        if request.content_type in _APPLY:
            if not request.query.get("fieldManager"):
                options = WriteOptions("", options.dry_run, options.force, options.strict)
            is_new = self.store.find(target.ref) is None
            body = await _manifest(request)
            applied = self.store.apply(target.ref, body, target.subresource, options)
            return self._shown(request, target, applied, 201 if is_new else 200)
        form = _PATCH_FORMS.get(request.content_type)
        if form is None:
            raise unsupported_media(_ACCEPTED)
        changed = self.store.patch(target.ref, await _body(request), form, target.subresource, options)
        return self._shown(request, target, changed)

    async def _delete(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        raw = await _body(request) if request.can_read_body else {}
        asked = raw if isinstance(raw, dict) else {}
        preconditions = asked.get("preconditions") or {}
        deletion = Deletion(
            uid=str(preconditions.get("uid") or ""),
            version=str(preconditions.get("resourceVersion") or ""),
            propagation=asked.get("propagationPolicy") or request.query.get("propagationPolicy", ""),  # type: ignore[arg-type]  # the store compares it
            dry_run=bool(asked.get("dryRun") or request.query.get("dryRun")),
            manager=_options(request).manager,
        )
        if target.subresource:
            raise unknown_path()
        if target.name:
            return self._deleted(target, deletion)
        kind = target.definition.kind
        query = Query(request.query.get("labelSelector", ""), request.query.get("fieldSelector", ""))
        page = self.store.list(kind, target.namespace, query)
        for item in page.items:
            meta = item["metadata"]
            one = Target(target.definition, meta.get("namespace", ""), meta["name"])
            self.store.delete(one.ref, deletion)
        body = {"kind": f"{kind.name}List", "apiVersion": kind.api_version, "metadata": {}, "items": page.items}
        return _json(body)

    def _deleted(self, target: Target, deletion: Deletion) -> web.StreamResponse:
        last = self.store.delete(target.ref, deletion)
        if last["metadata"].get("finalizers") and not deletion.dry_run:
            return _json(last)
        kind = target.definition.kind
        details = {"name": target.name, "kind": kind.plural, "uid": last["metadata"]["uid"]}
        if kind.group:
            details["group"] = kind.group
        return _json({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})


def _options(request: web.BaseRequest) -> WriteOptions:
    asked = request.query
    dry_run = asked.get("dryRun", "")
    if dry_run not in ("", "All"):
        raise bad_request(f'Invalid value: "{dry_run}": supported values: "All"')
    # A client that names no manager is known by the first word of its User-Agent.
    manager = asked.get("fieldManager") or request.headers.get("User-Agent", "").partition("/")[0]
    return WriteOptions(
        manager=manager[:128] or "unknown",
        dry_run=bool(dry_run),
        force=asked.get("force") in ("true", "1"),
        strict=asked.get("fieldValidation") == "Strict",
    )


def _whole(asked: Mapping[str, str], name: str) -> int:
    text = asked.get(name) or "0"
    if not text.isdigit():
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


async def _body(request: web.BaseRequest) -> Any:
    if (request.content_length or 0) > BODY_BYTES_MAX:
        raise _too_large()
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise _too_large() from None
    if not raw:
        return {}
    if "protobuf" in request.content_type:
        return protobuf.decoded(raw)
    if "cbor" in request.content_type:
        raise unsupported_media(["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"])
    try:
        if "json" in request.content_type or raw[:1] in b"{[":
            return orjson.loads(raw)
        return yaml.safe_load(raw)
    except (orjson.JSONDecodeError, yaml.YAMLError) as error:
        raise bad_request(f"the object provided is unrecognized: {error}") from None


def _too_large() -> ApiError:
    why = f"Request entity too large: limit is {BODY_BYTES_MAX}"
    return ApiError(413, "RequestEntityTooLarge", why)


async def _manifest(request: web.BaseRequest) -> dict[str, Any]:
    body = await _body(request)
    if not isinstance(body, dict):
        raise bad_request("the object provided is unrecognized: an object is needed")
    return body


def _json(body: Manifest, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")
