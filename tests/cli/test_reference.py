"""The page of commands is what the commands say."""

from __future__ import annotations

from pathlib import Path

from rollouts.cli.reference import page
from tests.snapshots import matches


def test_the_reference_is_current() -> None:
    matches(Path(__file__).parents[2] / "docs" / "reference" / "cli.md", page())
