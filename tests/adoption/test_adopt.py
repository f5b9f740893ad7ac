"""`rollouts adopt` against an embedded cluster in which another controller has been at work."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from rollouts.cli.main import root
from rollouts.delivery.stephash import step_hash
from rollouts.devplane.server import Devplane
from rollouts.devplane.store import WriteOptions
from rollouts.kube import kinds, podtemplate
from rollouts.kube import object as obj
from rollouts.kube.ref import Ref
from rollouts.shell import clock
from tests.adoption import left
from tests.adoption.left import FOREIGN, Remains
from tests.builders import a_template
from tests.cli.cluster import Cluster

OURS = {
    tag: podtemplate.template_hash(podtemplate.canonical_bytes(a_template(f"shop/web:{tag}"))) for tag in ("1", "2")
}
ADMIN = WriteOptions("admin")
THEM = "argo-rollouts-6b5d4b8c9f-x2x7k_4b1f3b0e-3f0e-4d2f-9b7e-6a2f6a0c1d11"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(serves_pods=False) as cluster:
        yield cluster


def leave(plane: Devplane, remains: Remains) -> None:
    """Put everything there, as the other controller would have left it."""
    plane.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": remains.namespace}})
    ref = Ref(kinds.ROLLOUT, remains.namespace, "web")
    plane.create(remains.rollout)
    rollout = plane.store.get(ref)
    for each in remains.others(obj.uid(rollout)):
        plane.create(each)
    body = {"status": remains.status(obj.generation(rollout), step_hash(rollout))}
    plane.store.patch(ref, body, "merge", "status", ADMIN)


def lease(plane: Devplane, holder: str) -> None:
    now = clock.now().rfc3339()
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 15, "acquireTime": now, "renewTime": now}
    meta = {"name": "argo-rollouts-controller-lock", "namespace": "default"}
    plane.create({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec})


def up(plane: Devplane) -> bool:
    """Whether every ReplicaSet has its pods."""
    sets = plane.store.all(kinds.REPLICA_SET)
    return all((each.get("status") or {}).get("availableReplicas", 0) == each["spec"]["replicas"] for each in sets)


def adopt(cluster: Cluster, *args: str) -> Result:
    give_up = time.monotonic() + 15
    while not cluster.do(up):
        assert time.monotonic() < give_up, "the pods do not become ready"
        time.sleep(0.05)
    runner = CliRunner()
    return runner.invoke(root, ["adopt", "-s", cluster.url, "--no-color", *args], standalone_mode=False)


def rows(result: Result) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(result.stdout)["rollouts"]
    return found


@pytest.mark.parametrize("names", [OURS, FOREIGN], ids=["same-hash", "equal-template"])
def test_a_healthy_rollout_would_be_kept_and_nothing_is_written(cluster, names):
    cluster.do(lambda plane: leave(plane, left.healthy(names)))
    before = cluster.do(lambda plane: plane.store.get(Ref(kinds.ROLLOUT, "shop", "web")))
    result = adopt(cluster, "-n", "shop", "-o", "json")

    assert result.return_value == 0
    assert [(each["word"], each["deeds"]) for each in rows(result)] == [("kept as it is", [])]
    assert cluster.do(lambda plane: plane.store.get(Ref(kinds.ROLLOUT, "shop", "web"))) == before


def test_every_stage_of_an_update_is_named_in_one_table(cluster):
    stages = {
        "a-healthy": left.healthy,
        "b-paused": left.at_the_pause,
        "c-shifting": left.at_the_weight,
        "d-aborted": left.aborted,
    }
    for space, stage in stages.items():
        cluster.do(lambda plane, stage=stage, space=space: leave(plane, stage(FOREIGN, namespace=space)))
    result = adopt(cluster, "-A")
    lines = result.stdout.splitlines()

    assert result.return_value == 0
    assert lines[0].split() == ["NAMESPACE", "NAME", "PHASE", "TAKE-OVER"]
    found = {line.split()[0]: line for line in lines if line.split()[:1] and line.split()[0] in stages}
    assert {space: "update goes on" in line for space, line in found.items()} == {
        "a-healthy": False,
        "b-paused": False,
        "c-shifting": True,
        "d-aborted": False,
    }
    assert "change Ingress web-web-canary" in result.stdout
    assert "4 of 4 Rollouts would be taken over without a restart or a jump in traffic" in lines


def test_a_version_that_nobody_recognises_is_told_before_it_happens(cluster):
    def spoil(plane: Devplane) -> None:
        leave(plane, left.healthy(FOREIGN))
        ref = Ref(kinds.REPLICA_SET, "shop", f"web-{FOREIGN['1']}")
        container = {"name": "web", "image": "shop/web:other"}
        body = {"spec": {"template": {"spec": {"containers": [container]}}}}
        plane.store.patch(ref, body, "merge", "", ADMIN)

    cluster.do(spoil)
    result = adopt(cluster, "-n", "shop")

    assert result.return_value == 1
    assert "CHANGES" in result.stdout
    assert f"create ReplicaSet web-{OURS['1']} with" in result.stdout


def test_a_spec_that_would_be_refused_is_told_with_the_reason(cluster):
    def spoil(plane: Devplane) -> None:
        leave(plane, left.healthy(OURS))
        backend = {"service": {"name": "another", "port": {"number": 80}}}
        body = {"spec": {"rules": None, "defaultBackend": backend}}
        plane.store.patch(Ref(kinds.INGRESS, "shop", "web"), body, "merge", "", ADMIN)

    cluster.do(spoil)
    result = adopt(cluster, "-n", "shop")

    assert result.return_value == 1
    assert "REFUSED" in result.stdout
    assert "has no rules using service web-stable" in result.stdout


def test_who_leads_and_how_to_switch_is_told(cluster):
    cluster.do(lambda plane: lease(plane, THEM))
    result = adopt(cluster, "-A")

    assert f"Lease default/argo-rollouts-controller-lock: held by {THEM}, another controller's" in result.stdout
    assert "--lease-namespace default" in result.stdout
    assert "kubectl -n default scale deployment argo-rollouts --replicas=0" in result.stdout


def test_once_this_controller_leads_there_is_nothing_left_to_switch(cluster):
    cluster.do(lambda plane: lease(plane, "rollouts/web-0_12_ab12cd34"))
    result = adopt(cluster, "-A")

    assert "this controller leads already: nothing is left to switch" in result.stdout


def test_another_instance_is_left_alone(cluster):
    label = {"argo-rollouts.argoproj.io/controller-instance-id": "blue"}

    def mark(plane: Devplane) -> None:
        leave(plane, left.healthy(OURS))
        ref = Ref(kinds.ROLLOUT, "shop", "web")
        plane.store.patch(ref, {"metadata": {"labels": label}}, "merge", "", ADMIN)

    cluster.do(mark)

    assert rows(adopt(cluster, "-A", "-o", "json")) == []
    assert len(rows(adopt(cluster, "-A", "-o", "json", "--instance-id", "blue"))) == 1
