"""Questions about rights and identity (`kubectl auth can-i`): whoever gets in here may do everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

USER = "devplane"
_ALL = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
_REASON = "the embedded cluster asks nobody for rights"
_ANSWERS: Mapping[tuple[str, str], tuple[str, Mapping[str, Any]]] = {
    ("authorization.k8s.io", "selfsubjectaccessreviews"): (
        "SelfSubjectAccessReview",
        {"allowed": True, "reason": _REASON},
    ),
    ("authorization.k8s.io", "subjectaccessreviews"): ("SubjectAccessReview", {"allowed": True, "reason": _REASON}),
    ("authorization.k8s.io", "selfsubjectrulesreviews"): (
        "SelfSubjectRulesReview",
        {
            "resourceRules": [_ALL],
            "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
            "incomplete": False,
        },
    ),
    ("authentication.k8s.io", "selfsubjectreviews"): (
        "SelfSubjectReview",
        {"userInfo": {"username": USER, "groups": ["system:masters", "system:authenticated"]}},
    ),
}
GROUPS = tuple(dict.fromkeys(group for group, _ in _ANSWERS))
VERSION = "v1"


def answer(path: str, asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """The review that was posted there, answered; None where no review is posted."""
    match path.strip("/").split("/"):
        case ["apis", group, version, plural] if version == VERSION and (group, plural) in _ANSWERS:
            kind, status = _ANSWERS[group, plural]
            whole = {"kind": kind, "apiVersion": f"{group}/{VERSION}", "metadata": {}}
            return {**whole, **asked, "status": dict(status)}
    return None


def resources(group: str, version: str) -> list[dict[str, Any]]:
    """The reviews of a group as discovery lists them."""
    return [
        {"name": plural, "singularName": kind.lower(), "namespaced": False, "kind": kind, "verbs": ["create"]}
        for (of_group, plural), (kind, _) in _ANSWERS.items()
        if (of_group, version) == (group, VERSION)
    ]
