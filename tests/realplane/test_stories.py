"""The spine's stories on a real kube-apiserver, with its own ReplicaSet controller and pods that are played."""

from __future__ import annotations

import time

import pytest

from tests.plane.fixtures import AnyPlane
from tests.plane.plane import Plane
from tests.realplane.judge import Judge
from tests.realplane.shop import Shop, controller, start_controller, weight_of

pytestmark = pytest.mark.realplane

QUIET_S = 5.0


def weights(shop: Shop) -> list[int]:
    """The weights that the canary Ingress has carried, each time it changed."""
    seen = [weight for _, body in shop.weights.seen if (weight := weight_of(body)) is not None]
    return [weight for before, weight in zip([None, *seen], seen, strict=False) if weight != before]


def images(shop: Shop) -> set[str]:
    """The images of the pods that are to stay."""
    pods = [pod for pod in shop.list("Pod") if not pod["metadata"].get("deletionTimestamp")]
    return {pod["spec"]["containers"][0]["image"] for pod in pods}


def test_a_good_release_walks_to_the_end(shop: Shop, judge: Judge) -> None:
    shop.open(judge.url)
    with controller(shop):
        shop.until_phase("Healthy")
        shop.set_image("good-2")
        done = shop.until_phase("Healthy")
        shop.until("only new pods are left", lambda: images(shop) == {"demo/web:good-2"})

    assert weights(shop) == [0, 5, 20, 50, 100, 0]
    assert done["status"]["stableRS"] == done["status"]["currentPodHash"]
    assert {run["status"]["phase"] for run in shop.list("AnalysisRun")} == {"Successful"}


def test_a_bad_release_is_back_at_nothing_within_a_second_of_the_verdict(shop: Shop, judge: Judge) -> None:
    shop.open(judge.url)
    with controller(shop):
        stable = shop.until_phase("Healthy")["status"]["stableRS"]
        judge.value = "0.7"
        shop.set_image("bad-2")
        shop.until(
            "a verdict", lambda: any(run.get("status", {}).get("phase") == "Failed" for run in shop.list("AnalysisRun"))
        )
        verdict = time.monotonic()
        shop.until_weight(0)
        took_s = time.monotonic() - verdict
        aborted = shop.until_phase("Degraded")
        shop.until("the canary is scaled down", lambda: images(shop) == {"demo/web:good-1"})

    assert took_s < 1
    assert weights(shop) == [0, 5, 0]
    assert aborted["status"]["abort"] is True
    assert aborted["status"]["stableRS"] == stable


def test_a_killed_controller_resumes_in_the_middle_of_a_step(shop: Shop, judge: Judge) -> None:
    shop.open(judge.url, pause="3s")
    first = start_controller(shop)
    shop.until_phase("Healthy")
    shop.set_image("good-2")
    shop.until_weight(20)
    first.kill()
    with controller(shop):
        shop.until_phase("Healthy")

    assert weights(shop) == [0, 5, 20, 50, 100, 0]
    assert len(shop.list("AnalysisRun")) == 2


def test_a_canary_that_never_becomes_ready_gets_no_traffic(shop: Shop, judge: Judge) -> None:
    shop.open(judge.url, **{"late-2.ready": "never"})
    shop.patch({"spec": {"progressDeadlineSeconds": 3}})
    with controller(shop):
        shop.until_phase("Healthy")
        shop.set_image("late-2")
        degraded = shop.until_phase("Degraded")

    assert "ProgressDeadlineExceeded" in degraded["status"]["message"]
    assert weights(shop) in ([], [0])


def test_a_revert_in_mid_canary_makes_the_rollout_healthy_at_once(shop: Shop, judge: Judge) -> None:
    shop.open(judge.url, pause="30s")
    with controller(shop):
        shop.until_phase("Healthy")
        shop.set_image("good-2")
        shop.until_weight(5)
        shop.set_image("good-1")
        shop.until_phase("Healthy")
        shop.until_weight(0)

    assert weights(shop) == [0, 5, 0]


def test_an_aborted_release_goes_through_when_it_is_tried_again(shop: Shop, judge: Judge) -> None:
    shop.open(judge.url)
    judge.value = "0.1"
    with controller(shop):
        shop.until_phase("Healthy")
        shop.set_image("good-2")
        shop.until_phase("Degraded")
        judge.value = "1"
        shop.plane.admin.ask(
            "PATCH", f"{shop.path('Rollout')}/web/status", {"status": {"abort": False}}, "application/merge-patch+json"
        )
        shop.until("the new version is stable", lambda: images(shop) == {"demo/web:good-2"})
        done = shop.until_phase("Healthy")

    assert done["status"]["stableRS"] == done["status"]["currentPodHash"]


def test_a_fleet_at_rest_is_left_alone(shop: Shop, judge: Judge, own_plane: Plane) -> None:
    shop.open(judge.url)
    with controller(shop):
        shop.until_phase("Healthy")
        shop.set_image("good-2")
        shop.until_phase("Healthy")
        shop.until("only new pods are left", lambda: images(shop) == {"demo/web:good-2"})
        shop.until("its last words are written", lambda: _is_quiet(own_plane, shop))
        offset = own_plane.audit_offset()
        time.sleep(QUIET_S)  # the measurement itself: how long nothing is to be written

    assert [write for write in own_plane.writes(offset) if write.namespace == shop.namespace] == []


def _is_quiet(plane: Plane, shop: Shop) -> bool:
    offset = plane.audit_offset()
    time.sleep(1)
    return not [write for write in plane.writes(offset) if write.namespace == shop.namespace]


def test_a_standby_takes_over_when_the_leader_dies(shop: Shop, judge: Judge, played_plane: AnyPlane) -> None:
    shop.open(judge.url, pause="2s")
    elect = ("--leader-elect", "--lease-namespace", shop.namespace)
    leader = start_controller(shop, *elect)
    shop.until_phase("Healthy")
    with controller(shop, *elect):
        shop.set_image("good-2")
        shop.until_weight(5)
        leader.kill()
        shop.until_phase("Healthy")

    assert weights(shop) == [0, 5, 20, 50, 100, 0]
