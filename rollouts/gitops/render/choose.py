"""Which renderer a folder wants."""

from __future__ import annotations

from rollouts.gitops.render.files import Files, listing
from rollouts.gitops.render.job import SourceType
from rollouts.gitops.render.spec import Spec
from rollouts.gitops.source.errors import SourceError

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_NAMED: dict[str, SourceType] = {"helm": "Helm", "kustomize": "Kustomize", "directory": "Directory"}


def choose(files: Files, path: str, spec: Spec) -> SourceType:
    """The type: what the source names, else what lies there. Raises SourceError."""
    if "plugin" in spec.options:
        raise SourceError("spec.source.plugin: plugins run code from git and are not built; use Kustomize or Helm")
    named = [tool for tool in _NAMED if tool in spec.options]
    if len(named) > 1:
        raise SourceError(f"spec.source: multiple application sources defined: {','.join(named)}")
    present = listing(files, path)
    if spec.chart:
        return "Helm"
    if named:
        return _NAMED[named[0]]
    if "Chart.yaml" in present:
        return "Helm"
    return "Kustomize" if any(name in present for name in KUSTOMIZATIONS) else "Directory"
