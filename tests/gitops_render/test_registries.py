"""Charts from an OCI registry that asks for tokens, tells tags by pages and keeps its blobs elsewhere."""

from __future__ import annotations

import asyncio
import json
import subprocess

import pytest
from aiohttp import web

from rollouts.core.errors import HiccupError
from rollouts.gitops.asks import GitResolve, RenderManifests
from rollouts.gitops.source.repositories import match
from rollouts.shell.asks.charts import is_one_domain
from tests.gitops_render.forge import secret
from tests.gitops_render.registry import Registry
from tests.gitops_render.test_charts import archive

VERSIONS = ("1.0.0", "1.1.0", "1.2.0", "1.10.0", "2.0.0+b1")
USER = "shop:correct-horse"


@pytest.fixture
async def registry():
    charts = {f"shop/web:{version.replace('+', '_')}": archive("web", version) for version in VERSIONS}
    found = Registry(charts, USER)
    await found.start()
    yield found
    await found.close()


def rendered(registry: Registry, source: dict[str, str]) -> RenderManifests:
    return RenderManifests(json.dumps([source]), (), "web", "shop")


async def test_helm_itself_pulls_from_the_registry_of_these_tests(registry, helm, tmp_path):
    registry.user = ""
    words = [helm, "pull", f"oci://{registry.host}/shop/web", "--version", "1.2.0", "--plain-http", "-d", str(tmp_path)]
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = await asyncio.to_thread(subprocess.run, words, env=environment, capture_output=True, timeout=60)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "web-1.2.0.tgz").read_bytes() == archive("web", "1.2.0")


@pytest.mark.parametrize(
    ("source", "entry"),
    [
        ({"repoURL": "oci://{}/shop/web"}, {"url": "oci://{}/shop/web", "type": "oci"}),
        ({"repoURL": "oci://{}/shop", "chart": "web"}, {"url": "{}/shop", "type": "helm", "enableOCI": "true"}),
        ({"repoURL": "{}/shop", "chart": "web"}, {"url": "{}/shop", "type": "helm", "enableOCI": "true"}),
        ({"repoURL": "{}/shop", "chart": "web"}, {"url": "oci://{}/shop", "type": "helm"}),
    ],
)
async def test_a_chart_is_pulled_with_a_password_that_a_token_stands_for(
    registry, cluster, sources, helm, source, entry
):
    words = {"username": "shop", "password": "correct-horse"}
    cluster.create(secret("repository", **{key: text.format(registry.host) for key, text in entry.items()}, **words))
    named = {key: text.format(registry.host) for key, text in source.items()}

    found = await sources.ask(rendered(registry, {**named, "targetRevision": "1.x"}), "argocd")

    assert found.revisions == ("1.10.0",)
    assert found.manifests[0]["data"] == {"version": "1.10.0"}
    assert {said for server, _, said in registry.asked if server == "store"} == {""}


async def test_an_address_without_a_scheme_is_a_public_registry(registry, answering):
    registry.user = ""

    found = await answering.ask(GitResolve(f"{registry.host}/shop", "*", "web"), "argocd")

    assert found.revision == "2.0.0+b1"


async def test_nobody_is_let_in_without_the_password(registry, answering):
    with pytest.raises(HiccupError, match="not accepted"):
        await answering.ask(GitResolve(f"oci://{registry.host}/shop/web", "1.x"), "argocd")


async def test_a_wrong_password_is_told_and_not_shown(registry, cluster, sources):
    words = {"username": "shop", "password": "wrong-horse"}
    cluster.create(secret("repository", url=f"oci://{registry.host}/shop/web", type="oci", **words))

    with pytest.raises(HiccupError) as problem:
        await sources.ask(GitResolve(f"oci://{registry.host}/shop/web", "1.x"), "argocd")

    assert "wrong-horse" not in str(problem.value)


@pytest.mark.parametrize(("passes", "heard"), [(False, ""), (True, "Basic c2hvcDpjb3JyZWN0LWhvcnNl")])
async def test_cve_2021_32690_a_password_goes_to_another_host_only_if_the_source_says_so(
    cluster, sources, helm, passes, heard
):
    said: list[str] = []

    async def archived(request: web.Request) -> web.Response:
        said.append(request.headers.get("Authorization", ""))
        return web.Response(body=archive("web", "1.0.0"))

    async def indexed(request: web.Request) -> web.Response:
        entry = {"name": "web", "version": "1.0.0", "urls": [f"http://127.0.0.1:{ports[0]}/web.tgz"]}
        return web.json_response({"apiVersion": "v1", "entries": {"web": [entry]}})

    ports, runners = [], []
    for answer in (archived, indexed):
        app = web.Application()
        app.router.add_get("/{tail:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ports.append(runner.addresses[0][1])
        runners.append(runner)
    url = f"http://127.0.0.1:{ports[1]}"
    cluster.create(secret("repository", url=url, type="helm", username="shop", password="correct-horse"))
    source = {"repoURL": url, "chart": "web", "targetRevision": "1.0.0", "helm": {"passCredentials": passes}}

    await sources.ask(RenderManifests(json.dumps([source]), (), "web", "shop"), "argocd")
    for runner in runners:
        await runner.cleanup()

    assert said == [heard]


def test_a_template_of_a_registry_opens_it_with_and_without_its_scheme():
    entry = secret("repo-creds", url="registry.test/shop", type="helm", enableOCI="true", username="ci")

    assert match([entry], "oci://registry.test/shop/web").credentials.username == "ci"
    assert match([entry], "registry.test/shop/web").credentials.username == "ci"
    assert match([entry], "https://registry.test.evil/shop/web").credentials.username == ""


@pytest.mark.parametrize(
    ("registry_host", "realm_host", "near"),
    [
        ("registry-1.docker.io", "auth.docker.io", True),
        ("registry.shop.test", "shop.test", True),
        ("registry.shop.test", "evilshop.test", False),
        ("registry.shop.test", "shop.test.evil", False),
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "11.9.0.1", False),
        ("registry.shop.test", "", False),
    ],
)
def test_a_password_goes_to_the_registrys_own_domain_alone(registry_host, realm_host, near):
    assert is_one_domain(registry_host, realm_host) is near
