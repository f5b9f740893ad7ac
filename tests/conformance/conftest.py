"""The servers that the suite is run against."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator

import pytest

from tests.cli.cluster import Cluster
from tests.conformance.api import WIDGET_CRD, Api

BOTH = ("devplane", pytest.param("real", marks=pytest.mark.realplane))


@pytest.fixture(scope="session")
def embedded() -> Iterator[Cluster]:
    """One embedded server for the whole suite."""
    with Cluster() as cluster:
        yield cluster


def open_api(server: str, request: pytest.FixtureRequest, test_name: str) -> Api:
    """A client of a server with a fresh namespace and the Widget kind."""
    namespace = f"c-{re.sub('[^a-z0-9]+', '-', test_name.lower())[-50:].strip('-')}"
    if server == "devplane":
        api = Api(request.getfixturevalue("embedded").url, "", None, namespace)
    else:
        access = request.getfixturevalue("real_plane").admin
        context = ssl.create_default_context(cafile=str(access.ca))
        api = Api(access.url, access.token, context, namespace)
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    assert api.ask("POST", crds, WIDGET_CRD).status in (201, 409)
    api.until("the Widget kind is served", lambda: api.ask("GET", api.path("widgets")).status == 200)
    api.must("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    return api


@pytest.fixture(params=BOTH)
def api(request: pytest.FixtureRequest) -> Iterator[Api]:
    """A server, and a namespace of the test's own on it."""
    found = open_api(request.param, request, request.node.name)
    yield found
    found.ask("DELETE", f"/api/v1/namespaces/{found.namespace}")
