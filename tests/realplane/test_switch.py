"""Blue-green, and a Deployment that hands its pods over, on a real kube-apiserver with its own controllers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plane.player import LABEL
from tests.realplane.judge import Judge
from tests.realplane.shop import Shop, controller

pytestmark = pytest.mark.realplane

EXAMPLE = "04-blue-green"
HASH = "rollouts-pod-template-hash"


def selected(shop: Shop, service: str) -> str:
    """The hash that a Service selects."""
    found = next(each for each in shop.list("Service") if each["metadata"]["name"] == service)
    return str(found["spec"]["selector"].get(HASH, ""))


def ready(shop: Shop, **labels: str) -> int:
    """The ready pods with these labels that are to stay."""
    pods = [pod for pod in shop.list("Pod") if not pod["metadata"].get("deletionTimestamp")]
    mine = [pod for pod in pods if labels.items() <= pod["metadata"]["labels"].items()]
    return sum(
        any(
            each["type"] == "Ready" and each["status"] == "True" for each in pod.get("status", {}).get("conditions", ())
        )
        for pod in mine
    )


def test_a_promoted_release_takes_over_with_all_of_its_pods(shop: Shop, judge: Judge) -> None:
    shop.open(judge.url, example=EXAMPLE)
    with controller(shop):
        stable = shop.until_phase("Healthy")["status"]["stableRS"]
        shop.set_image("good-2")
        paused = shop.until_phase("Paused")["status"]
        new = paused["currentPodHash"]

        assert (selected(shop, "web-active"), selected(shop, "web-preview")) == (stable, new)
        assert (ready(shop, **{HASH: stable}), ready(shop, **{HASH: new})) == (4, 1)

        shop.plane.admin.ask(
            "PATCH", f"{shop.path('Rollout')}/web/status", {"status": {"pauseConditions": None}},
            "application/merge-patch+json",
        )  # fmt: skip
        shop.until("the switch", lambda: selected(shop, "web-active") == new)

        assert ready(shop, **{HASH: new}) == 4
        assert ready(shop, **{HASH: stable}) == 4
        shop.until_phase("Healthy")
        shop.until("the old pods leave", lambda: ready(shop, **{HASH: stable}) == 0)


def test_a_bad_release_gives_the_traffic_back_before_any_pod_leaves(shop: Shop, judge: Judge) -> None:
    shop.open(judge.url, example=EXAMPLE)
    shop.patch({"spec": {"strategy": {"blueGreen": {"autoPromotionEnabled": True}}}})
    with controller(shop):
        stable = shop.until_phase("Healthy")["status"]["stableRS"]
        judge.value = "0.5"
        shop.set_image("bad-2")
        shop.until("the switch", lambda: selected(shop, "web-active") not in ("", stable))
        shop.until("the way back", lambda: selected(shop, "web-active") == stable)
        new = shop.rollout()["status"]["currentPodHash"]

        assert ready(shop, **{HASH: stable}) == 4
        assert ready(shop, **{HASH: new}) == 4
        aborted = shop.until_phase("Degraded")["status"]
        shop.until("the new pods leave", lambda: ready(shop, **{HASH: new}) == 0)

    assert "post-promotion analysis phase error/failed" in aborted["message"]


def a_deployment() -> dict[str, Any]:
    pod = {"containers": [{"name": "web", "image": "demo/web:good-1"}], "nodeSelector": {LABEL: "true"}}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod}
    spec = {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "old"}, "spec": spec}


def a_rollout() -> dict[str, Any]:
    workload = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "old", "scaleDown": "progressively"}
    strategy = {"blueGreen": {"activeService": "web"}}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "web"},
        "spec": {"replicas": 3, "workloadRef": workload, "strategy": strategy},
    }


def test_a_deployment_hands_its_pods_over_and_gets_them_back_without_losing_one(shop: Shop) -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
    service["spec"] = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    for body in (service, a_deployment()):
        shop.plane.admin.ask("POST", shop.path(str(body["kind"])), body)

    def size() -> int:
        (deployment,) = shop.list("Deployment")
        return int(deployment["spec"]["replicas"])

    def never_fewer(what: bool) -> bool:
        fewest.append(ready(shop, app="web"))
        return what

    fewest: list[int] = []
    shop.until("the Deployment's pods", lambda: ready(shop, app="web") == 3)
    shop.plane.admin.ask("POST", shop.path("Rollout"), a_rollout())
    with controller(shop):
        shop.until_phase("Healthy")
        shop.until("the handover", lambda: never_fewer(size() == 0 and ready(shop, app="web") == 3))
        shop.plane.admin.ask("DELETE", f"{shop.path('Rollout')}/web")
        shop.until("the end of the Rollout", lambda: never_fewer(not shop.list("Rollout")))
        shop.until("the Deployment's pods alone", lambda: never_fewer(ready(shop, app="web") == 3))

    assert size() == 3
    assert min(fewest) >= 3
    assert selected(shop, "web") == ""
