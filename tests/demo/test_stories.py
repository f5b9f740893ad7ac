"""Good release, bad release, crash: each ends as told, with no request failed by the tool."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.demo.conftest import Run, start

FAST = ("--speed", "20", "--rate", "80")
Start = Callable[..., Run]


def figure(run: Run, name: str) -> str:
    found = re.search(rf"^  {re.escape(name)}\s+(.*)$", run.text, re.MULTILINE)
    assert found, run.text
    return found.group(1)


def nothing_is_left(run: Run) -> bool:
    return run.processes == [] and list(run.scratch.iterdir()) == []


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Run]]:
    """The three stories, played side by side: they share nothing but the machine."""
    names = ("good", "bad-release", "controller-crash")
    runs = {name: start(tmp_path_factory.mktemp(name), "--exit-when-done", *FAST, "--scenario", name) for name in names}
    with ThreadPoolExecutor() as pool:
        list(pool.map(Run.finish, runs.values()))
    yield runs
    for run in runs.values():
        run.close()


@pytest.mark.slow
def test_a_good_release_is_promoted_to_all_requests(stories: dict[str, Run]):
    run = stories["good"]

    assert run.finish() == 0, run.text
    assert figure(run, "weights written") == "0 → 5 → 20 → 50 → 100 → 0"
    assert figure(run, "failed by the tool") == "0"
    assert figure(run, "share at the end") == "good-2 100%"


@pytest.mark.slow
def test_a_bad_release_sends_itself_back_within_a_second_of_the_verdict(stories: dict[str, Run]):
    run = stories["bad-release"]

    assert run.finish() == 0, run.text
    assert figure(run, "weights written") == "0 → 5 → 0"
    assert float(figure(run, "from verdict to weight 0").removesuffix(" s")) < 1.0
    assert figure(run, "failed by the tool") == "0"
    assert int(figure(run, "failed by the release itself")) > 0
    assert figure(run, "share at the end") == "good-1 100%"


@pytest.mark.slow
def test_a_killed_controller_goes_on_where_it_was(stories: dict[str, Run]):
    run = stories["controller-crash"]

    assert run.finish() == 0, run.text
    assert "SIGKILL to the controller" in run.text
    assert figure(run, "weights written") == "0 → 5 → 20 → 50 → 100 → 0"
    assert figure(run, "failed by the tool") == "0"


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["good", "bad-release", "controller-crash"])
def test_a_story_that_is_over_leaves_nothing_behind(stories: dict[str, Run], scenario: str):
    assert nothing_is_left(stories[scenario])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing_behind(demo: Start, how: signal.Signals):
    run = demo("--speed", "5")
    cluster = run.read_until("cluster http://")
    run.read_until("Healthy")
    seconds = next(at for at, line in run.lines if "weight" in line)
    ports = [int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", cluster)]
    started = run.processes
    os.killpg(run.process.pid, how)  # as a terminal's Ctrl-C does: to the whole group

    assert run.finish() == 130, run.text
    assert seconds < 5.0
    assert len(ports) == 3
    assert len(started) == 2, started  # Traefik and the controller
    assert nothing_is_left(run)
    assert [port for port in ports if _answers(port)] == []
    assert "Traceback" not in run.text


def test_the_story_is_plain_text_without_a_terminal(demo: Start):
    run = demo(*FAST)
    run.read_until("Healthy")
    run.process.send_signal(signal.SIGINT)
    run.finish()

    assert "\x1b" not in run.text


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
