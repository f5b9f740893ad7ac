"""What surprises in a template is found, and nothing else is."""

from __future__ import annotations

import pytest

from analysis import library
from analysis.lint import RULES, lint, mended
from analysis.lint_rates import Rates, lint_rates

QUERY = 'sum(rate(http_requests_total{hash="{{args.hash}}"}[1m])) > 0'


def a_template(query=QUERY, args=("hash",), **metric):
    fields = {"name": "m", "interval": "30s", "count": 10, "failureLimit": 2, "noData": "inconclusive",
              "inconclusiveLimit": 3, "successCondition": "result[0] >= 0.99"}  # fmt: skip
    provider = {"prometheus": {"address": "http://p:9090", "query": query}}
    return {"args": [{"name": name} for name in args], "metrics": [{**fields, "provider": provider, **metric}]}


def codes(spec):
    return {each.code for each in lint(spec)}


def test_a_sound_template_has_no_surprises():
    assert codes(a_template()) == set()


RATIO = 'sum(rate(r_total{h="{{args.hash}}",code!~"5.."}[1m])) / sum(rate(r_total{h="{{args.hash}}"}[1m]))'


@pytest.mark.parametrize(
    ("code", "spec"),
    [
        ("L01", a_template(noData="")),
        ("L02", a_template(query=QUERY.replace("1m", "5m"), interval="10s", count=60)),
        ("L03", a_template(query=QUERY.replace("1m", "30s"))),
        ("L03", a_template(query=QUERY.replace("1m", "1h"))),
        ("L04", a_template(query='sum(rate(r_total{app="web"}[1m])) > 0', args=())),
        ("L05", a_template(query=QUERY.replace("sum(rate(", "rate(sum("))),
        ("L05", a_template(query=QUERY.replace("http_requests_total", "temperature"))),
        ("L05", a_template(query='histogram_quantile(0.9, sum(rate(x_seconds_bucket{h="{{args.hash}}"}[1m])))')),
        ("L05", a_template(query='avg(histogram_quantile(0.9, x_bucket{h="{{args.hash}}"}))')),
        ("L07", a_template(query=RATIO, noData="", successCondition="len(result) > 0 && result[0] > 0.9")),
        ("L08", a_template(interval="", count=1)),
        ("L09", a_template(failureCondition="result[0] < 0.9", inconclusiveLimit=0)),
        ("L10", a_template(args=("hash", "other"))),
        ("L10", a_template(args=())),
        ("L12", a_template(query='histogram_quantile(0.9, sum by (le) (rate(x_seconds_bucket{h="{{args.hash}}"}[1m])))',
                           successCondition="result[0] <= 0.3")),
        ("L13", a_template(query=RATIO)),
    ],
)  # fmt: skip
def test_each_surprise_has_its_code(code, spec):
    assert code in codes(spec)
    assert code in RULES


def test_a_finding_says_where_why_and_what_instead():
    for each in lint(a_template(query=RATIO, noData="", interval="5s", args=())):
        assert each.path.startswith(("metrics[0]", "args"))
        assert each.text
        assert each.fix


@pytest.mark.parametrize(
    ("name", "manifest"), list(library.templates()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_the_library_has_no_surprise_but_that_a_threshold_is_one(name, manifest):
    assert {each.code for each in lint(manifest["spec"])} <= {"L13"}


def test_a_mend_is_inserted_where_the_metric_begins():
    lines = ["  metrics:", "    - name: a", "      count: 1", "    - name: b"]

    assert mended(lines, [(2, "noData: inconclusive"), (4, "noData: fail"), (2, "noData: inconclusive")]) == [
        "  metrics:", "    - name: a", "      noData: inconclusive", "      count: 1", "    - name: b",
        "      noData: fail",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("least", "rates", "expected"),
    [
        ("0.99", Rates(200, 0.1, 0.01), {"L06", "L11"}),
        ("0.9", Rates(200, 0.1, 0.01), set()),
        ("0.95", Rates(2, 0.1, 0.01), {"L06", "L11"}),
        ("0.95", Rates(2000, 0.1, 0.001), set()),
    ],
)
def test_a_threshold_is_tried_on_the_traffic_of_the_service(least, rates, expected):
    spec = a_template(query=RATIO, successCondition=f"result[0] >= {least}", noData="")

    assert {each.code for each in lint_rates(spec, rates)} == expected
    assert expected <= set(RULES)


def test_what_is_no_ratio_of_requests_is_not_tried():
    assert list(lint_rates(a_template(successCondition="result[0] <= 300"), Rates(2, 0.1, 0.01))) == []
