"""Commands that look, against the embedded cluster over HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from rollouts.cli.connection import now
from rollouts.cli.list import Face
from rollouts.devplane.server import Devplane
from rollouts.kube.kinds import ANALYSIS_RUN, EXPERIMENT, ROLLOUT
from rollouts.kube.object import controller_reference
from rollouts.kube.ref import Ref
from rollouts.view.rows import Columns
from tests.cli.cluster import Cluster
from tests.cli.conftest import Type
from tests.view.objects import rollout, template

WEB = Ref(ROLLOUT, "shop", "web")
HEALTHY: Mapping[str, Any] = {"phase": "Healthy", "message": "", "observedGeneration": "1", "stableRS": "bb"}


def made(name: str, namespace: str = "shop") -> Mapping[str, Any]:
    """A Rollout as a person applies it."""
    whole = rollout()
    spec = {**whole["spec"]}
    spec["strategy"] = {"canary": {**spec["strategy"]["canary"], "canaryService": "web-canary", "stableService": "web"}}
    meta = {"name": name, "namespace": namespace, "labels": {"team": "shop"}}
    return {"apiVersion": whole["apiVersion"], "kind": "Rollout", "metadata": meta, "spec": spec}


def say(devplane: Devplane, status: Mapping[str, Any], ref: Ref = WEB) -> None:
    """Write a status as a controller would."""
    devplane.store.patch(ref, {"status": status}, "merge", "status")


@pytest.fixture(scope="module")
def shared() -> Iterator[Cluster]:
    """One cluster for the tests that only look."""
    with Cluster() as cluster:
        cluster.do(furnish)
        yield cluster


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A cluster of this test's own."""
    with Cluster() as own:
        own.do(furnish)
        yield own


def furnish(devplane: Devplane) -> None:
    """Two namespaces, a Rollout in each, one of them with a ReplicaSet."""
    for name in ("shop", "pay"):
        devplane.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    devplane.create(made("web"))
    devplane.create(made("api", "pay"))
    devplane.create(
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": "web-bb",
                "namespace": "shop",
                "labels": {"app": "web", "rollouts-pod-template-hash": "bb"},
                "annotations": {"rollout.argoproj.io/revision": "1"},
                "ownerReferences": [controller_reference(ROLLOUT, devplane.store.get(WEB))],
            },
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": template("web:2")},
        }
    )
    say(devplane, {**HEALTHY, "phase": "Paused", "message": "CanaryPauseStep"})


def test_get_shows_the_tree(shared: Cluster, typed: Type) -> None:
    outcome = typed("-n", "shop", "--server", shared.url, "get", "rollout", "web")

    assert outcome.code == 0, outcome.err
    assert "Status:          ॥ Paused" in outcome.out
    assert "└──⧉ web-bb" in outcome.out
    assert "\x1b" not in outcome.out


@pytest.mark.parametrize("words", [("get", "ro", "web"), ("get", "rollouts", "web")])
def test_get_knows_its_other_names(shared: Cluster, typed: Type, words: tuple[str, ...]) -> None:
    assert typed(*words, "-n=shop", "-s", shared.url).code == 0


def test_get_gives_the_object_as_data(shared: Cluster, typed: Type) -> None:
    as_json = json.loads(typed("get", "ro", "web", "-n", "shop", "-s", shared.url, "-o", "json").out)
    as_yaml = yaml.safe_load(typed("get", "ro", "web", "-n", "shop", "-s", shared.url, "-o", "yaml").out)

    assert as_json["kind"] == "Rollout"
    assert as_json["status"]["phase"] == "Paused"
    assert "managedFields" not in as_json["metadata"]
    assert as_json == as_yaml


def test_names_are_as_kubectl_prints_them(shared: Cluster, typed: Type) -> None:
    assert typed("list", "ro", "-A", "-s", shared.url, "-o", "name").out.split() == [
        "rollout.argoproj.io/api",
        "rollout.argoproj.io/web",
    ]


def test_a_name_that_kubectl_or_we_printed_is_taken_back(shared: Cluster, typed: Type) -> None:
    for name in ("rollout.argoproj.io/web", "rollout/web", "ro/web"):
        assert typed("get", "ro", name, "-n", "shop", "-s", shared.url, "-o", "jsonpath={.metadata.name}").out == "web"


def test_a_name_in_an_empty_namespace_is_looked_for_everywhere(shared: Cluster, typed: Type) -> None:
    outcome = typed("get", "rollout", "web", "-n", "elsewhere", "-s", shared.url)

    assert outcome.code == 5
    assert "  fix: rollouts list rollouts -A\n" in outcome.err


def test_an_unknown_name_is_answered_with_the_nearest(shared: Cluster, typed: Type) -> None:
    outcome = typed("get", "rollout", "wbe", "-n", "shop", "-s", shared.url)

    assert outcome.code == 5
    assert 'rollouts.argoproj.io "wbe" not found in namespace "shop"' in outcome.err
    assert "did you mean 'web'?" in outcome.err


def test_list_shows_one_namespace_or_all(shared: Cluster, typed: Type) -> None:
    one = typed("list", "rollouts", "-n", "shop", "-s", shared.url).out
    both = typed("list", "rollouts", "-A", "-s", shared.url).out

    assert one.splitlines()[0].split()[0] == "NAME"
    assert len(one.splitlines()) == 2
    assert both.splitlines()[0].split()[0] == "NAMESPACE"
    assert len(both.splitlines()) == 3


def test_list_selects_on_the_server_by_label_and_name(shared: Cluster, typed: Type) -> None:
    none = typed("list", "rollouts", "-n", "shop", "-s", shared.url, "-l", "team=other")
    one = typed("list", "rollouts", "-A", "-s", shared.url, "--name", "api")

    assert (none.code, none.out, none.err) == (0, "", "No resources found.\n")
    assert [line.split()[1] for line in one.out.splitlines()[1:]] == ["api"]


def test_status_without_watching_says_the_phase(shared: Cluster, typed: Type) -> None:
    outcome = typed("status", "web", "--watch=false", "-n", "shop", "-s", shared.url)

    assert (outcome.code, outcome.out) == (0, "Paused - CanaryPauseStep\n")


@pytest.mark.parametrize("flag", ["-w=false", "--watch=False", "--watch=f", "-W", "--no-watch"])
def test_a_flag_is_switched_off_as_kubectl_does(shared: Cluster, typed: Type, flag: str) -> None:
    outcome = typed("status", "web", flag, "-n=shop", "-s", shared.url)

    assert (outcome.code, outcome.out) == (0, "Paused - CanaryPauseStep\n")


def test_status_may_stop_where_only_a_person_can_go_on(shared: Cluster, typed: Type) -> None:
    pause = [{"reason": "CanaryPauseStep", "startTime": "2026-01-01T00:00:00Z"}]
    shared.do(lambda devplane: say(devplane, {"currentStepIndex": 1, "pauseConditions": pause}))

    outcome = typed("status", "web", "--stop-at-pause", "--timeout", "9s", "-n", "shop", "-s", shared.url)

    assert outcome.code == 4
    assert "step 2 of 3 is a pause without end" in outcome.err
    assert "fix: rollouts promote web" in outcome.err


def test_columns_and_templates_are_a_persons_own(shared: Cluster, typed: Type) -> None:
    columns = "custom-columns=WHO:.metadata.name,PHASE:.status.phase"
    both = typed("list", "ro", "-A", "-s", shared.url, "-o", columns)
    names = typed("list", "ro", "-A", "-s", shared.url, "-o", "jsonpath={.items[*].metadata.name}")

    assert both.out.splitlines() == ["WHO  PHASE", "api  <none>", "web  Paused"]
    assert names.out == "api web"


def test_an_experiment_is_listed_and_shown(cluster: Cluster, typed: Type) -> None:
    trial = {"metadata": {"name": "trial", "namespace": "shop"}, "spec": {"duration": "5m", "templates": []}}
    status = {"phase": "Running", "availableAt": now().plus(-60).rfc3339()}
    head = {"apiVersion": ROLLOUT.api_version, "kind": "Experiment", "status": status}
    cluster.do(lambda devplane: devplane.create({**head, **trial}))

    listed = typed("list", "experiments", "-n", "shop", "-s", cluster.url).out.splitlines()
    shown = typed("get", "experiment", "trial", "-n", "shop", "-s", cluster.url).out

    assert listed[0].split() == ["NAME", "STATUS", "DURATION", "REMAINING", "AGE"]
    name, phase, lasts, remaining, _ = listed[1].split()
    assert (name, phase, lasts) == ("trial", "Running", "5m")
    assert remaining.startswith(("3m", "4m"))
    assert "Σ trial" in shown


def test_the_runs_of_an_experiment_hang_below_it_whatever_their_labels(cluster: Cluster, typed: Type) -> None:
    def furnished(devplane: Devplane) -> None:
        steps = [{"experiment": {"duration": "5m", "templates": []}}]
        devplane.store.patch(WEB, {"spec": {"strategy": {"canary": {"steps": steps}}}}, "merge")
        owner, head = controller_reference(ROLLOUT, devplane.store.get(WEB)), {"apiVersion": ROLLOUT.api_version}
        for kind, name in ((EXPERIMENT, "trial"), (ANALYSIS_RUN, "trial-judge")):
            meta = {"name": name, "namespace": "shop", "ownerReferences": [owner]}
            spec = {"templates": []} if kind == EXPERIMENT else {"metrics": []}
            devplane.create({**head, "kind": kind.name, "metadata": meta, "spec": spec})
            owner = controller_reference(kind, devplane.store.get(Ref(kind, "shop", name)))

    cluster.do(furnished)
    shown = typed("get", "rollout", "web", "-n", "shop", "-s", cluster.url).out.splitlines()

    trial = next(number for number, line in enumerate(shown) if "Σ trial" in line)
    assert "└──α trial-judge" in shown[trial + 1]


def test_a_list_names_the_status_in_one_word_so_that_scripts_may_count_columns(shared: Cluster, typed: Type) -> None:
    headings, line = typed("list", "rollouts", "-n", "shop", "-s", shared.url).out.splitlines()

    assert len(line.split()) == len(headings.split())
    assert line.split()[2] == "Paused"


def test_a_list_begins_each_line_with_the_time_where_that_is_asked_for(shared: Cluster, typed: Type) -> None:
    headings, line = typed("list", "rollouts", "-n", "shop", "--timestamps", "-s", shared.url).out.splitlines()

    assert headings.split()[:2] == ["TIMESTAMP", "NAME"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", line.split()[0])


def test_a_list_that_is_watched_in_a_pipe_adds_only_the_lines_that_changed() -> None:
    face = Face(ROLLOUT, None, no_color=True, columns=Columns())
    quiet = {"metadata": {"uid": "a", "name": "api"}, "spec": {}, "status": {"phase": "Healthy"}}
    moved = {"metadata": {"uid": "w", "name": "web"}, "spec": {}, "status": {"phase": "Progressing"}}

    first = face.news([moved, quiet])
    second = face.news([{**moved, "status": {"phase": "Paused"}}, quiet])
    third = face.news([{**moved, "status": {"phase": "Paused", "selector": "new"}}, quiet])

    assert [line.split()[0] for line in first] == ["NAME", "api", "web"]
    assert [line.split()[:3] for line in second] == [["web", "unknown", "Paused"]]
    assert third == []


def test_one_look_at_a_degraded_rollout_names_the_phase_alone(cluster: Cluster, typed: Type) -> None:
    cluster.do(lambda devplane: say(devplane, {"phase": "Degraded", "message": "RolloutAborted: bad"}))

    outcome = typed("status", "web", "--watch=false", "-n", "shop", "-s", cluster.url)

    assert (outcome.code, outcome.out) == (2, "Degraded\n")
    assert "The rollout is in a degraded state with message: RolloutAborted: bad" in outcome.err


def test_status_gives_up_with_its_own_exit_code(shared: Cluster, typed: Type) -> None:
    outcome = typed("status", "web", "--timeout", "1s", "-n", "shop", "-s", shared.url)

    assert outcome.code == 3
    assert "Rollout status watch exceeded timeout" in outcome.err


def test_get_watch_gives_up_with_its_own_exit_code(shared: Cluster, typed: Type) -> None:
    outcome = typed("get", "ro", "web", "-w", "--timeout-seconds", "1", "-n", "shop", "-s", shared.url)

    assert outcome.code == 3
    assert outcome.out.count("Name:") == 1


def test_status_waits_until_the_update_is_done(cluster: Cluster, typed: Type) -> None:
    cluster.later(0.5, lambda devplane: say(devplane, HEALTHY))

    outcome = typed("status", "web", "-n", "shop", "-s", cluster.url, "--timeout", "20s")

    assert (outcome.code, outcome.out) == (0, "Paused - CanaryPauseStep\nHealthy\n")


def test_status_of_an_update_that_degrades_has_its_own_exit_code(cluster: Cluster, typed: Type) -> None:
    cluster.later(0.5, lambda devplane: say(devplane, {"phase": "Degraded", "message": "RolloutAborted: by hand"}))

    outcome = typed("status", "web", "-n", "shop", "-s", cluster.url, "--timeout", "20s")

    assert outcome.code == 2
    assert "Degraded - RolloutAborted: by hand" in outcome.out
    assert "The rollout is in a degraded state with message: RolloutAborted: by hand" in outcome.err


def test_watching_as_json_gives_a_document_a_line(cluster: Cluster, typed: Type) -> None:
    cluster.later(0.7, lambda devplane: say(devplane, HEALTHY))

    outcome = typed("get", "ro", "web", "-w", "-o", "json", "--timeout-seconds", "2", "-n", "shop", "-s", cluster.url)

    phases = [json.loads(line)["status"]["phase"] for line in outcome.out.splitlines()]
    assert phases == ["Paused", "Healthy"]


def test_a_rollout_deleted_while_watched_ends_the_watch(cluster: Cluster, typed: Type) -> None:
    cluster.later(0.5, lambda devplane: devplane.store.delete(WEB))

    outcome = typed("get", "ro", "web", "-w", "--timeout-seconds", "20", "-n", "shop", "-s", cluster.url)

    assert outcome.code == 5


def test_an_image_set_is_stored(cluster: Cluster, typed: Type) -> None:
    outcome = typed("set", "image", "web", "web=web:3", "-n", "shop", "-s", cluster.url)

    assert outcome.code == 0, outcome.err
    stored = cluster.do(lambda devplane: devplane.store.get(WEB))
    assert stored["spec"]["template"]["spec"]["containers"][0]["image"] == "web:3"


def test_an_abort_lands_in_the_status(cluster: Cluster, typed: Type) -> None:
    cluster.do(lambda devplane: say(devplane, {"currentPodHash": "cc"}))

    outcome = typed("abort", "web", "-n", "shop", "-s", cluster.url)

    assert outcome.out == "rollout 'web' aborted\n"
    assert cluster.do(lambda devplane: devplane.store.get(WEB))["status"]["abort"] is True


def test_an_interrupted_watch_ends_without_a_word_of_ours(shared: Cluster) -> None:
    words = ["get", "ro", "web", "-w", "-n", "shop", "-s", shared.url]
    process = subprocess.Popen(
        [sys.executable, "-m", "rollouts.cli.main", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "Name:            web\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)

    assert process.returncode == 130
    assert said.strip() == ""


@pytest.mark.parametrize("words", [("get", "ro", "web"), ("list", "ro"), ("status", "web")])
def test_a_watch_ends_with_its_reader(shared: Cluster, words: tuple[str, ...]) -> None:
    program = [sys.executable, "-m", "rollouts.cli.main", *words, "-w", "-n", "shop", "-s", shared.url, "-o", "json"]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.readline().startswith("{")
    process.stdout.close()  # nothing in the cluster changes after this

    assert (process.wait(20), process.stderr.read()) == (0, "")
    process.stderr.close()


def test_on_a_terminal_the_picture_is_redrawn_in_colour(shared: Cluster) -> None:
    here, there = pty.openpty()
    words = ["get", "ro", "web", "-w", "--timeout-seconds", "2", "-n", "shop", "-s", shared.url]
    env = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "CLICOLOR_FORCE")}
    env |= {"TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
    process = subprocess.Popen([sys.executable, "-m", "rollouts.cli.main", *words], stdout=there, stderr=there, env=env)
    os.close(there)
    seen = b""
    with contextlib.suppress(OSError):  # the terminal is hung up once the process has ended
        while part := os.read(here, 65536):
            seen += part
    os.close(here)

    assert process.wait(20) == 3
    assert seen.startswith(b"\x1b[2J\x1b[H")
    assert seen.count(b"\x1b[HName:") >= 2
    assert b"\x1b[33m" in seen
