"""Names in a spec that no object can have: told where they stand, before anything is looked up by them."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.delivery.rules import check, condition_message
from rollouts.shell.admission import verdict
from tests.api.cases import changed, with_step

ODD = [
    "web\n", " web", "wéb", "web\0", "\ud800", "Web", "web.", "-web", "w" * 254, "../web", "shop/web", "\u202ebew",
    "🚀", "٣", "ｗeb",
]  # fmt: skip
PLACES: list[tuple[str, Any]] = [
    ("spec.strategy.canary.stableService", lambda name: changed(canary__stableService=name)),
    ("spec.strategy.canary.canaryService", lambda name: changed(canary__canaryService=name)),
    (
        "spec.strategy.canary.trafficRouting.nginx.stableIngress",
        lambda name: changed(canary__trafficRouting__nginx__stableIngress=name),
    ),
    (
        "spec.strategy.canary.trafficRouting.nginx.stableIngresses",
        lambda name: changed(canary__trafficRouting__nginx={"stableIngresses": ["web", name]}),
    ),
    (
        "spec.strategy.canary.steps[0].analysis.templates",
        lambda name: with_step({"analysis": {"templates": [{"templateName": name}]}}),
    ),
    (
        "spec.strategy.canary.analysis.templates",
        lambda name: changed(canary__analysis={"templates": [{"templateName": name}]}),
    ),
]


@pytest.mark.parametrize("name", ODD, ids=ascii)
@pytest.mark.parametrize(("at", "manifest_of"), PLACES, ids=[at for at, _ in PLACES])
def test_a_name_that_no_object_can_have_is_refused_where_it_stands(at: str, manifest_of: Any, name: str) -> None:
    refused = check(manifest_of(name)).refusals

    assert [(each.reason, each.at) for each in refused] == [("NameInvalid", at)]


@pytest.mark.parametrize("name", ["\ud800", "web\n", "🚀"], ids=ascii)
def test_the_admission_webhook_refuses_it_too(name: str) -> None:
    assert [each.reason for each in verdict(changed(canary__stableService=name), None).errors] == ["NameInvalid"]


@pytest.mark.parametrize("name", ["a", "web-1", "1-web", "w" * 63])
def test_names_that_an_object_can_have_pass(name: str) -> None:
    assert check(changed(canary__stableService=name)).refusals == ()


def test_a_service_has_the_name_of_a_host_and_an_ingress_may_have_dots() -> None:
    assert check(changed(canary__trafficRouting__nginx__stableIngress="web.shop")).refusals == ()
    assert [each.reason for each in check(changed(canary__stableService="web.shop")).refusals] == ["NameInvalid"]
    assert [each.reason for each in check(changed(canary__stableService="w" * 64)).refusals] == ["NameInvalid"]


@pytest.mark.parametrize(
    "text", ["🚀 mit Umlaut ü", "\u202ertl", "a\0b", 'quote " and \\ and }}', "\x1b[31mred"], ids=ascii
)
def test_free_text_is_nobodys_business(text: str) -> None:
    inline = {"templates": [{"templateName": "a"}], "args": [{"name": "x", "value": text}]}
    manifest = with_step({"analysis": inline}, template__metadata__annotations={"why": text})

    assert check(manifest).refusals == ()


@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_a_refused_name_is_told_without_steering_a_terminal(name: str) -> None:
    said = condition_message("web", check(changed(canary__stableService=name)).refusals[0])

    assert said.isprintable()
    assert said.encode()
