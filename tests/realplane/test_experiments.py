"""Experiments on a real kube-apiserver, with its own ReplicaSet controller and pods that are played."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plane.player import LABEL
from tests.realplane.judge import Judge
from tests.realplane.shop import MERGE, Shop, controller

pytestmark = pytest.mark.realplane

EXPERIMENTS = "/apis/argoproj.io/v1alpha1/namespaces/{}/experiments"
STEP: dict[str, Any] = {
    "templates": [{"name": "baseline", "specRef": "stable"}, {"name": "canary", "specRef": "canary", "service": {}}],
    "duration": "2s",
    "scaleDownDelaySeconds": 1,
}


def trials(shop: Shop) -> list[dict[str, Any]]:
    """Every Experiment of the shop."""
    found: list[dict[str, Any]] = shop.plane.admin.ask("GET", EXPERIMENTS.format(shop.namespace))["items"]
    return found


def phases(shop: Shop) -> list[str]:
    """How far they are."""
    return [(each.get("status") or {}).get("phase", "") for each in trials(shop)]


def pods_of(shop: Shop, trial: str) -> list[str]:
    """The images of the pods that an Experiment has standing."""
    return sorted(
        pod["spec"]["containers"][0]["image"]
        for pod in shop.list("Pod")
        if pod["metadata"]["name"].startswith(f"{trial}-") and not pod["metadata"].get("deletionTimestamp")
    )


def alone(**spec: Any) -> dict[str, Any]:
    """An Experiment that nobody but a person asks for."""
    labels = {"app": "trial"}
    pods = {"nodeSelector": {LABEL: "true"}, "containers": [{"name": "web", "image": "demo/web:good-1"}]}
    template = {"metadata": {"labels": labels}, "spec": pods}
    given = {"name": "only", "replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": "trial"},
        "spec": {"templates": [given], "scaleDownDelaySeconds": 1, **spec},
    }


def test_a_step_runs_both_versions_side_by_side_and_clears_them_away(shop: Shop, judge: Judge) -> None:
    shop.open(judge.url)
    with controller(shop):
        shop.until_phase("Healthy")
        shop.patch({"spec": {"strategy": {"canary": {"steps": [{"setWeight": 20}, {"experiment": STEP}]}}}})
        shop.until_phase("Healthy")
        shop.set_image("good-2")
        shop.until("an Experiment runs", lambda: phases(shop) == ["Running"])
        name = trials(shop)[0]["metadata"]["name"]

        assert pods_of(shop, name) == ["demo/web:good-1", "demo/web:good-2"]
        assert shop.weight() == 20

        shop.until_phase("Healthy")
        shop.until("its pods and its Service are gone", lambda: not pods_of(shop, name) and _services(shop, name) == 0)

    assert phases(shop) == ["Successful"]
    assert name.endswith("-1")


def _services(shop: Shop, name: str) -> int:
    return sum(each["metadata"]["name"].startswith(name) for each in shop.list("Service"))


def test_an_experiment_of_its_own_runs_until_somebody_ends_it(shop: Shop, judge: Judge) -> None:
    shop.open(judge.url)
    where = EXPERIMENTS.format(shop.namespace)
    with controller(shop):
        shop.plane.admin.ask("POST", where, alone())
        shop.until("it runs", lambda: phases(shop) == ["Running"])

        assert len(pods_of(shop, "trial")) == 2

        shop.plane.admin.ask("PATCH", f"{where}/trial", {"spec": {"terminate": True}}, MERGE)
        shop.until("it ends and its pods leave", lambda: phases(shop) == ["Successful"] and not pods_of(shop, "trial"))


def test_an_abort_in_the_middle_ends_the_experiment(shop: Shop, judge: Judge) -> None:
    shop.open(judge.url)
    with controller(shop):
        shop.until_phase("Healthy")
        long = {**STEP, "duration": "1h"}
        shop.patch({"spec": {"strategy": {"canary": {"steps": [{"setWeight": 20}, {"experiment": long}]}}}})
        shop.until_phase("Healthy")
        shop.set_image("good-2")
        shop.until("an Experiment runs", lambda: phases(shop) == ["Running"])
        name = trials(shop)[0]["metadata"]["name"]
        shop.plane.admin.ask("PATCH", f"{shop.path('Rollout')}/web/status", {"status": {"abort": True}}, MERGE)
        shop.until_weight(0)
        shop.until("its pods leave", lambda: not pods_of(shop, name))

    assert trials(shop)[0]["spec"]["terminate"] is True
