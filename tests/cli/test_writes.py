"""What each word writes: exactly the contract's requests, so that every controller of the contract understands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.cli.conftest import Type
from tests.cli.recorder import Recorder, Sent
from tests.view.objects import rollout

MAIN = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web"
STATUS = f"{MAIN}/status"
MERGE = "application/merge-patch+json"

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
    assert server.sent == [Sent("PATCH", MAIN, "application/json-patch+json", operations)]


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


def test_a_rollout_over_a_deployment_changes_the_deployment(typed: Type) -> None:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    where = "/apis/apps/v1/namespaces/shop/deployments/web"
    objects = {MAIN: rollout(workloadRef=reference, template=None), where: rollout()}
    with Recorder(objects) as server:
        outcome = typed("set", "image", "web", "web=web:3", "-n", "shop", "--server", server.url)

    assert outcome.code == 0, outcome.err
    assert [sent.path for sent in server.sent] == [where]
