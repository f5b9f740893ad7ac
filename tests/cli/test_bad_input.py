"""What people type by mistake, and what a cluster may answer: refused with a mend, never half done in silence."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from rollouts.view import facts, health
from rollouts.view.timeline import timeline
from rollouts.view.tree import tree
from rollouts.view.why import why
from tests.cli.conftest import Type
from tests.cli.recorder import Recorder
from tests.cli.test_writes import ABORTED, AT_REST, MAIN, sets
from tests.view.objects import NOW, paused_canary, replica_set, rollout


@pytest.mark.parametrize(
    ("words", "status", "code", "told"),
    [
        (("abort", "web"), AT_REST, 0, "nothing to abort"),
        (("promote", "web"), ABORTED, 1, "rollouts retry rollout web"),
        (("promote", "web", "-c"), ABORTED, 1, "rollouts retry rollout web"),
        (("promote", "web", "-a", "-c"), {}, 64, "exclude each other"),
        (("promote", "web", "--full"), AT_REST, 0, "nothing left to promote"),
        (("retry", "rollout", "web"), {}, 0, "not aborted"),
        (("abort", "wbe"), {}, 5, "did you mean 'web'?"),
        (("abort",), {}, 64, "give either names or a selector"),
        (("undo", "web", "--to-revision", "-1"), {}, 64, "-1"),
        (("restart", "web", "--in", "tomorrow"), {}, 64, "is not a span of time"),
        (("pause", "-l", "team=nobody", "-n", "elsewhere"), {}, 5, "no rollouts have the labels"),
    ],
)
def test_a_command_that_makes_no_sense_writes_nothing(
    typed: Type, words: tuple[str, ...], status: dict[str, Any], code: int, told: str
) -> None:
    nowhere = MAIN.replace("/shop/", "/elsewhere/").rpartition("/")[0]
    at = () if "-n" in words else ("-n", "shop")
    with Recorder({MAIN: rollout(status), nowhere: {"items": []}}) as server:
        outcome = typed(*words, *at, "--server", server.url)

    assert server.sent == []
    assert outcome.code == code
    assert told in outcome.out + outcome.err


def test_who_may_not_write_is_told_whom_to_ask(typed: Type) -> None:
    with Recorder({MAIN: rollout()}, refuses=403) as server:
        outcome = typed("abort", "web", "-n", "shop", "--server", server.url)

    assert outcome.code == 1
    assert "rollouts-edit" in outcome.err or "ClusterRole" in outcome.err


def test_of_two_contexts_the_one_that_is_named_is_written_to(typed: Type, tmp_path: Path) -> None:
    with Recorder({MAIN: rollout()}) as one, Recorder({MAIN: rollout()}) as two:
        parts = {"one": one.url, "two": two.url}
        config = {
            "current-context": "one",
            "clusters": [{"name": name, "cluster": {"server": url}} for name, url in parts.items()],
            "contexts": [{"name": name, "context": {"cluster": name, "namespace": "shop"}} for name in parts],
        }
        path = tmp_path / "config"
        path.write_text(yaml.safe_dump(config))
        named = typed("abort", "web", "--kubeconfig", str(path), "--context", "two")
        unknown = typed("abort", "web", "--kubeconfig", str(path), "--context", "three")

    assert (named.code, len(one.sent), len(two.sent)) == (0, 0, 1)
    assert unknown.code == 1
    assert "there are: one, two" in unknown.err


def test_a_log_in_that_has_run_out_is_told_in_one_line(typed: Type, tmp_path: Path) -> None:
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", "import sys; sys.exit('your session has expired')"],
    }
    config = {
        "current-context": "one",
        "clusters": [{"name": "one", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "one", "user": {"exec": plugin}}],
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
    }
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config))
    outcome = typed("list", "rollouts", "--kubeconfig", str(path))

    assert outcome.code == 1
    assert outcome.err.startswith("Error: exec plugin ")
    assert "your session has expired\n  fix: log in again" in outcome.err


def test_an_interrupt_in_the_middle_of_a_write_ends_without_a_word_of_ours() -> None:
    with Recorder({MAIN: rollout()}, answers_late_s=30) as server:
        words = [sys.executable, "-m", "rollouts.cli.main", "abort", "web", "-n", "shop", "-s", server.url]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 20
        while not server.sent and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=20)

    assert (process.returncode, out, said.strip()) == (130, "", "")


ODD: list[dict[str, Any]] = [
    {"scale-down-deadline": "x"},
    {"scale-down-deadline": "9999-99-99T00:00:00Z"},
    {"rollout.argoproj.io/revision": "two"},
    {"rollout.argoproj.io/revision": "٣"},
    {"rollout.argoproj.io/ephemeral-metadata": "no json"},
    {"rollout.argoproj.io/ephemeral-metadata": "[]"},
]


@pytest.mark.parametrize("marks", ODD, ids=lambda marks: " ".join(f"{key}={value}" for key, value in marks.items()))
def test_an_annotation_that_is_no_value_counts_as_absent(marks: dict[str, str], typed: Type) -> None:
    odd = replica_set("bb", 2, "web:2", 1, **marks)
    world = paused_canary()
    world = type(world)(world.rollout, (world.replica_sets[0], odd), world.pods, world.runs, events=world.events)

    assert facts.deadline(odd) is None
    assert tree(world, NOW).children
    assert timeline(world, NOW)
    assert why(world, NOW).sentence
    assert health.of_replica_set(odd)


def test_an_undo_survives_metadata_that_cannot_be_read(typed: Type) -> None:
    objects = sets(("aa", 4, "web:1"), ("bb", 5, "web:2"))
    for path, each in objects.items():
        if "replicasets" in path:
            each["metadata"]["annotations"]["rollout.argoproj.io/ephemeral-metadata"] = "no json"
    with Recorder(objects) as server:
        outcome = typed("undo", "web", "-n", "shop", "--server", server.url)

    assert outcome.code == 0, outcome.err
    assert server.sent[0].body[0]["value"]["metadata"]["labels"] == {"app": "web", "role": "canary"}


STEERING = "\x1b]0;owned\x07\x1b[2J\x9b2K\r\u202e"


@pytest.mark.parametrize(
    "words",
    [
        ("status", "web", "--watch=false"),
        ("get", "rollout", "web", "--no-color"),
        ("list", "rollouts"),
        ("why", "web"),
        ("timeline", "web"),
        ("abort", "web"),
    ],
    ids=" ".join,
)
def test_nothing_in_an_object_steers_the_terminal(typed: Type, words: tuple[str, ...]) -> None:
    told = f"bad {STEERING} news"
    conditions = [{"type": "InvalidSpec", "status": "True", "reason": told, "message": told, "lastUpdateTime": told}]
    hostile = rollout({"message": told, "phase": "Degraded", "conditions": conditions, "abortedAt": told})
    collection = MAIN.rpartition("/")[0]
    with Recorder({MAIN: hostile, collection: {"items": [hostile]}}) as server:
        outcome = typed(*words, "-n", "shop", "--server", server.url)

    shown = outcome.out + outcome.err
    assert shown
    assert set(shown).isdisjoint("\x1b\x07\x9b\r\u202e")
    assert "owned" in shown or words[0] != "status"
