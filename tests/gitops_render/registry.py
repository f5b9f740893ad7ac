"""An OCI registry for tests, as its specification has it: tokens, pages of tags, blobs that lie elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping

from aiohttp import web

from rollouts.shell.asks.charts import LAYER, MANIFEST

CONFIG = "application/vnd.cncf.helm.config.v1+json"
_PATH = re.compile(r"/v2/(.+)/(tags|manifests|blobs)/(.+)")


class Registry:
    """charts: archives by `name:tag`.  user: `name:password`, "" where everybody is let in.

    page: so many tags are told at once.  asked: (server, path, Authorization) of every request.
    """

    def __init__(self, charts: Mapping[str, bytes], user: str = "", page: int = 2) -> None:
        self.user, self.page = user, page
        self.asked: list[tuple[str, str, str]] = []
        self.host = self.store = ""
        self._blobs: dict[str, bytes] = {}
        self._tags: dict[str, dict[str, bytes]] = {}
        self._runners: list[web.AppRunner] = []
        for reference, body in charts.items():
            name, _, tag = reference.rpartition(":")
            config = self._descriptor(json.dumps({"name": name, "version": tag}).encode(), CONFIG)
            layers = [self._descriptor(b"signed by somebody", "application/vnd.cncf.helm.chart.provenance.v1.prov")]
            layers.append(self._descriptor(body, LAYER))
            manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
            self._tags.setdefault(name, {})[tag] = json.dumps(manifest).encode()

    async def start(self) -> None:
        """Listen: the registry on one port, the store of its blobs on another."""
        self.host = await self._listen(self._answer)
        self.store = await self._listen(self._blob)

    async def close(self) -> None:
        """Listen no more."""
        for runner in self._runners:
            await runner.cleanup()

    async def _listen(self, answer) -> str:
        app = web.Application()
        app.router.add_get("/{tail:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"127.0.0.1:{runner.addresses[0][1]}"

    def _descriptor(self, body: bytes, media_type: str) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self._blobs[digest] = body
        return {"mediaType": media_type, "digest": digest, "size": len(body)}

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        said = request.headers.get("Authorization", "")
        self.asked.append(("registry", request.path, said))
        if request.path == "/token":
            return self._token(request, said)
        found = _PATH.fullmatch(request.path)
        name, kind, rest = found.groups() if found else ("", "", "")
        if self.user and said != f"Bearer {_issued(name)}":
            scope = f"repository:{name}:pull"
            challenge = f'Bearer realm="http://{request.host}/token",service="registry.test",scope="{scope}"'
            return web.json_response({"errors": []}, status=401, headers={"WWW-Authenticate": challenge})
        if name not in self._tags:
            return web.json_response({"errors": [{"code": "NAME_UNKNOWN"}]}, status=404)
        if kind == "tags":
            return self._listed(request, name)
        if kind == "blobs":
            raise web.HTTPTemporaryRedirect(f"http://{self.store}/{rest}?signature=once")
        by_digest = {f"sha256:{hashlib.sha256(body).hexdigest()}": body for body in self._tags[name].values()}
        body = self._tags[name].get(rest) or by_digest.get(rest)
        if body is None:
            return web.json_response({"errors": [{"code": "MANIFEST_UNKNOWN"}]}, status=404)
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        return web.Response(body=body, content_type=MANIFEST, headers={"Docker-Content-Digest": digest})

    def _token(self, request: web.Request, said: str) -> web.Response:
        _, name, rights = request.query["scope"].split(":")
        if said != "Basic " + base64.b64encode(self.user.encode()).decode() or rights != "pull":
            return web.json_response({"errors": [{"code": "UNAUTHORIZED"}]}, status=401)
        return web.json_response({"token": _issued(name), "expires_in": 300})

    def _listed(self, request: web.Request, name: str) -> web.Response:
        tags = sorted(self._tags[name])
        first = tags.index(request.query["last"]) + 1 if "last" in request.query else 0
        here = tags[first : first + self.page]
        following = (
            f'</v2/{name}/tags/list?n={self.page}&last={here[-1]}>; rel="next"' if here[-1:] != tags[-1:] else ""
        )
        return web.json_response({"name": name, "tags": here}, headers={"Link": following} if following else {})

    async def _blob(self, request: web.Request) -> web.Response:
        self.asked.append(("store", request.path, request.headers.get("Authorization", "")))
        return web.Response(body=self._blobs[request.path.removeprefix("/")], content_type="application/octet-stream")


def _issued(name: str) -> str:
    return hashlib.sha256(f"token for {name}".encode()).hexdigest()
