"""Deployments as Rollouts and back, and Flagger's Canaries: what is printed is right, and says what is left to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from rollouts.cli.lint import Source, lint
from rollouts.cli.main import root
from rollouts.cli.translate import Translation, from_deployment, from_flagger, from_rollout

DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop", "labels": {"team": "a"}, "annotations": {"x": "y"}},
    "spec": {
        "replicas": 3,
        "revisionHistoryLimit": 5,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web:1"}]},
        },
    },
}
CANARY: dict[str, Any] = {
    "apiVersion": "flagger.app/v1beta1",
    "kind": "Canary",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "provider": "nginx",
        "ingressRef": {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "web"},
        "progressDeadlineSeconds": 120,
        "service": {"port": 80, "targetPort": 8080},
        "analysis": {
            "interval": "30s",
            "threshold": 3,
            "maxWeight": 50,
            "stepWeight": 20,
            "metrics": [
                {"name": "errors", "interval": "1m", "thresholdRange": {"min": 99}, "query": "sum(up)"},
                {"name": "latency", "templateRef": {"name": "p99"}, "thresholdRange": {"max": 500}},
            ],
            "webhooks": [{"name": "load"}],
        },
    },
}


def errors(found: Translation, *beside: Mapping[str, Any]) -> list[str]:
    text = "\n---\n".join(yaml.safe_dump(dict(each)) for each in (*found.manifests, *beside))
    return [str(each) for each in lint([Source("converted.yaml", text)]) if each.severity == "error"]


def the_service(name: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": "shop"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"selector": {"app": "web"}}}


@pytest.mark.parametrize("blue_green", [False, True])
def test_a_deployment_becomes_a_rollout_that_takes_its_pods_one_by_one(blue_green: bool) -> None:
    found = from_deployment(DEPLOYMENT, "web", blue_green=blue_green)
    (rollout,) = found.manifests

    assert errors(found, DEPLOYMENT, the_service("web")) == []
    assert rollout["spec"]["workloadRef"]["scaleDown"] == "progressively"
    assert (rollout["spec"]["replicas"], rollout["spec"]["revisionHistoryLimit"]) == (3, 5)
    assert rollout["metadata"] == {"name": "web", "namespace": "shop", "labels": {"team": "a"}}


def test_a_rollout_becomes_a_deployment_that_gets_its_pods_before_the_rollout_goes() -> None:
    rollout = {**DEPLOYMENT, "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"}
    rollout["spec"] = {**DEPLOYMENT["spec"], "strategy": {"canary": {}}}
    found = from_rollout(rollout)
    deployment, patch = found.manifests

    assert deployment["spec"] == DEPLOYMENT["spec"]
    assert patch["spec"]["template"] is None
    assert patch["spec"]["workloadRef"]["scaleDown"] == "onsuccess"
    assert [line.split("    ")[0].split()[:3] for line in found.following] == [
        ["kubectl", "patch", "rollout"],
        ["rollouts", "status", "web"],
        ["kubectl", "delete", "rollout"],
    ]


def test_a_rollout_on_a_workload_is_only_to_be_deleted() -> None:
    (rollout,) = from_deployment(DEPLOYMENT).manifests
    found = from_rollout(rollout)

    assert found.manifests == ()
    assert found.following[0].startswith("kubectl delete rollout web")


def test_a_canary_of_flagger_walks_its_weights_and_is_judged_by_its_queries() -> None:
    found = from_flagger(CANARY)
    stable, canary, template, rollout = found.manifests

    assert errors(found) == [each for each in errors(found) if "ingress" in each]
    assert (stable["metadata"]["name"], canary["metadata"]["name"]) == ("web", "web-canary")
    assert rollout["spec"]["strategy"]["canary"]["steps"] == [
        {"setWeight": 20},
        {"pause": {"duration": "30s"}},
        {"setWeight": 40},
        {"pause": {"duration": "30s"}},
    ]
    assert rollout["spec"]["strategy"]["canary"]["trafficRouting"] == {"nginx": {"stableIngress": "web"}}
    (metric,) = template["spec"]["metrics"]
    assert (metric["successCondition"], metric["failureLimit"]) == ("result[0] >= 99", 2)


def test_what_cannot_be_translated_is_told() -> None:
    remarks = " ".join(from_flagger(CANARY).remarks)

    assert "webhooks are not translated" in remarks
    assert "metric latency: write the query of MetricTemplate p99" in remarks


def test_iterations_become_blue_green() -> None:
    analysis = {"interval": "30s", "iterations": 5, "metrics": CANARY["spec"]["analysis"]["metrics"][:1]}
    canary = {**CANARY, "spec": {**CANARY["spec"], "analysis": analysis}}
    rollout, template = from_flagger(canary).manifests[-1], from_flagger(canary).manifests[-2]

    assert set(rollout["spec"]["strategy"]["blueGreen"]) == {"activeService", "previewService", "prePromotionAnalysis"}
    assert template["spec"]["metrics"][0]["count"] == 5


def test_the_command_prints_manifests_and_tells_the_rest_beside_them() -> None:
    told = CliRunner().invoke(root, ["convert", "-f", "-"], input=yaml.safe_dump(DEPLOYMENT))

    assert told.exit_code == 0
    assert yaml.safe_load(told.stdout)["kind"] == "Rollout"
    assert "next: rollouts status web" in told.stderr


@pytest.mark.parametrize("text", ["kind: Service\n", "a: [\n", ""])
def test_a_file_without_anything_to_convert_is_refused(text: str) -> None:
    told = CliRunner().invoke(root, ["convert", "-f", "-"], input=text)

    assert told.exit_code != 0


def test_flaggers_own_metrics_are_asked_of_istio_by_the_canary_service() -> None:
    metrics = [
        {"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "1m"},
        {"name": "request-duration", "thresholdRange": {"max": 500}, "interval": "30s"},
    ]
    found = from_flagger(
        {
            "metadata": {"name": "podinfo", "namespace": "test"},
            "spec": {
                "provider": "istio",
                "targetRef": {"kind": "Deployment", "name": "podinfo"},
                "autoscalerRef": {"name": "podinfo"},
                "analysis": {"interval": "30s", "threshold": 5, "stepWeight": 20, "maxWeight": 40, "metrics": metrics},
            },
        }
    )
    (template,) = (each for each in found.manifests if each["kind"] == "AnalysisTemplate")
    rate, duration = template["spec"]["metrics"]
    labels = 'reporter="destination",destination_service_namespace="test",destination_service_name="podinfo-canary"'

    assert rate["successCondition"] == "result[0] >= 99" and duration["successCondition"] == "result[0] <= 500"
    assert rate["provider"]["prometheus"]["query"].endswith(f"/ sum(rate(istio_requests_total{{{labels}}}[1m]))")
    assert f"istio_request_duration_milliseconds_bucket{{{labels}}}[30s]" in duration["provider"]["prometheus"]["query"]
    assert any("autoscalerRef" in said for said in found.remarks)
    assert any("app=podinfo" in said for said in found.remarks)


def test_what_is_printed_has_no_anchors() -> None:
    steps = from_flagger({"metadata": {"name": "a"}, "spec": {"analysis": {"stepWeights": [1, 2]}}})

    assert "*id" not in yaml.safe_dump([*steps.manifests])
