"""The same stories with real requests: Traefik routes by what the controller writes, Prometheus counts, pods answer."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.plane.plane import Plane
from tests.plane.traffic import Service
from tests.realplane.customers import Customers, share_percent
from tests.realplane.shop import Shop, controller, opened, start_controller

pytestmark = [pytest.mark.realplane, pytest.mark.netns]

SPREAD_S = 0.7  # what the ingress controller may need to take up a weight
PODS_LINGER = {"linger": "2"}  # as a preStop hook: pods serve on until no router can still know them


@pytest.fixture
def busy_shop(
    traffic_plane: Plane, traefik: Service, prometheus: Service, request: pytest.FixtureRequest
) -> Iterator[Shop]:
    """The application with real pods, judged by the real Prometheus."""
    with opened(traffic_plane, request.node.name.removeprefix("test_")) as shop:
        shop.open(prometheus.url, pause="6s", **PODS_LINGER, **{"bad-2.error-percent": "30"})
        yield shop


def until_served(shop: Shop, traefik: Service) -> None:
    """Wait until the ingress controller has heard of the shop."""
    with Customers(traefik.url, shop.host) as first:
        shop.until("the first version answers", lambda: any(answer.status == 200 for answer in first.answers[-5:]))


def share_at(shop: Shop, customers: Customers, weight: int, tag: str, for_s: float) -> float:
    """The share of a version, measured for a while after its weight was seen."""
    shop.until_weight(weight)
    begin = time.monotonic() + SPREAD_S
    shop.until("enough requests", lambda: time.monotonic() > begin + for_s)
    return share_percent(customers.between(begin, begin + for_s), tag)


def test_a_good_release_takes_over_without_one_failed_request(busy_shop: Shop, traefik: Service) -> None:
    with controller(busy_shop):
        busy_shop.until_phase("Healthy")
        until_served(busy_shop, traefik)
        with Customers(traefik.url, busy_shop.host) as customers:
            busy_shop.set_image("good-2")
            at_20 = share_at(busy_shop, customers, 20, "good-2", 2.5)
            at_50 = share_at(busy_shop, customers, 50, "good-2", 1.5)
            busy_shop.until_phase("Healthy")
            promoted = time.monotonic() + SPREAD_S
            busy_shop.until("old pods are gone", lambda: len(busy_shop.list("Pod")) == 4)
            end = time.monotonic()

    assert [answer for answer in customers.answers if answer.status != 200] == []
    assert 14 <= at_20 <= 26
    assert 42 <= at_50 <= 58
    assert share_percent(customers.between(promoted, end), "good-2") == 100


def test_a_bad_release_harms_few_and_is_taken_back(busy_shop: Shop, traefik: Service) -> None:
    with controller(busy_shop):
        busy_shop.until_phase("Healthy")
        until_served(busy_shop, traefik)
        with Customers(traefik.url, busy_shop.host) as customers:
            busy_shop.set_image("bad-2")
            busy_shop.until_weight(5)
            busy_shop.until_phase("Degraded")
            busy_shop.until_weight(0)
            back = time.monotonic() + SPREAD_S
            busy_shop.until("the canary is gone", lambda: len(busy_shop.list("Pod")) == 4)
            end = time.monotonic()

    assert customers.not_served() == []
    assert share_percent(customers.between(back, end), "good-1") == 100
    failed = [answer for answer in customers.answers if answer.status != 200]
    assert 0 < len(failed) < 0.05 * len(customers.answers)


def test_a_killed_controller_costs_no_request(busy_shop: Shop, traefik: Service) -> None:
    first = start_controller(busy_shop)
    busy_shop.until_phase("Healthy")
    until_served(busy_shop, traefik)
    with Customers(traefik.url, busy_shop.host) as customers:
        busy_shop.set_image("good-2")
        busy_shop.until_weight(20)
        first.kill()
        with controller(busy_shop):
            busy_shop.until_phase("Healthy")
            busy_shop.until("old pods are gone", lambda: len(busy_shop.list("Pod")) == 4)

    assert [answer for answer in customers.answers if answer.status != 200] == []
    assert customers.answers[-1].version == "good-2"
