"""Credentials: found in repository Secrets, given to their own server alone, shown to nobody."""

# ruff: noqa: E501 - a manifest stands on one line, so that a table stays a table
from __future__ import annotations

import json
from dataclasses import replace

import pytest

from rollouts.core.errors import HiccupError
from rollouts.gitops.asks import GitResolve, RenderManifests
from rollouts.gitops.source.repositories import match
from rollouts.kube.kinds import SECRET
from rollouts.kube.ref import Ref
from rollouts.shell.asks.sources import GitAndCharts
from rollouts.shell.settings import DEFAULTS
from tests.gitops_render.forge import Repository, Server, config_map, secret

USER = "shop:correct-horse"


@pytest.fixture
def guarded(shop: Repository):
    shop.commit({"web/a.yaml": config_map("a")})
    server = Server(shop.bare.parent, USER)
    yield server
    server.close()


def question(url: str, project: str = "default") -> RenderManifests:
    return RenderManifests(json.dumps([{"repoURL": url, "path": "web"}]), (), "web", project=project)


async def test_a_repository_secret_opens_its_repository(cluster, sources, guarded):
    url = guarded.url("shop.git")
    cluster.create(secret("repository", url=url, username="shop", password="correct-horse"))

    rendered = await sources.ask(question(url), "argocd")

    assert len(rendered.manifests) == 1


async def test_a_template_of_credentials_opens_what_lies_below_it(cluster, sources, guarded):
    cluster.create(secret("repo-creds", url=guarded.url("")[:-1], username="shop", password="correct-horse"))

    assert len((await sources.ask(question(guarded.url("shop.git")), "argocd")).manifests) == 1


async def test_nobody_is_let_in_without_them(sources, guarded):
    with pytest.raises(HiccupError) as problem:
        await sources.ask(question(guarded.url("shop.git")), "argocd")

    assert "shop.git" in str(problem.value)


async def test_a_projects_secret_is_not_for_another_project(cluster, sources, guarded):
    url = guarded.url("shop.git")
    cluster.create(secret("repository", url=url, username="shop", password="correct-horse", project="shop"))
    mine = await sources.ask(question(url, "shop"), "argocd")

    with pytest.raises(HiccupError):
        await sources.ask(question(url, "other"), "argocd")

    assert len(mine.manifests) == 1


async def test_a_wrong_password_is_never_shown(cluster, sources, guarded):
    url = guarded.url("shop.git").replace("http://", "http://shop:wrong-horse@")
    cluster.create(secret("repository", url=url, username="shop", password="wrong-horse"))

    with pytest.raises(HiccupError) as problem:
        await sources.ask(question(url), "argocd")

    assert "wrong-horse" not in str(problem.value)


async def test_credentials_do_not_follow_a_redirect_to_another_host(cluster, sources, tmp_path):
    from aiohttp import web

    heard: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        heard.append(request.headers.get("Authorization", ""))
        return web.Response(status=404)

    async def here(request: web.Request) -> web.Response:
        raise web.HTTPFound(f"http://localhost:{ports[1]}{request.path_qs}")

    ports, runners = [], []
    for answer in (here, elsewhere):
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        ports.append(runner.addresses[0][1])
        runners.append(runner)
    url = f"http://127.0.0.1:{ports[0]}/shop.git"
    cluster.create(secret("repository", url=url, username="shop", password="correct-horse"))
    cluster.create(secret("repository", "charts", url=url + "/charts", type="helm", username="shop", password="correct-horse"))  # fmt: skip

    with pytest.raises(HiccupError):
        await sources.ask(question(url), "argocd")
    with pytest.raises(HiccupError):
        await sources.ask(GitResolve(url + "/charts", "*", "web"), "argocd")
    for runner in runners:
        await runner.cleanup()

    assert heard
    assert set(heard) == {""}


async def test_no_credential_is_left_on_the_disk(cluster, sources, guarded, tmp_path):
    url = guarded.url("shop.git")
    cluster.create(secret("repository", url=url, username="shop", password="correct-horse", sshPrivateKey="top-secret-key"))  # fmt: skip
    await sources.ask(question(url), "argocd")

    bodies = [path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()]

    assert bodies
    assert not [body for body in bodies if b"correct-horse" in body or b"top-secret-key" in body]
    assert (tmp_path / "state" / "mirrors").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("idle_s", "left"), [(0.0, 1), (3600.0, 3)])
async def test_a_renewed_token_leaves_no_mirror_behind_for_long(cluster, client, shop, tmp_path, idle_s, left):
    shop.commit({"web/a.yaml": config_map("a")})
    settings = replace(DEFAULTS, git_mirror_idle_s=idle_s, repositories_fresh_s=0.0)
    sources = GitAndCharts(client, tmp_path / "state", settings)
    cluster.create(secret("repository", url=shop.url))
    for number in range(3):
        token = secret("repository", password=f"token-{number}")["data"]
        await client.patch(Ref(SECRET, "argocd", "repo"), {"data": token})
        await sources.ask(question(shop.url), "argocd")
    await sources.close()

    assert len(list((tmp_path / "state" / "mirrors").iterdir())) == left


async def test_a_thousand_questions_of_one_repository_are_one_listing(shop, tmp_path):
    shop.commit({"web/a.yaml": config_map("a")})
    counted: list[str] = []
    sources = GitAndCharts(None, tmp_path / "state", count=lambda url, what, took_s, ok: counted.append(what))
    import asyncio

    await asyncio.gather(*(sources.ask(GitResolve(shop.url, "main"), "argocd") for _ in range(1000)))
    await sources.close()

    assert counted == ["ls-remote"]


@pytest.mark.parametrize(
    ("url", "project", "user"),
    [
        ("https://git.test/team/web", "", "team"),
        ("https://git.test/team/web.git/", "", "team"),
        ("https://git.test/team-secret/web", "", "host"),
        ("https://git.test/team/private", "", "exact"),
        ("https://git.test/team/private", "shop", "exact"),
        ("https://git.test/team/mine", "shop", "mine"),
        ("https://git.test/team/mine", "other", "team"),
        ("https://elsewhere.test/x", "", ""),
    ],
)
def test_the_longest_prefix_and_the_exact_entry_win(url, project, user):
    secrets = [
        secret("repo-creds", "1", url="https://git.test", username="host"),
        secret("repo-creds", "2", url="https://git.test/team", username="team"),
        secret("repository", "3", url="https://git.test/team/private.git", username="exact"),
        secret("repository", "4", url="https://git.test/team/mine", username="mine", project="shop"),
    ]

    assert match(secrets, url, project).credentials.username == user


def test_values_of_credentials_are_in_no_repr():
    found = match([secret("repository", url="https://git.test/x", username="u", password="p4ss")], "https://git.test/x")

    assert found.credentials.password == "p4ss"
    assert "p4ss" not in repr(found)
