"""`kubectl wait` and kstatus on the embedded cluster, in every form that a status can have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import NAMESPACE, a_rollout, the_usual
from tests.cli.cluster import Cluster
from tests.contract.conftest import controlling
from tests.contract.story import a_version
from tests.contract.waiting import expected, led_through_every_phase, waiter

SHOP = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


@pytest.mark.slow
@pytest.mark.parametrize("compat", ["argo", "kstatus", "int"])
def test_whoever_waits_sees_every_phase(compat: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with Cluster(serves_pods=False) as cluster, controlling(cluster, tmp_path, "--status-compat", compat) as kubeconfig:
        web = waiter(request, kubeconfig, NAMESPACE)
        canary = {"abortScaleDownDelaySeconds": 1, "scaleDownDelaySeconds": 1}
        made = a_rollout(2, canary=canary, template=a_version(1))
        cluster.do(lambda devplane: devplane.create_all((SHOP, *the_usual(), made)))
        told = led_through_every_phase(web, compat)

    assert told == expected(compat)


@pytest.mark.parametrize(
    ("compat", "waits", "said"), [("argo", False, "Error"), ("kstatus", True, "Current"), ("int", True, "InProgress")]
)
def test_what_is_seen_of_a_change_before_the_controller_looks(
    compat: str, waits: bool, said: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    top, each = {"argo": ("1", None), "kstatus": (None, 1), "int": (1, None)}[compat]
    ready = {"type": "Ready", "status": "True", "reason": "Healthy", "message": "", "observedGeneration": each}
    with Cluster(serves_pods=False) as cluster:
        kubeconfig = Path(cluster.do(lambda devplane: devplane.write_kubeconfig(tmp_path / "kubeconfig")))
        web = waiter(request, kubeconfig, NAMESPACE)
        cluster.do(lambda devplane: devplane.create_all((SHOP, *the_usual(), a_rollout(2))))
        kept = {key: value for key, value in ready.items() if value is not None}
        web.command(observedGeneration=top, conditions=[kept])
        assert web.is_over("condition=Ready")
        web.patch({"spec": {"minReadySeconds": 1}})
        web.read("changed")

        assert web.is_over("condition=Ready") is not waits
        assert web.told == [("changed", said)]
