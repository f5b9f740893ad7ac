"""What is wrong with a template is said in the contract's words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.check import RULES_MAX, check_spec, matches, runs_forever, runs_forever_text

PROMETHEUS = {"prometheus": {"address": "http://prom:9090", "query": "sum(up)"}}


def a_metric(**fields):
    metric = {"name": "a", "successCondition": "isNaN(result[0]) || result[0] > 0", "provider": PROMETHEUS, **fields}
    return {key: value for key, value in metric.items() if value is not None}


def errors(*metrics, **spec):
    return [finding.text for finding in check_spec({"metrics": list(metrics), **spec}) if finding.severity == "error"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, None),
        ({"consecutiveSuccessLimit": -1}, "consecutiveSuccessLimit must be >= 0"),
        ({"failureLimit": -2}, "failureLimit must be >= 0, or -1 to be disabled"),
        ({"failureLimit": -1}, "failureLimit and consecutiveSuccessLimit cannot both be disabled"),
        ({"failureLimit": -1, "consecutiveSuccessLimit": 2}, None),
        ({"inconclusiveLimit": -1}, "inconclusiveLimit must be >= 0"),
        ({"consecutiveErrorLimit": -1}, "consecutiveErrorLimit must be >= 0"),
        ({"count": 1, "inconclusiveLimit": 2}, "count must be >= inconclusiveLimit"),
        (
            {"count": 3, "interval": "1m", "failureLimit": 2, "consecutiveSuccessLimit": 2},
            "count (3) must be >= failureLimit + consecutiveSuccessLimit (2 + 2) if both >= 0",
        ),
        ({"count": 2}, "interval must be specified when count > 1"),
        ({"interval": "6s-typo"}, 'invalid interval string: time: unknown unit "s-typo" in duration "6s-typo"'),
        ({"initialDelay": "60s-typo"}, 'invalid startDelay string: time: unknown unit "s-typo" in duration "60s-typo"'),
        ({"provider": None}, "no provider specified"),
        ({"provider": {}}, "no provider specified"),
        ({"provider": {**PROMETHEUS, "web": {"url": "http://x"}}}, "multiple providers specified"),
        ({"count": "many"}, "count must be a whole number, got 'many'"),
        ({"count": "{{args.n}}", "failureLimit": "{{args.m}}"}, None),
        ({"noData": "maybe"}, "noData must be one of inconclusive, fail, pass"),
        ({"successCondition": "result["}, 'successCondition "result[" does not compile: unexpected token EOF'),
        ({"successCondition": "nope > 1"}, 'successCondition "nope > 1" does not compile: unknown name nope'),
    ],
)  # fmt: skip
def test_a_metric_is_refused_in_the_contracts_words(fields, said):
    assert errors(a_metric(**fields)) == ([] if said is None else [f"metrics[0]: {said}"])


def test_a_count_below_a_success_limit_is_refused():
    said = errors(a_metric(count=1, consecutiveSuccessLimit=2))

    assert said[0] == "metrics[0]: count must be >= consecutiveSuccessLimit"


@pytest.mark.parametrize(
    ("job", "path"),
    [
        ({"spec": {}}, "spec.template.spec.containers"),
        ({"spec": {"template": {"spec": {"containers": [{"name": "a"}]}}}}, "spec.template.spec.restartPolicy"),
    ],
)
def test_a_job_that_cannot_run_is_refused_by_the_name_of_its_field(job, path):
    found = check_spec({"metrics": [a_metric(provider={"job": job})]})

    assert [finding.path for finding in found if finding.severity == "error"] == [f"metrics[0].provider.job.{path}"]
    assert found[0].text.startswith(f"metrics[0].provider.job.{path}: ")


def test_a_template_needs_metrics_or_other_templates():
    assert errors() == ["no metrics specified"]
    assert errors(templates=[{"templateName": "x"}]) == []
    assert [finding.text for finding in check_spec({"templates": [{}]}, allow_nested=False)] == ["no metrics specified"]


def test_names_are_unique():
    assert errors(a_metric(), a_metric()) == ["metrics[1]: duplicate name 'a'"]


@pytest.mark.parametrize("field", ["dryRun", "measurementRetention"])
def test_rules_are_few_enough_to_be_held_against_every_metric(field):
    rule = {"metricName": ".*"}

    assert errors(a_metric(), **{field: [rule] * RULES_MAX}) == []
    assert errors(a_metric(), **{field: [rule] * (RULES_MAX + 1)}) == [f"{field}: more than 100 rules"]


def test_rules_must_mean_some_metric():
    assert errors(a_metric(), dryRun=[{"metricName": "b"}]) == ["dryRun[0]: Rule didn't match any metric name(s)"]
    assert errors(a_metric(), measurementRetention=[{"metricName": "b", "limit": 3}]) == [
        "measurementRetention[0]: Rule didn't match any metric name(s)"
    ]
    assert errors(a_metric(), dryRun=[{"metricName": "*"}]) == [
        "dryRun[0]: error parsing regexp: no argument for repetition operator: `*`"
    ]
    assert matches("rate", "error-rate")


def test_an_interval_of_nothing_is_a_warning_for_a_second_is_used():
    found = check_spec({"metrics": [a_metric(interval="0s", count=2)]})

    assert [(finding.severity, finding.path) for finding in found] == [("warning", "metrics[0].interval")]
    assert errors(a_metric(interval="-5s", count=2)) == ["metrics[0]: invalid interval string: -5s is negative"]


def test_a_metric_without_end_is_known():
    endless = a_metric(interval="1m")

    assert runs_forever(endless)
    assert runs_forever({**endless, "count": 0})
    assert not runs_forever({**endless, "count": 3})
    assert not runs_forever(a_metric())
    assert runs_forever_text("t", {**endless, "count": 0}) == (
        "AnalysisTemplate t has metric a which runs indefinitely. Invalid value for count: 0"
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
METRIC_FIELDS = st.sampled_from(
    [
        "name", "count", "interval", "initialDelay", "failureLimit", "inconclusiveLimit", "consecutiveErrorLimit",
        "consecutiveSuccessLimit", "successCondition", "failureCondition", "noData", "provider",
    ]
)  # fmt: skip


@given(st.dictionaries(METRIC_FIELDS, JSON, max_size=6))
def test_no_metric_breaks_the_check(metric):
    for finding in check_spec({"metrics": [metric], "dryRun": [metric], "measurementRetention": [metric]}):
        assert finding.path
        assert finding.text
