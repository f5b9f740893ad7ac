"""Pushes of forges over real HTTP: a refresh is all they cause, and only those who know the secret cause it."""

# ruff: noqa: E501 - a payload stands on one line, so that a table stays a table

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json

import aiohttp
import pytest

from rollouts.devplane.server import Devplane
from rollouts.gitops.source import webhook
from rollouts.kube.kinds import APPLICATION
from rollouts.shell.client import Client
from rollouts.shell.kubeconfig import Access
from rollouts.shell.webhooks import BODY_BYTES_MAX, REQUESTS_MAX, Webhooks
from tests.cli.cluster import CRDS

SECRETS = {"webhook.github.secret": "gh", "webhook.gitlab.secret": "gl", "webhook.gogs.secret": "gt", "webhook.bitbucket.uuid": "bb", "webhook.bitbucketserver.secret": "bs"}  # fmt: skip
GITHUB = {
    "ref": "refs/heads/main",
    "repository": {"html_url": "https://git.test/shop/web", "ssh_url": "git@git.test:shop/web.git", "default_branch": "main"},
    "commits": [{"added": ["web/a.yaml"], "modified": [], "removed": []}],
}  # fmt: skip
GITLAB = {
    "ref": "refs/heads/main",
    "project": {"web_url": "https://git.test/shop/web", "git_ssh_url": "git@git.test:shop/web.git", "default_branch": "main"},
    "commits": [],
    "total_commits_count": 0,
}  # fmt: skip
BITBUCKET = {
    "repository": {"links": {"html": {"href": "https://git.test/shop/web"}}},
    "push": {"changes": [{"new": {"type": "branch", "name": "main"}}]},
}
BITBUCKET_SERVER = {
    "repository": {"links": {"clone": [{"href": "https://git.test/shop/web.git"}]}},
    "changes": [{"ref": {"id": "refs/heads/main"}}],
}


def app(name: str, url: str = "https://git.test/shop/web.git", target: str = "main", **annotations: str) -> dict:
    spec = {
        "project": "default",
        "source": {"repoURL": url, "path": "web", "targetRevision": target},
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
    }
    meta = {"name": name, "namespace": "argocd", "annotations": annotations}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": meta, "spec": spec}


@pytest.fixture
async def door():
    import yaml

    async with Devplane(serves_pods=False) as devplane:
        devplane.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}})
        devplane.create(yaml.safe_load((CRDS / "application.yaml").read_text()))
        values = {key: base64.b64encode(value.encode()).decode() for key, value in SECRETS.items()}
        meta = {"name": "argocd-secret", "namespace": "argocd"}
        devplane.create({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": values})
        apps = [app("web"), app("other", "https://git.test/shop/other")]
        await asyncio.sleep(0)
        async with Client(Access(devplane.url)) as client:
            for each in apps:
                await client.create(APPLICATION, "argocd", each)
            hooks = Webhooks(client, "argocd", lambda: apps)
            port = await hooks.start(0)

            async def refreshed() -> list[str]:
                found, _ = await client.list(APPLICATION, "argocd")
                return [one["metadata"]["name"] for one in found if "argocd.argoproj.io/refresh" in (one["metadata"].get("annotations") or {})]  # fmt: skip

            yield f"http://127.0.0.1:{port}/api/webhook", refreshed
            await hooks.close()


def signed(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def headers(forge: str, body: bytes) -> dict[str, str]:
    return {"Content-Type": "application/json"} | {
        "github": {"X-GitHub-Event": "push", "X-Hub-Signature-256": f"sha256={signed('gh', body)}"},
        "gitlab": {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": "gl"},
        "gitea": {"X-Gitea-Event": "push", "X-GitHub-Event": "push", "X-Gitea-Signature": signed("gt", body)},
        "bitbucket": {"X-Event-Key": "repo:push", "X-Hook-UUID": "bb"},
        "bitbucketserver": {"X-Event-Key": "repo:refs_changed", "X-Hub-Signature": f"sha256={signed('bs', body)}"},
    }[forge]


async def post(url: str, body: bytes, **words: str) -> int:
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=words) as response:
        return response.status


@pytest.mark.parametrize(
    ("forge", "payload"),
    [("github", GITHUB), ("gitea", GITHUB), ("gitlab", GITLAB), ("bitbucket", BITBUCKET), ("bitbucketserver", BITBUCKET_SERVER)],
)  # fmt: skip
async def test_a_push_refreshes_the_applications_of_its_repository(door, forge, payload):
    url, refreshed = door
    body = json.dumps(payload).encode()

    assert await post(url, body, **headers(forge, body)) == 200
    assert await refreshed() == ["web"]


@pytest.mark.parametrize("forge", ["github", "gitea", "gitlab", "bitbucket", "bitbucketserver"])
async def test_whoever_does_not_know_the_secret_causes_nothing(door, forge):
    url, refreshed = door
    body = json.dumps(GITHUB).encode()
    words = headers(forge, body)
    (name,) = [each for each in words if "Signature" in each or "Token" in each or "UUID" in each]

    codes = {await post(url, body, **(words | {name: proof})) for proof in ("", "wrong", "sha256=", "\xfc")}
    del words[name]
    codes.add(await post(url, body, **words))

    assert codes == {401}
    assert await refreshed() == []


@pytest.mark.parametrize(
    ("body", "changes", "status"),
    [
        (b"{}", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b"{}", {"Content-Encoding": "gzip"}, 415),
        (b"{not json", {}, 400),
        (b"[]", {}, 400),
        (b"null", {}, 400),
        (b'{"ref": null}', {}, 400),
        (b'{"ref": 1, "repository": []}', {}, 400),
        (b'{"ref": "refs/heads/main", "repository": {"html_url": ["x"]}, "commits": [1]}', {}, 400),
        (json.dumps(GITHUB).encode(), {"X-GitHub-Event": "ping"}, 200),
    ],
)
async def test_a_bad_request_is_answered_and_forgotten(door, body, changes, status):
    url, refreshed = door

    assert await post(url, body, **(headers("github", body) | changes)) == status
    assert await refreshed() == []


@pytest.mark.parametrize("length", [BODY_BYTES_MAX + 1, 5 << 30])
async def test_a_body_that_is_too_large_is_refused_before_it_is_read(door, length):
    url, _ = door
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.split(":")[2].split("/")[0]))
    lines = ["POST /api/webhook HTTP/1.1", "Host: x", f"Content-Length: {length}", "X-GitHub-Event: push"]
    writer.write("\r\n".join([*lines, "Content-Type: application/json", "", ""]).encode())
    answer = await reader.readline()
    writer.close()

    assert answer.split()[1] == b"413"


async def test_a_body_without_an_announced_length_is_cut_off(door):
    url, refreshed = door

    async def endless():
        for _ in range(BODY_BYTES_MAX // 65536 + 2):
            yield b"x" * 65536

    async with aiohttp.ClientSession() as session:
        words = {"Content-Type": "application/json", "X-GitHub-Event": "push"}
        async with session.post(url, data=endless(), headers=words) as response:
            assert response.status == 413

    assert await refreshed() == []


async def test_nobody_is_listened_to_without_end(door):
    url, _ = door
    async with aiohttp.ClientSession() as session:
        codes = []
        for _ in range(REQUESTS_MAX + 5):
            async with session.post(url, data=b"{}", headers={"Content-Type": "text/plain"}) as response:
                codes.append(response.status)

    assert codes[-1] == 429


@pytest.mark.parametrize(
    ("told", "concerned"),
    [
        (app("a"), True),
        (app("a", "git@git.test:shop/web.git"), True),
        (app("a", "ssh://git@GIT.test/shop/web"), True),
        (app("a", "https://git.test/shop/web2"), False),
        (app("a", "https://git.test/shop/we."), False),
        (app("a", target="HEAD"), True),
        (app("a", target="release"), False),
        (app("a", target="refs/heads/main"), True),
        (app("a", **{webhook.PATHS_ANNOTATION: "."}), True),
        (app("a", **{webhook.PATHS_ANNOTATION: "../other;/docs"}), False),
        (app("a", **{webhook.PATHS_ANNOTATION: "../other;/web"}), True),
        ({"spec": {"sources": [{"repoURL": "https://git.test/shop/web"}]}}, True),
        ({"spec": {"source": {"repoURL": "https://git.test/shop/web", "chart": "x"}}}, False),
        ({}, False),
    ],
)
def test_an_application_is_concerned_by_its_repository_revision_and_paths(told, concerned):
    (push,) = webhook.pushes(webhook.FORGES[2], GITHUB)

    assert webhook.concerns(push, told) is concerned


@pytest.mark.parametrize("target", ["1.x", "*", "^1", ">=1, <3", "1.2", "1.0 - 2.0", "v1.2.3", "refs/tags/v1.2.3"])
def test_a_tag_concerns_whoever_follows_a_range(target):
    (push,) = webhook.pushes(webhook.FORGES[2], {**GITHUB, "ref": "refs/tags/v1.2.3"})

    assert webhook.concerns(push, app("a", target=target))


@pytest.mark.parametrize("target", ["main", "next", "v1.2.x-wip/main", "refs/tags/v1.2.4"])
def test_a_tag_concerns_nobody_who_follows_a_branch_or_another_tag(target):
    (push,) = webhook.pushes(webhook.FORGES[2], {**GITHUB, "ref": "refs/tags/v1.2.3"})

    assert not webhook.concerns(push, app("a", target=target))
