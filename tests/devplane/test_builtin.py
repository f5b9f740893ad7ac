"""What the embedded cluster does by itself: sets make pods, pods live as told, what has no owner goes."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.api import crds
from rollouts.devplane.builtin import PREFIX, Builtins
from rollouts.devplane.builtin.controllers import EVENTS
from rollouts.devplane.definitions import OURS
from rollouts.devplane.request import Deletion
from rollouts.devplane.store import Store
from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.kube.object import controller_reference, name
from rollouts.kube.ref import Ref

START = Instant.of(1_700_000_000)
WEB = Ref(kinds.REPLICA_SET, "shop", "web")
LABELS = {"app": "web"}


class Cluster:
    """A store, its controllers and a clock that moves when told."""

    def __init__(self) -> None:
        self.now = START
        self.store = Store(lambda: self.now)
        for definition in OURS:
            self.store.define(definition)
        self.builtins = Builtins(self.store, pod_ready_s=1.0)

    def after(self, seconds: float) -> Cluster:
        until = self.now.plus(seconds)
        while (due := self.builtins.step(self.now)) is not None and due <= until:
            self.now = due
        self.now = until
        return self

    def status(self, ref: Ref = WEB) -> dict[str, Any]:
        found: dict[str, Any] = self.store.get(ref)["status"]
        return found

    def pods(self) -> list[dict[str, Any]]:
        return list(self.store.list(kinds.POD, "shop").items)


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def template(image: str = "web:1", **told: str) -> dict[str, Any]:
    annotations = {f"{PREFIX}{what.replace('_', '-')}": value for what, value in told.items()}
    return {
        "metadata": {"labels": LABELS, "annotations": annotations},
        "spec": {"containers": [{"name": "c", "image": image, "ports": [{"name": "http", "containerPort": 8080}]}]},
    }


def a_set(replicas: int = 3, min_ready_s: int = 0, **told: str) -> dict[str, Any]:
    spec = {"replicas": replicas, "selector": {"matchLabels": LABELS}, "template": template(**told)}
    return {"metadata": {"name": "web"}, "spec": spec | ({"minReadySeconds": min_ready_s} if min_ready_s else {})}


def test_a_set_reports_its_pods_as_they_become_ready(cluster: Cluster) -> None:
    cluster.store.create(kinds.REPLICA_SET, "shop", a_set())
    early = cluster.after(0.5).status()
    late = cluster.after(1).status()

    assert early == {"replicas": 3, "fullyLabeledReplicas": 3, "observedGeneration": 1}
    assert late == early | {"readyReplicas": 3, "availableReplicas": 3}


def test_min_ready_seconds_delay_availability(cluster: Cluster) -> None:
    cluster.store.create(kinds.REPLICA_SET, "shop", a_set(min_ready_s=10))

    assert "availableReplicas" not in cluster.after(5).status()
    assert cluster.after(10).status()["availableReplicas"] == 3


def test_scaling_down_removes_unready_pods_first(cluster: Cluster) -> None:
    cluster.store.create(kinds.REPLICA_SET, "shop", a_set(2))
    cluster.after(2)
    ready = {name(pod) for pod in cluster.pods()}
    cluster.store.patch(WEB, {"spec": {"replicas": 4}}, "merge")
    cluster.after(0.1)
    cluster.store.patch(WEB, {"spec": {"replicas": 2}}, "merge")
    cluster.after(0.1)

    assert {name(pod) for pod in cluster.pods()} == ready
    assert cluster.status()["availableReplicas"] == 2


@pytest.mark.parametrize(
    ("told", "phase", "reason"),
    [
        ({"ready": "never"}, "Running", None),
        ({"image_error": "true"}, "Pending", "ImagePullBackOff"),
        ({"crash_after": "0.5"}, "Running", "CrashLoopBackOff"),
        ({"1.image-error": "true"}, "Pending", "ImagePullBackOff"),
        ({"unschedulable": "true"}, "Pending", None),
    ],
)
def test_pods_that_never_become_ready(cluster: Cluster, told: dict[str, str], phase: str, reason: str | None) -> None:
    cluster.store.create(kinds.REPLICA_SET, "shop", a_set(1, **told))
    cluster.after(0.8)
    pod = cluster.pods()[0]
    states = [one["state"].get("waiting", {}).get("reason") for one in pod["status"].get("containerStatuses", [])]

    assert pod["status"]["phase"] == phase
    assert states in ([reason], [])
    assert "readyReplicas" not in cluster.status()


def test_a_killed_pod_is_replaced(cluster: Cluster) -> None:
    cluster.store.create(kinds.REPLICA_SET, "shop", a_set())
    victim = cluster.after(2).pods()[0]
    cluster.store.delete(Ref(kinds.POD, "shop", name(victim)))

    assert cluster.after(0.5).status()["readyReplicas"] == 2
    assert cluster.after(2).status()["readyReplicas"] == 3


def test_a_service_has_the_addresses_of_its_ready_pods(cluster: Cluster) -> None:
    service = {"metadata": {"name": "web"}, "spec": {"selector": LABELS, "ports": [{"port": 80, "targetPort": "http"}]}}
    cluster.store.create(kinds.SERVICE, "shop", service)
    cluster.store.create(kinds.REPLICA_SET, "shop", a_set(2))
    cluster.after(2)

    (found,) = cluster.store.list(kinds.ENDPOINT_SLICE, "shop").items
    assert found["metadata"]["labels"]["kubernetes.io/service-name"] == "web"
    assert [one["conditions"]["ready"] for one in found["endpoints"]] == [True, True]
    assert found["ports"] == [{"name": "", "port": 8080, "protocol": "TCP"}]
    assert found["endpoints"][0]["addresses"] == [cluster.pods()[0]["status"]["podIP"]]


@pytest.mark.parametrize(("code", "ending"), [("0", "Complete"), ("3", "Failed")])
def test_a_job_ends_with_its_exit_code(cluster: Cluster, code: str, ending: str) -> None:
    pod = template(exit_code=code)
    pod["spec"]["restartPolicy"] = "Never"
    body = {"metadata": {"name": "check"}, "spec": {"backoffLimit": 1, "template": pod}}
    cluster.store.create(kinds.JOB, "shop", body)
    cluster.after(5)

    status = cluster.status(Ref(kinds.JOB, "shop", "check"))
    assert [one["type"] for one in status["conditions"]] == [ending]
    assert len(cluster.pods()) == (1 if code == "0" else 2)


def test_deleting_an_owner_deletes_what_it_owned(cluster: Cluster) -> None:
    cluster.store.create(kinds.REPLICA_SET, "shop", a_set())
    cluster.after(2)
    cluster.store.delete(WEB)

    assert cluster.after(0.1).pods() == []


def test_what_was_owned_goes_with_the_crd_of_its_owner(cluster: Cluster) -> None:
    for crd in crds.definitions():
        cluster.store.create(kinds.CRD, "", crd)
    run = {"metadata": {"name": "web"}, "spec": {"metrics": []}}
    owner = cluster.store.create(kinds.ANALYSIS_RUN, "shop", run)
    owned = a_set()
    owned["metadata"]["ownerReferences"] = [controller_reference(kinds.ANALYSIS_RUN, owner)]
    cluster.store.create(kinds.REPLICA_SET, "shop", owned)
    cluster.after(2)
    cluster.store.delete(Ref(kinds.CRD, "", "analysisruns.argoproj.io"))

    assert cluster.after(0.1).pods() == []


def test_a_foreground_deletion_waits_for_the_dependents(cluster: Cluster) -> None:
    cluster.store.create(kinds.REPLICA_SET, "shop", a_set())
    cluster.after(2)
    cluster.store.delete(WEB, Deletion(propagation="Foreground"))
    assert cluster.store.get(WEB)["metadata"]["finalizers"] == ["foregroundDeletion"]
    cluster.after(0.1)

    assert cluster.store.find(WEB) is None
    assert cluster.pods() == []


def test_an_orphaning_deletion_leaves_the_dependents(cluster: Cluster) -> None:
    cluster.store.create(kinds.REPLICA_SET, "shop", a_set())
    cluster.after(2)
    cluster.store.delete(WEB, Deletion(propagation="Orphan"))
    cluster.after(0.1)

    assert cluster.store.find(WEB) is None
    assert len(cluster.pods()) == 3
    assert all("ownerReferences" not in pod["metadata"] for pod in cluster.pods())


def test_a_deployment_replaces_its_set_when_the_template_changes(cluster: Cluster) -> None:
    ref = Ref(kinds.DEPLOYMENT, "shop", "web")
    spec = {"replicas": 2, "selector": {"matchLabels": LABELS}, "template": template("web:1")}
    cluster.store.create(kinds.DEPLOYMENT, "shop", {"metadata": {"name": "web"}, "spec": spec})
    cluster.after(2)
    cluster.store.patch(ref, {"spec": {"template": template("web:2")}}, "merge")
    cluster.after(3)

    assert [pod["spec"]["containers"][0]["image"] for pod in cluster.pods()] == ["web:2", "web:2"]
    assert cluster.status(ref)["availableReplicas"] == 2


def test_at_rest_nothing_is_written(cluster: Cluster) -> None:
    cluster.store.create(kinds.REPLICA_SET, "shop", a_set())
    cluster.after(5)
    version = cluster.store.version

    assert cluster.after(600).store.version == version


def test_what_lives_in_a_namespace_goes_with_it(cluster: Cluster):
    for space in ("shop", "office"):
        cluster.store.create(kinds.NAMESPACE, "", {"metadata": {"name": space}})
        cluster.store.create(kinds.CONFIG_MAP, space, {"metadata": {"name": "prices"}})
    cluster.after(1)
    cluster.store.delete(Ref(kinds.NAMESPACE, "", "shop"))
    cluster.after(1)

    assert [each["metadata"]["namespace"] for each in cluster.store.all(kinds.CONFIG_MAP)] == ["office"]


def test_events_go_an_hour_after_their_last_occurrence(cluster: Cluster):
    builtins = Builtins(cluster.store, controllers=(EVENTS,))
    event = Ref(kinds.EVENT, "shop", "scaled")
    cluster.store.create(kinds.EVENT, "shop", {"metadata": {"name": event.name}})
    builtins.step(cluster.now)
    cluster.now = START.plus(3000)
    cluster.store.patch(event, {"lastTimestamp": cluster.now.rfc3339_whole()}, "merge")

    assert builtins.step(START.plus(3601)) == START.plus(6600)
    assert cluster.store.find(event) is not None

    builtins.step(START.plus(6600))

    assert cluster.store.find(event) is None
