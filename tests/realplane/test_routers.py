"""Every router against its real CRD on a real API server: written, defaulted, read back, and given back."""

from __future__ import annotations

import itertools
import urllib.error
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from rollouts.api.routing import AmbassadorRouting, SmiRouting
from rollouts.core.plan import Create, Patch
from rollouts.kube.ref import Ref
from rollouts.traffic import Dialect, Route, Split, ambassador, inplace, made, smi
from rollouts.traffic.inplace import MARK
from rollouts.traffic.routers import DIALECTS
from tests.plane.build import PlaneMissingError
from tests.plane.fixtures import AnyPlane, say_through
from tests.plane.leftout import leave_out
from tests.plane.schemas import fetched
from tests.traffic.fixtures import BETA, CASES, SHADOW, TRAFFIC

pytestmark = pytest.mark.realplane

JSON_PATCH = "application/json-patch+json"


@pytest.fixture(scope="session")
def routed_plane(real_plane: AnyPlane, request: pytest.FixtureRequest) -> AnyPlane:
    """The real plane with the CRDs of every router."""
    try:
        real_plane.install_crds(fetched(say_through(request.config)))
    except PlaneMissingError as error:
        leave_out(request.config, "the CRDs of the routers", str(error))
    return real_plane


class Shelf:
    """One namespace of that plane, as a router's objects are seen through it."""

    def __init__(self, plane: AnyPlane, namespace: str) -> None:
        self._admin, self._namespace = plane.admin, namespace

    def put(self, ref: Ref, body: dict[str, Any]) -> dict[str, Any]:
        meta = {key: body["metadata"][key] for key in ("name", "annotations", "labels") if key in body["metadata"]}
        made = {**body, "metadata": {**meta, "namespace": self._namespace}}
        stored: dict[str, Any] = self._admin.ask("POST", ref.kind.path(self._namespace), made)
        return stored

    def get(self, ref: Ref) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._admin.ask("GET", self._place(ref).path)
        except urllib.error.HTTPError as error:
            assert error.code == 404
            return None
        return {**found, "metadata": {**found["metadata"], "namespace": TRAFFIC.namespace}}

    def owner(self) -> dict[str, Any]:
        """Something that exists: what an owner that is not there owns is collected as garbage."""
        path = f"/api/v1/namespaces/{self._namespace}/configmaps"
        made = self._admin.ask("POST", path, {"metadata": {"name": "owner"}})
        uid = made["metadata"]["uid"]
        return {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid, "controller": True}

    def carry(self, action: Any) -> None:
        match action:
            case Create():
                body = deepcopy(dict(action.body))
                owners = action.body["metadata"]["ownerReferences"]
                body["metadata"] = {"name": action.ref.name, "ownerReferences": owners}
                self._admin.ask("POST", action.ref.kind.path(self._namespace), body)
            case Patch():
                guard = {"op": "test", "path": "/metadata/resourceVersion", "value": action.version}
                self._admin.ask("PATCH", self._place(action.ref).path, [guard, *action.body], JSON_PATCH)
            case None:
                pass

    def _place(self, ref: Ref) -> Ref:
        return Ref(ref.kind, self._namespace, ref.name)


_NUMBERS = itertools.count(1)


@pytest.fixture
def shelf(routed_plane: AnyPlane) -> Iterator[Shelf]:
    """A namespace of its own; the cases of one test have the same long name."""
    name = f"routers-{next(_NUMBERS)}"
    routed_plane.admin.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    yield Shelf(routed_plane, name)
    routed_plane.admin.ask("DELETE", f"/api/v1/namespaces/{name}")


def said(manifest: dict[str, Any]) -> Any:
    annotations = {key: value for key, value in (manifest["metadata"].get("annotations") or {}).items() if key != MARK}
    return {"annotations": annotations, "spec": manifest["spec"], "labels": manifest["metadata"].get("labels")}


@pytest.mark.parametrize(("field", "settings", "given"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_a_router_writes_what_its_schema_takes_and_takes_it_back(
    shelf: Shelf, field: str, settings: Any, given: dict[str, Any]
) -> None:
    dialect = DIALECTS[field]
    kind = next(each for each in dialect.kinds if each.name == given["kind"])
    ref = Ref(kind, TRAFFIC.namespace, given["metadata"]["name"])
    shelf.put(ref, given)
    at_rest = shelf.get(ref)
    assert at_rest is not None
    can_manage = given["kind"] not in ("TCPRoute", "TLSRoute") and "tls" not in given["spec"]
    managed = ((BETA,) if dialect.headers else ()) + ((SHADOW,) if dialect.mirrors and kind.name != "GRPCRoute" else ())

    splits = [Split(20), Split(30, managed=managed if can_manage else ()), Split(0)]
    for split in splits:
        shelf.carry(inplace.write(dialect, settings, TRAFFIC, _route(dialect, settings, ref, shelf), split))
        route = _route(dialect, settings, ref, shelf)

        assert (route.weight, route.weight_low, len(route.managed)) == (split.canary, split.canary, len(split.managed))
        assert inplace.write(dialect, settings, TRAFFIC, route, split) is None, "one write is enough"

    after = shelf.get(ref)
    assert after is not None and said(after) == said(at_rest)


def _route(dialect: Dialect, settings: Any, ref: Ref, shelf: Shelf) -> Route:
    reading = inplace.Dialect(
        dialect.name, dialect.kinds, lambda *_: (ref,), dialect.read, dialect.edit, headers=dialect.headers
    )
    (route,) = inplace.find(reading, settings, TRAFFIC, inplace.Get(shelf.get))
    assert route.refusal == ""
    return route


@pytest.mark.parametrize("name", ["smi", "ambassador"])
def test_a_router_makes_an_object_that_its_schema_takes(shelf: Shelf, name: str) -> None:
    dialect: Any = smi.DIALECT
    settings: Any = SmiRouting.model_validate({})
    if name == "ambassador":
        dialect, settings = ambassador.DIALECT, AmbassadorRouting.model_validate({"mappings": ["web"]})
        main = Ref(ambassador.MAPPING, TRAFFIC.namespace, "web")
        spec = {"prefix": "/", "service": "web-stable:80"}
        shelf.put(
            main, {"apiVersion": main.kind.api_version, "kind": "Mapping", "metadata": {"name": "web"}, "spec": spec}
        )

    traffic = replace(TRAFFIC, owner=shelf.owner())
    for weight in (0, 20, 0):
        (route,) = made.find(dialect, settings, traffic, inplace.Get(shelf.get))
        shelf.carry(made.write(dialect, settings, traffic, route, Split(weight)))
        (route,) = made.find(dialect, settings, traffic, inplace.Get(shelf.get))

        assert (route.weight, route.refusal) == (weight, "")
        assert made.write(dialect, settings, traffic, route, Split(weight)) is None
