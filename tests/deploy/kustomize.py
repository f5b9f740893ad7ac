"""As much of kustomize as deploy/ uses: resources, a namespace, JSON patches. Anything else there fails the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonpatch
import yaml

KNOWN = {"apiVersion", "kind", "resources", "namespace", "labels", "patches"}
CLUSTER_SCOPED = {"Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}


def build(folder: Path) -> list[dict[str, Any]]:
    """Every manifest that `kubectl apply -k folder` would apply."""
    plan = yaml.safe_load(recipe(folder).read_text())
    assert set(plan) <= KNOWN, f"{folder}: {set(plan) - KNOWN}"
    found = [each for name in plan["resources"] for each in _resource(folder / name)]
    for labels in plan.get("labels") or ():
        for each in found:
            each["metadata"].setdefault("labels", {}).update(labels["pairs"])
    for patch in plan.get("patches") or ():
        target = patch["target"]
        (index,) = (
            number
            for number, each in enumerate(found)
            if each["kind"] == target["kind"] and each["metadata"]["name"] == target["name"]
        )
        found[index] = jsonpatch.JsonPatch(yaml.safe_load(patch["patch"])).apply(found[index])
    if space := plan.get("namespace"):
        for each in found:
            if each["kind"] not in CLUSTER_SCOPED:
                each["metadata"]["namespace"] = space
    return found


def recipe(folder: Path) -> Path:
    """The folder's kustomization file."""
    (found,) = (path for path in folder.iterdir() if path.name in ("kustomization.yaml", "Kustomization"))
    return found


def files(folder: Path) -> Iterator[Path]:
    """Every file that a build of the folder reads."""
    yield recipe(folder)
    for name in yaml.safe_load(recipe(folder).read_text())["resources"]:
        path = folder / name
        if path.is_dir():
            yield from files(path.resolve())
        else:
            yield path.resolve()


def _resource(path: Path) -> list[dict[str, Any]]:
    return build(path.resolve()) if path.is_dir() else list(yaml.safe_load_all(path.read_text()))
