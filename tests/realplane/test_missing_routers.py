"""A router whose kind the cluster does not serve yet: it is said, nothing is touched, and it heals by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.plane.build import PlaneMissingError
from tests.plane.fixtures import AnyPlane, say_through
from tests.plane.leftout import leave_out
from tests.plane.schemas import fetched
from tests.realplane.shop import Shop, controller, opened

pytestmark = pytest.mark.realplane

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SPLITS = "trafficsplits.split.smi-spec.io"


class SplitShop(Shop):
    """The example's application behind a TrafficSplit."""

    def arranged(self, body: dict[str, Any]) -> dict[str, Any] | None:
        if body["kind"] == "Rollout":
            body["spec"]["strategy"]["canary"]["trafficRouting"] = {"smi": {"rootService": "web"}}
        return None if body["kind"] == "Ingress" else body


@pytest.fixture
def bare_shop(played_plane: AnyPlane) -> Iterator[SplitShop]:
    """A cluster without the kind, whoever may have installed it before."""
    if played_plane.admin.answers(f"{CRDS}/{SPLITS}"):
        played_plane.admin.ask("DELETE", f"{CRDS}/{SPLITS}")
    with opened(played_plane, "missing-router") as shop:
        shop.__class__ = SplitShop
        assert isinstance(shop, SplitShop)
        shop.until("the kind is gone", lambda: not played_plane.admin.answers(f"{CRDS}/{SPLITS}"))
        shop.open()
        yield shop


def test_a_missing_kind_is_said_and_the_rollout_heals_once_it_is_there(
    bare_shop: SplitShop, request: pytest.FixtureRequest
) -> None:
    with controller(bare_shop):
        refused = bare_shop.until_phase("Degraded")
        made = bare_shop.list("ReplicaSet")
        try:
            bare_shop.plane.install_crds(fetched(say_through(request.config)))
        except PlaneMissingError as error:
            leave_out(request.config, "the CRDs of the routers", str(error))
        bare_shop.until_phase("Healthy")

    assert f"the cluster does not serve {SPLITS} v1alpha2" in refused["status"]["message"]
    assert made == []
