"""A commit's files as a render sees them: paths that stay inside, links followed inside only, sizes bounded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from rollouts.gitops.source.errors import SourceError

HOPS_MAX = 40  # symbolic links on the way to one file, as Linux has it
DEPTH_MAX = 64
FILES_MAX = 20_000
FILE_BYTES_MAX = 16 << 20
READ_BYTES_MAX = 128 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a directory. oid: the content's hash in git (or any text that is equal only for equal content)."""

    kind: Literal["file", "dir", "link", "module"]
    oid: str


class Files(Protocol):
    """The files of one commit, or of one chart."""

    @property
    def root(self) -> Entry:
        """The top directory."""
        ...

    def entries(self, oid: str) -> Mapping[str, Entry]:
        """What stands in the directory of that oid."""
        ...

    def read(self, oid: str) -> bytes:
        """The content of the file of that oid. Raises SourceError beyond FILE_BYTES_MAX."""
        ...


def within(base: str, path: str) -> str:
    """`path` as seen from the directory `base`, as a plain path from the root ("" is the root itself).

    A leading slash means the root. Raises SourceError for what would lead out, and for signs that no path needs.
    """
    if "\x00" in path or "\\" in path or "://" in path:
        raise SourceError(f"path {path[:256]!r} is no path inside the repository")
    parts = [] if path.startswith("/") else [part for part in base.split("/") if part]
    for part in path.split("/"):
        if part == "..":
            if not parts:
                raise SourceError(f"path {path[:256]!r} leads out of the repository")
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    if any(part.lower() == ".git" for part in parts):
        raise SourceError(f"path {path[:256]!r} leads into git's own files")
    return "/".join(parts)


def find(files: Files, path: str) -> Entry | None:
    """The file or directory at a plain path, links followed; None where there is none.

    Raises SourceError where a link leads out of the repository, or in circles.
    """
    found = _walk(files, path)
    return found[1] if found else None


def content(files: Files, path: str) -> bytes | None:
    """The bytes of a file, or None where there is no file at that path."""
    entry = find(files, path)
    return files.read(entry.oid) if entry and entry.kind == "file" else None


def listing(files: Files, path: str) -> Mapping[str, Entry]:
    """What stands in a directory. Raises SourceError where there is none."""
    entry = find(files, path)
    if entry is None or entry.kind != "dir":
        raise SourceError(f"{path or '.'}: app path does not exist")
    return files.entries(entry.oid)


def below(files: Files, path: str) -> Iterator[tuple[str, str]]:
    """(path, oid) of every file below a directory, in order; what is linked stands under the name of the link."""
    entry = find(files, path)
    if entry is None or entry.kind != "dir":
        raise SourceError(f"{path or '.'}: app path does not exist")
    todo: list[tuple[str, Entry, tuple[str, ...]]] = [(path, entry, ())]
    count = 0
    while todo:
        here, directory, above = todo.pop()
        if directory.oid in above or len(above) > DEPTH_MAX:
            raise SourceError(f"{here}: a symbolic link leads in circles")
        deeper = []
        for name, inner in sorted(files.entries(directory.oid).items()):
            at = f"{here}/{name}" if here else name
            count += 1
            if count > FILES_MAX:
                raise SourceError(f"{path or '.'}: more than {FILES_MAX} files")
            if inner.kind == "link":
                inner = find(files, at) or inner
            if inner.kind == "file":
                yield at, inner.oid
            elif inner.kind == "dir":
                deeper.append((at, inner, (*above, directory.oid)))
        todo += reversed(deeper)


def fingerprint(read: Mapping[str, str]) -> str:
    """One hash over which files were read and what was in them."""
    lines = "".join(f"{path}\0{oid}\n" for path, oid in sorted(read.items()))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def _walk(files: Files, path: str) -> tuple[str, Entry] | None:
    todo = [part for part in reversed(path.split("/")) if part]
    here: list[tuple[str, Entry]] = []
    hops = 0
    while todo:
        name = todo.pop()
        if name == "..":
            if not here:
                raise SourceError(f"{path}: a symbolic link leads out of the repository")
            here.pop()
            continue
        directory = here[-1][1] if here else files.root
        entry = files.entries(directory.oid).get(name) if directory.kind == "dir" else None
        if entry is None:
            return None
        if entry.kind != "link":
            here.append((name, entry))
            continue
        hops += 1
        target = files.read(entry.oid).decode("utf-8", "surrogateescape")
        if hops > HOPS_MAX:
            raise SourceError(f"{path}: a symbolic link leads in circles")
        if target.startswith("/") or "\\" in target or ":" in target:
            raise SourceError(f"{path}: a symbolic link leads out of the repository")
        todo += [part for part in reversed(target.split("/")) if part not in ("", ".")]
    return "/".join(name for name, _ in here), here[-1][1] if here else files.root
