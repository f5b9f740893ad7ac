"""The judges of traffic do what the tests rely on, before any controller of ours is involved."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from typing import Any

import pytest

from benchmarks import manifests as m
from tests.plane.plane import Plane
from tests.plane.traffic import Service

pytestmark = [pytest.mark.netns, pytest.mark.realplane]

WAIT_S_MAX = 30.0


def replica_set(member: m.Member, version: str) -> dict[str, Any]:
    """One version's pods."""
    template = m.pod_template(member, version)
    labels = {**template["metadata"]["labels"], m.HASH: version}
    template["metadata"]["labels"] = labels
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": f"{member.name}-{version}"},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template},
    }


def version_served(traefik: Service, host: str) -> str:
    """The version that answers one request, or the status code of a refusal."""
    request = urllib.request.Request(f"{traefik.url}/", headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return str(json.load(answer)["version"])
    except urllib.error.HTTPError as error:
        with error:
            return str(error.code)


@pytest.fixture(scope="module")
def member(traffic_plane: Plane, traefik: Service) -> m.Member:
    """An application of two versions with 30 % of the traffic for the second."""
    member, ask = m.Member("judged"), traffic_plane.admin.ask
    for version in ("v1", "v2"):
        ask("POST", m.REPLICA_SETS.format("default"), replica_set(member, version))
    for service, version in zip(m.services(member), ("v1", "v2"), strict=True):
        service["spec"]["selector"][m.HASH] = version
        ask("POST", m.SERVICES.format("default"), service)
    ask("POST", m.INGRESSES.format("default"), m.ingress(member))
    canary = m.ingress(member, member.canary_ingress, member.canary_service, weight=30)
    ask("POST", m.INGRESSES.format("default"), canary)
    give_up, seen = time.monotonic() + WAIT_S_MAX, set[str]()
    while seen != {"v1", "v2"}:
        assert time.monotonic() < give_up, f"Traefik serves {seen}"
        seen |= {version_served(traefik, f"{member.name}.example.com")} - {"404", "503"}
    return member


def test_traefik_carries_the_share_that_the_canary_annotation_names(member: m.Member, traefik: Service) -> None:
    answers = [version_served(traefik, f"{member.name}.example.com") for _ in range(300)]

    assert set(answers) == {"v1", "v2"}
    assert 80 <= answers.count("v2") <= 100


def test_prometheus_counts_the_requests_of_each_pod(member: m.Member, traefik: Service, prometheus: Service) -> None:
    for _ in range(50):
        version_served(traefik, f"{member.name}.example.com")
    query = urllib.parse.quote('sum by (rollouts_pod_template_hash) (http_requests_total{app="judged"})')
    give_up, counted = time.monotonic() + WAIT_S_MAX, dict[str, float]()
    while len(counted) < 2 or min(counted.values()) == 0:
        assert time.monotonic() < give_up, f"Prometheus has {counted}"
        with urllib.request.urlopen(f"{prometheus.url}/api/v1/query?query={query}", timeout=5) as answer:
            result = json.load(answer)["data"]["result"]
        counted = {one["metric"]["rollouts_pod_template_hash"]: float(one["value"][1]) for one in result}
        time.sleep(0.1)

    assert set(counted) == {"v1", "v2"}
