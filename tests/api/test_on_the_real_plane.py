"""What a real API server makes of our CRDs: it takes them, refuses what it can tell, and keeps the contract's shape."""

from __future__ import annotations

import json
import os
import urllib.error
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.cases import ABSENT, GOOD, changed, with_step
from tests.plane.build import PlaneMissingError, binaries
from tests.plane.plane import Access, Plane

pytestmark = pytest.mark.realplane

ROLLOUTS = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts"
TEMPLATES = "/apis/argoproj.io/v1alpha1/namespaces/shop/analysistemplates"
TRIAL = "?dryRun=All&fieldValidation=Strict"
MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"


@pytest.fixture(scope="module")
def admin() -> Iterator[Access]:
    """A bare API server with our CRDs and a namespace."""
    try:
        found = binaries()
    except PlaneMissingError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    with Plane.start(found, controllers=False) as plane:
        plane.install_crds()
        plane.admin.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
        plane.admin.ask("POST", ROLLOUTS, GOOD)
        yield plane.admin


def refused(admin: Access, method: str, path: str, body: Any, form: str = "application/json") -> str:
    """The message with which a request is refused."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        admin.ask(method, path, body, form)
    return str(json.loads(caught.value.read())["message"])


@pytest.mark.parametrize(
    ("case", "manifest", "says"),
    [
        ("neither strategy", changed(strategy={}), "'.spec.strategy.canary or .spec.strategy.blueGreen'"),
        ("both strategies", changed(strategy__blueGreen={"activeService": "a"}), "Multiple Strategies can not be"),
        ("selector missing", changed(selector=ABSENT), "Rollout has missing field '.spec.selector'"),
        ("selector empty", changed(selector={}), "empty selector is invalid for deployment"),
        ("replicas -1", changed(replicas=-1), "should be greater than or equal to 0"),
        ("replicas as text", changed(replicas="3"), "must be of type integer"),
        ("weight 101", with_step({"setWeight": 101}), "SetWeight needs to be between 0 and 100"),
        ("weight 100.5", with_step({"setWeight": 100.5}), "must be of type integer"),
        ("empty step", with_step({}), "spec.strategy.canary.steps[0]"),
        ("two actions", with_step({"setWeight": 1, "pause": {}}), "spec.strategy.canary.steps[0]: Too many: 2"),
        ("pause 1d", with_step({"pause": {"duration": "1d"}}), "spec.strategy.canary.steps[0].pause.duration"),
        ("surge and unavailable 0", changed(canary__maxSurge=0, canary__maxUnavailable="0%"), "can not be zero"),
        ("unavailable 150%", changed(canary__maxUnavailable="150%"), "spec.strategy.canary.maxUnavailable"),
        ("deadline", changed(progressDeadlineSeconds=5, minReadySeconds=5), "must be greater than minReadySeconds"),
        ("one Service", changed(canary__canaryService="web-stable"), "two different services are required"),
        ("no router", changed(canary__trafficRouting=ABSENT, canary__scaleDownDelaySeconds=1), "traffic routing"),
        ("total 0", changed(canary__trafficRouting__maxTrafficWeight=0), "should be greater than or equal to 1"),
        ("501 steps", with_step(*({"setWeight": 1} for _ in range(501))), "must have at most 500 items"),
        ("a typo", with_step({"setWieght": 1}), 'unknown field "spec.strategy.canary.steps[0].setWieght"'),
    ],
)  # fmt: skip
def test_a_wrong_rollout_is_not_stored(admin: Access, case: str, manifest: dict[str, Any], says: str) -> None:
    assert says in refused(admin, "POST", ROLLOUTS + TRIAL, manifest)


def test_the_selector_never_changes(admin: Access) -> None:
    change = {"spec": {"selector": {"matchLabels": {"app": "shop"}}}}

    assert ".spec.selector is immutable" in refused(admin, "PATCH", f"{ROLLOUTS}/web", change, MERGE)


def test_a_good_rollout_with_every_kind_of_pause_is_taken(admin: Access) -> None:
    steps = [{"pause": {"duration": each}} for each in (5, "5", "1h30m", "300ms", "1.5h")]

    manifest = with_step({"setWeight": 0}, {"pause": {}}, *steps)

    assert admin.ask("POST", ROLLOUTS + TRIAL, {**manifest, "metadata": {"name": "other"}})["spec"] == manifest["spec"]


def test_status_and_scale_are_the_contracts(admin: Access) -> None:
    status = {"HPAReplicas": 4, "selector": "app=web", "phase": "Paused", "observedGeneration": "1", "new": {"x": 1}}
    kept = admin.ask("PATCH", f"{ROLLOUTS}/web/status", {"status": status}, MERGE)["status"]
    scale = admin.ask("GET", f"{ROLLOUTS}/web/scale")
    paused = admin.ask("GET", f"{ROLLOUTS}?fieldSelector=status.phase%3DPaused")["items"]

    assert kept == status
    assert (scale["spec"], scale["status"]) == ({"replicas": 5}, {"replicas": 4, "selector": "app=web"})
    assert [each["metadata"]["name"] for each in paused] == ["web"]


def test_two_appliers_share_the_metrics_of_a_template(admin: Access) -> None:
    def applied(manager: str, name: str) -> Any:
        metric = {"name": name, "provider": {"prometheus": {"query": "up"}}, "count": "{{args.n}}"}
        body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": "t"}}
        path = f"{TEMPLATES}/t?fieldManager={manager}"
        return admin.ask("PATCH", path, {**body, "spec": {"metrics": [metric]}}, APPLY)

    applied("one", "a")

    assert [each["name"] for each in applied("two", "b")["spec"]["metrics"]] == ["a", "b"]


def test_a_run_takes_its_status_on_the_main_resource(admin: Access) -> None:
    runs = TEMPLATES.replace("templates", "runs")
    run = {"metadata": {"name": "r"}, "spec": {"metrics": [{"name": "a", "provider": {"prometheus": {"query": "up"}}}]}}
    admin.ask("POST", runs, {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun", **run})

    assert admin.ask("PATCH", f"{runs}/r", {"status": {"phase": "Running"}}, MERGE)["status"] == {"phase": "Running"}
