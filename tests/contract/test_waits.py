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
