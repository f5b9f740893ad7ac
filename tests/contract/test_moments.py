"""What a client finds at the moment when it sees a phase: it asks once, and does not wait for more."""

from __future__ import annotations

import pytest

from tests.builders import a_template_of_analysis
from tests.contract.story import HASH, Object, Story

HELD: list[Object] = [{"setWeight": 50}, {"pause": {}}, {"setWeight": 100}]
UNROUTED: Object = {
    **dict.fromkeys(("trafficRouting", "stableService", "canaryService")),
    **dict.fromkeys(("scaleDownDelaySeconds", "abortScaleDownDelaySeconds")),
}
DEADLINE = "scale-down-deadline"


def test_a_first_pause_has_its_version_and_its_analysis_beside_it(story: Story) -> None:
    story.create(a_template_of_analysis("success-rate", metrics=[story.metric(interval="60s")]))
    analysis = {"templates": [{"templateName": "success-rate"}]}
    story.deploy([{"pause": {}}, *HELD], canary={"analysis": analysis})
    story.release(2)
    story.until_phase("Paused")

    assert story.replica_set(2)["spec"]["replicas"] == 0
    run = story.every("AnalysisRun")[0]
    assert run["metadata"]["labels"]["rollout-type"] == "Background"


def test_an_aborted_update_has_led_everything_back(story: Story) -> None:
    story.deploy(HELD, canary={"abortScaleDownDelaySeconds": 30})
    story.release(2)
    story.until_phase("Paused")
    story.patch_status({"abort": True})
    stable = story.until_phase("Degraded")["status"]["stableRS"]

    assert story.get("Service", "web-canary")["spec"]["selector"][HASH] == stable
    assert story.weight() == "0"
    assert story.replica_set(2)["metadata"]["annotations"][DEADLINE]


@pytest.mark.parametrize(("canary", "pods"), [({"scaleDownDelaySeconds": 30}, (4, 2, 4)), (UNROUTED, (2, 2, 2))])
def test_a_promoted_update_has_its_pods(story: Story, canary: Object, pods: tuple[int, ...]) -> None:
    story.deploy(HELD, canary=canary)
    story.release(2)
    story.until_phase("Paused")
    story.patch_status({"pauseConditions": None})
    status = story.until_phase("Healthy")["status"]

    assert story.replica_set(2)["metadata"]["labels"][HASH] == status["stableRS"]
    assert (status["replicas"], status["updatedReplicas"], status["availableReplicas"]) == pods


def test_quantities_are_read_in_every_form(story: Story) -> None:
    story.deploy([], canary=UNROUTED)
    forms: tuple[object, ...] = (0.001, "0.001", "1m")
    containers = [
        {"name": f"c{at}", "image": "shop/web:2", "resources": {"requests": {"cpu": cpu}}}
        for at, cpu in enumerate(forms)
    ]
    story.patch({"spec": {"template": {"spec": {"containers": containers}}}})
    story.until("the second version", lambda: story.replica_set(2))
    story.until_phase("Healthy")

    made = story.replica_set(2)["spec"]["template"]["spec"]["containers"]
    assert [each["resources"]["requests"]["cpu"] for each in made] in (list(forms), ["1m"] * 3)
