"""Whole canaries, from the first deploy to the promotion, as their owner sees them."""

from __future__ import annotations

from collections import Counter

import pytest

from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Ref
from tests.builders import APP, NAMESPACE, STEPS, a_rollout, a_template
from tests.delivery.world import HASH, WEB, World, deployed


def test_the_first_deploy_skips_the_steps_and_asks_nobody_to_wait():
    world = deployed(a_rollout(3))

    assert world.sizes() == {"1": 3}
    assert world.status["currentStepIndex"] == len(STEPS)
    assert world.status["stableRS"] == world.status["currentPodHash"] == world.hash_of("1")
    assert world.selects("stable") == world.selects("canary") == world.hash_of("1")
    assert world.weights == [0]


def test_the_first_deploy_tells_the_contracts_events_in_order():
    world = deployed(a_rollout(1))
    about_traffic = {"CreatingCanaryIngress", "SwitchService", "TrafficWeightUpdated"}

    assert [reason for reason in world.reasons() if reason not in about_traffic] == [
        "RolloutAddedToInformer",
        "RolloutUpdated",
        "NewReplicaSetCreated",
        "RolloutNotCompleted",
        "ScalingReplicaSet",
        "RolloutCompleted",
    ]
    assert world.notes[1].message == "Rollout updated to revision 1"
    assert world.notes[-3].message.endswith(": Initial deploy")


def test_a_replica_set_bears_the_contracts_marks():
    world = deployed(a_rollout(2, minReadySeconds=3))
    found = world.set_named("1")
    name = f"{APP}-{world.hash_of('1')}"

    assert obj.name(found) == name
    assert found["metadata"]["annotations"] == {
        "rollout.argoproj.io/revision": "1",
        "rollout.argoproj.io/desired-replicas": "2",
    }
    assert found["spec"]["selector"]["matchLabels"] == {"app": APP, HASH: world.hash_of("1")}
    assert found["spec"]["template"]["metadata"]["labels"] == {"app": APP, HASH: world.hash_of("1")}
    assert found["spec"]["minReadySeconds"] == 3
    assert obj.controller_uid(found) == obj.uid(world.rollout)
    assert obj.annotations(world.rollout)["rollout.argoproj.io/revision"] == "1"


def test_an_update_walks_its_weights_and_ends_with_the_new_version_alone():
    world = deployed(a_rollout(5))

    world.set_image("shop/web:2")
    world.settle(120.0)

    assert world.weights == [0, 20, 40, 60, 80, 100, 0]
    assert world.sizes() == {"1": 0, "2": 5}
    assert world.status["phase"] == "Healthy"
    assert world.selects("stable") == world.selects("canary") == world.hash_of("2")


def test_an_update_tells_the_contracts_events_in_order():
    world = deployed(a_rollout(1, steps=STEPS[:2]))
    world.notes.clear()

    world.set_image("shop/web:2")
    world.settle(60.0)

    about_traffic = {"PatchingCanaryIngress", "TrafficWeightUpdated", "SwitchService"}
    assert [reason for reason in world.reasons() if reason not in about_traffic] == [
        "RolloutUpdated",
        "NewReplicaSetCreated",
        "RolloutNotCompleted",
        "ScalingReplicaSet",
        "RolloutStepCompleted",
        "RolloutPaused",
        "RolloutStepCompleted",
        "RolloutResumed",
        "RolloutCompleted",
        "ScalingReplicaSet",
    ]


@pytest.mark.parametrize("ready_s", [0.1, 3.0])
def test_an_update_of_one_pod_costs_no_more_writes_than_promised(ready_s):
    world = deployed(a_rollout(1), ready_s=ready_s)
    world.writes.clear()

    world.set_image("shop/web:2")
    world.settle(120.0)

    assert world.writes["Rollout/status"] <= 13
    assert world.writes - Counter({"Rollout/status": 13}) == {"Rollout": 1, "ReplicaSet": 3, "Service": 2, "Ingress": 6}


def test_a_rollout_at_rest_is_left_alone():
    world = deployed(a_rollout(3))
    world.writes.clear()

    world.settle(600.0)

    assert not world.writes


@pytest.mark.parametrize(("told_late_s", "kept_s"), [(0.4, 1.9), (4.9, 6.4), (5.0, 1.5), (-3.0, 1.5)])
def test_a_pause_lasts_as_long_for_those_who_were_told_late_of_it(told_late_s, kept_s):
    steps = [{"setWeight": 20}, {"pause": {"duration": "1500ms"}}, {"setWeight": 40}, {"pause": {}}]
    world = deployed(a_rollout(1, steps=steps))
    world.set_image("shop/web:2")
    world.until("Paused")
    start = Instant.parse(world.status["pauseConditions"][0]["startTime"])
    assert start is not None
    world.known_since_first[f"pause {start}"] = start.plus(told_late_s)
    world.settle(start.plus(kept_s - 0.01).since(world.now))

    assert world.weight == 20

    world.settle(0.5)

    assert world.weight == 40


def test_a_pause_ends_exactly_when_it_is_due_and_the_next_weight_follows_at_once():
    world = deployed(
        a_rollout(1, steps=[{"setWeight": 20}, {"pause": {"duration": "1500ms"}}, {"setWeight": 40}, {"pause": {}}])
    )
    world.set_image("shop/web:2")
    world.until("Paused")
    start = world.status["pauseConditions"][0]["startTime"]
    letters = len(world.letters)

    assert "." in start
    assert world.weight == 20
    world.settle(0.999)
    assert world.weight == 20
    world.settle(2.0)
    assert world.weight == 40
    wrote = [plan for plan in world.letters[letters:] if plan.writes]
    assert wrote[0].latch is not None and [action.ref.kind.name for action in wrote[1].writes] == ["Ingress"]


def test_the_old_pods_stay_until_the_delay_is_over():
    world = deployed(a_rollout(2, steps=[{"setWeight": 50}], canary={"scaleDownDelaySeconds": 45}))

    world.set_image("shop/web:2")
    world.until("Healthy", 20.0)
    world.settle(40.0)
    assert world.sizes() == {"1": 2, "2": 2}
    world.settle(10.0)

    assert world.sizes() == {"1": 0, "2": 2}
    assert "scale-down-deadline" not in obj.annotations(world.set_named("1"))


def test_without_a_delay_the_old_pods_go_once_the_weight_was_read_back():
    world = deployed(a_rollout(2, steps=[{"setWeight": 50}], canary={"scaleDownDelaySeconds": 0}))

    world.set_image("shop/web:2")
    world.settle(5.0)

    assert world.sizes() == {"1": 0, "2": 2}


def test_a_canary_without_steps_takes_everything_once_it_is_complete():
    world = deployed(a_rollout(4, steps=[]))

    world.set_image("shop/web:2")
    world.settle(60.0)

    assert world.weights == [0, 100, 0]
    assert world.sizes() == {"1": 0, "2": 4}


def test_weights_may_fall_and_the_pods_follow_after_the_traffic():
    steps = [{"setWeight": 60}, {"pause": {"duration": 5}}, {"setWeight": 20}, {"pause": {"duration": 5}}]
    world = deployed(a_rollout(5, steps=steps))

    world.set_image("shop/web:2")
    world.settle(8.0)

    assert world.weights[-2:] == [60, 20]
    assert world.sizes() == {"1": 5, "2": 1}


def test_a_step_of_weight_zero_is_a_step_like_any_other():
    world = deployed(a_rollout(2, steps=[{"setWeight": 0}, {"pause": {"duration": 5}}, {"setWeight": 50}]))

    world.set_image("shop/web:2")
    world.until("Paused")
    assert world.sizes() == {"1": 2, "2": 0}
    world.settle(120.0)

    assert world.sizes() == {"1": 0, "2": 2}


def test_every_ingress_must_carry_the_weight_before_a_step_is_done():
    nginx = {"stableIngress": None, "stableIngresses": [APP, "admin"]}
    from tests.builders import an_ingress

    world = World(an_ingress("admin"), a_rollout(1, nginx={key: v for key, v in nginx.items() if v}, canary=None))
    rollout = world.rollout
    del rollout["spec"]["strategy"]["canary"]["trafficRouting"]["nginx"]["stableIngress"]
    world.settle(60.0)
    world.refusing = lambda action: action.ref.name == "web-admin-canary"

    world.set_image("shop/web:2")
    world.settle(5.0)
    assert world.status["currentStepIndex"] == 0
    world.refusing = lambda action: False
    world.settle(5.0)

    assert world.status["currentStepIndex"] == 1


def test_replicas_left_out_are_written_once_so_that_autoscalers_can_work():
    world = deployed(a_rollout(None))

    assert world.rollout["spec"]["replicas"] == 1
    assert world.status["observedGeneration"] == "2"


def test_no_replicas_means_no_traffic_to_move():
    world = deployed(a_rollout(0))

    world.set_image("shop/web:2")
    world.settle(60.0)

    assert world.status["phase"] == "Healthy"
    assert world.status["stableRS"] == world.hash_of("2")
    assert world.weights == [0]


def test_a_falling_weight_moves_the_traffic_before_it_takes_any_pods():
    world = deployed(a_rollout(10, steps=[{"setWeight": 50}, {"pause": {}}, {"setWeight": 20}, {"pause": {}}]))
    world.set_image("shop/web:2")
    world.until("Paused")
    seen = []
    world.refusing = lambda action: bool(seen.append((world.weight, world.sizes()["2"])))

    world.command(pauseConditions=None)
    world.settle(5.0)

    assert (world.weight, world.sizes()) == (20, {"1": 10, "2": 2})
    assert list(dict.fromkeys(seen)) == [(50, 5), (20, 5), (20, 2)]


def test_a_status_says_what_clients_read():
    world = deployed(a_rollout(5))
    world.set_image("shop/web:2")
    world.until("Paused")
    status = world.status

    assert {key: status[key] for key in ("replicas", "updatedReplicas", "readyReplicas", "HPAReplicas")} == {
        "replicas": 6,
        "updatedReplicas": 1,
        "readyReplicas": 6,
        "HPAReplicas": 6,
    }
    assert (status["phase"], status["message"]) == ("Paused", "CanaryPauseStep")
    assert status["observedGeneration"] == str(obj.generation(world.rollout))
    assert status["selector"] == "app=web"
    assert status["controllerPause"] is True
    assert status["canary"]["weights"] == {
        "canary": {"weight": 20, "serviceName": "web-canary", "podTemplateHash": world.hash_of("2")},
        "stable": {"weight": 80, "serviceName": "web-stable", "podTemplateHash": world.hash_of("1")},
    }
    told = {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}
    assert told == {
        "Available": ("True", "AvailableReason"),
        "Paused": ("True", "RolloutPaused"),
        "Healthy": ("False", "RolloutHealthy"),
        "Completed": ("False", "RolloutCompleted"),
        "Progressing": ("Unknown", "RolloutPaused"),
        "Ready": ("False", "Paused"),
        "Reconciling": ("True", "Paused"),
        "Stalled": ("False", "NotStalled"),
    }


def test_services_are_marked_and_given_back_when_the_rollout_goes():
    world = deployed(a_rollout())
    service = Ref(kinds.SERVICE, NAMESPACE, "web-stable")
    assert obj.annotations(world.objects[service])["argo-rollouts.argoproj.io/managed-by-rollouts"] == APP

    del world.objects[WEB]
    world.turn()

    assert world.objects[service]["spec"]["selector"] == {"app": APP}
    assert not obj.annotations(world.objects[service])


def test_a_name_that_is_taken_gives_the_template_another_hash():
    world = World(a_rollout())
    world.turn()
    first = world.status["currentPodHash"]
    world.add(
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{APP}-{first}",
                "namespace": NAMESPACE,
                "ownerReferences": [{"uid": "other", "controller": True}],
            },
            "spec": {"replicas": 0, "template": a_template("other:9")},
        }
    )
    world.settle(30.0)

    assert world.status["collisionCount"] == 1
    assert world.status["currentPodHash"] != first
    assert world.status["phase"] == "Healthy"


def test_a_replica_set_under_another_hash_is_taken_over_when_its_template_is_the_same():
    world = World(a_rollout(2))
    owner = obj.controller_reference(kinds.ROLLOUT, world.rollout)
    template = a_template()
    template["metadata"] = {"labels": {"app": APP, HASH: "legacy1"}}
    template["spec"] = {**template["spec"], "restartPolicy": "Always", "dnsPolicy": "ClusterFirst"}
    world.add(
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": "web-legacy1",
                "namespace": NAMESPACE,
                "labels": {"app": APP, HASH: "legacy1"},
                "annotations": {"rollout.argoproj.io/revision": "4"},
                "ownerReferences": [owner],
            },
            "spec": {"replicas": 2, "template": template},
        }
    )

    world.settle(30.0)

    assert [obj.name(each) for each in world.of(kinds.REPLICA_SET)] == ["web-legacy1"]
    assert world.status["stableRS"] == "legacy1"
    assert obj.annotations(world.rollout)["rollout.argoproj.io/revision"] == "4"


def test_old_replica_sets_are_kept_up_to_the_limit():
    world = deployed(a_rollout(1, steps=[], revisionHistoryLimit=2, canary={"scaleDownDelaySeconds": 0}))

    for number in range(2, 7):
        world.set_image(f"shop/web:{number}")
        world.settle(20.0)

    assert sorted(world.sizes()) == ["4", "5", "6"]


def test_the_replica_set_of_a_former_rollout_is_waited_for_and_not_taken_over():
    old = deployed(a_rollout(2))
    former = old.set_named("1")
    world = World(former, a_rollout(2))

    world.settle(5.0)
    assert world.sizes() == {"1": 2}
    assert "collisionCount" not in world.status
    del world.objects[Ref(kinds.REPLICA_SET, NAMESPACE, obj.name(former))]
    world.settle(5.0)

    assert obj.controller_uid(world.set_named("1")) == obj.uid(world.rollout)
    assert world.status["phase"] == "Healthy"


def test_no_canary_pod_is_made_while_the_stable_service_would_select_it():
    world = deployed(a_rollout(3))
    service = Ref(kinds.SERVICE, NAMESPACE, "web-stable")
    world.patch(service, {"spec": {"selector": {HASH: None}}})
    world.refusing = lambda action: action.ref == service

    world.set_image("shop/web:2")
    world.settle(5.0)
    assert world.sizes() == {"1": 3}
    world.refusing = lambda action: False
    world.settle(5.0)

    assert world.sizes() == {"1": 3, "2": 1}
