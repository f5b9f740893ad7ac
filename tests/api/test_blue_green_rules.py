"""What a blue-green spec, and the objects that it names, must be: the contract's texts, told as the condition does."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.api.parse import parse_rollout
from rollouts.delivery.rules import References, check, condition_message, refusals
from tests.api.cases import changed

AT = "spec.strategy.blueGreen"
SAME = (
    "This rollout uses the same service for the active and preview services, but two different services are required."
)
SHARE = "must be a whole number of pods, or a percentage such as 25%"
LOW = "must be greater than or equal to 0"
AFFINITY = "AntiAffinity must have exactly one strategy listed"
SELECTOR = {"app": "web"}


def switched(**fields: Any) -> dict[str, Any]:
    """A blue-green Rollout that is right but for these fields; None leaves one out."""
    given = {"activeService": "web", "previewService": "web-preview", **fields}
    return changed(strategy={"blueGreen": {key: value for key, value in given.items() if value is not None}})


def service(managed_by: str = "", **spec: Any) -> dict[str, Any]:
    annotations = {"argo-rollouts.argoproj.io/managed-by-rollouts": managed_by} if managed_by else {}
    return {"kind": "Service", "metadata": {"annotations": annotations}, "spec": {"selector": SELECTOR, **spec}}


def told(manifest: dict[str, Any], **found: Any) -> list[str]:
    parsed = parse_rollout(manifest)
    assert parsed.spec is not None
    references = References("web", parsed.spec, **found)
    prefix = 'The Rollout "web" is invalid: '
    return [condition_message("web", each).removeprefix(prefix) for each in refusals(parsed, references)]


def test_a_preview_service_may_be_left_out() -> None:
    assert check(switched(previewService=None)).refusals == ()


@pytest.mark.parametrize(
    ("story", "fields", "at", "text"),
    [
        ("active is preview", {"previewService": "web"}, "activeService", SAME),
        ("no active Service", {"activeService": None}, "activeService", ""),
        ("a preview of -1", {"previewReplicaCount": -1}, "previewReplicaCount", LOW),
        ("a wait of -1", {"autoPromotionSeconds": -1}, "autoPromotionSeconds", LOW),
        ("a delay of -1", {"scaleDownDelaySeconds": -1}, "scaleDownDelaySeconds", LOW),
        ("a share of abc", {"maxUnavailable": "abc"}, "maxUnavailable", SHARE),
        ("a share of 150%", {"maxUnavailable": "150%"}, "maxUnavailable", SHARE),
        ("affinity of no kind", {"antiAffinity": {}}, "antiAffinity", AFFINITY),
        (
            "a limit beyond the history", {"scaleDownDelayRevisionLimit": 11}, "scaleDownDelayRevisionLimit",
            "This rollout's revision history limit can not be smaller than the rollout's scale down limit",
        ),
    ],
)  # fmt: skip
def test_a_field_that_cannot_be_is_refused(story: str, fields: dict[str, Any], at: str, text: str) -> None:
    assert [(each.at, each.text) for each in check(switched(**fields)).refusals] == [(f"{AT}.{at}", text)]


@pytest.mark.parametrize(
    ("story", "found", "expected"),
    [
        ("not there", {"web": None, "web-preview": service()},
         [f'{AT}.activeService: Invalid value: "web": service "web" not found']),
        ("of another Rollout", {"web": service("other"), "web-preview": service()},
         [f'{AT}.activeService: Invalid value: "web": Service "web" is managed by another Rollout']),
        ("of other pods", {"web": service(selector={"app": "api"}), "web-preview": service()},
         [f'{AT}.activeService: Invalid value: "web": Service "web" has unmatch label "app" in rollout']),
        ("headless", {"web": service(), "web-preview": service(clusterIP="None")},
         [f'{AT}.previewService: Invalid value: "web-preview": Service "web-preview" is headless: clients would keep '
          "the pods that they resolved"]),
        ("right", {"web": service("web"), "web-preview": service()}, []),
    ],
)  # fmt: skip
def test_the_services_must_be_there_and_fit(story: str, found: dict[str, Any], expected: list[str]) -> None:
    assert told(switched(), services=found) == expected


@pytest.mark.parametrize("field", ["prePromotionAnalysis", "postPromotionAnalysis"])
def test_the_templates_around_a_switch_must_be_there_and_end(field: str) -> None:
    rollout = switched(**{field: {"templates": [{"templateName": "errors"}]}})
    services = {"web": service(), "web-preview": service()}
    metric = {"name": "errors", "interval": "10s", "provider": {"prometheus": {"address": "http://p", "query": "up"}}}
    endless = {"kind": "AnalysisTemplate", "spec": {"metrics": [metric]}}

    assert told(rollout, services=services) == [
        f"{AT}.{field}.templates: Invalid value: \"errors\": AnalysisTemplate 'errors' not found"
    ]
    assert "which runs indefinitely" in told(rollout, services=services, templates={(False, "errors"): endless})[0]
