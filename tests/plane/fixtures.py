"""The fixtures of the real plane.

`real_plane`    an API server with its controllers and our CRDs, one for the whole run: built on demand, or the cluster
                of --kubeconfig or --kind.  `.admin` and `.controller` are two ways in: url, token, ca, kubeconfig
`played_plane`  the same with pods that live (tests/plane/player.py)
`namespace`     a namespace of one test on it
`own_plane`     the plane that was built here, for tests that read its audit log
`traffic_plane`, `traefik`, `prometheus`    for tests marked `netns`: real pods, real requests, real measurements
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.plane.build import PlaneMissingError, binaries
from tests.plane.given import Given, given, kind_cluster
from tests.plane.leftout import leave_out
from tests.plane.netns import ADDRESS, is_inside
from tests.plane.plane import Plane
from tests.plane.player import start_player
from tests.plane.processes import NotReadyError
from tests.plane.traffic import Service, find_prometheus, start_prometheus, start_traefik, targets_file

PART = "the real control plane"
AnyPlane: TypeAlias = Plane | Given

_RUNNING = pytest.StashKey[AnyPlane]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Other clusters than the one that is built."""
    group = parser.getgroup("plane", "the control plane that the tests of the real plane use")
    group.addoption("--kubeconfig", help="use the cluster of this kubeconfig's current context")
    group.addoption(
        "--kind", action="store_true", help="use a kind cluster, made and removed by the run (needs Docker)"
    )


def say_through(config: pytest.Config) -> Any:
    """A function that prints a line past pytest's capturing: long work must not look hung."""
    capture: Any = config.pluginmanager.getplugin("capturemanager")

    def say(line: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n{line}", flush=True)

    return say


@pytest.fixture(scope="session")
def real_plane(request: pytest.FixtureRequest) -> Iterator[AnyPlane]:
    """A real control plane with our CRDs."""
    config = request.config
    with ExitStack() as stack:
        plane: AnyPlane
        kubeconfig = config.getoption("--kubeconfig")
        if config.getoption("--kind"):
            kubeconfig = stack.enter_context(kind_cluster())
        if kubeconfig:
            plane = stack.enter_context(given(Path(kubeconfig)))
        else:
            try:
                plane = stack.enter_context(Plane.start(binaries(say_through(config))))
            except (PlaneMissingError, NotReadyError) as error:
                leave_out(config, PART, str(error))
        plane.install_crds()
        config.stash[_RUNNING] = plane
        yield plane
        del config.stash[_RUNNING]


@pytest.fixture(scope="session")
def own_plane(real_plane: AnyPlane, request: pytest.FixtureRequest) -> Plane:
    """The plane that was built here."""
    if isinstance(real_plane, Given):
        leave_out(request.config, "counting writes by the audit log", "the given cluster's log is not ours to read")
    return real_plane


@pytest.fixture(scope="session")
def played_plane(real_plane: AnyPlane) -> AnyPlane:
    """The real plane with a player; on a given cluster its scheduler binds, and pods ask for the player's nodes."""
    start_player(real_plane, *(["--no-bind"] if isinstance(real_plane, Given) else []))
    return real_plane


@pytest.fixture
def namespace(real_plane: AnyPlane, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh namespace named after the test."""
    name = f"t-{re.sub('[^a-z0-9]+', '-', request.node.name.lower())[:50].strip('-')}"
    real_plane.admin.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    real_plane.admin.ask("DELETE", f"/api/v1/namespaces/{name}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """A failed test shows the end of the plane's logs."""
    report = yield
    plane = item.config.stash.get(_RUNNING, None)
    if report.failed and plane is not None and {"real_plane", "traffic_plane"} & set(getattr(item, "fixturenames", ())):
        report.sections.append(("the plane's logs", plane.family.logs()))
    return report


@pytest.fixture(scope="session")
def traffic_plane(request: pytest.FixtureRequest) -> Iterator[Plane]:
    """Inside the network namespace: a plane whose pods are real HTTP servers."""
    assert is_inside(), "a test that uses traffic_plane is marked netns"
    try:
        built = binaries(say_through(request.config))
    except PlaneMissingError as error:
        leave_out(request.config, PART, str(error))
    with Plane.start(built, address=ADDRESS) as plane:
        plane.install_crds()
        start_player(plane, "--serve", "--targets", str(targets_file(plane)))
        request.config.stash[_RUNNING] = plane
        yield plane
        del request.config.stash[_RUNNING]


@pytest.fixture(scope="session")
def traefik(traffic_plane: Plane) -> Service:
    """Traefik routing by the Ingresses of that plane."""
    return start_traefik(traffic_plane)


@pytest.fixture(scope="session")
def prometheus(traffic_plane: Plane, request: pytest.FixtureRequest) -> Service:
    """Prometheus scraping the pods of that plane."""
    program = find_prometheus()
    if program is None:
        leave_out(request.config, "a real Prometheus", "no command `prometheus` (Debian's package has it)")
    return start_prometheus(traffic_plane, program)
