"""Several comparing metrics of one run: one chance of a false abort for all, and two that are weakly bad are found."""

from __future__ import annotations

import json

import pytest

from analysis import measuring, report
from analysis.check import check_spec
from analysis.model import MetricState, read_metrics
from analysis.phase import Phase
from analysis.together import EVIDENCE
from analysis.verdict import judge

SELECTORS = {"address": "http://prom:9090", "canary": "canary_total", "stable": "stable_total", "bad": 'code="500"'}


def metric(name, more=None, **comparison):
    return {"name": name, "interval": "10s", "count": 60, "provider": {"comparison": {**SELECTORS, **comparison}},
            **(more or {})}  # fmt: skip


def a_run(*metrics, dry=()):
    return read_metrics({"metrics": list(metrics), "dryRun": [{"metricName": name} for name in dry]})


def states(metrics, **evidence):
    return tuple(
        MetricState(each.name, Phase.RUNNING, count=3, metadata={EVIDENCE: f"{evidence[each.name]:g}"})
        for each in metrics
    )


def test_equal_metrics_share_alpha_equally_and_the_important_one_gets_more():
    assert [each.alpha_share for each in a_run(metric("a"), metric("b"))] == [0.005, 0.005]
    assert [each.alpha_share for each in a_run(metric("a", importance=3), metric("b"))] == [0.0075, 0.0025]
    assert [each.query["alpha"] for each in a_run(metric("a", alpha="0.02"), metric("b"))] == [0.01, 0.005]


def test_a_metric_alone_keeps_its_alpha():
    alone = a_run(
        metric("a"), metric("b", kind="burn", slo="0.999"), metric("c", {"failureCondition": "result.eBad > 9"}),
        metric("d", importance=0), metric("e", method="kayenta"), metric("f"), dry=["f"],
    )  # fmt: skip

    assert [each.alpha_share for each in alone] == [0] * 6
    assert "alpha" not in alone[0].query


def test_two_that_are_weakly_bad_end_the_run_before_either_would_alone():
    metrics = a_run(metric("errors"), metric("other"))
    verdict = judge(metrics, states(metrics, errors=90, other=120))

    assert verdict.phase is Phase.FAILED
    assert [state.phase for state in verdict.states] == [Phase.SUCCESSFUL, Phase.FAILED]
    assert 'Metric "other" assessed Failed due to the comparing metrics\' evidence together' in verdict.message
    assert "errors 90 of 200, other 120 of 200" in verdict.message


def test_one_that_is_bad_and_one_that_is_fine_wait_for_more():
    metrics = a_run(metric("errors"), metric("other"))

    assert judge(metrics, states(metrics, errors=190, other=0.2)).phase is Phase.RUNNING
    assert judge(metrics, states(metrics, errors=199.9, other=0.2)).phase is Phase.FAILED


def test_evidence_that_cannot_be_read_is_none():
    metrics = a_run(metric("errors"), metric("other"))
    broken = tuple(MetricState(each.name, Phase.RUNNING, count=1, metadata={EVIDENCE: "x"}) for each in metrics)

    assert judge(metrics, broken).phase is Phase.RUNNING


def test_a_failed_question_leaves_the_evidence_as_it_was():
    metrics = a_run(metric("errors"), metric("other"))
    state = states(metrics, errors=150, other=1)[0]
    after, _ = measuring.taken(metrics[0], state, None, "timeout", 10.0, 11.0)

    assert after.metadata[EVIDENCE] == "150"


@pytest.mark.parametrize("wrong", ["-1", "many", "1e9"])
def test_an_importance_that_is_none_is_named(wrong):
    found = [each for each in check_spec({"metrics": [metric("a", importance=wrong)]}) if each.severity == "error"]

    assert "importance" in found[0].text


def test_the_report_tells_the_limit_of_each_metric_and_what_it_brings():
    value = {"verdict": "inconclusive", "eBad": 90.0, "eOk": 1.0, "rr": 2.0, "low": 1.0, "high": None, "null": "pods"}
    taken = {"phase": "Inconclusive", "value": json.dumps(value), "finishedAt": "2026-01-01T00:00:10Z"}
    results = [{"name": name, "phase": "Running", "measurements": [taken]} for name in ("a", "b")]
    manifest = {"spec": {"metrics": [metric("a"), metric("b")]}, "status": {"metricResults": results}}
    told = "\n".join(report.words(report.of_run(manifest)[0]))

    assert "limit 200 : 1" in told
    assert "2 metrics are weighed together: of what is needed this one brings 45 %" in told
