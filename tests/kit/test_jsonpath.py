"""kubectl's JSONPath templates, read and written as kubectl does."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.kit.jsonpath import DEPTH_MAX, TEMPLATE_CHARS_MAX, JsonPathError, Template

WORLD: dict[str, Any] = {
    "kind": "List",
    "items": [
        {
            "kind": "Rollout",
            "metadata": {"name": "web", "annotations": {"team.example/owner": "pay"}},
            "spec": {"replicas": 5, "paused": True},
            "status": {"conditions": [{"type": "Healthy", "status": "False"}, {"type": "Paused", "status": "True"}]},
        },
        {"kind": "Service", "metadata": {"name": "api"}, "spec": {"ports": [{"port": 80}, {"port": 443}]}},
    ],
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{.kind}", "List"),
        (".kind", "List"),
        ("{$.kind}", "List"),
        ("kind is {.kind}!", "kind is List!"),
        ("{.items[*].metadata.name}", "web api"),
        ("{.items[0].spec.replicas}", "5"),
        ("{.items[0].spec.paused}", "true"),
        ("{.items[-1].metadata.name}", "api"),
        ("{.items[0,1].kind}", "Rollout Service"),
        ("{.items[1:].kind}", "Service"),
        ("{.items[7].kind}{.nowhere.at.all}", ""),
        ("{.items[0].metadata.annotations.team\\.example/owner}", "pay"),
        ("{.items[0].metadata.annotations['team.example/owner']}", "pay"),
        ('{.items[0].status.conditions[?(@.type=="Paused")].status}', "True"),
        ("{.items[?(@.spec.replicas>3)].metadata.name}", "web"),
        ("{.items[?(@.spec.ports)].metadata.name}", "api"),
        ("{.items[1].spec.ports[*].port}", "80 443"),
        ("{..name}", "web api"),
        ("{.items[1].spec}", '{"ports":[{"port":80},{"port":443}]}'),
        ('{range .items[*]}{.kind}{"\\t"}{.metadata.name}{"\\n"}{end}', "Rollout\tweb\nService\tapi\n"),
        ("{range .items[*]}{range .spec.ports[*]}<{.port}>{end}{end}", "<80><443>"),
        ('{"a { brace }"}', "a { brace }"),
        ("{.items[0].kind} {.items[1].kind}", "Rollout Service"),
    ],
)
def test_a_template_says_what_kubectl_says(template: str, text: str) -> None:
    assert Template.of(template).text(WORLD) == text


@pytest.mark.parametrize(
    "template",
    [
        "{.kind",
        "{.items[}",
        "{.items[?(@.kind=Service)]}",
        "{range .items[*]}{.kind}",
        "{end}",
        "{.a b c}",
        "{.items[?(@.n==nothing)]}",
        '{.items[?(@.kind=="\\d")]}',
        '{"\\d"}',
        "{.items[::0]}",
        "{.items[" + "9" * 5000 + "]}",
        "{range .x}" * (DEPTH_MAX + 1) + "{end}" * (DEPTH_MAX + 1),
        "x" * (TEMPLATE_CHARS_MAX + 1),
    ],
)
def test_what_is_no_template_is_refused(template: str) -> None:
    with pytest.raises(JsonPathError):
        Template.of(template)
