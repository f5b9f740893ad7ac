"""What one source's render needs: files, words of our own beside them, one command. Equal jobs, equal manifests."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from rollouts.gitops.render.files import Files, fingerprint
from rollouts.kit.canonical import sorted_json

SourceType = Literal["Directory", "Helm", "Kustomize"]


@dataclass(frozen=True, slots=True)
class Dependency:
    """A chart that another chart wants below `charts/` and that is not there. version: exact, or a range."""

    name: str
    version: str
    repository: str
    into: str


@dataclass(frozen=True, slots=True)
class Job:
    """One render, not yet carried out. Paths are those of the scratch directory; there are no links in it.

    read: what is copied there from commits and charts.  written: files of our own, which replace what was copied.
    argv: the tool and its arguments, run in `cwd`; empty where the files are the manifests themselves.
    manifests: the files that are manifests.  dependencies: charts to be fetched before.
    """

    source_type: SourceType
    read: Mapping[str, tuple[Files, str]]
    written: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    argv: tuple[str, ...] = ()
    cwd: str = ""
    manifests: tuple[str, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def tree(self) -> str:
        """A hash of what is read, and of nothing else."""
        return fingerprint({path: oid for path, (_, oid) in self.read.items()})

    def key(self, tool_version: str) -> str:
        """A hash of everything that decides on the manifests."""
        parts = {
            "type": self.source_type,
            "tree": self.tree,
            "written": {path: hashlib.sha256(body).hexdigest() for path, body in self.written.items()},
            "argv": self.argv,
            "cwd": self.cwd,
            "manifests": self.manifests,
            "tool": tool_version,
        }
        return hashlib.sha256(sorted_json(parts).encode()).hexdigest()
