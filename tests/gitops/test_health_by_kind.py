"""For every kind that has a rule: what is well, what is not, and what is on its way."""

from __future__ import annotations

# ruff: noqa: E501 - an object stands on one line, so that a table stays a table
from typing import Any

import pytest

from rollouts.gitops.health.table import CHECKS, assess
from rollouts.gitops.keys import key_of
from tests.gitops.test_health import CHILD, SYNCED, UP, condition, live

READY = ("external-secrets.io/v1 ExternalSecret", "external-secrets.io/v1 SecretStore",
         "external-secrets.io/v1 ClusterSecretStore", "cert-manager.io/v1 Certificate", "cert-manager.io/v1 Issuer",
         "cert-manager.io/v1 ClusterIssuer", "source.toolkit.fluxcd.io/v1 GitRepository",
         "source.toolkit.fluxcd.io/v1 OCIRepository", "source.toolkit.fluxcd.io/v1 HelmRepository",
         "kustomize.toolkit.fluxcd.io/v1 Kustomization", "helm.toolkit.fluxcd.io/v2 HelmRelease",
         "keda.sh/v1alpha1 ScaledObject")  # fmt: skip
SEEN = {"generation": 2}
DAEMONS = {"observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3}
ADDRESS = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
OURS = "argoproj.io/v1alpha1"

Row = tuple[str, dict[str, Any], str]


def pod(phase: str, waiting: str = "", policy: str = "Always", **status: Any) -> dict[str, Any]:
    broken = {"containerStatuses": [{"state": {"waiting": {"reason": waiting}}}]} if waiting else {}
    return live("v1", "Pod", {"restartPolicy": policy}, {"phase": phase, **broken, **status})


ROWS: tuple[Row, ...] = (
    ("a StatefulSet is up", live("apps/v1", "StatefulSet", {"replicas": 2}, UP, **SEEN), "Healthy"),
    ("pods are not ready", live("apps/v1", "StatefulSet", {"replicas": 3}, UP, **SEEN), "Progressing"),
    ("it is changed by hand", live("apps/v1", "StatefulSet", {"replicas": 2, "updateStrategy": {"type": "OnDelete"}}, {**UP, "updateRevision": "b"}, **SEEN), "Healthy"),
    ("a Deployment is up", live("apps/v1", "Deployment", {"replicas": 2}, UP, **SEEN), "Healthy"),
    ("pods are not available", live("apps/v1", "Deployment", {"replicas": 2}, {**UP, "availableReplicas": 1}, **SEEN), "Progressing"),
    ("a DaemonSet is everywhere", live("apps/v1", "DaemonSet", {}, DAEMONS, **SEEN), "Healthy"),
    ("a node has the old one", live("apps/v1", "DaemonSet", {}, {**DAEMONS, "updatedNumberScheduled": 2}, **SEEN), "Progressing"),
    ("a node has none", live("apps/v1", "DaemonSet", {}, {**DAEMONS, "numberAvailable": 2}, **SEEN), "Progressing"),
    ("a DaemonSet is changed by hand", live("apps/v1", "DaemonSet", {"updateStrategy": {"type": "OnDelete"}}, {**DAEMONS, "updatedNumberScheduled": 0}, **SEEN), "Healthy"),
    ("a DaemonSet was not seen", live("apps/v1", "DaemonSet", {}, {**DAEMONS, "observedGeneration": 1}, **SEEN), "Progressing"),
    ("a ReplicaSet is up", live("apps/v1", "ReplicaSet", {"replicas": 2}, UP, **SEEN), "Healthy"),
    ("a ReplicaSet may make no pods", live("apps/v1", "ReplicaSet", {"replicas": 2}, {**UP, **condition("ReplicaFailure")}, **SEEN), "Degraded"),
    ("a ReplicaSet waits", live("apps/v1", "ReplicaSet", {"replicas": 3}, UP, **SEEN), "Progressing"),
    ("a pod is ready", pod("Running", **condition("Ready")), "Healthy"),
    ("a pod is not ready", pod("Running", **condition("Ready", "False")), "Progressing"),
    ("a pod crashes", pod("Running", "CrashLoopBackOff"), "Degraded"),
    ("a pod has no image", pod("Pending", "ErrImagePull"), "Degraded"),
    ("a pod waits for a node", pod("Pending"), "Progressing"),
    ("a pod runs once", pod("Running", policy="Never", **condition("Ready")), "Progressing"),
    ("a pod is done", pod("Succeeded"), "Healthy"),
    ("a pod failed", pod("Failed"), "Degraded"),
    ("a Job ended", live("batch/v1", "Job", {}, condition("Complete")), "Healthy"),
    ("a Job failed", live("batch/v1", "Job", {}, condition("Failed")), "Degraded"),
    ("a Job is suspended", live("batch/v1", "Job", {"suspend": True}, condition("Suspended")), "Suspended"),
    ("a schedule went well", live("batch/v1", "CronJob", {}, {"lastScheduleTime": "2026-01-01T00:00:00Z", "lastSuccessfulTime": "2026-01-01T00:01:00Z"}), "Healthy"),
    ("the last Job of a schedule failed", live("batch/v1", "CronJob", {}, {"lastScheduleTime": "2026-01-02T00:00:00Z", "lastSuccessfulTime": "2026-01-01T00:01:00Z"}), "Degraded"),
    ("a Job of a schedule runs", live("batch/v1", "CronJob", {}, {"active": [{}], "lastScheduleTime": "2026-01-02T00:00:00Z", "lastSuccessfulTime": "2026-01-01T00:01:00Z"}), "Healthy"),
    ("a Service has its balancer", live("v1", "Service", {"type": "LoadBalancer"}, ADDRESS), "Healthy"),
    ("a Service waits for its balancer", live("v1", "Service", {"type": "LoadBalancer"}), "Progressing"),
    ("an Ingress has an address", live("networking.k8s.io/v1", "Ingress", {}, ADDRESS), "Healthy"),
    ("nobody took the Ingress up", live("networking.k8s.io/v1", "Ingress"), "Progressing"),
    ("a claim is bound", live("v1", "PersistentVolumeClaim", {}, {"phase": "Bound"}), "Healthy"),
    ("a claim waits", live("v1", "PersistentVolumeClaim", {}, {"phase": "Pending"}), "Progressing"),
    ("a claim lost its volume", live("v1", "PersistentVolumeClaim", {}, {"phase": "Lost"}), "Degraded"),
    ("an autoscaler scales", live("autoscaling/v2", "HorizontalPodAutoscaler", {}, condition("ScalingActive")), "Healthy"),
    ("an autoscaler has no figures", live("autoscaling/v2", "HorizontalPodAutoscaler", {}, condition("ScalingActive", "False", reason="FailedGetResourceMetric")), "Degraded"),
    ("an autoscaler begins", live("autoscaling/v2", "HorizontalPodAutoscaler"), "Progressing"),
    ("an API answers", live("apiregistration.k8s.io/v1", "APIService", {}, condition("Available")), "Healthy"),
    ("an API does not answer", live("apiregistration.k8s.io/v1", "APIService", {}, condition("Available", "False")), "Progressing"),
    ("a kind is served", live("apiextensions.k8s.io/v1", "CustomResourceDefinition", {}, condition("Established")), "Healthy"),
    ("a name is taken", live("apiextensions.k8s.io/v1", "CustomResourceDefinition", {}, condition("NamesAccepted", "False")), "Degraded"),
    ("a kind goes", live("apiextensions.k8s.io/v1", "CustomResourceDefinition", {}, condition("Terminating")), "Progressing"),
    ("a Rollout is well", live(OURS, "Rollout", {}, {"phase": "Healthy", "observedGeneration": "2"}, **SEEN), "Healthy"),
    ("a Rollout was aborted", live(OURS, "Rollout", {}, {"phase": "Degraded", "observedGeneration": "2"}, **SEEN), "Degraded"),
    ("a Rollout moves", live(OURS, "Rollout", {}, {"phase": "Progressing", "observedGeneration": "2"}, **SEEN), "Progressing"),
    ("a Rollout is wrong", live(OURS, "Rollout", {}, {"observedGeneration": "2", **condition("InvalidSpec")}, **SEEN), "Degraded"),
    *((f"a run is {word}", live(OURS, "AnalysisRun", {}, {"phase": word}), status) for word, status in (("Pending", "Progressing"), ("Running", "Progressing"), ("Successful", "Healthy"), ("Failed", "Degraded"), ("Error", "Degraded"), ("Inconclusive", "Unknown"))),
    *((f"an experiment is {word}", live(OURS, "Experiment", {}, {"phase": word}), status) for word, status in (("Running", "Progressing"), ("Successful", "Healthy"), ("Failed", "Degraded"), ("Inconclusive", "Unknown"))),
    ("a child is well", live(OURS, "Application", CHILD, SYNCED), "Healthy"),
    ("a child is not", live(OURS, "Application", CHILD, {**SYNCED, "health": {"status": "Degraded"}}), "Degraded"),
    ("a set made its Applications", live(OURS, "ApplicationSet", {}, condition("ResourcesUpToDate")), "Healthy"),
    ("a set cannot", live(OURS, "ApplicationSet", {}, condition("ErrorOccurred")), "Degraded"),
    ("a sealed Secret was opened", live("bitnami.com/v1alpha1", "SealedSecret", {}, condition("Synced")), "Healthy"),
    ("a sealed Secret stays shut", live("bitnami.com/v1alpha1", "SealedSecret", {}, condition("Synced", "False")), "Degraded"),
    ("a sealed Secret waits", live("bitnami.com/v1alpha1", "SealedSecret"), "Progressing"),
    *((f"{kind.split()[1]} is ready", live(*kind.split(), {}, condition("Ready")), "Healthy") for kind in READY),
    *((f"{kind.split()[1]} is not ready", live(*kind.split(), {}, condition("Ready", "False")), "Degraded") for kind in READY),
    *((f"{kind.split()[1]} says nothing", live(*kind.split()), "Progressing") for kind in READY),
)  # fmt: skip


@pytest.mark.parametrize(("story", "manifest", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_an_object_is_as_well_as_its_kind_says(story: str, manifest: dict[str, Any], expected: str) -> None:
    found = assess(key_of(manifest), manifest)

    assert found is not None and found.status.value == expected


def test_every_kind_with_a_rule_has_a_story_of_health_and_one_of_trouble() -> None:
    def told(manifest: dict[str, Any]) -> tuple[str, str]:
        key = key_of(manifest)
        return key.group, key.kind

    well = {told(manifest) for _, manifest, expected in ROWS if expected == "Healthy"}
    ill = {told(manifest) for _, manifest, expected in ROWS if expected != "Healthy"}

    assert set(CHECKS) == well == ill
