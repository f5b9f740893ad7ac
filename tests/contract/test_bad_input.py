"""What people write by mistake, and what stands in a cluster already: told, healed, and nothing promoted by it."""

from __future__ import annotations

import json
import urllib.error

import pytest

from tests.builders import a_rollout, the_usual
from tests.contract.story import HASH, Object, Story, a_version

STEPS: list[Object] = [{"setWeight": 20}, {"pause": {}}]


def message(story: Story) -> str:
    """What the InvalidSpec condition says, once it is there."""
    story.until("InvalidSpec", lambda: story.conditions()["InvalidSpec"])
    return story.conditions()["InvalidSpec"][2]


def refusal(story: Story, rollout: Object) -> str:
    """What the API server says against a Rollout, by the rules of its CRD alone."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        story.create(rollout)
    with refused.value as answer:
        assert answer.code == 422
        return str(json.loads(answer.read())["message"])


def test_a_misspelt_step_is_refused_as_an_empty_one(story: Story) -> None:
    said = refusal(story, a_rollout(1, steps=[{"setWieght": 20}, {"pause": {}}]))

    assert "spec.strategy.canary.steps[0]" in said


def test_a_misspelt_field_does_nothing(story: Story) -> None:
    rollout = story.deploy(STEPS, progressDeadlineSecond=1)

    assert "progressDeadlineSecond" not in rollout["spec"]
    story.release(2)
    assert story.until_phase("Paused")["status"]["currentStepIndex"] == 1


def test_quantities_that_nobody_can_read_stop_no_rollout(story: Story) -> None:
    template = a_version(1)
    template["spec"]["containers"][0]["resources"] = {"requests": "invalid"}
    story.create(*the_usual(), a_rollout(1, steps=STEPS, template=template))

    story.until_phase("Healthy")
    assert not story.replica_set(1)["spec"]["template"]["spec"]["containers"][0].get("resources")


def test_free_text_goes_through_as_it_was_written(story: Story) -> None:
    words = 'ünï 🚀 "quoted" \\ {{args.x}} \u202e'
    story.deploy(STEPS)
    template = a_version(2)
    template["metadata"]["annotations"]["why"] = words
    story.patch({"metadata": {"annotations": {"kubernetes.io/change-cause": words}}, "spec": {"template": template}})
    story.until_phase("Paused")

    found = story.replica_set(2)
    assert found["metadata"]["annotations"]["kubernetes.io/change-cause"] == words
    assert found["spec"]["template"]["metadata"]["annotations"]["why"] == words


def test_a_name_with_a_line_break_is_told_on_one_line(story: Story) -> None:
    story.create(*the_usual(), a_rollout(1, steps=STEPS, canary={"canaryService": "web-canary\n"}))

    said = message(story)
    assert 'spec.strategy.canary.canaryService: Invalid value: "web-canary\\n"' in said
    assert said.isprintable()


def test_a_workload_that_is_not_there_is_told_and_heals(story: Story) -> None:
    """#4208: the reference stopped the controller."""
    named = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "old"}
    rollout = a_rollout(1, steps=STEPS, template=None, selector=None, workloadRef=named)
    story.create(*the_usual(), rollout)
    assert 'deployments.apps "old" not found' in message(story)

    labels = {"matchLabels": {"app": "web"}}
    spec = {"replicas": 0, "selector": labels, "template": a_version(1)}
    meta = {"name": "old", "namespace": story.namespace}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}
    story.ask("POST", f"/apis/apps/v1/namespaces/{story.namespace}/deployments", deployment)
    story.until_phase("Healthy")


@pytest.mark.parametrize("kind", ["StatefulSet", "Rollout"])
def test_a_workload_of_another_kind_is_refused(story: Story, kind: str) -> None:
    named = {"apiVersion": "apps/v1", "kind": kind, "name": "web"}

    assert "spec.workloadRef" in refusal(
        story, a_rollout(1, steps=STEPS, template=None, selector=None, workloadRef=named)
    )


def test_an_autoscaler_on_a_replicaset_moves_no_traffic(story: Story) -> None:
    story.deploy(STEPS)
    story.release(2)
    story.until_phase("Paused")
    stable = story.replica_set(1)["metadata"]["name"]
    for size in (5, 1, 7):
        story.patch({"spec": {"replicas": size}}, "ReplicaSet", stable)
        story.until("its own size again", lambda: story.get("ReplicaSet", stable)["spec"]["replicas"] == 2)

    assert story.weight() == "20"
    assert story.status()["currentStepIndex"] == 1


def test_pods_that_a_deleted_rollout_left_are_taken_over_by_the_next_one_of_its_name(story: Story) -> None:
    story.deploy(STEPS)
    before = story.replica_set(1)["metadata"]["uid"]
    story.ask("DELETE", story.path("Rollout", "web"), {"propagationPolicy": "Orphan"})
    story.until("nobody's pods", lambda: not story.replica_set(1)["metadata"].get("ownerReferences"))

    story.create(a_rollout(2, steps=STEPS, template=a_version(1)))
    mine = story.until_phase("Healthy")["metadata"]["uid"]
    left = [*story.every("ReplicaSet"), story.get("Ingress", "web-web-canary")]

    assert [each["metadata"]["uid"] for each in left][:-1] == [before]
    assert [each["metadata"]["ownerReferences"][0]["uid"] for each in left] == [mine, mine]


def test_an_abort_of_a_healthy_rollout_touches_nothing(story: Story) -> None:
    """#1292: it scaled the stable version down."""
    story.deploy(STEPS)
    before = {each["metadata"]["name"]: each["spec"]["replicas"] for each in story.every("ReplicaSet")}
    story.patch_status({"abort": True})
    story.until("the abort taken back", lambda: "abort" not in story.status())

    assert story.until_phase("Healthy")
    assert {each["metadata"]["name"]: each["spec"]["replicas"] for each in story.every("ReplicaSet")} == before


def test_one_refused_rollout_holds_no_other_up(story: Story) -> None:
    bad = a_rollout(1, steps=[{"setWeight": 101}])
    bad["metadata"] = {**bad["metadata"], "name": "bad"}
    story.create(bad)
    story.deploy(STEPS)
    story.release(2)

    assert story.until_phase("Paused")["status"]["currentStepIndex"] == 1
    assert json.dumps(story.get("Rollout", "bad")["status"]).count("InvalidSpec") >= 2
    assert HASH not in json.dumps(story.get("Rollout", "bad")["status"])
