"""Verifies the signature of a commit by gpgv, which knows the keys that are handed to it and no others."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path

from rollouts.core.errors import HiccupError
from rollouts.gitops.source import signature
from rollouts.gitops.source.errors import SourceError
from rollouts.shell.asks import sandbox

LIMITS = sandbox.Limits(wall_s=20.0, output_bytes=65536)


def verify(
    commit: bytes, name: str, allowed: Collection[str], keys: Iterable[str], scratch: Path, *, tag: bytes = b""
) -> None:
    """Raise SourceError unless a commit is signed by one of the allowed keys. Waits: call it in a thread.

    commit: as git keeps it.  tag: the annotated tag that names it; where that is signed, its signature counts.
    allowed: ids of keys, 16 hexadecimal digits or more.  keys: public keys in armour.
    """
    gpgv = shutil.which("gpgv")
    if gpgv is None:
        raise HiccupError("gpgv is not installed: commits must be signed here, and it verifies them")
    try:
        payload, signed = signature.parted_tag(tag, name) or signature.parted(commit)
    except SourceError as error:
        raise SourceError(f"Target revision {name} in Git {error}") from None
    scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=scratch, prefix=".signed-") as where:
        for file, body in (("keys", signature.keyring(keys)), ("signature", signed), ("commit", payload)):
            (Path(where) / file).write_bytes(body)
        words = [gpgv, "--status-fd", "1", "--homedir", where, "--keyring", f"{where}/keys", "signature", "commit"]
        environment = {"PATH": os.defpath, "HOME": where, "LANG": "C"}
        done = sandbox.run(words, cwd=Path(where), environment=environment, limits=LIMITS)
    if said := signature.problem(done.output.decode("utf-8", "replace"), allowed):
        raise SourceError(f"Target revision {name} in Git {said}")
