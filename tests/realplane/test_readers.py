"""`kubectl wait` and kstatus on a real API server, in every form that a status can have."""

from __future__ import annotations

import pytest

from tests.contract.waiting import expected, led_through_every_phase, waiter
from tests.realplane.shop import Shop, controller

pytestmark = pytest.mark.realplane


@pytest.mark.parametrize("compat", ["argo", "kstatus", "int"])
def test_whoever_waits_sees_every_phase(compat: str, shop: Shop, request: pytest.FixtureRequest) -> None:
    web = waiter(request, shop.plane.admin.kubeconfig, shop.namespace)
    shop.open()
    with controller(shop, "--no-leader-elect", "--status-compat", compat):
        told = led_through_every_phase(web, compat)

    assert told == expected(compat)
