"""Starts the long runs as soon as it is known that they are wanted."""

from __future__ import annotations

import pytest

from tests.simulation.aside import Aside

LONG = {"test_two_thousand_seeds": ("--seeds", "100:2100"), "test_the_whole_crash_matrix": ("--matrix",)}
_STARTED = pytest.StashKey[dict[str, Aside]]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start those that were selected."""
    if not session.config.option.collectonly:
        wanted = [item.name for item in session.items if item.name in LONG]
        session.config.stash[_STARTED] = {name: Aside(*LONG[name]) for name in wanted}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop those that nobody waited for."""
    for each in session.config.stash.get(_STARTED, {}).values():
        each.stop()


@pytest.fixture
def aside(request: pytest.FixtureRequest) -> Aside:
    """The run that was started for this test."""
    return request.config.stash[_STARTED][request.node.name]
