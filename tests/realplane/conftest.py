"""A shop, a judge and a controller for each story."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.plane.fixtures import AnyPlane
from tests.realplane.judge import Judge, judging
from tests.realplane.shop import Shop, opened


@pytest.fixture
def shop(played_plane: AnyPlane, request: pytest.FixtureRequest) -> Iterator[Shop]:
    """The example's application in a namespace named after the test."""
    with opened(played_plane, request.node.name.removeprefix("test_")) as shop:
        yield shop


@pytest.fixture
def judge() -> Iterator[Judge]:
    """A Prometheus that says what the test wants."""
    with judging() as judge:
        yield judge
