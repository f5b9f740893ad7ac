"""A HorizontalPodAutoscaler of Kubernetes itself beside a Rollout: whoever wishes for pods gets them in mid-update."""

from __future__ import annotations

import pytest

from tests.realplane.judge import Judge
from tests.realplane.shop import MERGE, Shop, controller

pytestmark = pytest.mark.realplane

HOLD = [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}]
AUTOSCALERS = "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers"


def autoscale(shop: Shop, least: int, most: int) -> None:
    """Without metrics an autoscaler still keeps a Rollout between its bounds."""
    path = AUTOSCALERS.format(shop.namespace)
    spec = {
        "scaleTargetRef": {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web"},
        "minReplicas": least,
        "maxReplicas": most,
    }
    if shop.plane.admin.ask("GET", path)["items"]:
        shop.plane.admin.ask("PATCH", f"{path}/web", {"spec": spec}, MERGE)
    else:
        shop.plane.admin.ask("POST", path, {"metadata": {"name": "web"}, "spec": spec})


def sizes(shop: Shop) -> dict[str, tuple[int, int]]:
    """Version → pods asked for, and pods available."""
    found = {}
    for each in shop.list("ReplicaSet"):
        image = each["spec"]["template"]["spec"]["containers"][0]["image"].split(":")[-1]
        found[image] = (each["spec"]["replicas"], each["status"].get("availableReplicas", 0))
    return found


def until_sizes(shop: Shop, stable: int, canary: int) -> None:
    """Wait until both versions have, and show, so many pods."""
    wanted = {"good-1": (stable, stable), "good-2": (canary, canary)}
    shop.until(f"{wanted}", lambda: sizes(shop) == wanted)


def counted(shop: Shop) -> int:
    """The pods that an autoscaler is told of."""
    found = shop.plane.admin.ask("GET", f"{shop.path('Rollout')}/web/scale")
    return int(found["status"]["replicas"])


def test_an_autoscaler_in_mid_update_moves_both_versions_and_no_traffic(shop: Shop, judge: Judge) -> None:
    shop.open(judge.url)
    shop.patch({"spec": {"replicas": 5, "strategy": {"canary": {"steps": HOLD, "abortScaleDownDelaySeconds": 30}}}})
    with controller(shop):
        shop.until_phase("Healthy")
        shop.set_image("good-2")
        shop.until_phase("Paused")
        shop.until_weight(20)
        autoscale(shop, 10, 20)
        until_sizes(shop, 10, 2)
        shop.until("the autoscaler is told of every pod", lambda: counted(shop) == 12)
        assert shop.weight() == 20
        shop.plane.admin.ask("PATCH", f"{shop.path('Rollout')}/web/status", {"status": {"abort": True}}, MERGE)
        autoscale(shop, 3, 8)
        shop.until_weight(0)
        until_sizes(shop, 8, 2)
        shop.until("the autoscaler is told of fewer pods", lambda: counted(shop) == 10)
        aborted = shop.until_phase("Degraded")

    assert aborted["spec"]["replicas"] == 8


def test_an_autoscaler_keeps_the_ratio_where_no_router_does(shop: Shop, judge: Judge) -> None:
    shop.open(judge.url)
    alone = {"trafficRouting": None, "stableService": None, "canaryService": None, "scaleDownDelaySeconds": None}
    shop.patch({"spec": {"replicas": 5, "strategy": {"canary": {**alone, "steps": HOLD}}}})
    with controller(shop):
        shop.until_phase("Healthy")
        shop.set_image("good-2")
        shop.until_phase("Paused")
        until_sizes(shop, 4, 1)
        autoscale(shop, 10, 20)
        until_sizes(shop, 8, 2)
        autoscale(shop, 2, 5)
        until_sizes(shop, 4, 1)
        shop.plane.admin.ask("PATCH", f"{shop.path('Rollout')}/web/status", {"status": {"promoteFull": True}}, MERGE)
        until_sizes(shop, 0, 5)
        done = shop.until_phase("Healthy")

    assert done["spec"]["replicas"] == 5
    assert done["status"]["HPAReplicas"] == 5
