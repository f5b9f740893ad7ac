"""Kind → function, and how many healths become one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from rollouts.gitops.health import control, jobs, network, ours, storage, workloads
from rollouts.gitops.health.model import HEALTHY, Health, Status, progressing
from rollouts.gitops.keys import Key
from rollouts.kube import object as kube
from rollouts.kube.ref import Manifest

Check: TypeAlias = Callable[[Manifest], Health | None]

IGNORES = "argocd.argoproj.io/ignore-healthcheck"
CULPRITS_MAX = 5

CHECKS: Mapping[tuple[str, str], Check] = {
    ("apps", "Deployment"): workloads.deployment,
    ("apps", "StatefulSet"): workloads.stateful_set,
    ("apps", "DaemonSet"): workloads.daemon_set,
    ("apps", "ReplicaSet"): workloads.replica_set,
    ("", "Pod"): workloads.pod,
    ("batch", "Job"): jobs.job,
    ("batch", "CronJob"): jobs.cron_job,
    ("", "Service"): network.service,
    ("networking.k8s.io", "Ingress"): network.ingress,
    ("", "PersistentVolumeClaim"): storage.claim,
    ("autoscaling", "HorizontalPodAutoscaler"): control.autoscaler,
    ("apiregistration.k8s.io", "APIService"): control.api_service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): control.custom_resource_definition,
    ("argoproj.io", "Rollout"): ours.rollout,
    ("argoproj.io", "AnalysisRun"): ours.run,
    ("argoproj.io", "Experiment"): ours.run,
    ("argoproj.io", "Application"): ours.application,
    ("argoproj.io", "ApplicationSet"): ours.application_set,
    ("external-secrets.io", "ExternalSecret"): control.ready,
    ("external-secrets.io", "SecretStore"): control.ready,
    ("external-secrets.io", "ClusterSecretStore"): control.ready,
    ("bitnami.com", "SealedSecret"): control.synced,
    ("cert-manager.io", "Certificate"): control.ready,
    ("cert-manager.io", "Issuer"): control.ready,
    ("cert-manager.io", "ClusterIssuer"): control.ready,
    ("source.toolkit.fluxcd.io", "GitRepository"): control.ready,
    ("source.toolkit.fluxcd.io", "OCIRepository"): control.ready,
    ("source.toolkit.fluxcd.io", "HelmRepository"): control.ready,
    ("kustomize.toolkit.fluxcd.io", "Kustomization"): control.ready,
    ("helm.toolkit.fluxcd.io", "HelmRelease"): control.ready,
    ("keda.sh", "ScaledObject"): control.ready,
}
"""Kinds that are not here have no health: they are well once they exist."""


def assess(key: Key, live: Manifest, custom: Mapping[tuple[str, str], Check] | None = None) -> Health | None:
    """The health of a live object; None for a kind without one. custom: the user's own rules, which go first."""
    if kube.is_deleting(live):
        return progressing("Pending deletion")
    check = (custom or {}).get((key.group, key.kind)) or CHECKS.get((key.group, key.kind))
    if check is None:
        return None
    try:
        return check(live)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return Health(Status.UNKNOWN, f"the object's status cannot be read: {type(error).__name__}")


def counts(live: Manifest | None) -> bool:
    """Whether an object's health counts for its application."""
    return live is None or kube.annotations(live).get(IGNORES) != "true"


def worst(healths: Iterable[tuple[Key, Health | None]]) -> Health:
    """One health of many: the worst, with its culprits; Missing only where nothing at all is there.

    That some of it is missing is what OutOfSync says, and no word about how well the rest is.
    """
    every = list(healths)
    missing = [key for key, health in every if health is not None and health.status is Status.MISSING]
    if every and len(missing) == len(every):
        return Health(Status.MISSING, _named(missing))
    rows = [(key, health) for key, health in every if health is not None and health.status is not Status.MISSING]
    bad = [(key, health) for key, health in rows if not (_is_child(key) and health.status is Status.UNKNOWN)]
    status = max((health.status for _, health in bad), key=lambda each: each.rank, default=HEALTHY.status)
    if status is Status.HEALTHY:
        return HEALTHY
    return Health(status, _named([key for key, health in bad if health.status is status]))


def _is_child(key: Key) -> bool:
    return (key.group, key.kind) == ("argoproj.io", "Application")


def _named(keys: list[Key]) -> str:
    named = ", ".join(f"{key.kind}/{key.name}" for key in keys[:CULPRITS_MAX])
    return f"{named} and {len(keys) - CULPRITS_MAX} more" if len(keys) > CULPRITS_MAX else named
