"""Analyses that decide: inline, in the background, and never by being absent."""

from __future__ import annotations

import pytest

from rollouts.delivery import gather, runs
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Ref
from tests.builders import NAMESPACE, a_rollout, a_template_of_analysis
from tests.delivery.world import WEB, World, deployed

INLINE = (
    {"setWeight": 20},
    {"analysis": {"templates": [{"templateName": "success-rate"}]}},
    {"setWeight": 60},
    {"pause": {}},
)
HOLD = ({"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}})
BACKGROUND = {"analysis": {"templates": [{"templateName": "success-rate"}], "startingStep": 2}}


def at_analysis(**rollout) -> World:
    world = deployed(a_rollout(5, steps=INLINE, **rollout), a_template_of_analysis())
    world.set_image("shop/web:2")
    world.settle(3.0)
    world.notes.clear()
    return world


def in_background() -> World:
    world = deployed(a_rollout(5, steps=HOLD, canary=BACKGROUND), a_template_of_analysis())
    world.set_image("shop/web:2")
    world.until("Paused")
    assert world.runs() == []
    world.command(pauseConditions=None)
    world.settle(3.0)
    return world


def test_an_inline_step_makes_one_run_and_waits():
    world = at_analysis()
    world.settle(1000.0)
    hash_value = world.hash_of("2")

    assert world.runs() == [f"web-{hash_value}-2-1"]
    run = world.of(kinds.ANALYSIS_RUN)[0]
    assert obj.labels(run) == {
        "app": "web",
        "rollouts-pod-template-hash": hash_value,
        "rollout-type": "Step",
        "step-index": "1",
    }
    assert obj.annotations(run) == {"rollout.argoproj.io/revision": "2"}
    assert obj.controller_uid(run) == obj.uid(world.rollout)
    assert run["spec"]["metrics"][0]["name"] == "success-rate"
    assert world.status["canary"]["currentStepAnalysisRunStatus"] == {"name": world.runs()[0], "status": ""}
    assert world.weight == 20


def test_success_goes_on():
    world = at_analysis()

    world.finish_run(world.runs()[0], "Successful")
    world.settle(3.0)

    assert world.weight == 60
    assert world.reasons()[:2] == ["AnalysisRunSuccessful", "RolloutStepCompleted"]
    assert "currentStepAnalysisRunStatus" not in world.status["canary"]


@pytest.mark.parametrize("phase", ["Failed", "Error"])
def test_failure_aborts_with_the_reason(phase):
    world = at_analysis()

    world.finish_run(world.runs()[0], phase, 'Metric "x" assessed Failed due to failed (1) > failureLimit (0)')
    world.settle(3.0)

    assert world.weight == 0
    assert world.status["abort"] is True
    assert world.status["message"] == (
        "RolloutAborted: Rollout aborted update to revision 2: Step-based analysis phase error/failed: "
        'Metric "x" assessed Failed due to failed (1) > failureLimit (0)'
    )
    assert "RolloutAborted" in world.reasons()


def test_after_a_retry_the_step_gets_a_run_of_its_own():
    world = at_analysis()
    world.finish_run(world.runs()[0], "Failed")
    world.settle(3.0)

    world.command(abort=False)
    world.settle(5.0)

    base = f"web-{world.hash_of('2')}-2-1"
    assert world.runs() == [base, f"{base}.1"]
    assert world.status["canary"]["currentStepAnalysisRunStatus"]["name"] == f"{base}.1"
    assert world.status["phase"] == "Progressing"


def test_no_verdict_pauses_and_a_promotion_skips_the_step():
    world = at_analysis()
    world.finish_run(world.runs()[0], "Inconclusive")
    world.settle(3.0)
    assert (world.status["phase"], world.status["message"]) == ("Paused", "InconclusiveAnalysisRun")

    world.command(pauseConditions=None, controllerPause=False, currentStepIndex=2)
    world.settle(3.0)

    assert world.weight == 60


def test_no_verdict_and_a_resume_measures_once_more():
    world = at_analysis()
    world.finish_run(world.runs()[0], "Inconclusive")
    world.settle(3.0)

    world.command(pauseConditions=None)
    world.settle(3.0)

    assert len(world.runs()) == 2
    assert world.weight == 20


def test_a_run_that_is_deleted_is_made_again_and_never_counts_as_passed():
    world = at_analysis()
    name = world.runs()[0]

    del world.objects[Ref(kinds.ANALYSIS_RUN, NAMESPACE, name)]
    world.settle(3.0)

    assert world.runs() == [name]
    assert world.weight == 20


def test_a_run_that_somebody_terminated_is_no_verdict_whatever_it_says():
    world = at_analysis()
    world.patch(Ref(kinds.ANALYSIS_RUN, NAMESPACE, world.runs()[0]), {"spec": {"terminate": True}})

    world.finish_run(world.runs()[0], "Successful", "Run Terminated")
    world.settle(3.0)

    assert world.weight == 20
    assert world.status["message"] == "InconclusiveAnalysisRun"


def test_a_run_of_another_step_cannot_stand_in():
    world = at_analysis()
    other = {**world.of(kinds.ANALYSIS_RUN)[0]}
    meta = {**other["metadata"], "name": "stand-in", "labels": {**obj.labels(other), "step-index": "0"}}
    world.add({**other, "metadata": meta, "status": {"phase": "Successful"}})

    world.command(canary={"currentStepAnalysisRunStatus": {"name": "stand-in", "status": "Successful"}})
    world.settle(5.0)

    assert world.weight == 20


def test_the_background_run_begins_with_its_step_and_ends_with_the_update():
    world = in_background()
    name = f"web-{world.hash_of('2')}-2"
    assert world.runs() == [name]
    assert world.status["canary"]["currentBackgroundAnalysisRunStatus"]["name"] == name

    world.command(pauseConditions=None)
    world.settle(60.0)

    assert world.status["phase"] == "Healthy"
    assert world.of(kinds.ANALYSIS_RUN)[0]["spec"]["terminate"] is True
    assert "currentBackgroundAnalysisRunStatus" not in world.status["canary"]


def test_a_background_failure_aborts_in_the_middle_of_a_pause():
    world = in_background()

    world.finish_run(world.runs()[0], "Failed", "too slow")
    world.settle(2.0)

    assert world.weight == 0
    assert world.status["message"].endswith("Background analysis phase error/failed: too slow")


def test_an_abort_ends_the_runs():
    world = in_background()

    world.command(abort=True)
    world.settle(2.0)

    assert world.of(kinds.ANALYSIS_RUN)[0]["spec"]["terminate"] is True


def test_a_new_version_ends_the_runs_of_the_old_one_and_gets_its_own():
    world = at_analysis()

    world.set_image("shop/web:3")
    world.settle(5.0)

    old, new = sorted(
        world.of(kinds.ANALYSIS_RUN), key=lambda run: obj.annotations(run)["rollout.argoproj.io/revision"]
    )
    assert old["spec"]["terminate"] is True
    assert "terminate" not in new["spec"]
    assert obj.name(new) == f"web-{world.hash_of('3')}-3-1"


def test_arguments_are_filled_in_from_the_rollout():
    args = [
        {"name": "plain", "value": "5"},
        {"name": "canary", "valueFrom": {"podTemplateHashValue": "Latest"}},
        {"name": "stable", "valueFrom": {"podTemplateHashValue": "Stable"}},
        {"name": "name", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "region", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['region']"}}},
        {"name": "weight", "valueFrom": {"fieldRef": {"fieldPath": "spec.strategy.canary.steps[0].setWeight"}}},
    ]
    steps = [{"setWeight": 20}, {"analysis": {"templates": [{"templateName": "success-rate"}], "args": args}}]
    rollout = a_rollout(1, steps=steps)
    rollout["metadata"]["labels"] = {"region": "north"}
    template = a_template_of_analysis(args=[{"name": arg["name"]} for arg in args])
    world = deployed(rollout, template)

    world.set_image("shop/web:2")
    world.settle(3.0)

    found = {arg["name"]: arg["value"] for arg in world.of(kinds.ANALYSIS_RUN)[0]["spec"]["args"]}
    assert found == {
        "plain": "5",
        "canary": world.hash_of("2"),
        "stable": world.hash_of("1"),
        "name": "web",
        "region": "north",
        "weight": "20",
    }


def test_a_templates_own_field_counts_where_the_rollout_gives_no_value():
    fields = {"name": "metadata.name", "home": "metadata.namespace", "mine": "metadata.labels['region']"}
    args = [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in fields.items()]
    own = [{"name": "mine", "value": "south"}]
    steps = [{"setWeight": 20}, {"analysis": {"templates": [{"templateName": "success-rate"}], "args": own}}]
    world = deployed(a_rollout(1, steps=steps), a_template_of_analysis(args=args))

    world.set_image("shop/web:2")
    world.settle(3.0)

    found = {arg["name"]: arg["value"] for arg in world.of(kinds.ANALYSIS_RUN)[0]["spec"]["args"]}
    assert found == {"name": "web", "home": NAMESPACE, "mine": "south"}


def test_a_templates_field_that_is_not_there_aborts():
    arg = {"name": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.nowhere"}}}
    steps = [{"setWeight": 20}, {"analysis": {"templates": [{"templateName": "success-rate"}]}}]
    world = deployed(a_rollout(1, steps=steps), a_template_of_analysis(args=[arg]))

    world.set_image("shop/web:2")
    world.settle(3.0)

    assert world.weight == 0
    assert world.status["message"].endswith("the Rollout has no value at metadata.nowhere")


def test_an_argument_that_points_nowhere_aborts_instead_of_waiting_for_ever():
    arg = {"name": "x", "valueFrom": {"fieldRef": {"fieldPath": "status.nowhere[3]"}}}
    steps = [{"setWeight": 20}, {"analysis": {"templates": [{"templateName": "success-rate"}], "args": [arg]}}]
    world = deployed(a_rollout(1, steps=steps), a_template_of_analysis(args=[{"name": "x"}]))

    world.set_image("shop/web:2")
    world.settle(3.0)

    assert world.weight == 0
    assert world.status["message"].endswith("the Rollout has no value at status.nowhere[3]")


def test_finished_runs_are_kept_up_to_their_limits():
    steps = [{"setWeight": 20}, {"analysis": {"templates": [{"templateName": "success-rate"}]}}]
    limits = {"successfulRunHistoryLimit": 2, "unsuccessfulRunHistoryLimit": 1}
    world = deployed(a_rollout(1, steps=steps, analysis=limits), a_template_of_analysis())

    for number in range(2, 7):
        world.set_image(f"shop/web:{number}")
        world.settle(5.0)
        live = next(run for run in world.of(kinds.ANALYSIS_RUN) if not (run.get("status") or {}).get("phase"))
        world.finish_run(obj.name(live), "Successful")
        world.settle(60.0)

    assert len(world.runs()) == 2


@pytest.mark.parametrize("path", ["metadata.labels['a", "spec..x", "spec.x[", "a" * 3 + ".b" * 40])
def test_a_path_that_is_none_is_told_and_not_guessed(path):
    world = deployed(a_rollout())
    seen = gather(WEB, world)

    with pytest.raises(ValueError):
        runs.field_value(seen.rollout, path)
