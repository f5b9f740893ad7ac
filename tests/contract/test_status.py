"""The status, its conditions and its phase, from the first deployment to the end of an update."""

from __future__ import annotations

import re

from tests.builders import a_rollout, a_service, the_usual
from tests.contract.story import HASH, Object, Story, a_version, argo_cd_health, rollout_phase

STEPS: list[Object] = [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}]


def test_the_first_version_skips_every_step(story: Story) -> None:
    rollout = story.deploy(STEPS, replicas=3)
    status = rollout["status"]
    hash_value = status["currentPodHash"]

    assert status["stableRS"] == hash_value
    assert status["currentStepIndex"] == len(STEPS)
    assert status["observedGeneration"] == str(rollout["metadata"]["generation"])
    assert status["selector"] == "app=web"
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "HPAReplicas")
    assert [status[count] for count in counts] == [3] * 5
    assert not {"abort", "abortedAt", "pauseConditions", "controllerPause", "promoteFull", "message"} & set(status)
    assert status["canary"]["weights"] == {
        "canary": {"weight": 0, "serviceName": "web-canary", "podTemplateHash": hash_value},
        "stable": {"weight": 100, "serviceName": "web-stable", "podTemplateHash": hash_value},
    }
    assert story.conditions() == {
        "Available": ("True", "AvailableReason", "Rollout has minimum availability"),
        "Healthy": ("True", "RolloutHealthy", "Rollout is healthy"),
        "Completed": ("True", "RolloutCompleted", "RolloutCompleted"),
        "Progressing": (
            "True",
            "NewReplicaSetAvailable",
            f'ReplicaSet "web-{hash_value}" has successfully progressed.',
        ),
        "Ready": ("True", "Healthy", "Rollout is healthy"),
        "Reconciling": ("False", "NotReconciling", ""),
        "Stalled": ("False", "NotStalled", ""),
    }
    assert rollout_phase(rollout) == ("Healthy", "")
    assert argo_cd_health(rollout) == ("Healthy", "")
    assert rollout["metadata"]["annotations"]["rollout.argoproj.io/revision"] == "1"


def test_an_update_stands_at_its_pause(story: Story) -> None:
    story.deploy(STEPS)
    story.release(2)
    rollout = story.until_phase("Paused")
    status = rollout["status"]

    assert status["currentStepIndex"] == 1
    assert [pause["reason"] for pause in status["pauseConditions"]] == ["CanaryPauseStep"]
    assert status["controllerPause"] is True
    assert (status["phase"], status["message"]) == ("Paused", "CanaryPauseStep")
    assert (status["replicas"], status["updatedReplicas"]) == (3, 1)
    assert status["stableRS"] != status["currentPodHash"]
    weights = status["canary"]["weights"]
    assert (weights["canary"]["weight"], weights["stable"]["weight"]) == (20, 80)
    assert weights["canary"]["podTemplateHash"] == status["currentPodHash"]
    conditions = story.conditions()
    assert conditions["Paused"] == ("True", "RolloutPaused", "Rollout is paused")
    assert conditions["Progressing"] == ("Unknown", "RolloutPaused", "Rollout is paused")
    assert conditions["Healthy"] == ("False", "RolloutHealthy", "Rollout is not healthy")
    assert conditions["Completed"] == ("False", "RolloutCompleted", "RolloutCompleted")
    assert argo_cd_health(rollout) == ("Suspended", "CanaryPauseStep")


def test_replica_sets_bear_the_marks_of_the_contract(story: Story) -> None:
    story.deploy(STEPS)
    story.patch({"metadata": {"annotations": {"kubernetes.io/change-cause": "two"}}})
    story.release(2)
    rollout = story.until_phase("Paused")
    hash_value = rollout["status"]["currentPodHash"]
    found = story.replica_set(2)

    assert found["metadata"]["name"] == f"web-{hash_value}"
    assert found["metadata"]["labels"] == {"app": "web", HASH: hash_value}
    assert found["metadata"]["annotations"] == {
        "rollout.argoproj.io/revision": "2",
        "rollout.argoproj.io/desired-replicas": "2",
        "kubernetes.io/change-cause": "two",
    }
    assert found["spec"]["selector"]["matchLabels"] == {"app": "web", HASH: hash_value}
    assert found["spec"]["template"]["metadata"]["labels"] == {"app": "web", HASH: hash_value}
    owner = found["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("Rollout", "web", True)
    assert owner["blockOwnerDeletion"] is True
    assert rollout["metadata"]["annotations"]["rollout.argoproj.io/revision"] == "2"


def test_services_and_ingress_follow_the_update(story: Story) -> None:
    story.deploy(STEPS)
    story.release(2)
    status = story.until_phase("Paused")["status"]
    stable, canary = story.get("Service", "web-stable"), story.get("Service", "web-canary")
    ingress = story.get("Ingress", "web-web-canary")

    assert stable["spec"]["selector"] == {"app": "web", HASH: status["stableRS"]}
    assert canary["spec"]["selector"] == {"app": "web", HASH: status["currentPodHash"]}
    mark = "argo-rollouts.argoproj.io/managed-by-rollouts"
    assert stable["metadata"]["annotations"][mark] == canary["metadata"]["annotations"][mark] == "web"
    assert ingress["metadata"]["annotations"] == {
        "nginx.ingress.kubernetes.io/canary": "true",
        "nginx.ingress.kubernetes.io/canary-weight": "20",
    }
    assert ingress["metadata"]["ownerReferences"][0]["name"] == "web"
    assert ingress["spec"]["ingressClassName"] == "nginx"
    backend = {"service": {"name": "web-canary", "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    assert ingress["spec"]["rules"] == [{"host": "shop.example", "http": {"paths": [path]}}]


def test_the_old_version_stays_until_its_deadline(story: Story) -> None:
    story.deploy([], canary={"scaleDownDelaySeconds": 60})
    story.release(2)
    story.until("the new version stable", lambda: story.status()["stableRS"] == story.status()["currentPodHash"])
    story.until("a deadline", lambda: story.replica_set(1)["metadata"]["annotations"]["scale-down-deadline"])
    old = story.replica_set(1)

    assert old["spec"]["replicas"] == 2
    deadline = old["metadata"]["annotations"]["scale-down-deadline"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", deadline)
    assert "scale-down-deadline" not in story.replica_set(2)["metadata"]["annotations"]
    assert rollout_phase(story.rollout()) == ("Healthy", "")


def test_a_deadline_that_passes_degrades_and_heals(story: Story) -> None:
    story.deploy(STEPS, progressDeadlineSeconds=1)
    story.patch({"spec": {"template": a_version(2, ready_s=8)}})
    degraded = story.until_phase("Degraded")["status"]
    name = f"web-{degraded['currentPodHash']}"
    said = f'ReplicaSet "{name}" has timed out progressing.'

    assert degraded["message"] == f"ProgressDeadlineExceeded: {said}"
    assert "abort" not in degraded
    story.until_phase("Paused")


def test_a_missing_service_is_told_and_heals(story: Story) -> None:
    stable, _, ingress = the_usual()
    story.create(stable, ingress, a_rollout(1, steps=STEPS))
    degraded = story.until_phase("Degraded")
    conditions = degraded["status"]["conditions"]

    assert [each["type"] for each in conditions] == ["InvalidSpec"]
    said = conditions[0]["message"]
    assert said == (
        'The Rollout "web" is invalid: spec.strategy.canary.canaryService: Invalid value: "web-canary": '
        'service "web-canary" not found'
    )
    assert degraded["status"]["message"] == f"InvalidSpec: {said}"
    story.create(a_service("web-canary"))
    story.until_phase("Healthy")
    assert "InvalidSpec" not in story.conditions()


def test_scaling_in_the_middle_of_an_update_moves_both_sides(story: Story) -> None:
    story.deploy([{"setWeight": 50}, {"pause": {}}], replicas=2)
    story.release(2)
    story.until_phase("Paused")
    story.patch({"spec": {"replicas": 4}})
    story.until("more pods", lambda: story.status()["availableReplicas"] == 6)

    sizes = [story.replica_set(revision)["spec"]["replicas"] for revision in (1, 2)]
    assert sizes == [4, 2]
    marks = [story.replica_set(revision)["metadata"]["annotations"] for revision in (1, 2)]
    assert [each["rollout.argoproj.io/desired-replicas"] for each in marks] == ["4", "4"]
    assert story.until_phase("Paused")["status"]["currentStepIndex"] == 1


def test_changed_steps_begin_again(story: Story) -> None:
    story.deploy(STEPS)
    story.release(2)
    before = story.until_phase("Paused")["status"]
    story.patch({"spec": {"strategy": {"canary": {"steps": [{"setWeight": 40}, {"pause": {}}]}}}})
    story.until("the new weight", lambda: story.weight() == "40")
    after = story.until_phase("Paused")["status"]

    assert after["currentStepIndex"] == 1
    assert after["currentStepHash"] != before["currentStepHash"]
    assert after["currentPodHash"] == before["currentPodHash"]
