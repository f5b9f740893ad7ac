"""Sync options: of an application, and of one object, whose own word goes first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rollouts.kube import object as kube
from rollouts.kube.ref import Manifest

SYNC_OPTIONS = "argocd.argoproj.io/sync-options"
COMPARE_OPTIONS = "argocd.argoproj.io/compare-options"
HELM_KEEP = "helm.sh/resource-policy"


@dataclass(frozen=True, slots=True)
class Options:
    """Options by name, as written: `Prune=false`, `CreateNamespace=true`."""

    values: Mapping[str, str] = field(default_factory=dict)

    def word(self, name: str, default: str = "") -> str:
        """The value of an option."""
        return self.values.get(name, default)

    def is_on(self, name: str, default: bool = False) -> bool:
        """Whether an option is on."""
        return self.values[name].lower() == "true" if name in self.values else default

    def over(self, base: Options) -> Options:
        """These options, and those of `base` that they do not speak of."""
        return Options({**base.values, **self.values}) if self.values else base


def parse(words: Iterable[object]) -> Options:
    """Options from a list of `Name=value`; a bare name reads as true, as compare options are written."""
    found: dict[str, str] = {}
    for word in words:
        if isinstance(word, str) and word.strip():
            name, equals, value = word.strip().partition("=")
            found[name.strip()] = value.strip() if equals else "true"
    return Options(found)


def of_object(manifest: Manifest, annotation: str = SYNC_OPTIONS) -> Options:
    """The options that an object's annotation names, separated by commas."""
    value: Any = kube.annotations(manifest).get(annotation)
    found = parse(value.split(",")) if isinstance(value, str) else Options()
    keeps = annotation == SYNC_OPTIONS and kube.annotations(manifest).get(HELM_KEEP) == "keep"
    return Options({"Delete": "false", "Prune": "false"}).over(found) if keeps else found
