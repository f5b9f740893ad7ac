"""The kinds this project reads or writes: one literal table."""

from __future__ import annotations

from rollouts.kube.ref import Kind

GROUP = "argoproj.io"
VERSION = "v1alpha1"

ROLLOUT = Kind(GROUP, VERSION, "Rollout", "rollouts")
ANALYSIS_RUN = Kind(GROUP, VERSION, "AnalysisRun", "analysisruns", has_status=False)
ANALYSIS_TEMPLATE = Kind(GROUP, VERSION, "AnalysisTemplate", "analysistemplates", has_status=False)
CLUSTER_ANALYSIS_TEMPLATE = Kind(
    GROUP, VERSION, "ClusterAnalysisTemplate", "clusteranalysistemplates", namespaced=False, has_status=False
)
EXPERIMENT = Kind(GROUP, VERSION, "Experiment", "experiments", has_status=False)
APPLICATION = Kind(GROUP, VERSION, "Application", "applications", has_status=False)
APP_PROJECT = Kind(GROUP, VERSION, "AppProject", "appprojects", has_status=False)

REPLICA_SET = Kind("apps", "v1", "ReplicaSet", "replicasets")
DEPLOYMENT = Kind("apps", "v1", "Deployment", "deployments")
POD_TEMPLATE = Kind("", "v1", "PodTemplate", "podtemplates", has_status=False)
JOB = Kind("batch", "v1", "Job", "jobs")
INGRESS = Kind("networking.k8s.io", "v1", "Ingress", "ingresses")
INGRESS_CLASS = Kind("networking.k8s.io", "v1", "IngressClass", "ingressclasses", namespaced=False, has_status=False)
ENDPOINT_SLICE = Kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", has_status=False)
LEASE = Kind("coordination.k8s.io", "v1", "Lease", "leases", has_status=False)
CRD = Kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False)

NAMESPACE = Kind("", "v1", "Namespace", "namespaces", namespaced=False)
NODE = Kind("", "v1", "Node", "nodes", namespaced=False)
POD = Kind("", "v1", "Pod", "pods")
SERVICE = Kind("", "v1", "Service", "services")
SECRET = Kind("", "v1", "Secret", "secrets", has_status=False)
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps", has_status=False)
EVENT = Kind("", "v1", "Event", "events", has_status=False)

OURS: tuple[Kind, ...] = (
    ROLLOUT, ANALYSIS_RUN, ANALYSIS_TEMPLATE, CLUSTER_ANALYSIS_TEMPLATE, EXPERIMENT, APPLICATION, APP_PROJECT,
)  # fmt: skip
ALL: tuple[Kind, ...] = (
    *OURS, REPLICA_SET, DEPLOYMENT, POD_TEMPLATE, JOB, INGRESS, INGRESS_CLASS, ENDPOINT_SLICE, LEASE, CRD,
    NAMESPACE, NODE, POD, SERVICE, SECRET, CONFIG_MAP, EVENT,
)  # fmt: skip

_BY_NAME = {(kind.api_version, kind.name): kind for kind in ALL}


def known(api_version: str, name: str) -> Kind | None:
    """The Kind with that apiVersion and kind, or None where this project has no use for it."""
    return _BY_NAME.get((api_version, name))
