"""One embedded cluster and one controller process for all of these tests, and a namespace for each."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.cluster import Cluster
from tests.contract.story import Story
from tests.realplane.judge import Judge, judging


@pytest.fixture(scope="package")
def cluster() -> Iterator[Cluster]:
    """The cluster, its pods only played."""
    with Cluster(serves_pods=False) as cluster:
        yield cluster


@pytest.fixture(scope="package")
def controller(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The controller, as a process of its own."""
    with controlling(cluster, tmp_path_factory.mktemp("contract")):
        yield


@contextmanager
def controlling(cluster: Cluster, folder: Path, *more: str) -> Iterator[Path]:
    """A controller with those flags, its files in that folder; gives the kubeconfig."""
    kubeconfig = Path(cluster.do(lambda devplane: devplane.write_kubeconfig(folder / "kubeconfig")))
    command = [sys.executable, "-m", "rollouts.cli.main", "controller", "--kubeconfig", str(kubeconfig)]
    flags = ["--no-leader-elect", "--metrics-port", "-1", "--health-port", "-1"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*command, *flags, *more], stdout=log, stderr=subprocess.STDOUT)
        try:
            yield kubeconfig
        finally:
            process.terminate()
            ended = process.wait(20)
        assert ended == 0, (folder / "log").read_text()


@pytest.fixture
def judge() -> Iterator[Judge]:
    """A Prometheus that says what the test wants."""
    with judging() as judge:
        yield judge


@pytest.fixture
def story(cluster: Cluster, controller: None, judge: Judge, request: pytest.FixtureRequest) -> Story:
    """An empty namespace named after the test."""
    name = re.sub("[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:60].strip("-")
    story = Story(cluster.url, name, judge.url)
    story.ask("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return story
