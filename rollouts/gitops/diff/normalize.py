"""One form for what git says: what the API server would never store is brought into the form in which it stores it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from rollouts.kit.parts import part
from rollouts.kube.quantity import canonical
from rollouts.kube.ref import Manifest

_SERVER_METADATA = frozenset(
    {"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink", "deletionTimestamp"}
    | {"deletionGracePeriodSeconds"}
)
_RBAC = "rbac.authorization.k8s.io"
_QUANTITIES = frozenset(
    {"limits", "requests", "capacity", "hard", "overhead", "allocatable", "defaultRequest", "max", "min", "default"}
    | {"maxLimitRequestRatio", "podFixed"}
)
"""Fields that hold quantities by name."""
_QUANTITY = frozenset(
    {("emptyDir", "sizeLimit"), ("resourceFieldRef", "divisor"), ("target", "averageValue"), ("target", "value")}
)
"""Single quantities, by the field that they are in: the value of a variable is a text, however it looks."""


def normalized(manifest: Manifest) -> Manifest:
    """What git says, without status and server's fields, with a Secret's texts as data."""
    wanted = {name: part for name, part in manifest.items() if name != "status"}
    meta = {name: part for name, part in manifest["metadata"].items() if name not in _SERVER_METADATA}
    wanted["metadata"] = meta
    group = str(manifest.get("apiVersion", "")).rpartition("/")[0]
    match group, manifest.get("kind"):
        case "", "Secret":
            return _secret(wanted)
        case group, "ClusterRole" if group == _RBAC and wanted.get("aggregationRule"):
            wanted.pop("rules", None)  # the controller of aggregations writes them
        case group, "RoleBinding" | "ClusterRoleBinding" if group == _RBAC and wanted.get("subjects"):
            wanted["subjects"] = [_subject(each) for each in wanted["subjects"]]
        case "apps", "StatefulSet":
            return _stateful_set(wanted)
    return wanted


def _secret(wanted: dict[str, Any]) -> Manifest:
    texts = wanted.pop("stringData", None)
    if isinstance(texts, Mapping):
        wanted["data"] = {
            **part(wanted, "data"),
            **{name: base64.b64encode(str(text).encode()).decode() for name, text in texts.items()},
        }
    return wanted


def _subject(subject: Any) -> Any:
    """The API group of a subject is filled in by the server."""
    if not isinstance(subject, Mapping) or subject.get("apiGroup") or subject.get("kind") == "ServiceAccount":
        return subject
    return {**subject, "apiGroup": _RBAC}


def _stateful_set(wanted: dict[str, Any]) -> Manifest:
    """Claim templates come back without kind and apiVersion."""
    spec: Any = wanted.get("spec")
    claims = spec.get("volumeClaimTemplates") if isinstance(spec, Mapping) else None
    if not isinstance(claims, list):
        return wanted
    bare = [
        {name: part for name, part in claim.items() if name not in ("kind", "apiVersion", "status")}
        for claim in claims
        if isinstance(claim, Mapping)
    ]
    return {**wanted, "spec": {**spec, "volumeClaimTemplates": bare}}


def is_same(git: Any, live: Any, path: tuple[Any, ...]) -> bool:
    """Whether two values that are neither maps nor lists mean the same at their place."""
    if git == live and isinstance(git, bool) == isinstance(live, bool):
        return True
    if isinstance(git, bool) or isinstance(live, bool) or not isinstance(git, str | int | float):
        return False
    if not isinstance(live, str | int | float) or not _is_quantity(path):
        return False
    one, other = canonical(str(git)), canonical(str(live))
    return one is not None and one == other


def is_nothing(git: Any) -> bool:
    """Whether a value may vanish when it is stored: the server leaves empty fields out."""
    if isinstance(git, Mapping):
        return all(is_nothing(inner) for inner in git.values())
    return git in (None, "", 0, False) or git == []


def _is_quantity(path: tuple[Any, ...]) -> bool:
    names = [step for step in path if isinstance(step, str)]
    return len(names) > 1 and (names[-2] in _QUANTITIES or (names[-2], names[-1]) in _QUANTITY)
