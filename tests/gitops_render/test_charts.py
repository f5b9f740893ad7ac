"""Charts from a Helm repository and from an OCI registry, over real HTTP."""

# ruff: noqa: E501 - a manifest stands on one line, so that a table stays a table
from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import replace

import pytest
from aiohttp import web

from rollouts.core.errors import HiccupError
from rollouts.gitops.asks import GitResolve, RenderManifests
from rollouts.gitops.source import chart
from rollouts.shell.asks.charts import LAYER
from rollouts.shell.asks.sources import GitAndCharts
from rollouts.shell.settings import DEFAULTS

TEMPLATE = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {version: "{{ .Chart.Version }}"}\n'


def archive(name: str, version: str, more: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        files = {
            "Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\n{more}",
            "templates/x.yaml": TEMPLATE,
        }
        for path, body in files.items():
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body.encode()))
    return gzip.compress(out.getvalue(), mtime=0)


class Shelf:
    """A Helm repository and an OCI registry that hold the same chart."""

    def __init__(self) -> None:
        self.charts = {version: archive("web", version) for version in ("1.0.0", "1.2.0", "2.0.0-rc1", "2.0.0+b1")}
        self.lies = False
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        self.asked.append(path)
        if path == "/charts/index.yaml":
            return web.Response(
                text=json.dumps({"apiVersion": "v1", "entries": {"web": list(map(self.entry, self.charts))}})
            )
        if path.startswith("/charts/web-"):
            return web.Response(body=self.charts[path.removeprefix("/charts/web-").removesuffix(".tgz")])
        if path.startswith("/v2/") and request.headers.get("Authorization") != "Bearer let-me-in":
            realm = f'Bearer realm="http://{request.host}/token",service="shelf",scope="repository:shop/web:pull"'
            return web.Response(status=401, headers={"WWW-Authenticate": realm})
        if path == "/token":
            return web.json_response({"token": "let-me-in"})
        if path == "/v2/shop/web/tags/list":
            return web.json_response({"tags": [version.replace("+", "_") for version in self.charts]})
        if path.startswith("/v2/shop/web/manifests/"):
            body = self.charts[path.rpartition("/")[2].replace("_", "+")]
            digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
            return web.json_response({"layers": [{"mediaType": LAYER, "digest": digest, "size": len(body)}]})
        if path.startswith("/v2/shop/web/blobs/sha256:"):
            wanted = path.rpartition(":")[2]
            found = [body for body in self.charts.values() if hashlib.sha256(body).hexdigest() == wanted]
            return web.Response(body=b"else" if self.lies else found[0])
        return web.Response(status=404)

    def entry(self, version: str) -> dict[str, object]:
        digest = hashlib.sha256(b"else" if self.lies else self.charts[version]).hexdigest()
        return {"name": "web", "version": version, "urls": [f"web-{version}.tgz"], "digest": digest}


@pytest.fixture
async def shelf():
    found = Shelf()
    app = web.Application()
    app.router.add_get("/{tail:.*}", found.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.host = f"127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


def source(shelf: Shelf, kind: str) -> dict[str, str]:
    if kind == "oci":
        return {"repoURL": f"oci://{shelf.host}/shop/web"}
    return {"repoURL": f"http://{shelf.host}/charts", "chart": "web"}


@pytest.mark.parametrize("kind", ["helm", "oci"])
@pytest.mark.parametrize(
    ("target", "version"),
    [("", "2.0.0+b1"), ("*", "2.0.0+b1"), ("^1", "1.2.0"), ("1.0.0", "1.0.0"), ("~2.0.0-0", "2.0.0+b1"), ("2.0.0-rc1", "2.0.0-rc1")],
)  # fmt: skip
async def test_a_range_of_versions_means_the_newest(shelf, answering, kind, target, version):
    where = source(shelf, kind)

    found = await answering.ask(GitResolve(where["repoURL"], target, where.get("chart", "")), "argocd")

    assert found.revision == version


@pytest.mark.parametrize("kind", ["helm", "oci"])
async def test_a_chart_is_rendered_at_its_version(shelf, answering, helm, kind):
    question = RenderManifests(json.dumps([{**source(shelf, kind), "targetRevision": "2.x"}]), (), "web", "shop")

    rendered = await answering.ask(question, "argocd")

    assert rendered.revisions == ("2.0.0+b1",)
    assert rendered.manifests[0]["data"] == {"version": "2.0.0+b1"}


async def test_a_dependency_is_fetched_by_us_and_never_by_helm(shelf, answering, shop, helm):
    more = f"dependencies: [{{name: web, version: 1.x, repository: 'http://{shelf.host}/charts'}}]\n"
    shop.commit({"c/Chart.yaml": f"apiVersion: v2\nname: top\nversion: 9.0.0\n{more}", "c/templates/x.yaml": TEMPLATE})

    rendered = await answering.ask(
        RenderManifests(json.dumps([{"repoURL": shop.url, "path": "c"}]), (), "web"), "argocd"
    )

    assert sorted(each["data"]["version"] for each in rendered.manifests) == ["1.2.0", "9.0.0"]


@pytest.mark.parametrize("kind", ["helm", "oci"])
async def test_an_archive_that_is_not_what_was_promised_is_refused(shelf, answering, kind):
    shelf.lies = True
    question = RenderManifests(json.dumps([{**source(shelf, kind), "targetRevision": "1.0.0"}]), (), "web")

    with pytest.raises(HiccupError, match="digest"):
        await answering.ask(question, "argocd")


@pytest.mark.parametrize("name", ["../web", "web/../../x", "gone", "..", "a\\b"])
async def test_a_chart_that_is_not_there_is_an_error(shelf, answering, name):
    with pytest.raises(HiccupError, match="chart"):
        await answering.ask(GitResolve(f"http://{shelf.host}/charts", "*", name), "argocd")


@pytest.mark.parametrize(
    ("repository", "url", "is_at_home"),
    [
        ("https://charts.test/a", "web.tgz", True),
        ("https://charts.test/a", "https://charts.test/b/web.tgz", True),
        ("http://charts.test/a", "https://charts.test/web.tgz", True),
        ("https://charts.test/a", "http://charts.test/a/web.tgz", False),
        ("https://charts.test/a", "https://charts.test:8443/a/web.tgz", False),
        ("https://charts.test/a", "//cdn.test/web.tgz", False),
    ],
)
def test_a_password_stays_with_its_server_and_goes_nowhere_in_the_open(repository, url, is_at_home):
    index = {"entries": {"web": [{"version": "1.0.0", "urls": [url]}]}}

    assert chart.archive(index, repository, "web", "1.0.0").same_host == is_at_home


async def test_one_index_serves_many_questions(shelf, answering):
    for _ in range(5):
        await answering.ask(GitResolve(f"http://{shelf.host}/charts", "*", "web"), "argocd")

    assert shelf.asked == ["/charts/index.yaml"]


async def test_an_index_is_not_kept_longer_than_it_is_believed(shelf, tmp_path):
    sources = GitAndCharts(None, tmp_path / "state", replace(DEFAULTS, chart_index_fresh_s=0.0))
    for user in ("a", "b", "c"):
        await sources.ask(GitResolve(f"http://{user}@{shelf.host}/charts", "*", "web"), "argocd")
    await sources.close()

    assert len(sources._charts._indexes) == 1
