"""Files encrypted with SOPS: found by their stanza, decrypted in a sandbox that holds the age keys and no network."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from rollouts.core.errors import HiccupError
from rollouts.gitops.source.errors import SourceError
from rollouts.shell import tools
from rollouts.shell.asks import sandbox

AgeKeys: TypeAlias = Callable[[], tuple[str, ...]]
"""Where the keys come from, asked once something encrypted is met."""
_FORMS = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".env": "dotenv", ".ini": "ini"}
_STANZA = re.compile(rb'^\s*"?sops"?\s*:|^sops_mac=|^\[sops\]', re.M)
_MAC = re.compile(rb'\bmac"?\s*[:=]|^sops_mac=', re.M)


def is_sealed(body: bytes) -> bool:
    """Whether a file is encrypted with SOPS."""
    return b"sops" in body and b"ENC[" in body and bool(_STANZA.search(body)) and bool(_MAC.search(body))


class Unsealer:
    """Decrypts with the age keys of one render. The MAC is verified, so a changed file is refused."""

    def __init__(self, age_keys: AgeKeys, limits: sandbox.Limits) -> None:
        self._age_keys = age_keys
        self._limits = limits

    def open(self, body: bytes, name: str, scratch: Path) -> bytes:
        """The plain text of a file. Raises SourceError; sops's own words name keys, never values."""
        keys = "\n".join(key for key in self._age_keys() if key)
        if not keys:
            raise SourceError(f"{name}: it is encrypted, and there is no age key: put one into the Secret sops-age")
        form = _FORMS.get(Path(name).suffix, "binary")
        words = [tools.path("sops"), "decrypt", "--input-type", form, "--output-type", form]
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(scratch),
            "SOPS_AGE_KEY": keys,
            "SOPS_GPG_EXEC": "false",
        }
        try:
            done = sandbox.run(
                [*words, "/dev/stdin"], cwd=scratch, environment=environment, limits=self._limits, stdin=body
            )
        except HiccupError as error:
            raise HiccupError(f"{name}: {error}") from None
        if done.code:
            raise SourceError(f"{name}: {_reason(done.errors)}")
        return done.output


def _reason(errors: str) -> str:
    if "MAC mismatch" in errors:
        return "it was changed after it was encrypted (MAC mismatch)"
    if "no identity matched" in errors or "data key" in errors:
        return "none of the age keys opens it"
    return "sops cannot decrypt it"
