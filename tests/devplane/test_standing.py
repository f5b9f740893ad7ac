"""A cluster that stays: it outlives the command that started it, and ends when it is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes import client, config, watch

from rollouts.cli.main import main
from rollouts.devplane.standing import Home, State, down

EXAMPLE = Path(__file__).parents[2] / "examples" / "01-canary-nginx"


class Place:
    """A folder for clusters, and the command line as a person uses it there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def home(self, name: str = "dev") -> Home:
        return Home(self._folder / "rollouts" / "clusters" / name)

    def typed(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`rollouts cluster …` in a process of its own, which ends before the cluster does."""
        command = [sys.executable, "-m", "rollouts.cli.main", "cluster", *words]
        environment = {**os.environ, "XDG_CACHE_HOME": str(self._folder)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def up(self, *words: str) -> State:
        done = self.typed("up", *words)
        assert done.returncode == 0, done.stderr
        state = self.home().found()
        assert state is not None
        return state


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A place in which no cluster is left running."""
    made = Place(tmp_path)
    yield made
    down(made.home())


def test_a_cluster_outlives_whoever_started_it_and_ends_when_told(place: Place) -> None:
    state = place.up("--no-controller")
    told = place.typed("status", "-o", "kubeconfig")
    ended = place.typed("down")

    assert told.stdout == f"{state.kubeconfig}\n"
    assert ended.stdout == "cluster 'dev' stopped\n"
    assert place.home().found() is None


def test_a_cluster_that_runs_is_not_started_again(place: Place) -> None:
    place.up("--no-controller")
    again = place.typed("up")

    assert again.returncode == 1
    assert "runs already" in again.stderr


def test_a_cluster_whose_controller_has_ended_says_so(place: Place) -> None:
    state = place.up()
    (controller,) = Path(f"/proc/{state.pid}/task/{state.pid}/children").read_text().split()
    os.kill(int(controller), signal.SIGKILL)
    deadline = time.monotonic() + 10
    while "without a controller" not in (told := place.typed("status").stdout) and time.monotonic() < deadline:
        time.sleep(0.02)

    assert "without a controller" in told


def test_a_cluster_that_was_killed_is_not_taken_for_one_that_runs(place: Place) -> None:
    state = place.up("--no-controller")
    os.kill(state.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while place.home().found() is not None and time.monotonic() < deadline:
        time.sleep(0.01)

    assert place.typed("status").returncode == 5
    assert place.up("--no-controller").pid != state.pid


def test_a_port_that_is_taken_is_said(place: Place) -> None:
    port = place.up("--no-controller").server.rpartition(":")[2]
    other = place.typed("up", "--name", "other", "--port", port, "--no-controller")

    assert other.returncode == 1
    assert "address already in use" in other.stderr


def test_the_official_python_client_works_with_it(place: Place) -> None:
    state = place.up()
    api = config.new_client_from_config(state.kubeconfig)
    rollouts = client.CustomObjectsApi(api)
    where = ("argoproj.io", "v1alpha1", "default", "rollouts")
    done = main(["create", "-f", str(EXAMPLE / "rollout.yaml"), "--kubeconfig", state.kubeconfig])
    pods = client.CoreV1Api(api)
    seen = []
    for event in watch.Watch().stream(rollouts.list_namespaced_custom_object, *where, timeout_seconds=20):
        seen.append(event["type"])
        if (event["object"].get("status") or {}).get("conditions"):
            break
    rollouts.patch_namespaced_custom_object(*where, "web", {"spec": {"replicas": 1}})
    changed = rollouts.get_namespaced_custom_object(*where, "web")
    rollouts.delete_namespaced_custom_object(*where, "web")
    api.close()

    assert done == 0
    assert seen[0] == "ADDED"
    assert changed["spec"]["replicas"] == 1
    assert {each.metadata.name for each in pods.list_namespace().items} >= {"default", "kube-system"}


@pytest.mark.parametrize(
    ("words", "code"),
    [(("status",), 5), (("down",), 0), (("status", "--name", "../x"), 1), (("up", "--port", "x"), 64)],
)
def test_what_is_not_running_is_said(
    words: tuple[str, ...], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert main(["cluster", *words]) == code
