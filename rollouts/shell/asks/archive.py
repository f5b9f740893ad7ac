"""A chart's archive as files: unpacked in memory within bounds, without links, devices and paths that lead out."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zlib
from collections.abc import Mapping

from rollouts.gitops.render.files import FILE_BYTES_MAX, FILES_MAX, Entry
from rollouts.gitops.source.errors import SourceError

_ROOT = "\0root"


class Archive:
    """The files of one archive (see `rollouts.gitops.render.files.Files`)."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self._blobs: dict[str, bytes] = {}
        self._trees: dict[str, dict[str, Entry]] = {_ROOT: {}}
        self.root = Entry("dir", _ROOT)
        self.size = sum(map(len, contents.values()))
        for path, body in contents.items():
            self._add(path, body)

    def entries(self, oid: str) -> Mapping[str, Entry]:
        """What stands in a directory."""
        return self._trees[oid]

    def read(self, oid: str) -> bytes:
        """The content of a file."""
        return self._blobs[oid]

    def _add(self, path: str, body: bytes) -> None:
        oid = hashlib.sha256(body).hexdigest()
        self._blobs[oid] = body
        *folders, name = path.split("/")
        here = _ROOT
        for depth, folder in enumerate(folders, 1):
            inner = "\0" + "/".join(folders[:depth])
            entry = self._trees[here].setdefault(folder, Entry("dir", inner))
            if entry.kind != "dir":
                raise SourceError(f"archive: {path[:200]} is both a file and a directory")
            self._trees.setdefault(inner, {})
            here = inner
        if name in self._trees[here]:
            raise SourceError(f"archive: {path[:200]} is both a file and a directory")
        self._trees[here][name] = Entry("file", oid)


def unpack(packed: bytes, bytes_max: int, what: str) -> Archive:
    """The archive's files. Raises SourceError where it is no clean archive, or larger than it may be."""
    contents: dict[str, bytes] = {}
    plain = _inflated(packed, bytes_max, what)
    try:
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as tar:
            for count, member in enumerate(tar):
                if count > FILES_MAX:
                    raise SourceError(f"{what}: more than {FILES_MAX} files")
                if member.isdir() or member.name in ("pax_global_header", "."):
                    continue
                path = _checked(member, what)
                if path in contents:
                    raise SourceError(f"{what}: {path[:200]!r} is in it twice")
                file = tar.extractfile(member)
                assert file is not None, "a regular file has a content"
                contents[path] = file.read()
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise error if isinstance(error, SourceError) else SourceError(f"{what}: it is no tar archive") from None
    if not contents:
        raise SourceError(f"{what}: it is empty")
    return Archive(contents)


def _checked(member: tarfile.TarInfo, what: str) -> str:
    """The path of a plain file of a size that may be."""
    if not member.isreg():
        raise SourceError(f"{what}: {member.name[:200]!r} is a link or a device")
    if member.size > FILE_BYTES_MAX:
        raise SourceError(f"{what}: {member.name[:200]!r} is larger than {FILE_BYTES_MAX} bytes")
    return _path(member.name, what)


def _inflated(packed: bytes, bytes_max: int, what: str) -> bytes:
    """The bytes behind gzip, never more of them than allowed."""
    stream = zlib.decompressobj(wbits=31)
    try:
        plain = stream.decompress(packed, bytes_max + 1)
    except zlib.error:
        raise SourceError(f"{what}: it is not gzip") from None
    if len(plain) > bytes_max:
        raise SourceError(f"{what}: it unpacks to more than {bytes_max} bytes")
    if not stream.eof or stream.unused_data:  # what is missing at the end may be whole files, which nobody would miss
        raise SourceError(f"{what}: it does not end where its gzip does")
    return plain


def _path(name: str, what: str) -> str:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or not parts or ":" in parts[0]:
        raise SourceError(f"{what}: {name[:200]!r} leads out of it")
    return "/".join(parts)
