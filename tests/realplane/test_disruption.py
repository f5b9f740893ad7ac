"""Restarts within disruption budgets, and metadata that follows a role, on a real API server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.realplane.judge import Judge
from tests.realplane.shop import Shop, controller

pytestmark = pytest.mark.realplane


def running(shop: Shop) -> set[str]:
    """The pods that stay, by uid."""
    return {pod["metadata"]["uid"] for pod in shop.list("Pod") if not pod["metadata"].get("deletionTimestamp")}


def restart(shop: Shop) -> str:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    shop.patch({"spec": {"restartAt": at}})
    return at


def budget(shop: Shop, least: int) -> str:
    """A budget over the Rollout's pods; returns its path."""
    path = f"/apis/policy/v1/namespaces/{shop.namespace}/poddisruptionbudgets"
    selector = shop.rollout()["spec"]["selector"]
    shop.plane.admin.ask(
        "POST", path, {"metadata": {"name": "web"}, "spec": {"minAvailable": least, "selector": selector}}
    )

    def is_counted() -> bool:
        status: dict[str, Any] = shop.plane.admin.ask("GET", f"{path}/web").get("status") or {}
        return bool(status.get("currentHealthy", 0) >= least)

    shop.until("the budget is counted", is_counted)
    return f"{path}/web"


def test_a_restart_replaces_every_pod_and_never_lacks_more_than_it_may(shop: Shop, judge: Judge) -> None:
    shop.open(judge.url)
    with controller(shop):
        shop.until_phase("Healthy")
        wanted = shop.rollout()["spec"]["replicas"]
        old = running(shop)
        shop.until("a second has passed", lambda: datetime.now(UTC).microsecond < 100_000)
        at = restart(shop)
        fewest = wanted

        def is_done() -> bool:
            nonlocal fewest
            fewest = min(fewest, shop.rollout()["status"].get("availableReplicas", 0))
            return bool(shop.rollout()["status"].get("restartedAt") == at)

        shop.until("the restart is done", is_done)
        shop.until_phase("Healthy")

    assert not old & running(shop)
    assert fewest >= wanted - max(1, wanted // 4)


def test_a_budget_without_room_holds_a_restart_until_it_is_lifted(shop: Shop, judge: Judge) -> None:
    shop.open(judge.url)
    with controller(shop):
        shop.until_phase("Healthy")
        old = running(shop)
        path = budget(shop, shop.rollout()["spec"]["replicas"])
        shop.until("a second has passed", lambda: datetime.now(UTC).microsecond < 100_000)
        at = restart(shop)
        shop.until("it is told", lambda: shop.rollout()["status"].get("message") == "rollout is restarting")

        assert running(shop) == old

        shop.plane.admin.ask("DELETE", path)
        shop.until("the restart is done", lambda: shop.rollout()["status"].get("restartedAt") == at, wait_s_max=90)

    assert not old & running(shop)


def test_pods_bear_their_role_and_change_it_with_the_promotion(shop: Shop, judge: Judge) -> None:
    shop.open(judge.url)
    roles = {"canaryMetadata": {"labels": {"role": "canary"}}, "stableMetadata": {"labels": {"role": "stable"}}}
    shop.patch({"spec": {"strategy": {"canary": roles}}})
    borne: set[tuple[str, str]] = set()

    def look() -> bool:
        for pod in shop.list("Pod"):
            image = pod["spec"]["containers"][0]["image"]
            borne.add((image, pod["metadata"]["labels"].get("role", "none")))
        return shop.weight() == 50

    with controller(shop):
        shop.until_phase("Healthy")
        first = running(shop)
        shop.set_image("good-2")
        shop.until("half of the traffic", look)
        assert borne == {("demo/web:good-1", "stable"), ("demo/web:good-2", "canary")}
        assert first <= running(shop)  # nobody was restarted for a label

        shop.until_phase("Healthy")
        shop.until(
            "the new pods are stable",
            lambda: {pod["metadata"]["labels"].get("role") for pod in shop.list("Pod")} == {"stable"},
        )
