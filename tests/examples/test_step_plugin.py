"""The story of 06-step-plugin: its plugin as a process, called by a controller that was told where it is."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rollouts.devplane.manifests import examples_folder
from tests.cli.cluster import Cluster
from tests.contract.conftest import controlling
from tests.contract.story import Story
from tests.examples.opening import opened, release

FOLDER = "06-step-plugin"
INSTANCE = "step-plugin"
START_S_MAX = 60.0


@contextmanager
def canary_answering(code: int) -> Iterator[tuple[str, list[str]]]:
    """What stands where the canary's Service would; gives its address and the paths that were asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()


@contextmanager
def plugin() -> Iterator[str]:
    """The example's plugin as its README starts it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = str(examples_folder() / FOLDER / "smoke.py")
    process = subprocess.Popen([sys.executable, file, str(port)], stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def until_started(log: Path) -> None:
    """Wait until the controller says that it looks after Rollouts."""
    give_up = time.monotonic() + START_S_MAX
    while "controller started" not in log.read_text():
        assert time.monotonic() < give_up, log.read_text()
        time.sleep(0.05)


@pytest.mark.parametrize(("code", "phase"), [(200, "Healthy"), (503, "Degraded")])
def test_an_update_goes_on_once_the_plugin_says_so(
    cluster: Cluster, story: Story, tmp_path: Path, code: int, phase: str
) -> None:
    with canary_answering(code) as (canary, asked), plugin() as server:
        flags = ("--instance-id", INSTANCE, "--step-plugin", f"example.com/smoke={server}")
        mark = f"  labels:\n    argo-rollouts.argoproj.io/controller-instance-id: {INSTANCE}\nspec:\n  replicas"
        haste = (
            (r"http://web-canary", canary),
            (r"times: 3", "times: 3\n              every: 1s"),
            (r"duration: \d+s", "duration: 1s"),
            (r"DelaySeconds: \d+", "DelaySeconds: 1"),
            (r"spec:\n  replicas", mark),
        )
        with controlling(cluster, tmp_path, *flags):
            until_started(tmp_path / "log")
            opened(story, FOLDER, "", haste)
            assert asked == []
            release(story, "good-2")
            done = story.until_phase(phase)["status"]

    (run,) = done["canary"]["stepPluginStatuses"]
    assert (run["index"], run["name"], run["operation"]) == (1, "example.com/smoke", "Run")
    if code == 200:
        assert (run["phase"], run["executions"], run["status"]) == ("Successful", 3, {"passed": 3})
        assert asked == ["/healthz"] * 3
    else:
        assert run["phase"] == "Failed" and done["message"].endswith("/healthz answered 503")
        assert story.weight() == "0"
