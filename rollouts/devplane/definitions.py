"""What the store knows of a kind: its subresources, its schema, when its generation moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rollouts.kube import builtin, kinds
from rollouts.kube.ref import Kind, Manifest

# Built-in kinds whose generation moves with the spec.
_WITH_GENERATION = frozenset(
    {"ReplicaSet", "Deployment", "Job", "Ingress", "Pod", "StatefulSet", "DaemonSet", "CronJob", "PodDisruptionBudget"}
    | {"NetworkPolicy", "ReplicationController"}
)
_SHORT_NAMES: Mapping[str, tuple[str, ...]] = {
    "ReplicaSet": ("rs",),
    "Deployment": ("deploy",),
    "Service": ("svc",),
    "Pod": ("po",),
    "Namespace": ("ns",),
    "Node": ("no",),
    "Ingress": ("ing",),
    "ConfigMap": ("cm",),
    "Event": ("ev",),
    "CustomResourceDefinition": ("crd", "crds"),
    "ServiceAccount": ("sa",),
    "Endpoints": ("ep",),
    "LimitRange": ("limits",),
    "PersistentVolume": ("pv",),
    "PersistentVolumeClaim": ("pvc",),
    "ReplicationController": ("rc",),
    "ResourceQuota": ("quota",),
    "StatefulSet": ("sts",),
    "DaemonSet": ("ds",),
    "CronJob": ("cj",),
    "HorizontalPodAutoscaler": ("hpa",),
    "PodDisruptionBudget": ("pdb",),
    "NetworkPolicy": ("netpol",),
    "StorageClass": ("sc",),
    "PriorityClass": ("pc",),
    "CertificateSigningRequest": ("csr",),
}

# What field selectors may name beside metadata.name and metadata.namespace.
_FIELDS: Mapping[str, frozenset[str]] = {
    "Pod": frozenset({"spec.nodeName", "status.phase", "spec.restartPolicy", "status.podIP"}),
    "Event": frozenset(
        {f"involvedObject.{name}" for name in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion")}
        | {"involvedObject.fieldPath", "reason", "reportingComponent", "source", "type"}
    ),
    "Secret": frozenset({"type"}),
    "Job": frozenset({"status.successful"}),
    "ReplicaSet": frozenset({"status.replicas"}),
}


@dataclass(frozen=True, slots=True)
class Scale:
    """Where the scale subresource reads and writes, as dotted paths."""

    spec_replicas: str = "spec.replicas"
    status_replicas: str = "status.replicas"
    selector: str = ""  # "" means spec.selector as an object, else the path of a string


@dataclass(frozen=True, slots=True)
class Definition:
    """One served kind. schema: a structural OpenAPI schema, None where anything goes.

    tells_generation: whether metadata.generation is kept at all.  is_custom: defined by a CRD.
    fields: what field selectors may name, as dotted paths.
    """

    kind: Kind
    schema: Mapping[str, Any] | None = None
    scale: Scale | None = None
    is_custom: bool = False
    tells_generation: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    columns: tuple[Mapping[str, Any], ...] = ()
    fields: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        """The resource's name with its group, which is its identity in the store."""
        return resource_key(self.kind)


def resource_key(kind: Kind) -> str:
    """`replicasets.apps`; `pods.` for the core group."""
    return f"{kind.plural}.{kind.group}"


def built_in(kind: Kind) -> Definition:
    """The definition of a kind that the server brings along."""
    scalable = kind.name in ("ReplicaSet", "Deployment")
    return Definition(
        kind,
        scale=Scale() if scalable else None,
        tells_generation=kind.name in _WITH_GENERATION or kind.name == "CustomResourceDefinition",
        short_names=_SHORT_NAMES.get(kind.name, ()),
        categories=("all",) if kind.name in ("Pod", "Service", "ReplicaSet", "Deployment", "Job") else (),
        fields=_FIELDS.get(kind.name, frozenset()),
    )


def without_schema(kind: Kind) -> Definition:
    """A custom kind whose objects are stored as they come: for tests and simulations that need no schema."""
    scale = Scale(status_replicas="status.HPAReplicas", selector="status.selector") if kind.name == "Rollout" else None
    return Definition(kind, scale=scale, is_custom=True)


BUILT_IN: tuple[Definition, ...] = tuple(
    built_in(kind) for kind in (*kinds.ALL, *builtin.MORE) if kind not in kinds.OURS
)
OURS: tuple[Definition, ...] = tuple(without_schema(kind) for kind in kinds.OURS)


def from_crd(crd: Manifest) -> Definition:
    """The definition that a CustomResourceDefinition declares: its storage version alone is served."""
    spec = crd["spec"]
    version = next((one for one in spec["versions"] if one.get("storage")), spec["versions"][0])
    subresources = version.get("subresources") or {}
    names = spec["names"]
    kind = Kind(
        spec["group"],
        version["name"],
        names["kind"],
        names["plural"],
        namespaced=spec.get("scope") == "Namespaced",
        has_status="status" in subresources,
    )
    scale = None
    if "scale" in subresources:
        paths = subresources["scale"]
        scale = Scale(
            paths["specReplicasPath"].lstrip("."),
            paths["statusReplicasPath"].lstrip("."),
            paths.get("labelSelectorPath", "").lstrip("."),
        )
    return Definition(
        kind,
        schema=(version.get("schema") or {}).get("openAPIV3Schema"),
        scale=scale,
        is_custom=True,
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        columns=tuple(version.get("additionalPrinterColumns") or ()),
        fields=frozenset(each["jsonPath"].lstrip(".") for each in version.get("selectableFields") or ()),
    )


def counts_as_new_generation(definition: Definition) -> Callable[[Manifest, Manifest], bool]:
    """The test by which a change of an object moves its generation."""
    kind = definition.kind
    if definition.is_custom:
        hidden = {"metadata", "status"} if kind.has_status else {"metadata"}
        return lambda old, new: _without(old, hidden) != _without(new, hidden)
    if kind.name == "Deployment":
        return lambda old, new: (
            old.get("spec") != new.get("spec")
            or old["metadata"].get("annotations") != new["metadata"].get("annotations")
        )
    return lambda old, new: old.get("spec") != new.get("spec")


def _without(manifest: Manifest, hidden: set[str]) -> dict[str, Any]:
    return {key: value for key, value in manifest.items() if key not in hidden}
