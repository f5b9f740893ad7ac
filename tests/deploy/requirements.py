"""What the lists of deploy/requirements pin."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parents[2] / "deploy" / "requirements"
NAMES = ("build", "controller", "demo", "gitops", "test")
_PIN = re.compile(r"(?m)^([a-z0-9-]+)==(\S+)(?: ; .+)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)*)")


def pinned(name: str) -> dict[str, set[str]]:
    """Each package of a list, with its versions; a package without a hash is none."""
    found: dict[str, set[str]] = {}
    for package, version, hashes in _PIN.findall((HERE / f"{name}.txt").read_text()):
        if hashes:
            found.setdefault(package, set()).add(version)
    return found
