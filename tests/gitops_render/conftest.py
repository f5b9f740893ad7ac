from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from rollouts.core.errors import HiccupError
from rollouts.devplane.server import Devplane
from rollouts.gitops.asks import Rendered, RenderManifests
from rollouts.shell import tools
from rollouts.shell.asks.sources import GitAndCharts
from rollouts.shell.client import Client
from rollouts.shell.kubeconfig import Access
from tests.gitops_render.forge import Repository


@pytest.fixture
def shop(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


@pytest.fixture
async def answering(tmp_path: Path) -> AsyncIterator[GitAndCharts]:
    sources = GitAndCharts(None, tmp_path / "state")
    yield sources
    await sources.close()


@pytest.fixture
async def cluster() -> AsyncIterator[Devplane]:
    async with Devplane(serves_pods=False) as devplane:
        devplane.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}})
        yield devplane


@pytest.fixture
async def client(cluster: Devplane) -> AsyncIterator[Client]:
    async with Client(Access(cluster.url)) as found:
        yield found


@pytest.fixture
async def sources(client: Client, tmp_path: Path) -> AsyncIterator[GitAndCharts]:
    """What answers about sources, with the Secrets of the cluster."""
    found = GitAndCharts(client, tmp_path / "state")
    yield found
    await found.close()


@pytest.fixture
def render(answering: GitAndCharts, shop: Repository) -> Callable[..., object]:
    async def one(path: str = "", *, revision: str = "", fresh: bool = False, **options: object) -> Rendered:
        source = {"repoURL": shop.url, "path": path, "targetRevision": "main", **options}
        question = RenderManifests(json.dumps([source]), (revision,), "web", "shop", fresh=fresh)
        return await answering.ask(question, "argocd")

    return one


@pytest.fixture
def refused(render) -> Callable[..., object]:
    async def one(*args: object, **words: object) -> str:
        with pytest.raises(HiccupError) as problem:
            await render(*args, **words)
        return str(problem.value)

    return one


@pytest.fixture(scope="session")
def kustomize() -> Iterator[str]:
    """The real program, built once where it is missing."""
    yield tools.find("kustomize") or tools.install("kustomize")


@pytest.fixture(scope="session")
def helm() -> Iterator[str]:
    """The real program, built once where it is missing."""
    yield tools.find("helm") or tools.install("helm")
