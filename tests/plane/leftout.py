"""Parts of the suite that this machine cannot have: listed by name at the end, and under CI=true a failed run."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

_PARTS = pytest.StashKey[dict[str, str]]()


def leave_out(config: pytest.Config, part: str, reason: str) -> NoReturn:
    """Skip the current test because `part` cannot be had here, and remember to say so."""
    note_left_out(config, part, reason)
    pytest.skip(f"{part}: {_first_line(reason)}")


def note_left_out(config: pytest.Config, part: str, reason: str) -> None:
    """Remember that `part` was left out, without skipping."""
    config.stash.setdefault(_PARTS, {})[part] = _first_line(reason)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0] or "no reason given"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """List the parts by name."""
    parts = config.stash.get(_PARTS, {})
    if parts:
        terminalreporter.section("left out on this machine", yellow=True)
        for part, reason in sorted(parts.items()):
            terminalreporter.write_line(f"{part}: {reason}")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI nothing may be left out."""
    if session.config.stash.get(_PARTS, {}) and os.environ.get("CI") == "true" and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
