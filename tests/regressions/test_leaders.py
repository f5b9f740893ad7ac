"""Two controllers as processes on one cluster: one that was stopped must not write once another leads."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.cluster import Cluster
from tests.contract.story import Object, Story

LEASE = "/apis/coordination.k8s.io/v1/namespaces/default/leases/argo-rollouts-controller-lock"
TAKEN_S_MAX = 40.0
STEPS: list[Object] = [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}]


@contextmanager
def a_controller(kubeconfig: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One controller that leads if it may."""
    command = [sys.executable, "-m", "rollouts.cli.main", "controller", "--kubeconfig", str(kubeconfig)]
    flags = ["--lease-namespace", "default", "--metrics-port", "-1", "--health-port", "-1", "--sync-metrics-port", "-1"]
    with log.open("w") as out:
        process = subprocess.Popen([*command, *flags], stdout=out, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(20)


def until(what: str, is_so: Callable[[], Any], seconds: float = TAKEN_S_MAX) -> None:
    give_up = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < give_up, f"not seen: {what}"
        time.sleep(0.05)


@pytest.mark.slow
def test_a_leader_that_was_stopped_for_longer_than_its_lease_writes_nothing_when_it_wakes(tmp_path: Path) -> None:
    """#2117: the former leader went on beside the new one."""
    with Cluster(serves_pods=False) as cluster:
        kubeconfig = cluster.do(lambda devplane: devplane.write_kubeconfig(tmp_path / "kubeconfig"))
        story = Story(cluster.url, "shop", "http://127.0.0.1:9")
        story.ask("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})

        def holder() -> str:
            try:
                return str(story.ask("GET", LEASE)["spec"].get("holderIdentity") or "")
            except OSError:
                return ""

        with a_controller(kubeconfig, tmp_path / "first") as first:
            until("a leader", holder)
            leader = holder()
            story.deploy(STEPS)
            story.release(2)
            story.until_phase("Paused")
            story.until_told("RolloutPaused")  # what happened in its time may be told at any time
            with a_controller(kubeconfig, tmp_path / "second"):
                first.send_signal(signal.SIGSTOP)
                story.patch_status({"abort": True})
                until("another leader", lambda: holder() not in ("", leader))
                story.until_phase("Degraded")
                story.until("no weight", lambda: story.weight() == "0")
                story.until("the canary gone", lambda: story.replica_set(2)["spec"]["replicas"] == 0)
                second = holder()
                story.until("the counts", lambda: story.status()["replicas"] == 2)
                story.until_told("RolloutAborted")
                story.until_told("ScalingReplicaSet", "Scaled down")
                before = story.rollout()["metadata"]["resourceVersion"], story.events()
                first.send_signal(signal.SIGCONT)
                code = first.wait(TAKEN_S_MAX)
                after = story.rollout()["metadata"]["resourceVersion"], story.events()

                assert code == 1
                assert holder() == second
                assert after == before
                assert (story.weight(), story.status()["phase"]) == ("0", "Degraded")
    assert "lead lost" in (tmp_path / "first").read_text()
