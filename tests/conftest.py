"""Fixtures and reports that every room's tests may use; see tests/plane/fixtures.py and tests/plane/inside.py."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.plane.leftout", "tests.plane.fixtures", "tests.plane.inside"]

# How fast the machine is, is no property of the code: nothing fails by time alone.
settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")
