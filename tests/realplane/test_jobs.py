"""Metrics that are Jobs, with Kubernetes' own Job controller and the garbage collector."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plane.lives import PREFIX
from tests.realplane.shop import MERGE, Shop, controller

pytestmark = pytest.mark.realplane

RUNS = "/apis/argoproj.io/v1alpha1/namespaces/{}/analysisruns"
JOBS = "/apis/batch/v1/namespaces/{}/jobs"


def a_run(shop: Shop, name: str, **marks: str) -> None:
    """A run of one Job that plays as its marks say."""
    template = {
        "metadata": {"annotations": {f"{PREFIX}{key.replace('_', '-')}": value for key, value in marks.items()}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "smoke", "image": "shop/smoke:1"}]},
    }
    metric = {"name": "smoke", "provider": {"job": {"spec": {"backoffLimit": 0, "template": template}}}}
    body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisRun",
        "metadata": {"name": name},
        "spec": {"metrics": [metric]},
    }
    shop.plane.admin.ask("POST", RUNS.format(shop.namespace), body)


def run_of(shop: Shop, name: str) -> dict[str, Any]:
    """The run as it is stored."""
    found: dict[str, Any] = shop.plane.admin.ask("GET", f"{RUNS.format(shop.namespace)}/{name}")
    return found


def jobs(shop: Shop) -> list[str]:
    """The Jobs of the namespace by name."""
    return [each["metadata"]["name"] for each in shop.plane.admin.ask("GET", JOBS.format(shop.namespace))["items"]]


@pytest.mark.parametrize(("code", "phase"), [("0", "Successful"), ("3", "Failed")])
def test_what_a_jobs_pod_ends_with_is_the_verdict(shop: Shop, code: str, phase: str) -> None:
    a_run(shop, "smoke", exit_code=code)
    with controller(shop):
        shop.until(phase, lambda: run_of(shop, "smoke").get("status", {}).get("phase") == phase)
    run = run_of(shop, "smoke")

    assert jobs(shop) == [f"{run['metadata']['uid']}.smoke.1"]


def test_a_run_that_is_ended_takes_its_job_with_it_and_so_does_one_that_is_deleted(shop: Shop) -> None:
    for name in ("ended", "deleted"):
        a_run(shop, name, run="3600")
    with controller(shop):
        shop.until("both Jobs are there", lambda: len(jobs(shop)) == 2)
        path = RUNS.format(shop.namespace)
        shop.plane.admin.ask("PATCH", f"{path}/ended", {"spec": {"terminate": True}}, MERGE)
        shop.plane.admin.ask("DELETE", f"{path}/deleted")
        shop.until("both Jobs are gone", lambda: jobs(shop) == [])
