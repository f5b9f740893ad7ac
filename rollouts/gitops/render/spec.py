"""One source of an Application, read from the question, and the overrides that lie beside it in the repository."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rollouts.gitops.render.files import Files, content
from rollouts.gitops.source.errors import SourceError
from rollouts.kit import strictyaml
from rollouts.kit.mergepatch import apply

TOOLS = ("helm", "kustomize", "directory", "plugin")


@dataclass(frozen=True, slots=True)
class Spec:
    """A source. options: its `helm`, `kustomize`, `directory` and `plugin` fields, those that are given."""

    repo_url: str
    path: str
    target_revision: str
    chart: str
    ref: str
    name: str
    tag_prefix: str
    options: Mapping[str, Mapping[str, Any]]

    @property
    def is_only_ref(self) -> bool:
        """Whether the source gives value files to others and nothing of its own."""
        return bool(self.ref) and not self.path and not self.chart

    def option(self, tool: str) -> Mapping[str, Any]:
        """The options for a tool, empty where there are none."""
        return self.options.get(tool) or {}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a render may know beside its sources: it is part of the cache's key."""

    app_name: str
    namespace: str
    project: str
    kube_version: str
    api_versions: tuple[str, ...]


def sources(text: str) -> tuple[Spec, ...]:
    """The sources of a question. Raises SourceError."""
    try:
        read = json.loads(text)
    except ValueError:
        raise SourceError("the sources of the question are no JSON") from None
    if not isinstance(read, list) or not read or not all(isinstance(each, dict) for each in read):
        raise SourceError("spec.source: an application needs at least one source")
    specs = tuple(spec(each) for each in read)
    names = [each.ref for each in specs if each.ref]
    if len(names) != len(set(names)):
        raise SourceError("spec.sources: two sources have the same ref")
    return specs


def spec(read: Mapping[str, Any]) -> Spec:
    """One source from its JSON."""

    def text(name: str) -> str:
        value = read.get(name)
        if value is not None and not isinstance(value, str):
            raise SourceError(f"spec.source.{name}: a text is wanted")
        return value or ""

    options = {}
    for tool in TOOLS:
        value = read.get(tool)
        if value is not None and not isinstance(value, Mapping):
            raise SourceError(f"spec.source.{tool}: an object is wanted")
        if value is not None:
            options[tool] = value
    return Spec(
        repo_url=text("repoURL"),
        path=text("path"),
        target_revision=text("targetRevision"),
        chart=text("chart"),
        ref=text("ref"),
        name=text("name"),
        tag_prefix=text("tagPrefix"),
        options=options,
    )


def overridden(given: Spec, files: Files, path: str, app_name: str) -> Spec:
    """The source with `.argocd-source.yaml` and `.argocd-source-<app>.yaml` of its folder merged in.

    Only the tools' options can be overridden so: repository, path and revision stay the Application's word.
    """
    for name in (".argocd-source.yaml", f".argocd-source-{app_name}.yaml"):
        if "/" in name:
            continue
        found = content(files, f"{path}/{name}" if path else name)
        if found is None:
            continue
        try:
            documents = strictyaml.read(found, f"{path}/{name}")
        except strictyaml.YamlError as error:
            raise SourceError(str(error)) from None
        if len(documents) > 1:
            raise SourceError(f"{path}/{name}: one document is wanted, got {len(documents)}")
        for document in documents:
            patch = {tool: value for tool, value in document.value.items() if tool in TOOLS}
            merged = apply(dict(given.options), patch)
            given = replace(given, options=spec({"repoURL": given.repo_url, **merged}).options)
    return given


def build_environment(given: Spec, around: Surroundings, revision: str) -> Mapping[str, str]:
    """The variables that parameters, value files' paths and annotations may name."""
    return {
        "ARGOCD_APP_NAME": around.app_name,
        "ARGOCD_APP_NAMESPACE": around.namespace,
        "ARGOCD_APP_PROJECT_NAME": around.project,
        "ARGOCD_APP_REVISION": revision,
        "ARGOCD_APP_REVISION_SHORT": revision[:7],
        "ARGOCD_APP_REVISION_SHORT_8": revision[:8],
        "ARGOCD_APP_SOURCE_PATH": given.path,
        "ARGOCD_APP_SOURCE_REPO_URL": given.repo_url,
        "ARGOCD_APP_SOURCE_TARGET_REVISION": given.target_revision,
        "KUBE_VERSION": around.kube_version,
        "KUBE_API_VERSIONS": ",".join(around.api_versions),
    }


def names_revision(given: Spec) -> bool:
    """Whether the options name a variable that changes with every commit, so that equal trees may render unequally."""
    return "ARGOCD_APP_REVISION" in json.dumps(given.options)


def substituted(text: str, environment: Mapping[str, str]) -> str:
    """`$NAME` and `${NAME}` replaced where NAME is a build variable; every other dollar sign stays."""
    for name in sorted(environment, key=len, reverse=True):
        text = text.replace(f"${{{name}}}", environment[name]).replace(f"${name}", environment[name])
    return text
