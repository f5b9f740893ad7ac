"""A restart as clients of the contract see it."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.contract.story import Object, Story, a_version

ALONE = {"trafficRouting": None, "stableService": None, "canaryService": None, "scaleDownDelaySeconds": None}
COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")


def test_as_many_pods_leave_at_once_as_may_be_missing(story: Story) -> None:
    steps: list[Object] = [{"setWeight": 25}, {"pause": {}}]
    story.deploy(steps, replicas=4, canary={**ALONE, "maxUnavailable": "75%"}, template=a_version(1, ready_s=3.0))
    story.patch({"spec": {"template": a_version(2, ready_s=3.0)}})
    story.until_phase("Paused")
    wished = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    story.patch({"spec": {"restartAt": wished}})
    story.until("three on their way", lambda: story.status()["availableReplicas"] == 1)
    status = story.status()

    assert [status[each] for each in COUNTS] == [4, 1, 1, 1]
    assert "restartedAt" not in status
    story.until("the end", lambda: story.status()["restartedAt"] == wished)
    story.until("all pods", lambda: story.status()["availableReplicas"] == 4)
    assert story.until_phase("Paused")["status"]["currentStepIndex"] == 1
