"""What an AppProject permits: from where, to where, which kinds; and what Applications of no project may."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rollouts.api.application import ApplicationSource
from rollouts.api.parse import parse_project
from rollouts.api.project import AppProjectSpec, GroupKind, SyncWindow
from rollouts.gitops.destination import Cluster
from rollouts.gitops.keys import Key
from rollouts.gitops.source import address
from rollouts.kit import glob
from rollouts.kube.ref import Manifest

DEFAULT = "default"
_ANYTHING = AppProjectSpec.model_validate(
    {
        "sourceRepos": ["*"],
        "destinations": [{"server": "*", "name": "*", "namespace": "*"}],
        "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
    }
)


@dataclass(frozen=True, slots=True)
class Project:
    """The rules of one project."""

    name: str
    spec: AppProjectSpec

    def source_problem(self, source: ApplicationSource) -> str:
        """Why a source is not permitted, "" where it is."""
        if permits_repository(self.spec.source_repos, source.repo_url):
            return ""
        return f"application repo {address.shown(source.repo_url)} is not permitted in project '{self.name}'"

    def destination_problem(self, cluster: Cluster, namespace: str) -> str:
        """Why a cluster and namespace are not permitted, "" where they are."""
        positive = False
        for each in self.spec.destinations:
            denies = each.server.startswith("!") or each.namespace.startswith("!") or each.name.startswith("!")
            place = any(
                pattern and glob.matches(pattern.removeprefix("!"), value)
                for pattern, value in ((each.server, cluster.server), (each.name, cluster.name))
            )
            # What is forbidden without a namespace is forbidden in all of them.
            inside = each.namespace.removeprefix("!") or ("*" if denies else "")
            if not (place and glob.matches(inside, namespace)):
                continue
            if denies:
                return self._not_there(cluster, namespace)
            positive = True
        return "" if positive else self._not_there(cluster, namespace)

    def kind_problem(self, key: Key, *, namespaced: bool) -> str:
        """Why a kind is not permitted, "" where it is."""
        allowed = self.spec.namespace_resource_whitelist if namespaced else self.spec.cluster_resource_whitelist
        denied = self.spec.namespace_resource_blacklist if namespaced else self.spec.cluster_resource_blacklist
        is_allowed = allowed is None or _names(allowed, key)
        if is_allowed and not _names(denied, key):
            return ""
        return f"resource {key.group}:{key.kind} is not permitted in project {self.name}"

    def object_problem(self, key: Key, cluster: Cluster, *, namespaced: bool) -> str:
        """Why an object may not be written or removed, "" where it may."""
        if said := self.kind_problem(key, namespaced=namespaced):
            return said
        if not namespaced:
            return ""
        if self.destination_problem(cluster, key.namespace):
            return f"namespace {key.namespace} is not permitted in project '{self.name}'"
        return ""

    def permits_home(self, namespace: str, control_namespace: str) -> bool:
        """Whether Applications of the project may live in a namespace."""
        if namespace in ("", control_namespace):
            return True
        return any(glob.matches(each, namespace) for each in self.spec.source_namespaces)

    @property
    def windows(self) -> tuple[SyncWindow, ...]:
        """When syncs are allowed."""
        return self.spec.sync_windows

    def _not_there(self, cluster: Cluster, namespace: str) -> str:
        return (
            f"application destination server '{cluster.server}' and namespace '{namespace}' do not match any of the "
            f"allowed destinations in project '{self.name}'"
        )


ANYTHING = Project(DEFAULT, _ANYTHING)
"""The rules of `default` where nobody has written any."""


def read(name: str, manifest: Manifest | None) -> tuple[Project | None, str]:
    """A project from its manifest, or None and why it cannot be used."""
    if manifest is None:
        if name == DEFAULT:
            return ANYTHING, ""
        return None, f"Application referencing project {name} which does not exist"
    parsed = parse_project(manifest)
    if parsed.spec is None:
        return None, f"project {name} cannot be read: {parsed.refusals[0]}"
    return Project(name, parsed.spec), ""


def permits_repository(patterns: Sequence[str], url: str) -> bool:
    """Whether a project's list of repositories names an address, and no entry with ! in front does."""
    value = address.spelling(url.partition("?")[0].partition("#")[0])
    denied = [address.spelling(each[1:]) for each in patterns if each.startswith("!")]
    named = [address.spelling(each) for each in patterns if not each.startswith("!")]
    return any(glob.matches_in_parts(each, value) for each in named) and not any(
        glob.matches_in_parts(each, value) for each in denied
    )


def _names(rules: Iterable[GroupKind], key: Key) -> bool:
    return any(
        glob.matches(rule.group, key.group)
        and glob.matches(rule.kind, key.kind)
        and (not rule.name or glob.matches(rule.name, key.name))
        for rule in rules
    )
