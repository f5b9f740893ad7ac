"""Taking over from another controller on a real API server: nobody's pod is restarted, in mid-update neither."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from rollouts.delivery.stephash import step_hash
from rollouts.kube import podtemplate
from tests.adoption import left
from tests.adoption.left import FOREIGN, Remains
from tests.plane.player import LABEL
from tests.realplane.shop import MERGE, Shop, controller, weight_of

pytestmark = pytest.mark.realplane

AT_REST_S = 4.0
THEM = "argo-rollouts-6b5d4b8c9f-x2x7k_4b1f3b0e-3f0e-4d2f-9b7e-6a2f6a0c1d11"
POD = {"nodeSelector": {LABEL: "true"}}


def own_names() -> dict[str, str]:
    """The hashes that the contract gives to these versions."""
    templates = {tag: Remains({}, pod=POD).template(tag) for tag in ("1", "2")}
    return {tag: podtemplate.template_hash(podtemplate.canonical_bytes(each)) for tag, each in templates.items()}


def leave(shop: Shop, remains: Remains) -> None:
    """Put everything there as the other controller would have left it, its pods running."""
    ask = shop.plane.admin.ask
    rollout = ask("POST", shop.path("Rollout"), remains.rollout)
    for each in remains.others(rollout["metadata"]["uid"]):
        ask("POST", shop.path(each["kind"]), each)
    shop.until("the pods run", lambda: all(_is_up(each) for each in shop.list("ReplicaSet")))
    status = remains.status(rollout["metadata"]["generation"], step_hash(rollout))
    ask("PATCH", f"{shop.path('Rollout')}/web/status", {"status": status}, MERGE)


def _is_up(replica_set: dict[str, Any]) -> bool:
    return bool((replica_set.get("status") or {}).get("availableReplicas", 0) == replica_set["spec"]["replicas"])


def pods(shop: Shop) -> set[str]:
    """The pods by uid."""
    return {pod["metadata"]["uid"] for pod in shop.list("Pod")}


def weights(shop: Shop) -> list[int]:
    """The weights that the canary Ingress has carried, each time it changed."""
    seen = [weight for _, body in shop.weights.seen if (weight := weight_of(body)) is not None]
    return [weight for before, weight in zip([None, *seen], seen, strict=False) if weight != before]


@pytest.mark.parametrize("names", [own_names(), FOREIGN], ids=["same-hash", "equal-template"])
def test_a_healthy_rollout_keeps_every_pod(shop: Shop, names: dict[str, str]) -> None:
    leave(shop, left.healthy(names, namespace=shop.namespace, pod=POD))
    before = pods(shop)
    with controller(shop):
        time.sleep(AT_REST_S)  # the measurement itself: how long nothing is to happen
        shop.until_phase("Healthy")

        assert pods(shop) == before
        assert len(shop.list("ReplicaSet")) == 1
        assert shop.weight() == 0

        # And from here on it is ours: a new version walks the steps.
        shop.patch({"spec": {"template": Remains({}, pod=POD).template("2")}})
        shop.until_weight(25)


@pytest.mark.parametrize("names", [own_names(), FOREIGN], ids=["same-hash", "equal-template"])
def test_a_canary_in_mid_update_goes_on(shop: Shop, names: dict[str, str]) -> None:
    leave(shop, left.at_the_pause(names, namespace=shop.namespace, pod=POD))
    before = pods(shop)
    with controller(shop):
        time.sleep(AT_REST_S)  # the measurement itself

        assert pods(shop) == before
        status = shop.until_phase("Paused")["status"]
        assert (status["currentStepIndex"], shop.weight()) == (1, 25)

        shop.plane.admin.ask(
            "PATCH", f"{shop.path('Rollout')}/web/status", {"status": {"pauseConditions": None}}, MERGE
        )
        shop.until_weight(50)

        assert before <= pods(shop)
        assert weights(shop) == [25, 50]


def test_an_aborted_update_is_left_as_it_is(shop: Shop) -> None:
    leave(shop, left.aborted(FOREIGN, namespace=shop.namespace, pod=POD))
    before = pods(shop)
    with controller(shop):
        time.sleep(AT_REST_S)  # the measurement itself
        shop.until_phase("Degraded")

    assert pods(shop) == before
    assert shop.weight() == 0


def test_the_lock_of_another_controller_is_waited_for(shop: Shop) -> None:
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{shop.namespace}/leases"
    lock = f"{leases}/argo-rollouts-controller-lock"
    leave(shop, left.at_the_weight(FOREIGN, namespace=shop.namespace, pod=POD))
    before = pods(shop)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    spec = {"holderIdentity": THEM, "leaseDurationSeconds": 15, "acquireTime": now, "renewTime": now}
    shop.plane.admin.ask("POST", leases, {"metadata": {"name": "argo-rollouts-controller-lock"}, "spec": spec})
    with controller(shop, "--leader-elect", "--lease-namespace", shop.namespace):
        time.sleep(AT_REST_S)  # the measurement itself: this Rollout has something to do, and nobody may do it

        assert shop.plane.admin.ask("GET", lock)["spec"]["holderIdentity"] == THEM
        assert shop.weight() == 0

        # The other one has stopped without a word: its Lease runs out.
        shop.until_weight(25)

        assert shop.plane.admin.ask("GET", lock)["spec"]["holderIdentity"].startswith("rollouts/")
        assert pods(shop) == before
