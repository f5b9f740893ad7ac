"""A Rollout that runs a Deployment's template, as clients of the contract see it."""

from __future__ import annotations

import copy

import pytest

from tests.builders import NAMESPACE, a_blue_green, a_service
from tests.contract.story import HASH, Object, Story, a_version, rollout_phase

GENERATION = "rollout.argoproj.io/workload-generation"


def a_workload(tag: int, name: str = "old") -> Object:
    """A Deployment without pods of its own."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": a_version(tag)},
    }


def a_reference(name: str = "old", **spec: object) -> Object:
    """A blue-green Rollout of one pod whose template is a Deployment's."""
    workload = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    given: Object = {"template": None, "selector": None, "workloadRef": workload, "progressDeadlineSeconds": 2, **spec}
    return a_blue_green(1, blue_green={"previewService": None, "scaleDownDelaySeconds": 1}, **given)


def selects(story: Story) -> Object:
    """The active Service's selector."""
    found: Object = story.get("Service", "web-active")["spec"]["selector"]
    return found


def generation(story: Story) -> str:
    """The Deployment's generation, as the status tells it."""
    return str(story.get("Deployment", "old")["metadata"]["generation"])


def versions(story: Story) -> int:
    """The Rollout's ReplicaSets."""
    owners = [each["metadata"]["ownerReferences"][0]["kind"] for each in story.every("ReplicaSet")]
    return owners.count("Rollout")


def test_a_workload_leads_the_rollout_from_one_version_to_the_next(story: Story) -> None:
    story.create(a_service("web-active"), a_reference())
    story.until_phase("Degraded")
    assert [each["type"] for each in story.status()["conditions"]] == ["InvalidSpec"]
    assert selects(story) == {"app": "web"}

    story.create(a_workload(1))
    status = story.until_phase("Healthy")["status"]
    first = status["currentPodHash"]
    assert status["workloadObservedGeneration"] == generation(story)
    assert selects(story) == {"app": "web", HASH: first}

    broken = a_version(2)
    broken["metadata"]["annotations"] = {"player.rollouts.test/ready": "never"}
    story.patch({"spec": {"template": broken}}, "Deployment", "old")
    late = story.until_phase("Degraded")
    assert late["status"]["workloadObservedGeneration"] == late["metadata"]["annotations"][GENERATION]
    assert late["status"]["workloadObservedGeneration"] == generation(story)
    assert selects(story) == {"app": "web", HASH: first}

    story.patch({"spec": {"template": a_version(3)}}, "Deployment", "old")
    rollout = story.until_phase("Healthy")
    assert rollout["status"]["workloadObservedGeneration"] == generation(story)
    assert selects(story) == {"app": "web", HASH: rollout["status"]["currentPodHash"]}
    assert not {"template", "selector"} & set(rollout["spec"])
    assert story.get("Deployment", "old")["spec"]["replicas"] == 0


def test_a_reference_that_is_lost_and_found_again_makes_no_update(story: Story) -> None:
    story.create(a_service("web-active"), a_workload(1), a_reference())
    before = story.until_phase("Healthy")["status"]["stableRS"]
    story.patch({"spec": {"workloadRef": {"name": "missing"}}})
    story.until_phase("Degraded")
    story.patch({"spec": {"workloadRef": {"name": "old"}}})
    rollout = story.until_phase("Healthy")

    assert selects(story) == {"app": "web", HASH: before}
    assert rollout["metadata"]["annotations"]["rollout.argoproj.io/revision"] == "1"
    assert versions(story) == 1


def test_a_template_of_its_own_takes_the_workloads_place_without_an_update(story: Story) -> None:
    story.create(a_service("web-active"), a_workload(1), a_reference())
    before = story.until_phase("Healthy")["status"]["stableRS"]
    own = {"selector": {"matchLabels": {"app": "web"}}, "template": a_version(1), "workloadRef": None}
    story.patch({"spec": own})
    rollout = story.until_phase("Healthy")

    assert rollout["status"]["stableRS"] == rollout["status"]["currentPodHash"] == before
    assert "workloadObservedGeneration" not in rollout["status"]
    assert rollout_phase(story.rollout()) == ("Healthy", "")


def test_a_template_beside_a_reference_is_told(story: Story) -> None:
    labels = {"metadata": {"labels": {"app": "web"}}}
    selector = {"matchLabels": {"app": "web"}}
    story.create(a_service("web-active"), a_workload(1), a_reference(template=labels, selector=selector))
    degraded = story.until_phase("Degraded")["status"]

    assert len(degraded["conditions"]) == 1
    assert "template must be empty for workload reference rollout" in degraded["conditions"][0]["message"]


@pytest.mark.parametrize("nothing", [{"metadata": {"creationTimestamp": None}, "spec": {"containers": None}}, {}])
def test_a_template_that_says_nothing_is_none(story: Story, nothing: Object) -> None:
    story.create(a_service("web-active"), a_workload(1), a_reference(template=nothing))
    story.until_phase("Healthy")

    assert versions(story) == 1


def test_a_client_that_writes_whole_objects_makes_no_update(story: Story) -> None:
    story.create(a_service("web-active"), a_blue_green(1, blue_green={"previewService": None}, template=a_version(1)))
    rollout = copy.deepcopy(story.until_phase("Healthy"))
    template = rollout["spec"]["template"]
    template["metadata"]["creationTimestamp"] = None
    template["spec"]["containers"][0]["resources"] = {}
    rollout["spec"]["minReadySeconds"] = 0
    story.ask("PUT", story.path("Rollout", "web"), rollout)
    after = story.until_phase("Healthy")

    assert after["status"]["currentPodHash"] == rollout["status"]["currentPodHash"]
    assert after["metadata"]["annotations"]["rollout.argoproj.io/revision"] == "1"
    assert versions(story) == 1
