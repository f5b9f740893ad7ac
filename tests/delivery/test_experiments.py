"""Steps that run sets of pods side by side before the update goes on."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.delivery import gather
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Ref
from tests.builders import NAMESPACE, a_rollout, a_template_of_analysis
from tests.delivery.world import WEB, World, deployed

TRIAL: dict[str, Any] = {
    "templates": [{"name": "baseline", "specRef": "stable"}, {"name": "canary", "specRef": "canary", "replicas": 2}],
    "duration": "5m",
    "analyses": [
        {
            "name": "errors",
            "templateName": "success-rate",
            "args": [
                {"name": "stable", "valueFrom": {"podTemplateHashValue": "Stable"}},
                {"name": "set", "value": "{{templates.canary.podTemplateHash}}"},
            ],
        }
    ],
}
STEPS = ({"setWeight": 20}, {"experiment": TRIAL}, {"setWeight": 60}, {"pause": {}})


def at_experiment(trial: dict[str, Any] = TRIAL, **rollout: Any) -> World:
    steps = (STEPS[0], {"experiment": trial}, *STEPS[2:])
    world = deployed(a_rollout(5, steps=steps, **rollout), a_template_of_analysis())
    world.set_image("shop/web:2")
    world.settle(3.0)
    world.notes.clear()
    return world


def trials(world: World) -> list[str]:
    return [obj.name(each) for each in world.of(kinds.EXPERIMENT)]


def finish(world: World, phase: str, message: str = "") -> None:
    ref = Ref(kinds.EXPERIMENT, NAMESPACE, trials(world)[-1])
    world.patch(ref, {"status": {"phase": phase, "message": message}})
    world.settle(3.0)


def test_a_step_makes_one_experiment_and_waits():
    world = at_experiment()
    world.settle(1000.0)
    hash_value = world.hash_of("2")
    (trial,) = world.of(kinds.EXPERIMENT)

    assert trials(world) == [f"web-{hash_value}-2-1"]
    assert obj.labels(trial) == {"rollouts-pod-template-hash": hash_value}
    assert obj.annotations(trial) == {"rollout.argoproj.io/revision": "2"}
    assert obj.controller_uid(trial) == obj.uid(world.rollout)
    assert world.status["canary"]["currentExperiment"] == trials(world)[0]
    assert (world.weight, world.status["currentStepIndex"]) == (20, 1)


def test_an_experiment_is_told_and_bears_the_labels_of_its_rollout():
    rollout = a_rollout(5, steps=(STEPS[0], {"experiment": TRIAL}, *STEPS[2:]))
    rollout["metadata"]["labels"] = {"team": "shop", "argo-rollouts.argoproj.io/controller-instance-id": "east"}
    world = deployed(rollout, a_template_of_analysis())
    world.set_image("shop/web:2")
    world.settle(3.0)
    (trial,) = world.of(kinds.EXPERIMENT)

    assert obj.labels(trial) == {**obj.labels(rollout), "rollouts-pod-template-hash": world.hash_of("2")}
    assert [note.message for note in world.notes if note.reason == "ExperimentCreated"] == [
        f"Created Experiment '{obj.name(trial)}'"
    ]


def test_an_experiment_at_the_first_step_comes_after_the_new_version():
    world = deployed(a_rollout(5, steps=({"experiment": TRIAL}, {"pause": {}})), a_template_of_analysis())
    world.notes.clear()
    world.set_image("shop/web:2")
    world.settle(3.0)

    made = [reason for reason in world.reasons() if reason in ("NewReplicaSetCreated", "ExperimentCreated")]
    assert made == ["NewReplicaSetCreated", "ExperimentCreated"]


def test_the_sets_run_the_pods_that_they_name():
    world = at_experiment()
    baseline, canary = world.of(kinds.EXPERIMENT)[0]["spec"]["templates"]

    assert [each["template"]["spec"]["containers"][0]["image"] for each in (baseline, canary)] == [
        "shop/web:1",
        "shop/web:2",
    ]
    assert [each["template"]["metadata"]["labels"] for each in (baseline, canary)] == [{"app": "web"}] * 2
    assert canary["selector"] == {"matchLabels": {"app": "web"}}
    assert (canary["replicas"], "replicas" in baseline) == (2, False)


def test_arguments_of_the_rollout_are_filled_in_and_those_of_the_experiment_left():
    world = at_experiment()
    (analysis,) = world.of(kinds.EXPERIMENT)[0]["spec"]["analyses"]

    assert analysis["args"] == [
        {"name": "stable", "value": world.hash_of("1")},
        {"name": "set", "value": "{{templates.canary.podTemplateHash}}"},
    ]


def test_pods_of_an_experiment_may_bear_labels_of_their_own():
    own = {"name": "canary", "specRef": "canary", "metadata": {"labels": {"app": "trial"}, "annotations": {"a": "b"}}}
    world = at_experiment({"templates": [own]})
    (template,) = world.of(kinds.EXPERIMENT)[0]["spec"]["templates"]

    assert template["template"]["metadata"] == {"labels": {"app": "trial"}, "annotations": {"a": "b"}}
    assert template["selector"] == {"matchLabels": {"app": "trial"}}


def test_success_lets_the_update_go_on():
    world = at_experiment()
    finish(world, "Successful")

    assert (world.weight, world.status["currentStepIndex"]) == (60, 3)
    assert "currentExperiment" not in world.status["canary"]


@pytest.mark.parametrize("phase", ["Failed", "Error"])
def test_failure_aborts_the_update(phase):
    world = at_experiment()
    finish(world, phase, "analysis 'errors' is Failed")

    assert world.status["abort"] is True
    assert "analysis 'errors' is Failed" in world.status["message"]
    assert world.weight == 0


def test_no_verdict_pauses_and_a_person_who_goes_on_gets_another_experiment():
    world = at_experiment()
    finish(world, "Inconclusive")
    assert [each["reason"] for each in world.status["pauseConditions"]] == ["InconclusiveExperiment"]
    world.command(pauseConditions=None)
    world.settle(3.0)

    assert len(trials(world)) == 2
    assert world.status["canary"]["currentExperiment"] == trials(world)[1]
    finish(world, "Successful")
    assert world.weight == 60


def test_an_experiment_that_somebody_terminated_is_no_success():
    world = at_experiment()
    world.patch(Ref(kinds.EXPERIMENT, NAMESPACE, trials(world)[0]), {"spec": {"terminate": True}})
    finish(world, "Successful")

    assert [each["reason"] for each in world.status["pauseConditions"]] == ["InconclusiveExperiment"]
    assert world.weight == 20


def test_an_abort_ends_the_experiment():
    world = at_experiment()
    world.command(abort=True)
    world.settle(3.0)

    assert world.of(kinds.EXPERIMENT)[0]["spec"]["terminate"] is True
    assert "ExperimentTerminating" in world.reasons()


def test_a_retry_makes_another_experiment():
    world = at_experiment()
    world.command(abort=True)
    world.settle(3.0)
    finish(world, "Successful")
    world.command(abort=False)
    world.settle(3.0)

    assert len(trials(world)) == 2
    assert world.status["currentStepIndex"] == 1


def test_another_version_ends_the_experiment_of_the_one_before():
    world = at_experiment()
    first = trials(world)[0]
    world.set_image("shop/web:3")
    world.settle(3.0)
    ended = world.objects[Ref(kinds.EXPERIMENT, NAMESPACE, first)]

    assert ended["spec"]["terminate"] is True
    assert len(trials(world)) == 2


def test_a_full_promotion_ends_the_experiment():
    world = at_experiment()
    world.command(promoteFull=True)
    world.settle(30.0)

    assert world.status["phase"] == "Healthy"
    assert world.of(kinds.EXPERIMENT)[0]["spec"]["terminate"] is True


def test_an_experiment_that_vanishes_is_made_again():
    world = at_experiment()
    del world.objects[Ref(kinds.EXPERIMENT, NAMESPACE, trials(world)[0])]
    world.settle(3.0)

    assert len(trials(world)) == 1
    assert world.status["currentStepIndex"] == 1


def test_finished_experiments_are_kept_up_to_the_limit_of_analyses():
    world = at_experiment(analysis={"successfulRunHistoryLimit": 0})
    finish(world, "Successful")
    world.settle(3.0)

    assert trials(world) == []


@pytest.mark.parametrize(
    ("story", "trial", "reason"),
    [
        ("no pods", {"templates": []}, "TemplatesMissing"),
        ("pods of nobody", {"templates": [{"name": "a", "specRef": "other"}]}, "SpecRefInvalid"),
        ("two sets of one name", {"templates": [{"name": "a", "specRef": "canary"}] * 2}, "NameRepeated"),
        ("a duration of words", {**TRIAL, "duration": "soon"}, "DurationInvalid"),
        ("a template that is not there", {**TRIAL, "analyses": [{"name": "a", "templateName": "x"}]},
         "TemplateNotFound"),
        ("a weight", {"templates": [{"name": "a", "specRef": "canary", "weight": 5}]}, "ExperimentWeight"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_the_update_starts(story, trial, reason):
    world = World(a_rollout(5, steps=({"experiment": trial},)), a_template_of_analysis())
    refused = gather(WEB, world)

    assert reason in [each.reason for each in refused.refusals]
