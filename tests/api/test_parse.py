"""What a manifest says, and what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.api.parse import parse_analysis_run, parse_analysis_template, parse_experiment, parse_rollout
from rollouts.core.errors import Refusal


def a_rollout(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web"}, "spec": spec}


def a_canary(*steps: Any, **canary: Any) -> dict[str, Any]:
    return a_rollout(strategy={"canary": {"steps": list(steps), **canary}})


def test_every_step_is_read_with_its_fields() -> None:
    parsed = parse_rollout(
        a_canary(
            {"setWeight": 20},
            {"pause": {}},
            {"pause": {"duration": "1h30m"}},
            {"analysis": {"templates": [{"templateName": "errors", "clusterScope": True}]}},
            trafficRouting={"nginx": {"stableIngress": "web"}},
            scaleDownDelaySeconds=5,
        )
    )

    assert parsed.spec is not None
    canary = parsed.spec.strategy.canary
    assert canary is not None
    assert canary.steps[0].set_weight == 20
    assert canary.steps[1].pause is not None
    assert canary.steps[1].pause.duration_s is None
    assert canary.steps[2].pause is not None
    assert canary.steps[2].pause.duration_s == 5400
    assert canary.steps[3].analysis is not None
    assert canary.steps[3].analysis.templates[0].cluster_scope
    assert canary.traffic_routing is not None
    assert canary.traffic_routing.nginx is not None
    assert canary.traffic_routing.nginx.ingresses == ("web",)
    assert canary.scale_down_delay_seconds == 5


def test_a_null_reads_as_an_absent_field() -> None:
    parsed = parse_rollout(a_rollout(replicas=None, selector=None))

    assert parsed.spec is not None
    assert parsed.spec.desired_replicas == 1


def test_an_unknown_field_on_a_live_object_is_named_and_ignored() -> None:
    parsed = parse_rollout(a_canary({"setWieght": 20, "pause": {}}))

    assert parsed.unknown == ("spec.strategy.canary.steps[0].setWieght",)
    assert parsed.refusals == ()
    assert parsed.spec is not None


def test_an_unknown_field_is_refused_by_strict_parsing_with_the_likely_name() -> None:
    parsed = parse_rollout(a_canary({"setWieght": 20, "pause": {}}), strict=True)

    assert [(each.reason, each.at, each.fix) for each in parsed.refusals] == [
        ("UnknownField", "spec.strategy.canary.steps[0].setWieght", "did you mean setWeight?")
    ]


def test_the_name_of_an_attribute_is_not_the_name_of_a_field() -> None:
    assert parse_rollout(a_canary({"set_weight": 20})).unknown == ("spec.strategy.canary.steps[0].set_weight",)


def test_an_unknown_field_beside_the_spec_is_refused_by_strict_parsing() -> None:
    manifest = {**a_rollout(), "sepc": {}}

    assert [each.at for each in parse_rollout(manifest, strict=True).refusals] == ["sepc"]
    assert parse_rollout(manifest).refusals == ()


@pytest.mark.parametrize(
    ("case", "spec", "at"),
    [
        ("4: text for a count", {"replicas": "3"}, "spec.replicas"),
        ("4: a fraction for a count", {"replicas": 3.0}, "spec.replicas"),
        ("4: more than 32 bits", {"replicas": 2**31}, "spec.replicas"),
        ("4: a truth value for a count", {"replicas": True}, "spec.replicas"),
        ("6: a fraction for a weight", {"strategy": {"canary": {"steps": [{"setWeight": 100.5}]}}},
         "spec.strategy.canary.steps[0].setWeight"),
        ("6: text for a weight", {"strategy": {"canary": {"steps": [{"setWeight": "20"}]}}},
         "spec.strategy.canary.steps[0].setWeight"),
        ("a list for an object", {"strategy": []}, "spec.strategy"),
        ("an object for a list", {"strategy": {"canary": {"steps": {}}}}, "spec.strategy.canary.steps"),
        ("a number for a label", {"selector": {"matchLabels": {"app.kubernetes.io/name": 1}}},
         "spec.selector.matchLabels[app.kubernetes.io/name]"),
        ("a template that is a list", {"template": []}, "spec.template"),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_type_is_refused_where_it_stands(case: str, spec: dict[str, Any], at: str) -> None:
    parsed = parse_rollout(a_rollout(**spec))

    assert parsed.spec is None
    assert [(each.reason, each.at) for each in parsed.refusals] == [("WrongType", at)]


def test_a_manifest_without_a_spec_is_refused() -> None:
    parsed = parse_rollout({"metadata": {"name": "web"}})

    assert parsed.refusals == (Refusal("MissingField", "spec", "a spec is needed", kind="Required value"),)


def test_a_thousand_errors_are_cut_to_a_bounded_number() -> None:
    parsed = parse_rollout(a_canary(*({"setWeight": "x"} for _ in range(1000))))

    assert len(parsed.refusals) == 100


def test_the_other_kinds_are_read_too() -> None:
    metric = {
        "name": "errors",
        "interval": "10s",
        "count": "{{args.n}}",
        "successCondition": "result[0] < 0.01",
        "failureLimit": 3,
        "provider": {"prometheus": {"address": "http://prom:9090", "query": "up", "rangeQuery": {"step": "1m"}}},
    }
    template = parse_analysis_template({"metadata": {"name": "t"}, "spec": {"metrics": [metric]}}, strict=True)
    run = parse_analysis_run(
        {"metadata": {"name": "r"}, "spec": {"metrics": [metric], "ttlStrategy": {"secondsAfterFailure": 9}}},
        strict=True,
    )
    experiment = parse_experiment(
        {"metadata": {"name": "e"}, "spec": {"templates": [{"name": "baseline", "replicas": 1}], "duration": "5m"}},
        strict=True,
    )

    assert template.spec is not None
    assert template.spec.metrics[0].provider.given == ("prometheus",)
    assert run.spec is not None
    assert run.spec.ttl_strategy is not None
    assert run.spec.ttl_strategy.seconds_after_failure == 9
    assert experiment.spec is not None
    assert experiment.spec.templates[0].name == "baseline"
