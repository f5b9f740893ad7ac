"""Steps that a plugin carries out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rollouts.core.stepcall import STATE_CHARS_MAX, StepCall, StepReply
from rollouts.delivery import gather, reconcile
from tests.builders import a_rollout
from tests.delivery.world import WEB, World, deployed

STEPS = (
    {"setWeight": 20},
    {"plugin": {"name": "acme/smoke", "config": {"suite": "checkout"}}},
    {"setWeight": 60},
    {"plugin": {"name": "acme/warm"}},
    {"pause": {}},
)


def at_plugin(plugin: Callable[[StepCall], Any], seconds: float = 3.0) -> World:
    world = deployed(a_rollout(5, steps=STEPS))
    world.plugin = plugin
    world.set_image("shop/web:2")
    world.settle(seconds)
    return world


def told(world: World, *fields: str) -> list[tuple[Any, ...]]:
    found = world.status["canary"].get("stepPluginStatuses") or []
    return [tuple(each.get(field) for field in fields) for each in found]


def running(call: StepCall) -> Any:
    return {"phase": "Running", "requeueAfter": "5s", "status": {"job": "7"}, "message": "1 of 3"}


def test_a_step_waits_until_its_plugin_says_that_it_is_done():
    heard: list[StepCall] = []

    def slow(call: StepCall) -> Any:
        heard.append(call)
        return running(call) if call.execution < 2 and call.index == 1 else {"phase": "Successful"}

    world = at_plugin(slow, 4.0)
    first = told(world, "index", "name", "operation", "phase", "message", "backoff", "executions", "status")
    assert world.status["currentStepIndex"] == 1 and world.weight == 20
    assert first == [(1, "acme/smoke", "Run", "Running", "1 of 3", "5s", 1, {"job": "7"})]

    world.settle(20.0)

    assert world.status["currentStepIndex"] == 4 and world.weight == 60
    assert told(world, "index", "phase", "executions") == [(1, "Successful", 3), (3, "Successful", 1)]
    assert [(call.config, call.state) for call in heard[:3]] == [
        ({"suite": "checkout"}, None),
        ({"suite": "checkout"}, {"job": "7"}),
        ({"suite": "checkout"}, {"job": "7"}),
    ]
    assert all(told(world, "startedAt", "updatedAt", "finishedAt")[0])
    assert world.reasons().count("StepPluginTransition") == 3


def test_a_plugin_that_fails_aborts_the_update_and_hears_of_no_abort():
    world = at_plugin(lambda call: {"phase": "Failed", "message": "no stock"})

    assert world.status["phase"] == "Degraded" and world.weight == 0
    assert world.status["message"].endswith("step plugin acme/smoke failed: no stock")
    assert world.calls == [("Run", 1)]


def test_an_error_is_tried_again_after_half_a_minute_with_the_state_of_before():
    states: list[Any] = []

    def flaky(call: StepCall) -> Any:
        states.append(call.state)
        if call.execution == 1:
            raise RuntimeError("connection refused")
        return running(call) if call.execution == 0 else {"phase": "Successful"}

    world = at_plugin(flaky, 10.0)
    assert told(world, "phase", "message", "backoff", "status") == [
        ("Error", "connection refused", "30s", {"job": "7"})
    ]

    world.settle(70.0)

    assert world.status["currentStepIndex"] == 4
    assert states[:3] == [None, {"job": "7"}, {"job": "7"}]


def test_an_abort_is_told_to_every_plugin_that_ran_the_latest_first():
    world = at_plugin(
        lambda call: running(call) if (call.index, call.operation) == (3, "Run") else {"phase": "Successful"}
    )
    world.command(abort=True)
    world.settle(5.0)

    assert world.weight == 0
    assert world.calls == [("Run", 1), ("Run", 3), ("Abort", 3), ("Abort", 1)]
    assert told(world, "index", "operation", "phase")[2:] == [(3, "Abort", "Successful"), (1, "Abort", "Successful")]


def test_an_abort_that_was_lost_is_told_again_after_half_a_minute():
    def flaky(call: StepCall) -> Any:
        if call.operation == "Abort" and call.execution == 0:
            raise RuntimeError("connection refused")
        return running(call) if call.operation == "Run" else {"phase": "Successful"}

    world = at_plugin(flaky)
    world.command(abort=True)
    world.settle(5.0)
    assert told(world, "operation", "phase", "message", "backoff")[1] == ("Abort", "Error", "connection refused", "30s")
    assert told(world, "finishedAt")[1] == (None,) and world.weight == 0

    world.settle(40.0)

    assert world.calls.count(("Abort", 1)) == 2
    assert told(world, "operation", "phase", "message", "backoff")[1] == ("Abort", "Successful", None, None)


def test_an_abort_that_a_plugin_cannot_carry_out_is_given_up_after_five_calls():
    def deaf(call: StepCall) -> Any:
        if call.operation == "Abort":
            raise RuntimeError("gone")
        return running(call)

    world = at_plugin(deaf)
    world.command(abort=True)
    world.settle(300.0)

    assert world.calls.count(("Abort", 1)) == 5
    assert told(world, "operation", "phase", "message", "backoff")[1] == ("Abort", "Error", "gone", None)
    assert told(world, "finishedAt")[1] != (None,)


def test_traffic_goes_back_although_a_plugin_does_not_answer():
    world = at_plugin(lambda call: running(call) if call.operation == "Run" else None)
    world.command(abort=True)
    world.settle(1.0)

    assert world.weight == 0 and world.status["phase"] == "Degraded"


@pytest.mark.parametrize(
    "command",
    [{"promoteFull": True}, {"currentStepIndex": 2, "pauseConditions": None}],
    ids=["a full promotion", "a step passed over"],
)
def test_a_plugin_whose_step_is_left_while_it_runs_is_terminated(command: dict[str, Any]):
    world = at_plugin(lambda call: running(call) if call.operation == "Run" else {"phase": "Successful"})
    world.command(**command)
    world.settle(3.0)

    assert ("Terminate", 1) in world.calls
    assert (1, "Terminate", "Successful", {"job": "7"}) in told(world, "index", "operation", "phase", "status")
    assert world.calls.count(("Terminate", 1)) == 1


def test_a_new_version_terminates_what_ran_for_the_former_one_before_it_begins():
    world = at_plugin(lambda call: running(call) if call.operation == "Run" else {"phase": "Successful"})
    world.set_image("shop/web:3")
    world.settle(3.0)

    assert world.calls == [("Run", 1), ("Terminate", 1), ("Run", 1)]
    assert told(world, "operation", "phase") == [("Terminate", "Successful"), ("Run", "Running")]


@pytest.mark.parametrize(
    ("command", "operation"),
    [({"promoteFull": True}, "Terminate"), ({"abort": True}, "Abort")],
    ids=["a full promotion", "an abort"],
)
def test_a_version_is_ended_although_the_former_one_was_ended_at_the_same_step(command: dict[str, Any], operation: str):
    world = at_plugin(lambda call: running(call) if call.operation == "Run" else {"phase": "Successful"})
    world.set_image("shop/web:3")
    world.settle(3.0)
    world.command(**command)
    world.settle(3.0)

    assert world.calls == [("Run", 1), ("Terminate", 1), ("Run", 1), (operation, 1)]
    assert told(world, "operation", "phase")[-2:] == [("Run", "Running"), (operation, "Successful")]


def test_a_new_version_waits_with_its_plugin_until_the_former_one_is_terminated():
    def flaky(call: StepCall) -> Any:
        if call.operation == "Terminate" and call.execution == 0:
            raise RuntimeError("connection refused")
        return running(call) if call.operation == "Run" else {"phase": "Successful"}

    world = at_plugin(flaky)
    world.set_image("shop/web:3")
    world.settle(10.0)
    assert world.calls == [("Run", 1), ("Terminate", 1)]

    world.settle(30.0)

    assert world.calls[:4] == [("Run", 1), ("Terminate", 1), ("Terminate", 1), ("Run", 1)]
    assert told(world, "operation", "phase") == [("Terminate", "Successful"), ("Run", "Running")]


def test_a_retry_begins_with_a_clean_status():
    world = at_plugin(lambda call: {"phase": "Failed" if call.operation == "Run" else "Successful"})
    world.plugin = running
    world.command(abort=False)
    world.settle(3.0)

    assert told(world, "operation", "phase", "executions") == [("Run", "Running", 1)]


def test_a_disabled_plugin_is_passed_over():
    world = at_plugin(lambda call: StepReply("Successful", is_disabled=True))
    assert world.status["currentStepIndex"] == 4
    assert told(world, "phase", "disabled") == [("Successful", True)] * 2

    world.command(abort=True)
    world.settle(3.0)

    assert [operation for operation, _ in world.calls] == ["Run", "Run"]


def test_a_paused_rollout_calls_nobody_and_steps_on_for_nothing():
    world = at_plugin(running, 1.0)
    world.patch(WEB, {"spec": {"paused": True}})
    world.settle(100.0)

    assert world.calls == [("Run", 1)]


def test_steps_are_not_run_by_the_first_version():
    world = deployed(a_rollout(5, steps=STEPS))

    assert world.calls == [] and world.status["phase"] == "Healthy"


def test_a_call_without_an_answer_is_put_again_under_the_same_name():
    world = at_plugin(lambda call: None)
    first, second = (reconcile(gather(WEB, world), world.now) for _ in range(2))

    assert [ask.id for ask in first.asks] == [ask.id for ask in second.asks] != []
    assert first.wake is not None


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ({"phase": "Done"}, "the phase 'Done' is none of"),
        ({"phase": "Running", "requeueAfter": "soon"}, "invalid duration"),
        ({"phase": "Running", "status": "x" * STATE_CHARS_MAX}, "longer than"),
        ("fine", "no object with a phase"),
    ],
)
def test_what_no_plugin_may_say_counts_as_an_error(reply: Any, words: str):
    world = at_plugin(lambda call: reply)

    ((phase, message),) = told(world, "phase", "message")
    assert phase == "Error" and words in message
    assert world.status["currentStepIndex"] == 1


def test_a_status_that_somebody_garbled_lets_no_step_pass():
    world = at_plugin(lambda call: None)
    world.command(canary={"stepPluginStatuses": [{"index": 1, "operation": "Run", "phase": "Successful"}, 7, None]})
    world.settle(3.0)

    assert world.status["currentStepIndex"] == 1
    assert told(world, "operation", "phase") == [("Run", "Running")]


def test_a_plugin_is_terminated_although_the_strategy_has_become_another():
    world = at_plugin(lambda call: running(call) if call.operation == "Run" else {"phase": "Successful"})
    services = {"activeService": "web-stable", "previewService": "web-canary"}
    world.patch(WEB, {"spec": {"strategy": {"canary": None, "blueGreen": services}}})
    world.settle(60.0)

    assert world.calls == [("Run", 1), ("Terminate", 1)]
    assert (world.status["phase"], "canary" in world.status) == ("Healthy", False)
