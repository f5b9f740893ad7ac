"""Reads commits, trees and blobs of a bare mirror through one long-lived `git cat-file --batch`: no work tree."""

from __future__ import annotations

import subprocess
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from rollouts.core.errors import HiccupError
from rollouts.gitops.render.files import FILE_BYTES_MAX, Entry
from rollouts.gitops.source.errors import SourceError

COMMIT_BYTES_MAX = 1 << 20
NAMES_KEPT_MAX = 200_000  # of tree entries in memory, over all trees of a mirror
_KINDS: dict[bytes, Literal["file", "dir", "link", "module"]] = {
    b"100644": "file",
    b"100755": "file",
    b"100664": "file",
    b"40000": "dir",
    b"120000": "link",
    b"160000": "module",
}


class Objects:
    """The objects of one mirror; used from several threads."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._directory = directory
        self._environment = dict(environment)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._trees: OrderedDict[str, Mapping[str, Entry]] = OrderedDict()
        self._names = 0

    def close(self) -> None:
        """End the reading process."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            assert process.stdin and process.stdout
            process.stdin.close()
            process.stdout.close()
            process.wait()

    def tree_of(self, commit: str) -> str | None:
        """The tree of a commit, or None where the mirror does not hold it."""
        found = self._ask(f"{commit}^{{tree}}", "tree", FILE_BYTES_MAX)
        return found[0] if found else None

    def tag(self, oid: str) -> bytes | None:
        """An annotated tag as git keeps it, or None where the mirror does not hold it."""
        found = self._ask(oid, "tag", COMMIT_BYTES_MAX)
        return found[1] if found else None

    def commit(self, oid: str) -> bytes | None:
        """A commit as git keeps it, or None where the mirror does not hold it."""
        found = self._ask(oid, "commit", COMMIT_BYTES_MAX)
        return found[1] if found else None

    def entries(self, oid: str) -> Mapping[str, Entry]:
        """What stands in a tree."""
        known = self._trees.get(oid)
        if known is not None:
            return known
        found = self._ask(oid, "tree", FILE_BYTES_MAX)
        if found is None:
            raise HiccupError(f"tree {oid} is missing in the mirror")
        tree = _entries(found[1], len(oid) // 2)
        with self._lock:
            self._trees[oid] = tree
            self._names += len(tree)
            while self._names > NAMES_KEPT_MAX and len(self._trees) > 1:
                self._names -= len(self._trees.popitem(last=False)[1])
        return tree

    def read(self, oid: str) -> bytes:
        """The content of a blob. Raises SourceError where it is too large."""
        found = self._ask(oid, "blob", FILE_BYTES_MAX)
        if found is None:
            raise HiccupError(f"blob {oid} is missing in the mirror")
        return found[1]

    def _ask(self, name: str, kind: str, bytes_max: int) -> tuple[str, bytes] | None:
        """(oid, content) of an object of that kind, or None."""
        assert "\n" not in name
        with self._lock:
            process = self._started()
            assert process.stdin and process.stdout
            try:
                process.stdin.write(name.encode() + b"\n")
                process.stdin.flush()
                head = process.stdout.readline().split()
                if len(head) != 3:
                    if head[-1:] not in ([b"missing"], [b"ambiguous"]):
                        raise BrokenPipeError
                    return None
                size = int(head[2])
                if size > bytes_max:
                    self._stop()  # rather than read it all only to throw it away
                    raise SourceError(f"a file of {size} bytes is larger than {bytes_max}")
                content = process.stdout.read(size + 1)
                if len(content) <= size:  # as of a file that the disk has spoilt: a part of it is another file
                    raise BrokenPipeError
            except SourceError:
                raise
            except (ValueError, OSError):
                self._stop()
                raise HiccupError("git cat-file ended") from None
        return (head[0].decode(), content[:-1]) if head[1] == kind.encode() else None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(  # noqa: S603 # fixed words and a directory of ours
                ["git", f"--git-dir={self._directory}", "cat-file", "--batch"],  # noqa: S607 # found on our own PATH
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


class Snapshot:
    """The files of one commit (see `rollouts.gitops.render.files.Files`)."""

    def __init__(self, objects: Objects, tree: str) -> None:
        self._objects = objects
        self.root = Entry("dir", tree)

    def entries(self, oid: str) -> Mapping[str, Entry]:
        """What stands in a directory."""
        return self._objects.entries(oid)

    def read(self, oid: str) -> bytes:
        """The content of a file."""
        return self._objects.read(oid)


def _entries(raw: bytes, hash_bytes: int) -> Mapping[str, Entry]:
    found: dict[str, Entry] = {}
    at = 0
    while at < len(raw):
        space = raw.index(b" ", at)
        end = raw.index(b"\0", space)
        mode, name = raw[at:space], raw[space + 1 : end].decode("utf-8", "surrogateescape")
        at = end + 1 + hash_bytes
        # git refuses these names itself; a forged pack must not get past us either.
        if name in ("", ".", "..") or "/" in name or name.lower() == ".git":
            raise SourceError(f"the repository holds a forbidden name: {name!r}")
        found[name] = Entry(_KINDS.get(mode, "file"), raw[end + 1 : at].hex())
    return found
