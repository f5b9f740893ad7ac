"""Fixtures and reports that every room's tests may use; see tests/plane/fixtures.py and tests/plane/inside.py."""

pytest_plugins = ["tests.plane.leftout", "tests.plane.fixtures", "tests.plane.inside"]
