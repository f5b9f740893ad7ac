"""Whole blue-green updates, from the first deploy to the promotion, as their owner sees them."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.core.plan import Patch
from rollouts.delivery.rules import check
from rollouts.kube import kinds
from rollouts.kube import object as obj
from tests.builders import APP, STEPS, a_blue_green, a_rollout, a_service, a_template_of_analysis
from tests.delivery.world import HASH, WEB, World

JUDGED = {"templates": [{"templateName": "success-rate"}]}


class BlueGreenWorld(World):
    """A world that watches the active Service: it never turns to too few pods, and nothing goes from beneath it."""

    def check_traffic(self, action: Any, former: int) -> None:
        if WEB not in self.objects or not isinstance(action, Patch) or not self.rollout["spec"].get("replicas", 1):
            return
        pods = {obj.labels(each)[HASH]: self._pods(each) for each in self.of(kinds.REPLICA_SET)}
        active = self.selects("active")
        if action.ref.kind == kinds.SERVICE and action.ref.name == f"{APP}-active":
            assert not active or pods.get(active, 0) > 0, f"the active Service is led to nobody by {action}"
        if action.ref.kind == kinds.REPLICA_SET and (action.body.get("spec") or {}).get("replicas") == 0:
            chosen = obj.labels(self.objects[action.ref])[HASH]
            assert chosen not in (active, self.selects("preview")), f"{action} takes what a Service selects"


def a_world(rollout: dict[str, Any], *objects: dict[str, Any], ready_s: float = 0.3) -> BlueGreenWorld:
    """A world in which the first version is fully there and nothing is left to do."""
    services = (a_service(f"{APP}-active"), a_service(f"{APP}-preview"))
    world = BlueGreenWorld(*services, a_template_of_analysis(), *objects, rollout, ready_s=ready_s)
    world.settle(60.0)
    assert world.status["phase"] == "Healthy", world.status
    return world


def test_the_first_deploy_turns_both_services_to_it_once_it_is_there():
    world = a_world(a_blue_green(2))
    first = world.hash_of("1")

    assert world.selects("active") == world.selects("preview") == world.status["stableRS"] == first
    assert world.status["blueGreen"] == {"activeSelector": first, "previewSelector": first}
    assert world.status["selector"] == f"app={APP},{HASH}={first}"
    assert "canary" not in world.status and "currentStepIndex" not in world.status


def test_the_events_come_in_the_contracts_order():
    world = a_world(a_blue_green(2, blue_green={"previewService": None}))
    first, world.notes = world.reasons(), []
    world.set_image("shop/web:2")
    world.settle(60.0)

    assert first == [
        "RolloutAddedToInformer",
        "RolloutUpdated",
        "NewReplicaSetCreated",
        "ScalingReplicaSet",
        "RolloutCompleted",
        "SwitchService",
    ]
    assert world.reasons()[:6] == [
        "RolloutUpdated",
        "NewReplicaSetCreated",
        "RolloutNotCompleted",
        "ScalingReplicaSet",
        "SwitchService",
        "RolloutCompleted",
    ]


def test_a_good_update_takes_over_and_the_former_pods_stay_for_their_delay():
    world = a_world(a_blue_green(2))
    world.set_image("shop/web:2")
    world.settle(5.0)

    assert world.selects("active") == world.selects("preview") == world.hash_of("2")
    assert world.sizes() == {"1": 2, "2": 2}
    assert world.status["phase"] == "Healthy"
    assert world.status["HPAReplicas"] == 2
    world.settle(60.0)
    assert world.sizes() == {"1": 0, "2": 2}


def test_without_auto_promotion_it_waits_for_somebody():
    world = a_world(a_blue_green(2, blue_green={"autoPromotionEnabled": False}))
    world.set_image("shop/web:2")
    world.settle(600.0)

    assert (world.status["phase"], world.status["message"]) == ("Paused", "BlueGreenPause")
    assert world.selects("active") == world.hash_of("1")
    assert world.selects("preview") == world.hash_of("2")
    world.command(pauseConditions=None)
    world.settle(60.0)
    assert world.status["phase"] == "Healthy"
    assert world.selects("active") == world.hash_of("2")


def test_auto_promotion_seconds_end_the_pause_and_not_a_second_earlier():
    world = a_world(a_blue_green(2, blue_green={"autoPromotionSeconds": 20}))
    world.set_image("shop/web:2")
    world.settle(20.0)

    assert world.status["phase"] == "Paused"
    world.settle(2.0)
    assert world.selects("active") == world.hash_of("2")


def test_a_small_preview_grows_to_full_size_before_it_takes_over():
    world = a_world(a_blue_green(4, blue_green={"previewReplicaCount": 1, "autoPromotionEnabled": False}))
    world.set_image("shop/web:2")
    world.settle(60.0)

    assert world.sizes() == {"1": 4, "2": 1}
    assert world.status["phase"] == "Paused"
    world.command(pauseConditions=None)
    world.turn()
    world.turn()
    assert world.status["blueGreen"]["scaleUpPreviewCheckPoint"] is True
    assert (world.sizes(), world.selects("active")) == ({"1": 4, "2": 4}, world.hash_of("1"))
    world.settle(2.0)
    assert world.selects("active") == world.hash_of("2")


def test_the_analysis_before_the_switch_decides_about_it():
    world = a_world(a_blue_green(2, blue_green={"prePromotionAnalysis": JUDGED}))
    world.set_image("shop/web:2")
    world.settle(60.0)
    (run,) = world.runs()

    assert run == f"{APP}-{world.hash_of('2')}-2-pre"
    assert world.selects("active") == world.hash_of("1")
    world.finish_run(run, "Successful")
    world.settle(60.0)
    assert world.selects("active") == world.hash_of("2")


def test_a_failed_analysis_before_the_switch_aborts_and_the_preview_stays_to_be_looked_at():
    world = a_world(a_blue_green(2, blue_green={"prePromotionAnalysis": JUDGED}))
    world.set_image("shop/web:2")
    world.settle(60.0)
    world.finish_run(world.runs()[0], "Failed", "too many errors")
    world.settle(5.0)

    message = "Rollout aborted update to revision 2: Blue/green pre-promotion analysis phase error/failed"
    assert world.status["message"] == f"RolloutAborted: {message}: too many errors"
    assert world.selects("active") == world.hash_of("1")
    assert (world.sizes(), world.selects("preview")) == ({"1": 2, "2": 2}, world.hash_of("2"))
    world.settle(60.0)
    assert (world.sizes(), world.selects("preview")) == ({"1": 2, "2": 0}, world.hash_of("1"))


def test_a_failed_analysis_after_the_switch_turns_the_service_back_before_anything_shrinks():
    world = a_world(a_blue_green(2, blue_green={"postPromotionAnalysis": JUDGED, "scaleDownDelaySeconds": 0}))
    world.set_image("shop/web:2")
    world.settle(300.0)
    (run,) = world.runs()

    assert run == f"{APP}-{world.hash_of('2')}-2-post"
    assert world.status["message"] == "waiting for analysis to complete"
    assert (world.sizes(), world.selects("active")) == ({"1": 2, "2": 2}, world.hash_of("2"))
    world.finish_run(run, "Failed")
    world.turn()
    world.turn()
    assert (world.sizes(), world.selects("active")) == ({"1": 2, "2": 2}, world.hash_of("1"))
    world.settle(60.0)
    assert world.status["phase"] == "Degraded"
    assert world.sizes() == {"1": 2, "2": 0}


def test_a_good_analysis_after_the_switch_promotes():
    world = a_world(a_blue_green(2, blue_green={"postPromotionAnalysis": JUDGED}))
    world.set_image("shop/web:2")
    world.settle(10.0)
    world.finish_run(world.runs()[0], "Successful")
    world.settle(60.0)

    assert world.status["stableRS"] == world.hash_of("2")
    assert world.status["phase"] == "Healthy"


def test_an_inconclusive_analysis_waits_for_somebody_and_is_made_anew():
    world = a_world(a_blue_green(2, blue_green={"prePromotionAnalysis": JUDGED}))
    world.set_image("shop/web:2")
    world.settle(10.0)
    world.finish_run(world.runs()[0], "Inconclusive")
    world.settle(60.0)

    assert (world.status["phase"], world.status["message"]) == ("Paused", "InconclusiveAnalysisRun")
    world.command(pauseConditions=None)
    world.settle(10.0)
    assert world.runs()[-1].endswith("-pre.1")
    assert world.selects("active") == world.hash_of("1")


def test_an_abort_leaves_the_active_service_where_it_is_and_a_retry_begins_anew():
    world = a_world(a_blue_green(2, blue_green={"autoPromotionEnabled": False}))
    world.set_image("shop/web:2")
    world.settle(10.0)
    world.command(abort=True)
    world.settle(60.0)

    assert world.status["phase"] == "Degraded"
    assert (world.sizes(), world.selects("active")) == ({"1": 2, "2": 0}, world.hash_of("1"))
    world.command(abort=False)
    world.settle(10.0)
    assert (world.status["phase"], world.sizes()) == ("Paused", {"1": 2, "2": 2})


def test_zero_keeps_the_aborted_preview_for_good():
    bg = {"autoPromotionEnabled": False, "abortScaleDownDelaySeconds": 0}
    world = a_world(a_blue_green(2, blue_green=bg))
    world.set_image("shop/web:2")
    world.settle(10.0)
    world.command(abort=True)
    world.settle(3600.0)

    assert (world.sizes(), world.selects("preview")) == ({"1": 2, "2": 2}, world.hash_of("2"))


def test_a_full_promotion_skips_pause_and_analyses():
    bg = {"autoPromotionEnabled": False, "prePromotionAnalysis": JUDGED, "postPromotionAnalysis": JUDGED}
    world = a_world(a_blue_green(2, blue_green=bg))
    world.set_image("shop/web:2")
    world.settle(10.0)
    world.command(promoteFull=True)
    world.settle(10.0)

    assert world.status["stableRS"] == world.selects("active") == world.hash_of("2")
    assert [run for run in world.runs() if run.endswith("-post")] == []


def test_a_return_to_what_is_still_up_is_neither_paused_nor_judged_before():
    bg = {"autoPromotionEnabled": False, "prePromotionAnalysis": JUDGED, "scaleDownDelaySeconds": 600}
    world = a_world(a_blue_green(2, blue_green=bg))
    world.set_image("shop/web:2")
    world.settle(10.0)
    world.command(promoteFull=True)
    world.settle(10.0)
    runs = world.runs()
    world.set_image("shop/web:1")
    world.settle(5.0)

    assert world.selects("active") == world.status["stableRS"] == world.hash_of("1")
    assert world.runs() == runs


def test_an_aborted_version_that_is_asked_for_again_is_judged_again():
    world = a_world(a_blue_green(2, blue_green={"prePromotionAnalysis": JUDGED}))
    world.set_image("shop/web:2")
    world.settle(10.0)
    world.finish_run(world.runs()[0], "Failed")
    world.settle(5.0)
    world.set_image("shop/web:1")
    world.settle(1.0)
    world.set_image("shop/web:2")
    world.settle(10.0)

    assert world.selects("active") == world.hash_of("1")
    assert len(world.runs()) == 2


@pytest.mark.parametrize("moment", ["looked at", "switched"])
def test_a_third_version_in_mid_update_replaces_the_second_which_loses_what_it_has(moment: str):
    bg = {"autoPromotionEnabled": False} if moment == "looked at" else {"postPromotionAnalysis": JUDGED}
    world = a_world(a_blue_green(2, blue_green=bg))
    world.set_image("shop/web:2")
    world.settle(10.0)
    world.set_image("shop/web:3")
    world.settle(10.0)

    assert world.sizes()["2"] == 0
    assert world.sizes()["1"] == world.sizes()["3"] == 2
    world.command(promoteFull=True)
    world.settle(60.0)
    assert world.selects("active") == world.hash_of("3")
    assert world.sizes() == {"1": 0, "2": 0, "3": 2}


def test_the_stable_version_in_mid_update_ends_it_at_once():
    world = a_world(a_blue_green(2, blue_green={"postPromotionAnalysis": JUDGED}))
    world.set_image("shop/web:2")
    world.settle(10.0)
    world.set_image("shop/web:1")
    world.settle(60.0)

    assert world.status["phase"] == "Healthy"
    assert world.selects("active") == world.selects("preview") == world.hash_of("1")
    assert world.sizes() == {"1": 2, "2": 0}


def test_spec_paused_promotes_nothing():
    world = a_world(a_blue_green(2))
    world.patch(WEB, {"spec": {"paused": True}})
    world.set_image("shop/web:2")
    world.settle(60.0)

    assert (world.status["phase"], world.status["message"]) == ("Paused", "manually paused")
    assert world.selects("active") == world.hash_of("1")
    world.patch(WEB, {"spec": {"paused": False}})
    world.settle(10.0)
    assert world.selects("active") == world.hash_of("2")


def test_a_limit_of_old_versions_takes_the_older_ones_at_once():
    world = a_world(a_blue_green(2, blue_green={"scaleDownDelaySeconds": 600, "scaleDownDelayRevisionLimit": 1}))
    for tag in ("2", "3"):
        world.set_image(f"shop/web:{tag}")
        world.settle(10.0)

    assert world.sizes() == {"1": 0, "2": 2, "3": 2}


def test_a_rollout_without_pods_takes_the_new_version_at_once():
    world = a_world(a_blue_green(0, blue_green={"autoPromotionEnabled": False, "postPromotionAnalysis": JUDGED}))
    world.set_image("shop/web:2")
    world.settle(10.0)

    assert world.status["phase"] == "Healthy"
    assert world.selects("active") == world.hash_of("2")
    assert world.runs() == []


def test_the_service_does_not_turn_back_to_a_stable_version_that_could_not_carry_it():
    world = a_world(a_blue_green(4, blue_green={"postPromotionAnalysis": JUDGED}))
    world.set_image("shop/web:2")
    world.settle(10.0)
    stable = obj.name(world.set_named("1"))
    world.broken.add(stable)
    world.set_pods(stable, 2)
    world.command(abort=True)
    world.settle(60.0)

    assert world.selects("active") == world.hash_of("2")
    world.set_pods(stable, 3)
    world.settle(5.0)
    assert world.selects("active") == world.hash_of("1")


def test_roles_are_marked_on_the_replica_sets():
    bg = {
        "previewMetadata": {"labels": {"role": "preview"}},
        "activeMetadata": {"labels": {"role": "active"}},
        "autoPromotionEnabled": False,
    }
    world = a_world(a_blue_green(2, blue_green=bg))
    world.set_image("shop/web:2")
    world.settle(10.0)
    labels = {tag: obj.labels(world.set_named(tag)["spec"]["template"]).get("role") for tag in ("1", "2")}

    assert labels == {"1": "active", "2": "preview"}


def to_canary(world: World, steps: tuple[dict[str, Any], ...] = STEPS) -> None:
    """The strategy becomes a canary behind an nginx Ingress."""
    canary = a_rollout(steps=steps)["spec"]["strategy"]["canary"]
    world.patch(WEB, {"spec": {"strategy": {"blueGreen": None, "canary": canary}}})


def to_blue_green(world: World, **fields: Any) -> None:
    """The strategy becomes blue-green."""
    given = {**a_blue_green()["spec"]["strategy"]["blueGreen"], **fields}
    world.patch(WEB, {"spec": {"strategy": {"canary": None, "blueGreen": given}}})


def marked(world: World) -> set[str]:
    """Services that bear the Rollout's mark or a hash."""
    return {
        obj.name(each)
        for each in world.of(kinds.SERVICE)
        if each["metadata"].get("annotations") or HASH in each["spec"]["selector"]
    }


@pytest.mark.parametrize("is_updating", [False, True])
def test_blue_green_becomes_a_canary_and_gives_its_services_back(is_updating: bool):
    world = a_world(a_blue_green(4, blue_green={"autoPromotionEnabled": False}))
    if is_updating:
        world.set_image("shop/web:2")
        world.settle(10.0)
    to_canary(world)
    world.settle(300.0)

    assert world.status["phase"] == "Healthy"
    assert "blueGreen" not in world.status
    assert marked(world) == {"web-stable", "web-canary"}
    tag = "2" if is_updating else "1"
    assert world.selects("stable") == world.hash_of(tag)


def test_a_canary_without_a_router_becomes_blue_green_and_gives_its_services_back():
    world = World(a_service("web-active"), a_service("web-preview"), a_rollout(2, canary={"trafficRouting": None}))
    world.settle(60.0)
    assert marked(world) == {"web-stable", "web-canary"}
    to_blue_green(world)
    world.set_image("shop/web:2")
    world.settle(300.0)

    assert world.status["phase"] == "Healthy"
    assert marked(world) == {"web-active", "web-preview"}


def test_a_judged_canary_becomes_blue_green_and_forgets_the_run_in_the_background():
    canary = a_rollout(2, steps=({"pause": {}},), canary={"analysis": JUDGED})
    world = World(a_service("web-active"), a_service("web-preview"), a_template_of_analysis(), canary)
    world.settle(60.0)
    world.set_image("shop/web:2")
    world.until("Paused")
    to_blue_green(world)
    world.settle(300.0)

    assert (world.status["phase"], world.status["stableRS"]) == ("Healthy", world.hash_of("2"))
    assert marked(world) == {"web-active", "web-preview"}
    assert "canary" not in world.status


def test_a_canary_that_shares_by_its_pods_has_the_former_services_given_back_at_once():
    world = a_world(a_blue_green(2))
    steps = [{"setWeight": 50}, {"pause": {}}]
    world.patch(WEB, {"spec": {"strategy": {"blueGreen": None, "canary": {"steps": steps}}}})
    world.set_image("shop/web:2")
    world.until("Paused")

    assert world.sizes() == {"1": 1, "2": 1}
    assert marked(world) == set()


def test_a_switched_blue_green_update_that_becomes_a_canary_takes_its_traffic_back_first():
    world = a_world(a_blue_green(4, blue_green={"postPromotionAnalysis": JUDGED}))
    world.set_image("shop/web:2")
    world.settle(10.0)
    to_canary(world, ({"setWeight": 25}, {"pause": {}}))
    world.settle(100.0)

    assert (world.weight, world.status["message"]) == (25, "CanaryPauseStep")
    assert world.selects("active") == world.selects("stable") == world.hash_of("1")
    assert world.sizes() == {"1": 4, "2": 1}


@pytest.mark.parametrize("weight", [0, 25])
def test_a_canary_becomes_blue_green_and_its_ingress_goes_once_it_leads_to_the_stable_version(weight: int):
    world = World(
        a_service("web-active"), a_service("web-preview"), a_rollout(4, steps=({"setWeight": 25}, {"pause": {}}))
    )
    world.settle(60.0)
    if weight:
        world.set_image("shop/web:2")
        world.settle(60.0)
    assert world.weight == weight
    to_blue_green(world, autoPromotionEnabled=False)
    world.settle(60.0)

    assert [obj.name(each) for each in world.of(kinds.INGRESS)] == ["web"]
    assert world.selects("active") == world.hash_of("1")
    if weight:
        assert world.selects("canary") == world.selects("stable") == world.hash_of("1")
        assert world.status["message"] == "BlueGreenPause"
        world.command(pauseConditions=None)
        world.settle(60.0)
    assert "canary" not in world.status
    assert marked(world) == {"web-active", "web-preview"}
    assert world.status["phase"] == "Healthy"


def test_a_preview_that_never_comes_is_aborted_where_that_is_wished():
    world = a_world(a_blue_green(2, progressDeadlineSeconds=30, progressDeadlineAbort=True), ready_s=1.0)
    world.ready_s = 3600.0
    world.set_image("shop/web:2")
    world.settle(60.0)

    assert world.status["phase"] == "Degraded"
    assert world.status["abort"] is True
    assert world.selects("active") == world.hash_of("1")


def test_an_analysis_does_not_run_into_the_deadline():
    world = a_world(a_blue_green(2, progressDeadlineSeconds=30, blue_green={"postPromotionAnalysis": JUDGED}))
    world.set_image("shop/web:2")
    world.settle(300.0)

    assert (world.status["phase"], world.status["message"]) == ("Progressing", "waiting for analysis to complete")


def test_a_return_within_the_window_is_neither_paused_nor_judged():
    bg = {"prePromotionAnalysis": JUDGED, "postPromotionAnalysis": JUDGED, "autoPromotionEnabled": False}
    world = a_world(a_blue_green(2, blue_green={**bg, "scaleDownDelaySeconds": 1}, rollbackWindow={"revisions": 2}))
    world.settle(5.0)
    world.set_image("shop/web:2")
    world.settle(10.0)
    world.command(promoteFull=True)
    world.settle(60.0)
    runs = world.runs()
    world.set_image("shop/web:1")
    world.settle(60.0)

    assert world.selects("active") == world.status["stableRS"] == world.hash_of("1")
    assert world.runs() == runs


def test_a_label_of_deployments_is_refused():
    rollout = a_blue_green(2)
    rollout["spec"]["template"]["metadata"]["labels"]["pod-template-hash"] = "abc"

    assert [each.reason for each in check(rollout).refusals] == ["LabelReserved"]


def test_a_canary_that_carries_weight_and_is_given_up_while_it_becomes_blue_green_is_left_by_its_service_first():
    canary = {"abortScaleDownDelaySeconds": 1}
    world = World(
        a_service("web-active"),
        a_service("web-preview"),
        a_rollout(4, steps=({"setWeight": 25}, {"pause": {}}), canary=canary),
    )
    world.settle(60.0)
    world.set_image("shop/web:2")
    world.settle(60.0)
    given = a_blue_green()["spec"]
    world.patch(WEB, {"spec": {"strategy": {"canary": None, **given["strategy"]}, "template": given["template"]}})
    world.settle(60.0)

    assert world.status["phase"] == "Healthy"
    assert world.sizes() == {"1": 4, "2": 0}
    assert marked(world) == {"web-active", "web-preview"}
