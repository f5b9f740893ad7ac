"""Played pods live the lives that their annotations tell."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.plane.fixtures import AnyPlane
from tests.plane.lives import PREFIX
from tests.plane.player import LABEL

pytestmark = pytest.mark.realplane

WAIT_S_MAX = 20.0


def pod(image: str = "shop/web:v1", restart: str = "Always", **told: str) -> dict[str, Any]:
    """A pod template whose annotations are `told`."""
    annotations = {PREFIX + name.replace("_", "-"): value for name, value in told.items()}
    return {
        "metadata": {"name": "web", "labels": {"app": "web"}, "annotations": annotations},
        "spec": {
            "restartPolicy": restart,
            "nodeSelector": {LABEL: "true"},
            "containers": [{"name": "web", "image": image}],
        },
    }


def seen(plane: AnyPlane, namespace: str, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The status of the pod `web` once `is_so(status)`."""
    give_up = time.monotonic() + WAIT_S_MAX
    while True:
        status: dict[str, Any] = plane.admin.ask("GET", f"/api/v1/namespaces/{namespace}/pods/web")["status"]
        if is_so(status):
            return status
        assert time.monotonic() < give_up, status
        time.sleep(0.05)


def is_ready(status: dict[str, Any]) -> bool:
    """The Ready condition."""
    return any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions", ()))


def waits_for(reason: str) -> Callable[[dict[str, Any]], bool]:
    """Whether the container waits with that reason."""
    return lambda status: any(
        one["state"].get("waiting", {}).get("reason") == reason for one in status.get("containerStatuses", ())
    )


def start(plane: AnyPlane, namespace: str, body: dict[str, Any]) -> None:
    """Create the pod."""
    plane.admin.ask("POST", f"/api/v1/namespaces/{namespace}/pods", body)


def test_a_pod_becomes_ready_with_an_address(played_plane: AnyPlane, namespace: str) -> None:
    start(played_plane, namespace, pod())

    assert seen(played_plane, namespace, is_ready)["podIP"].startswith("10.244.")


def test_a_pod_that_is_never_ready_runs_all_the_same(played_plane: AnyPlane, namespace: str) -> None:
    start(played_plane, namespace, pod(ready="never"))

    assert not is_ready(seen(played_plane, namespace, lambda status: status["phase"] == "Running"))


def test_an_image_that_does_not_exist_holds_the_pod_back(played_plane: AnyPlane, namespace: str) -> None:
    start(played_plane, namespace, pod(image_error="true"))

    assert seen(played_plane, namespace, waits_for("ImagePullBackOff"))["phase"] == "Pending"


def test_a_story_may_belong_to_one_image_tag(played_plane: AnyPlane, namespace: str) -> None:
    start(played_plane, namespace, pod("shop/web:bad", **{"bad.image-error": "true", "v1.ready": "never"}))

    assert seen(played_plane, namespace, waits_for("ErrImagePull"))["phase"] == "Pending"


def test_a_crashing_pod_is_ready_in_between(played_plane: AnyPlane, namespace: str) -> None:
    start(played_plane, namespace, pod(crash_after="0.3"))
    seen(played_plane, namespace, is_ready)

    assert seen(played_plane, namespace, waits_for("CrashLoopBackOff"))["containerStatuses"][0]["restartCount"] >= 1


@pytest.mark.parametrize(("code", "condition"), [("0", "Complete"), ("3", "Failed")])
def test_a_job_ends_as_its_pod_does(played_plane: AnyPlane, namespace: str, code: str, condition: str) -> None:
    template = pod(restart="Never", exit_code=code)
    del template["metadata"]["name"]
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    played_plane.admin.ask(
        "POST", path, {"metadata": {"name": "check"}, "spec": {"template": template, "backoffLimit": 0}}
    )
    give_up = time.monotonic() + WAIT_S_MAX
    while True:
        status = played_plane.admin.ask("GET", f"{path}/check")["status"]
        ended = {one["type"] for one in status.get("conditions", ()) if one["status"] == "True"}
        if ended & {"Complete", "Failed"}:
            break
        assert time.monotonic() < give_up, status
        time.sleep(0.05)

    assert condition in ended


def test_a_deleted_pod_goes(played_plane: AnyPlane, namespace: str) -> None:
    start(played_plane, namespace, pod())
    seen(played_plane, namespace, is_ready)
    path = f"/api/v1/namespaces/{namespace}/pods/web"
    played_plane.admin.ask("DELETE", path)
    give_up = time.monotonic() + WAIT_S_MAX
    while played_plane.admin.answers(path):
        assert time.monotonic() < give_up
        time.sleep(0.05)
