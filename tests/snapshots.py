"""Expectations as text files beside the tests; `make snap` (SNAP=1) writes them anew for review in the diff."""

from __future__ import annotations

import os
from pathlib import Path


def matches(path: Path, text: str) -> None:
    """Compare with the snapshot, or write it where SNAP is set."""
    if os.environ.get("SNAP"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    assert text == path.read_text(encoding="utf-8"), f"{path.name} differs; `make snap` rewrites it"
