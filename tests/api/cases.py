"""Manifests for the tables: a Rollout that is right, and one that differs in a single place."""

from __future__ import annotations

import copy
from typing import Any

GOOD: dict[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Rollout",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "replicas": 5,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web:1"}]},
        },
        "strategy": {
            "canary": {
                "stableService": "web-stable",
                "canaryService": "web-canary",
                "trafficRouting": {"nginx": {"stableIngress": "web"}},
                "steps": [{"setWeight": 20}, {"pause": {}}],
            }
        },
    },
}

ABSENT = object()


def changed(**places: Any) -> dict[str, Any]:
    """GOOD with some places changed: `canary__steps=[…]`, `template__spec__containers=ABSENT`.

    A first word `canary` stands for spec.strategy.canary, everything else for spec.
    """
    manifest = copy.deepcopy(GOOD)
    for place, value in places.items():
        parts = place.split("__")
        parts = ["strategy", *parts] if parts[0] == "canary" else parts
        at = manifest["spec"]
        for part in parts[:-1]:
            at = at.setdefault(part, {})
        if value is ABSENT:
            at.pop(parts[-1], None)
        else:
            at[parts[-1]] = value
    return manifest


def with_step(*steps: Any, **places: Any) -> dict[str, Any]:
    """GOOD with these steps."""
    return changed(canary__steps=list(steps), **places)
