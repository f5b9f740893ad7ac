"""What each word writes: exactly the contract's requests, so that every controller of the contract understands."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.cli.conftest import Type
from tests.cli.recorder import Recorder, Sent
from tests.view.objects import replica_set, rollout, template

MAIN = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web"
STATUS = f"{MAIN}/status"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"

NOT_PAUSED = {"pauseConditions": None, "controllerPause": False, "phase": "Progressing"}
AT_REST = {**NOT_PAUSED, "phase": "Healthy", "currentPodHash": "bb", "stableRS": "bb", "currentStepIndex": 3}
ABORTED = {**NOT_PAUSED, "abort": True, "phase": "Degraded"}
JUDGED = {"canary": {"currentStepAnalysisRunStatus": {"name": "web-bb-2-1", "status": "Inconclusive"}}}
UNPAUSED: Mapping[str, Any] = {"spec": {"paused": False}}
LIFTED: Mapping[str, Any] = {"status": {"pauseConditions": None}}
ABORT: Mapping[str, Any] = {"status": {"abort": True}}

TABLE: list[tuple[str, tuple[str, ...], dict[str, Any], dict[str, Any], list[tuple[str, Any]]]] = [
    ("a pause is lifted", ("promote",), {}, {}, [(STATUS, LIFTED)]),
    (
        "a step under way is skipped",
        ("promote",),
        NOT_PAUSED,
        {},
        [(STATUS, {"status": {"pauseConditions": None, "currentStepIndex": 2}})],
    ),
    (
        "an inconclusive analysis is skipped",
        ("promote",),
        JUDGED,
        {},
        [(STATUS, {"status": {"pauseConditions": None, "controllerPause": False, "currentStepIndex": 2}})],
    ),
    ("a hand on the brake is lifted too", ("promote",), {}, {"paused": True}, [(STATUS, LIFTED), (MAIN, UNPAUSED)]),
    ("nothing is left", ("promote",), AT_REST, {}, []),
    ("the rest is skipped", ("promote", "--full"), {}, {}, [(STATUS, {"status": {"promoteFull": True}})]),
    (
        "the rest is skipped, brake and all",
        ("promote", "--full"),
        {},
        {"paused": True},
        [(STATUS, {"status": {"promoteFull": True}}), (MAIN, UNPAUSED)],
    ),
    ("there is no rest", ("promote", "--full"), AT_REST, {}, []),
    ("an update is aborted", ("abort",), {}, {}, [(STATUS, ABORT)]),
    ("no update is aborted", ("abort",), AT_REST, {}, []),
    (
        "an update that no controller has seen yet is aborted",
        ("abort",),
        {**AT_REST, "observedGeneration": "6"},
        {},
        [(STATUS, ABORT)],
    ),
    ("aborted is aborted", ("abort",), ABORTED, {}, []),
    ("an abort is taken back", ("retry", "rollout"), ABORTED, {}, [(STATUS, {"status": {"abort": False}})]),
    ("nothing to take back", ("retry", "rollout"), {}, {}, []),
    ("a hand on the brake", ("pause",), {}, {}, [(MAIN, {"spec": {"paused": True}})]),
    ("both pauses lifted", ("resume",), {}, {"paused": True}, [(STATUS, LIFTED), (MAIN, UNPAUSED)]),
    ("a step's pause lifted", ("resume",), {}, {}, [(STATUS, LIFTED)]),
    ("no pause to lift", ("resume",), NOT_PAUSED, {}, []),
    (
        "the present step is skipped, the old way",
        ("promote", "--skip-current-step"),
        {},
        {},
        [(STATUS, {"status": {"pauseConditions": None, "currentStepIndex": 2}})],
    ),
    (
        "all steps are skipped, the old way",
        ("promote", "-a"),
        {},
        {},
        [(STATUS, {"status": {"pauseConditions": None, "currentStepIndex": 3}})],
    ),
]


@pytest.mark.parametrize(("story", "words", "status", "spec", "expected"), TABLE, ids=[row[0] for row in TABLE])
def test_a_word_writes_the_contracts_requests(
    typed: Type,
    story: str,
    words: tuple[str, ...],
    status: dict[str, Any],
    spec: dict[str, Any],
    expected: list[tuple[str, Any]],
) -> None:
    with Recorder({MAIN: rollout(status, **spec)}) as server:
        outcome = typed(*words, "web", "-n", "shop", "--server", server.url)

    assert outcome.code == 0, outcome.err
    assert server.sent == [Sent("PATCH", path, MERGE, body) for path, body in expected]


def test_where_status_is_no_subresource_all_goes_to_the_object(typed: Type) -> None:
    with Recorder({MAIN: rollout(paused=True)}, has_status=False) as server:
        outcome = typed("promote", "web", "-n", "shop", "--server", server.url)

    assert outcome.code == 0, outcome.err
    assert server.sent[1:] == [Sent("PATCH", MAIN, MERGE, {**LIFTED, **UNPAUSED})]


def test_an_aborted_rollout_is_not_promoted(typed: Type) -> None:
    with Recorder({MAIN: rollout(ABORTED)}) as server:
        outcome = typed("promote", "web", "-n", "shop", "--server", server.url)

    assert outcome.code == 1
    assert "rollouts retry rollout web" in outcome.err
    assert server.sent == []


def test_several_names_are_all_tried_and_the_first_complaint_gives_the_code(typed: Type) -> None:
    with Recorder({MAIN: rollout()}) as server:
        outcome = typed("abort", "wbe", "web", "-n", "shop", "--server", server.url)

    assert outcome.code == 5
    assert "did you mean 'web'?" in outcome.err
    assert "rollout 'web' aborted" in outcome.out
    assert [sent.path for sent in server.sent] == [STATUS]


def test_an_image_is_set_by_a_guarded_json_patch(typed: Type) -> None:
    with Recorder({MAIN: rollout()}) as server:
        outcome = typed("set", "image", "web", "web=web:3", "-n", "shop", "--server", server.url)

    path = "/spec/template/spec/containers/0"
    operations = [
        {"op": "test", "path": f"{path}/name", "value": "web"},
        {"op": "replace", "path": f"{path}/image", "value": "web:3"},
    ]
    assert 'rollout "web" image updated' in outcome.out
    assert server.sent == [Sent("PATCH", MAIN, JSON_PATCH, operations)]


def test_a_star_means_every_container_init_containers_too(typed: Type) -> None:
    pod = {"initContainers": [{"name": "init", "image": "a"}], "containers": [{"name": "web", "image": "b"}]}
    with Recorder({MAIN: rollout(template={"spec": pod})}) as server:
        typed("set", "image", "web", "*=web:3", "-n", "shop", "--server", server.url)

    replaced = [op["path"] for op in server.sent[0].body if op["op"] == "replace"]
    assert replaced == ["/spec/template/spec/initContainers/0/image", "/spec/template/spec/containers/0/image"]


def test_an_unknown_container_is_answered_with_the_known_ones(typed: Type) -> None:
    with Recorder({MAIN: rollout()}) as server:
        outcome = typed("set", "image", "web", "wbe=web:3", "-n", "shop", "--server", server.url)

    assert outcome.code == 1
    assert "did you mean 'web'?" in outcome.err


EXPERIMENT = "/apis/argoproj.io/v1alpha1/namespaces/shop/experiments/trial"
RUN = "/apis/argoproj.io/v1alpha1/namespaces/shop/analysisruns/judge"
TERMINATED: Mapping[str, Any] = {"spec": {"terminate": True}}


@pytest.mark.parametrize(
    ("words", "where", "phase", "expected"),
    [
        (("terminate", "analysisrun", "judge"), RUN, "Running", [TERMINATED]),
        (("terminate", "ar", "judge"), RUN, "Failed", []),
        (("terminate", "experiment", "trial"), EXPERIMENT, "Running", [TERMINATED]),
        (("terminate", "exp", "trial"), EXPERIMENT, "Successful", []),
        (("retry", "experiment", "trial"), EXPERIMENT, "Failed", [{"status": None}]),
        (("retry", "exp", "trial"), EXPERIMENT, "", []),
    ],
)
def test_runs_and_experiments_are_ended_and_begun_again_on_the_object(
    typed: Type, words: tuple[str, ...], where: str, phase: str, expected: list[Any]
) -> None:
    meta = {"name": words[2], "namespace": "shop"}
    found = {"kind": words[1], "metadata": meta, "status": {"phase": phase} if phase else {}}
    with Recorder({where: found}) as server:
        outcome = typed(*words, "-n", "shop", "--server", server.url)

    assert outcome.code == 0, outcome.err
    assert server.sent == [Sent("PATCH", where, MERGE, body) for body in expected]


@pytest.mark.parametrize(("words", "late_s"), [((), 0), (("--in", "10m"), 600), (("-i", "1h30m"), 5400)])
def test_a_restart_names_its_moment(typed: Type, words: tuple[str, ...], late_s: int) -> None:
    before = datetime.now(UTC)
    with Recorder({MAIN: rollout()}) as server:
        outcome = typed("restart", "web", *words, "-n", "shop", "--server", server.url)

    assert outcome.code == 0, outcome.err
    at = server.sent[0].body["spec"]["restartAt"]
    assert (server.sent[0].path, list(server.sent[0].body["spec"])) == (MAIN, ["restartAt"])
    assert -1 <= (datetime.fromisoformat(at) - before).total_seconds() - late_s <= 10


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("promote", "web"), "rollout 'web' promoted"),
        (("promote", "web", "--full"), "rollout 'web' fully promoted"),
        (("abort", "web"), "rollout 'web' aborted"),
        (("pause", "web"), "rollout 'web' paused"),
        (("restart", "web"), "rollout 'web' restarts in 0s"),
        (("restart", "web", "--in", "10m"), "rollout 'web' restarts in 10m"),
        (("undo", "web"), "rollout 'web' undo"),
        (("set", "image", "web", "web=web:3"), 'rollout "web" image updated'),
        (("terminate", "analysisruns", "judge"), "analysisRun 'judge' terminated"),
        (("terminate", "experiments", "trial"), "experiment 'trial' terminated"),
        (("retry", "experiments", "trial"), "experiment 'trial' retried"),
    ],
)
def test_a_write_is_told_in_the_words_that_scripts_of_the_contract_look_for(
    typed: Type, words: tuple[str, ...], said: str
) -> None:
    others = {
        EXPERIMENT: {"kind": "Experiment", "metadata": {"name": "trial"}, "status": {"phase": "Running"}},
        RUN: {"kind": "AnalysisRun", "metadata": {"name": "judge"}, "status": {"phase": "Running"}},
    }
    with Recorder({**sets(("aa", 4, "web:1"), ("bb", 5, "web:2")), **others}) as server:
        outcome = typed(*words, "-n", "shop", "--server", server.url)

    assert (outcome.code, outcome.out, outcome.err) == (0, f"{said}\n", "")


def test_an_image_with_two_equals_signs_is_no_image(typed: Type) -> None:
    assert typed("set", "image", "web", "web=web:3=x", "--server", "http://127.0.0.1:1").code == 64


def sets(*revisions: tuple[str, int, str]) -> dict[str, Any]:
    """ReplicaSets as the server lists them, by hash, revision and image."""
    where = "/apis/apps/v1/namespaces/shop/replicasets"
    found = {f"{where}/web-{name}": replica_set(name, number, image) for name, number, image in revisions}
    for each in found.values():
        labels = {"app": "web", "rollouts-pod-template-hash": "x", "role": "canary"}
        each["spec"]["template"] = {**each["spec"]["template"], "metadata": {"labels": labels}}
        each["metadata"]["annotations"]["rollout.argoproj.io/ephemeral-metadata"] = '{"labels": {"role": "canary"}}'
    empty = {f"/{path}/namespaces/shop/{plural}": {"items": []} for path, plural in
             (("api/v1", "pods"), ("apis/argoproj.io/v1alpha1", "analysisruns"))}  # fmt: skip
    return {MAIN: rollout(), **found, **empty}


@pytest.mark.parametrize(
    ("words", "image"), [((), "web:1"), (("--to-revision", "0"), "web:1"), (("--to-revision=3",), "web:0")]
)
def test_an_undo_brings_an_earlier_template_back_as_it_was_written(
    typed: Type, words: tuple[str, ...], image: str
) -> None:
    with Recorder(sets(("aa", 4, "web:1"), ("bb", 5, "web:2"), ("cc", 3, "web:0"))) as server:
        outcome = typed("undo", "web", *words, "-n", "shop", "--server", server.url)

    replaced = [{"op": "replace", "path": "/spec/template", "value": template(image)}]
    assert outcome.code == 0, outcome.err
    assert server.sent == [Sent("PATCH", MAIN, JSON_PATCH, replaced)]


def test_an_undo_to_the_present_template_writes_nothing(typed: Type) -> None:
    with Recorder(sets(("aa", 4, "web:1"), ("bb", 5, "web:2"))) as server:
        outcome = typed("undo", "web", "--to-revision", "5", "-n", "shop", "--server", server.url)

    assert (outcome.code, server.sent) == (0, [])
    assert outcome.out == "skipped rollback (current template already matches revision 5)\n"


@pytest.mark.parametrize(("words", "fix"), [(("--to-revision", "9"), "there are: 5, 4"), ((), "there are: 5")])
def test_a_revision_that_is_not_kept_is_said(typed: Type, words: tuple[str, ...], fix: str) -> None:
    known = [("bb", 5, "web:2"), ("aa", 4, "web:1")][: 2 if words else 1]
    with Recorder(sets(*known)) as server:
        outcome = typed("undo", "web", *words, "-n", "shop", "--server", server.url)

    assert (outcome.code, server.sent) == (1, [])
    assert fix in outcome.err


def test_an_undo_over_a_deployment_changes_the_deployment(typed: Type) -> None:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    where = "/apis/apps/v1/namespaces/shop/deployments/web"
    objects = {**sets(("aa", 4, "web:1"), ("bb", 5, "web:2")), where: rollout()}
    objects[MAIN] = rollout(workloadRef=reference, template=None, selector={"matchLabels": {"app": "web"}})
    with Recorder(objects) as server:
        outcome = typed("undo", "web", "-n", "shop", "--server", server.url)

    assert outcome.code == 0, outcome.err
    assert [sent.path for sent in server.sent] == [where]


def test_a_selector_means_every_rollout_that_it_finds(typed: Type) -> None:
    other = {**rollout(), "metadata": {**rollout()["metadata"], "name": "api"}}
    with Recorder({MAIN: rollout(), MAIN.replace("web", "api"): other}) as server:
        outcome = typed("abort", "-l", "team=pay", "-n", "shop", "--server", server.url)

    assert outcome.code == 0, outcome.err
    assert [sent.path for sent in server.sent] == [STATUS, STATUS.replace("web", "api")]


def test_a_dry_run_on_the_client_shows_the_write_and_sends_none(typed: Type) -> None:
    with Recorder({MAIN: rollout()}) as server:
        outcome = typed("abort", "web", "--dry-run", "client", "-n", "shop", "--server", server.url)

    assert server.sent == []
    assert outcome.out == "rollout 'web' aborted (client dry run)\n"
    assert f'PATCH {STATUS} {{"status":{{"abort":true}}}}' in outcome.err


def test_a_write_answers_as_data_where_that_is_wished(typed: Type) -> None:
    with Recorder({MAIN: rollout()}) as server:
        outcome = typed("pause", "web", "-o", "jsonpath={.kind}/{.metadata.name}", "-n", "shop", "-s", server.url)

    assert outcome.out == "Rollout/web"


def test_a_rollout_over_a_deployment_changes_the_deployment(typed: Type) -> None:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    where = "/apis/apps/v1/namespaces/shop/deployments/web"
    objects = {MAIN: rollout(workloadRef=reference, template=None), where: rollout()}
    with Recorder(objects) as server:
        outcome = typed("set", "image", "web", "web=web:3", "-n", "shop", "--server", server.url)

    assert outcome.code == 0, outcome.err
    assert [sent.path for sent in server.sent] == [where]
