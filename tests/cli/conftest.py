"""A command line as a person types it, and no kubeconfig of the person who runs the tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from rollouts.cli.main import main


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command line ended."""

    code: int
    out: str
    err: str


Type = Callable[..., Outcome]


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Type:
    """typed("get", "rollout", "web") runs that command line in this process."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "NO_COLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    def run(*args: str) -> Outcome:
        code = main(args)
        told = capsys.readouterr()
        return Outcome(int(code), told.out, told.err)

    return run
