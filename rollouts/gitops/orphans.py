"""What lies about in an application's namespace: objects that no Application tracks and that nobody owns."""

from __future__ import annotations

from collections.abc import Mapping

from rollouts.core.reader import Reader
from rollouts.gitops import tracking
from rollouts.gitops.keys import Key
from rollouts.gitops.project import Project
from rollouts.gitops.wanted import Place
from rollouts.kube import builtin
from rollouts.kube import object as kube
from rollouts.kube.ref import Manifest

COMMON = (
    ("v1", "ConfigMap"), ("v1", "Secret"), ("v1", "Service"), ("v1", "ServiceAccount"), ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"), ("apps/v1", "DaemonSet"), ("batch/v1", "Job"), ("batch/v1", "CronJob"),
    ("networking.k8s.io/v1", "Ingress"), ("networking.k8s.io/v1", "NetworkPolicy"),
    ("policy/v1", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io/v1", "Role"), ("rbac.authorization.k8s.io/v1", "RoleBinding"),
)  # fmt: skip
"""Kinds that are looked at beside those that the application uses; not those of which controllers leave many behind."""


def orphans(rules: Project, place: Place, live: Mapping[Key, Manifest], reader: Reader) -> tuple[Key, ...]:
    """Objects of the destination's namespace, of kinds in use or common, that no Application tracks and nobody owns."""
    if rules.spec.orphaned_resources is None or not place.namespace:
        return ()
    used = {kind for key in live if (kind := builtin.find(*_named(key, live))) and kind.namespaced}
    used |= {kind for api, name in COMMON if (kind := builtin.find(api, name))}
    found = []
    for kind in sorted(used, key=lambda each: (each.group, each.name)):
        for each in reader.select(kind, place.namespace, {}) if reader.knows(kind) else ():
            key = Key(kind.group, kind.name, place.namespace, kube.name(each))
            if _is_of_cluster(each, key):
                continue
            if not tracking.owner(each, key) and not each["metadata"].get("ownerReferences"):
                found.append(key)
    return tuple(found)


def _is_of_cluster(manifest: Manifest, key: Key) -> bool:
    """Whether the cluster itself puts an object into its namespace."""
    if (key.kind, manifest.get("type")) == ("Secret", "kubernetes.io/service-account-token"):
        return True
    standing = {("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")}
    if key.namespace == "default":
        standing.add(("Service", "kubernetes"))
    return not key.group and (key.kind, key.name) in standing


def _named(key: Key, live: Mapping[Key, Manifest]) -> tuple[str, str]:
    return str(live[key].get("apiVersion") or ""), key.kind
