"""Words are completed from the cluster, and a silent cluster completes nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.cluster import Cluster
from tests.cli.test_reads import furnish


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(serves_pods=False) as made:
        made.do(furnish)
        yield made


def completed(*words: str) -> list[str]:
    """What kubectl would be told."""
    program = "from rollouts.cli.complete import main; main()"
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("unp",), []),
        (("un",), ["undo"]),
        (("get", "rollout", ""), ["web"]),
        (("abort", "w"), ["web"]),
        (("abort", "web", ""), []),
        (("set", "image", "web", ""), ["web="]),
        (("undo", "web", "--to-revision", ""), ["1"]),
        (("get", "ro", "web", "-o", "js"), ["json", "jsonpath="]),
        (("list", "ro", "-n", "sh"), ["shop"]),
    ],
)
def test_a_word_is_completed(cluster: Cluster, words: tuple[str, ...], expected: list[str]) -> None:
    at = () if "-n" in words else ("-n", "shop")

    assert completed("-s", cluster.url, *at, *words) == [*expected, ":4"]


@pytest.mark.parametrize(
    ("words", "directive"), [(("lint", ""), ":0"), (("create", "-f", ""), ":0"), (("version", "-o", ""), ":4")]
)
def test_files_are_completed_where_files_are_meant(words: tuple[str, ...], directive: str) -> None:
    assert completed(*words)[-1] == directive


def test_without_a_cluster_nothing_is_completed() -> None:
    assert completed("-s", "http://127.0.0.1:9", "get", "rollout", "") == [":4"]


def test_the_scripts_of_the_plugin_are_installed_beside_the_program() -> None:
    scripts = ("rollouts", "kubectl-rollouts", "kubectl-argo-rollouts", "kubectl_complete-rollouts",
               "kubectl_complete-argo-rollouts")  # fmt: skip
    declared = (Path(__file__).parents[2] / "pyproject.toml").read_text()

    assert [name for name in scripts if f"\n{name} = " not in declared] == []
