"""Questions of the sync core to git, to chart repositories and to the renderers, and what comes back.

Frozen values of the standard library alone, so that `rollouts.core` may join them to the Ask union. Whoever carries
them out (`rollouts.shell.asks.git`, `.render`) finds the credentials in the repository Secrets of the ask's namespace;
none of them is ever in a question or in an answer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class GitResolve:
    """What does this revision mean now? Answered by a `Resolution`.

    repo_url, target_revision: as in the Application's source; "" is HEAD (git) or the newest release (chart).
    chart: the chart's name where the source is a Helm repository; with an `oci://` address it may be "".
    project: the AppProject on whose behalf it is asked, for repository Secrets that belong to one project.
    tag_prefix: of the tags that a semver range looks at (`web/` for `web/v1.2.0` in a monorepo).
    fresh: what was heard of the repository before this was asked does not count (somebody has just pushed).
    """

    repo_url: str
    target_revision: str = ""
    chart: str = ""
    project: str = "default"
    tag_prefix: str = ""
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Resolution:
    """revision: the full commit SHA, or the chart's exact version.  name: the branch or tag that led there, if any."""

    revision: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class RenderManifests:
    """What do these sources say at these revisions? Answered by `Rendered`, or by an error text.

    sources: `spec.sources`, or a list of the one `spec.source`, as canonical JSON (`kit.canonical.sorted_json`).
    revisions: one for each source, as resolved by `GitResolve`; "" where it is to be resolved on the way.
    app_name: names a Helm release and the tracking.  namespace: of the destination, passed to Helm and Kustomize.
    kube_version, api_versions: of the destination cluster, for charts that ask (`apps/v1/Deployment` beside `apps/v1`).
    fresh: render even if the cache knows the answer (a hard refresh).
    permitted: the project's repositories; what a source itself leads to elsewhere is fetched without our credentials.
    signed_by: ids of keys, one of which every commit must be signed with; empty where nobody asks.
    """

    sources: str
    revisions: tuple[str, ...]
    app_name: str
    namespace: str = ""
    project: str = "default"
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()
    fresh: bool = False
    permitted: tuple[str, ...] = ("*",)
    signed_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rendered:
    """The complete output of one successful render: never partial, all of it from these revisions.

    body: the manifests as one JSON array, in the order of the sources; kept as bytes because a thousand applications'
    answers wait at once, and may hold Secrets, so it is never shown.  Lists are taken apart, empty documents left out;
    neither namespace nor tracking is added.
    revisions: one for each source.  source_types: `Directory`, `Helm` or `Kustomize` for each source, "" for one that
    is only a `ref`.  tree: a hash of everything that the render read: equal trees, equal manifests.
    warnings: what a person should know, one line each.  origins: where each manifest stands, "" where nobody can say.
    """

    body: bytes = field(repr=False)
    revisions: tuple[str, ...]
    source_types: tuple[str, ...]
    tree: str
    warnings: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()

    @property
    def manifests(self) -> tuple[Mapping[str, Any], ...]:
        """The manifests, decoded anew at each call."""
        return tuple(json.loads(self.body))

    @cached_property
    def digest(self) -> str:
        """A hash of the manifests: equal digests need no comparison."""
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True, slots=True)
class DryWrite:
    """One write that is only tried. path: of the object, or of the collection for a create.  manager: see `Apply`."""

    verb: str
    path: str
    body: Mapping[str, Any] = field(repr=False)
    manager: str = ""


@dataclass(frozen=True, slots=True)
class DryRun:
    """Would the API server take these writes? Answered by a tuple of refusals, one for each write, "" where it would.

    Nothing is stored. Admission, defaults, immutable fields and the schema are all asked, as in earnest.
    user: as whom they are tried, the controller itself if empty.
    """

    writes: tuple[DryWrite, ...]
    user: str = ""


Question: TypeAlias = GitResolve | RenderManifests | DryRun
