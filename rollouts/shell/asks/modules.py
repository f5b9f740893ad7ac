"""A commit with its submodules: each is fetched when a render first looks into it, and not before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from rollouts.gitops.render.files import Entry, Files, content, find
from rollouts.gitops.source import modules
from rollouts.gitops.source.errors import SourceError

Fetch: TypeAlias = Callable[[str, str], Files]
"""Address, commit → its files. Waits."""
DEPTH_MAX = 4
MARK = "module:"


class WithModules:
    """The files of a commit, those of its submodules among them (see `rollouts.gitops.render.files.Files`).

    What is in a submodule is known by its hash, as everything else is, so a moved submodule is a changed tree.
    """

    def __init__(self, files: Files, url: str, fetch: Fetch, depth: int = 0) -> None:
        self._files, self._url, self._fetch, self._depth = files, url, fetch, depth
        self._homes: dict[str, Files] = {}
        self._addresses: dict[str, str] | None = None
        self.root = files.root

    def entries(self, oid: str) -> Mapping[str, Entry]:
        """What stands in a directory, or at the top of a submodule."""
        home = self._homes.get(oid)
        if home is None and oid.startswith(MARK):
            home = self._module(oid.removeprefix(MARK))
            oid = home.root.oid
        found = (home or self._files).entries(oid)
        if home is not None:
            self._homes.update((each.oid, home) for each in found.values())
            return found
        if modules.FILE not in self._files.entries(self.root.oid):
            return found
        return {name: _entered(each) for name, each in found.items()}

    def read(self, oid: str) -> bytes:
        """The content of a file."""
        return self._homes.get(oid, self._files).read(oid)

    def _module(self, commit: str) -> Files:
        if self._depth >= DEPTH_MAX:
            raise SourceError(f"submodules lie more than {DEPTH_MAX} deep")
        if self._addresses is None:
            named = modules.read((content(self._files, modules.FILE) or b"").decode("utf-8", "replace"))
            at = ((find(self._files, path), url) for path, url in named.items() if ".." not in path.split("/"))
            self._addresses = {entry.oid: url for entry, url in at if entry is not None and entry.kind == "module"}
        if commit not in self._addresses:
            raise SourceError(f"{modules.FILE} says nothing of a submodule at {commit[:12]}")
        url = modules.address_of(self._url, self._addresses[commit])
        return WithModules(self._fetch(url, commit), url, self._fetch, self._depth + 1)


def _entered(entry: Entry) -> Entry:
    return Entry("dir", MARK + entry.oid) if entry.kind == "module" else entry
