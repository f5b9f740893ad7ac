"""Each dialect against what its server is known to say: the request is checked, and the value that comes out."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from analysis import measuring
from analysis.asks import HttpCall, HttpReply, KayentaRun, SecretRef, fill, secrets
from analysis.check import check_spec
from analysis.errors import AnalysisError
from analysis.measuring import taken
from analysis.model import MetricState, read_metrics
from analysis.phase import Phase
from analysis.providers import PROVIDERS, Surroundings

NOW = Surroundings(1_772_366_400.0)  # 2026-03-01T12:00:00Z
ACCOUNT = {
    "address": "https://dd.example.com", "api-key": "k1", "app-key": "k2", "personal-api-key": "nr-key",
    "account-id": "4711", "base-url-nerdgraph|region": "eu", "authToken": "tok", "org": "shop org",
    "wf.example.com": "wf-token",
}  # fmt: skip


def asked(name: str, spec: dict[str, Any]) -> HttpCall:
    question = PROVIDERS[name].ask(spec, NOW)
    filled = fill(question, {ref: ACCOUNT[ref.key] for ref in secrets(question)})
    assert isinstance(filled, HttpCall)
    return filled


def value(name: str, spec: dict[str, Any], body: Any, status: int = 200) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return PROVIDERS[name].read(HttpReply(status, content), spec).value


# Web.


def test_a_web_metric_posts_its_json_with_its_headers() -> None:
    spec = {
        "url": "https://api.example.com/v1?x=1", "method": "POST", "jsonBody": {"a": [1]}, "timeoutSeconds": 7,
        "headers": [{"key": "X-Key", "value": "v"}],
    }  # fmt: skip

    call = asked("web", spec)

    assert (call.method, call.url, call.body, call.timeout_s) == ("POST", spec["url"], '{"a":[1]}', 7)
    assert call.headers == (("X-Key", "v"), ("Content-Type", "application/json"))


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("web", {"url": "http://x", "method": "POST", "jsonBody": {"key": "{{args.key}}"}}),
        ("newRelic", {"query": "SELECT '{{args.key}}'"}),
        ("influxdb", {"query": "{{args.key}}"}),
        ("datadog", {"apiVersion": "v2", "query": "{{args.key}}"}),
        ("skywalking", {"query": "{{args.key}}"}),
        ("cloudWatch", {"metricDataQueries": [{"id": "a", "expression": "{{args.key}}"}]}),
    ],
)
def test_a_secret_argument_reaches_a_body_of_json(name: str, spec: dict[str, Any]) -> None:
    args = [{"name": "key", "valueFrom": {"secretKeyRef": {"name": "api", "key": "k"}}}]

    metric = read_metrics({"metrics": [{"name": "m", "provider": {name: spec}}], "args": args})[0]
    question = measuring.ask(metric, NOW)

    assert isinstance(question, HttpCall)
    assert SecretRef("api", "k") in secrets(replace(question, headers=(), url="", params=()))
    assert "u0002" not in question.body
    assert not any(sign in str(PROVIDERS[name].metadata(metric.query)) for sign in ("\\x02", "u0002", "\\x1f"))


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("", {"ok": True}, {"ok": True}),
        ("{$.data.rate}", {"data": {"rate": 0.5}}, 0.5),
        ("{$.count}", {"count": 3}, 3.0),
        ("$.items[?(@.name=='b')].v", {"items": [{"name": "a", "v": 1}, {"name": "b", "v": 2}]}, 2.0),
        ("{$.items[*].v}", {"items": [{"v": 1}, {"v": 2}]}, [1.0, 2.0]),
        ("{.ok}", {"ok": False}, False),
        ("{$.a}", b"plain text", "plain text"),
    ],
)
def test_a_web_metric_takes_what_stands_at_its_path(path: str, body: Any, expected: Any) -> None:
    found = value("web", {"jsonPath": path}, body)

    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"url": ""}, "url is empty"),
        ({"url": "ftp://x"}, "not a URL"),
        ({"url": "http://x", "method": "DELETE"}, "GET, POST, PUT"),
        ({"url": "http://x", "method": "POST", "body": "a", "jsonBody": {}}, "either body or jsonBody"),
        ({"url": "http://x", "body": "a"}, "need method POST or PUT"),
        ({"url": "http://x", "jsonPath": "{$.a[}"}, "jsonPath"),
        ({"url": "http://x", "timeoutSeconds": -1}, "timeoutSeconds"),
    ],
)
def test_a_web_metric_that_cannot_be_asked_says_why(spec: dict[str, Any], says: str) -> None:
    with pytest.raises(AnalysisError, match=says.replace("(", r"\(")):
        asked("web", spec)


def test_an_answer_that_is_no_success_is_an_error_with_the_servers_words() -> None:
    with pytest.raises(AnalysisError, match="received non 2xx response code: 503: overloaded"):
        value("web", {}, b"overloaded", 503)


def test_a_path_that_leads_nowhere_is_an_error() -> None:
    with pytest.raises(AnalysisError, match="Could not find JSONPath in body"):
        value("web", {"jsonPath": "{$.missing}"}, {"a": 1})


# Datadog.


def test_datadog_v1_asks_for_the_span_with_keys_from_the_secret() -> None:
    call = asked("datadog", {"query": "avg:err{*}", "interval": "10m"})

    assert call.url == "https://dd.example.com/api/v1/query"
    assert call.params == (("query", "avg:err{*}"), ("from", "1772365800"), ("to", "1772366400"))
    assert ("DD-API-KEY", "k1") in call.headers
    assert ("DD-APPLICATION-KEY", "k2") in call.headers


def test_datadog_v2_asks_for_a_scalar_of_the_formula() -> None:
    spec = {"apiVersion": "v2", "queries": {"e": "sum:err{*}", "t": "sum:all{*}"}, "formula": "e / t"}

    call = asked("datadog", spec)
    attributes = json.loads(call.body)["data"]["attributes"]

    assert (call.method, call.url) == ("POST", "https://dd.example.com/api/v2/query/scalar")
    assert attributes["formulas"] == [{"formula": "e / t"}]
    assert [query["name"] for query in attributes["queries"]] == ["e", "t"]
    assert attributes["to"] - attributes["from"] == 300_000


def test_datadog_gives_all_groups_of_a_grouped_query() -> None:
    """The first group alone was judged: a canary whose second group failed was promoted."""
    groups = {"name": "pod", "type": "group", "values": [["a"], ["b"], ["c"]]}
    numbers = {"name": "query", "type": "number", "values": [None, 0.02, 0.9]}
    body = {"data": {"attributes": {"columns": [groups, numbers]}}}

    assert value("datadog", {}, body) == [0.02, 0.9]


def test_what_datadog_says_was_wrong_with_a_query_is_told() -> None:
    with pytest.raises(AnalysisError, match="There were errors in your query: too long a span"):
        value("datadog", {}, {"data": {"errors": "too long a span"}})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"status": "ok", "series": [{"pointlist": [[1, 0.1], [2, 0.25]]}]}, 0.25),
        ({"status": "ok", "series": []}, None),
        ({"status": "ok", "series": [{"pointlist": []}]}, None),
        ({"data": {"attributes": {"columns": [{"type": "number", "values": [0.5]}]}}}, 0.5),
        ({"data": {"attributes": {"columns": [{"type": "number", "values": [None]}]}}}, None),
        ({"data": {"attributes": {"columns": []}}}, None),
    ],
)
def test_datadog_gives_the_latest_value_or_nothing(body: dict[str, Any], expected: float | None) -> None:
    assert value("datadog", {}, body) == expected


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({}, "either a query or queries"),
        ({"query": "a", "queries": {"a": "b"}}, "both a query and queries"),
        ({"query": "a", "apiVersion": "v3"}, "v1 or v2"),
        ({"apiVersion": "v2", "queries": {"a": "x", "b": "y"}}, "must include a formula"),
        ({"query": "a", "interval": "soon"}, "interval"),
    ],
)
def test_a_datadog_metric_that_cannot_be_asked_says_why(spec: dict[str, Any], says: str) -> None:
    with pytest.raises(AnalysisError, match=says):
        asked("datadog", spec)


def test_the_account_is_read_beside_the_controller_unless_the_metric_says_otherwise() -> None:
    ours = secrets(PROVIDERS["datadog"].ask({"query": "a"}, NOW))
    theirs = secrets(PROVIDERS["datadog"].ask({"query": "a", "secretRef": {"name": "dd", "namespaced": True}}, NOW))

    assert {(ref.name, ref.is_home) for ref in ours} == {("datadog", True)}
    assert {(ref.name, ref.is_home) for ref in theirs} == {("dd", False)}
    assert SecretRef("datadog", "address", True, "https://api.datadoghq.com") in ours


# New Relic.


def test_new_relic_asks_its_account_with_the_number_from_the_secret() -> None:
    call = asked("newRelic", {"query": "SELECT count(*) FROM Transaction"})
    body = json.loads(call.body)

    assert body["variables"]["id"] == 4711
    assert body["variables"]["nrql"] == "SELECT count(*) FROM Transaction"
    assert dict(call.aliases)[str(call.url)] == "https://api.eu.newrelic.com/graphql"
    assert ("API-Key", "nr-key") in call.headers


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"count": 7}], {"count": 7}),
        ([{"average.duration": 0.5, "facet": "a"}], {"average.duration": 0.5, "facet": "a"}),
        ([{"ok": 1, "bad": 2}], {"ok": 1, "bad": 2}),
        ([{"count": 1}, {"count": 2}], [{"count": 1}, {"count": 2}]),
    ],
)
def test_new_relic_gives_rows_by_their_columns(rows: list[dict[str, Any]], expected: Any) -> None:
    body = {"data": {"actor": {"account": {"nrql": {"results": rows}}}}}

    assert value("newRelic", {}, body) == expected


def test_new_relics_own_complaint_is_passed_on() -> None:
    with pytest.raises(AnalysisError, match="NRQL Syntax Error"):
        value("newRelic", {}, {"errors": [{"message": "NRQL Syntax Error"}]})


# Graphite, InfluxDB, SkyWalking, Wavefront.


@pytest.mark.parametrize(
    ("query", "params"),
    [
        ("sum(a.b)", (("target", "sum(a.b)"), ("format", "json"))),
        ("target=a.b&from=-5min&format=csv", (("target", "a.b"), ("from", "-5min"), ("format", "json"))),
    ],
)
def test_graphite_renders_a_target_as_json(query: str, params: tuple[tuple[str, str], ...]) -> None:
    call = asked("graphite", {"address": "http://graphite:8080/", "query": query})

    assert (call.url, call.params) == ("http://graphite:8080/render", params)


def test_graphite_leaves_unknown_points_out() -> None:
    assert value("graphite", {}, [{"target": "a", "datapoints": [[1, 10], [None, 20], [2.5, 30]]}]) == [1.0, 2.5]


@pytest.mark.parametrize("body", [[], [{"target": "a", "datapoints": [[None, 10]]}]])
def test_graphite_without_any_value_is_an_error(body: list[Any]) -> None:
    with pytest.raises(AnalysisError, match="no values found"):
        value("graphite", {}, body)


FLUX = b"""#datatype,string,long,double\r\n#group,false,false,false\r\n#default,_result,,\r\n,result,table,_value\r
,,0,0.5\r\n,,0,1.5\r\n\r\n#datatype,string,long,long\r\n#group,false,false,false\r\n#default,_result,,\r
,result,table,_value\r\n,,1,7\r\n\r\n"""


def test_influxdb_gives_the_values_of_all_tables() -> None:
    call = asked("influxdb", {"query": 'from(bucket: "x")'})

    assert call.url == "https://dd.example.com/api/v2/query"
    assert call.params == (("org", "shop org"),)
    assert ("Authorization", "Token tok") in call.headers
    assert json.loads(call.body)["query"] == 'from(bucket: "x")'
    assert value("influxdb", {}, FLUX) == [0.5, 1.5, 7.0]


def test_influxdbs_own_error_is_passed_on() -> None:
    with pytest.raises(AnalysisError, match="unknown bucket"):
        value("influxdb", {}, b"#datatype,string,string\r\n,error,reference\r\n,unknown bucket,1\r\n")


def test_skywalking_asks_for_the_minutes_of_the_interval() -> None:
    call = asked("skywalking", {"address": "http://oap:12800", "query": "query q($duration: Duration!) {x}"})

    assert call.url == "http://oap:12800/graphql"
    assert json.loads(call.body)["variables"]["duration"] == {
        "start": "2026-03-01 1155", "end": "2026-03-01 1200", "step": "MINUTE",
    }  # fmt: skip
    assert value("skywalking", {}, {"data": {"sla": {"values": [1]}}}) == {"sla": {"values": [1]}}


def test_wavefront_uses_the_token_of_its_address() -> None:
    call = asked("wavefront", {"address": "wf.example.com", "query": "ts(a)"})

    assert call.url == "https://wf.example.com/api/v2/chart/api"
    assert ("Authorization", "Bearer wf-token") in call.headers
    assert dict(call.params)["q"] == "ts(a)"
    assert value("wavefront", {}, {"timeseries": [{"data": [[1, 2.0], [2, 3.0]]}]}) == 3.0
    assert value("wavefront", {}, {"timeseries": [{"data": [[1, 2]]}, {"data": [[1, 4]]}]}) == [2.0, 4.0]


# CloudWatch and Kayenta.


def test_cloudwatch_asks_in_awss_own_names() -> None:
    metric = {"namespace": "AWS/ELB", "metricName": "5xx", "dimensions": [{"name": "LB", "value": "x"}]}
    queries = [
        {"id": "rate", "expression": "e / t"},
        {"id": "e", "metricStat": {"metric": metric, "period": 300, "stat": "Sum"}, "returnData": False},
    ]

    call = asked("cloudWatch", {"interval": "30m", "metricDataQueries": queries})
    body = json.loads(call.body)

    assert call.sigv4 is not None
    assert call.sigv4.service == "monitoring"
    assert body["EndTime"] - body["StartTime"] == 1800
    assert body["MetricDataQueries"] == [
        {"Id": "rate", "Expression": "e / t"},
        {
            "Id": "e", "ReturnData": False,
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/ELB", "MetricName": "5xx", "Dimensions": [{"Name": "LB", "Value": "x"}],
                },
                "Period": 300, "Stat": "Sum",
            },
        },
    ]  # fmt: skip


def test_cloudwatch_gives_its_results_as_a_list() -> None:
    body = {"MetricDataResults": [{"Id": "rate", "StatusCode": "Complete", "Values": [0.02]}]}

    assert value("cloudWatch", {}, body)[0]["Values"] == [0.02]


KAYENTA = {
    "address": "http://kayenta:8090", "application": "shop", "canaryConfigName": "web", "storageAccountName": "s3",
    "threshold": {"pass": 90, "marginal": 75},
    "scopes": [{"name": "default", "controlScope": {"scope": "a", "step": 60}, "experimentScope": {"scope": "b"}}],
}  # fmt: skip


def test_kayenta_is_asked_in_three_steps() -> None:
    run = PROVIDERS["kayenta"].ask(KAYENTA, NOW)

    assert isinstance(run, KayentaRun)
    found = (("application", "shop"), ("configurationAccountName", "s3"))
    assert (run.find.url, run.find.params) == ("http://kayenta:8090/canaryConfig", found)
    assert run.start.url == "http://kayenta:8090/canary/{config}"
    assert json.loads(run.start.body)["thresholds"] == {"pass": 90, "marginal": 75}
    assert run.poll.params == (("storageAccountName", "s3"),)


@pytest.mark.parametrize(
    ("more", "start"),
    [({}, "2026-03-01T11:55:00Z"), ({"lookback": True}, "2026-03-01T11:00:00Z")],
    ids=["one interval", "since the run began"],
)
def test_kayenta_compares_one_interval_or_all_since_the_run_began(more: dict[str, Any], start: str) -> None:
    metric = read_metrics({"metrics": [{"name": "judge", "interval": "5m", "provider": {"kayenta": KAYENTA | more}}]})
    run = measuring.ask(metric[0], replace(NOW, began_s=NOW.now_s - 3600))

    assert isinstance(run, KayentaRun)
    assert json.loads(run.start.body)["scopes"]["default"] == {
        "controlScope": {"scope": "a", "step": 60, "start": start, "end": "2026-03-01T12:00:00Z"},
        "experimentScope": {"scope": "b", "start": start, "end": "2026-03-01T12:00:00Z"},
    }


def test_times_of_a_kayenta_scope_are_kept() -> None:
    times = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"}
    scope = {"name": "default", "controlScope": {"scope": "a", **times}, "experimentScope": {"scope": "b", **times}}
    run = PROVIDERS["kayenta"].ask({**KAYENTA, "scopes": [scope]}, NOW)

    assert isinstance(run, KayentaRun)
    assert json.loads(run.start.body)["scopes"]["default"]["controlScope"] == {"scope": "a", **times}


@pytest.mark.parametrize(
    ("score", "phase"),
    [
        (95, Phase.SUCCESSFUL),
        (90, Phase.SUCCESSFUL),
        (80, Phase.INCONCLUSIVE),
        (75, Phase.INCONCLUSIVE),
        (74.9, Phase.FAILED),
    ],
)
def test_kayentas_score_is_a_verdict(score: float, phase: Phase) -> None:
    metric = read_metrics({"metrics": [{"name": "judge", "provider": {"kayenta": KAYENTA}}]})[0]
    body = {"complete": True, "status": "succeeded", "result": {"judgeResult": {"score": {"score": score}}}}

    _, measured = taken(metric, MetricState("judge"), HttpReply(200, json.dumps(body).encode()), "", 0.0, 1.0)

    assert measured.phase is phase


# What lint says.

RANGE = {"start": "now()", "end": "now()", "step": "1m"}


@pytest.mark.parametrize(
    ("provider", "says"),
    [
        ({"web": {"url": ""}}, "provider.web: web url is empty"),
        ({"datadog": {}}, "provider.datadog: Must have either a query or queries"),
        ({"graphite": {"address": "nowhere", "query": "a"}}, "provider.graphite: graphite address is not a URL"),
        ({"kayenta": {**KAYENTA, "threshold": {"pass": 0}}}, "provider.kayenta: kayenta threshold"),
    ],
)
def test_what_cannot_be_asked_is_told_before_a_canary_starts(provider: dict[str, Any], says: str) -> None:
    found = check_spec({"metrics": [{"name": "m", "provider": provider}]})

    assert any(says in finding.text for finding in found if finding.severity == "error")


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"query": "up", "address": "prom:9090"}, "provider.prometheus: prometheus address is not a URL"),
        ({"query": "up{x='{{args.x}}'}", "address": "ftp://p"}, "prometheus address is not a URL"),
        ({"query": "up", "timeout": -1}, "timeout should be a positive number"),
        ({"query": "up", "rangeQuery": {**RANGE, "step": "0s"}}, "rangeQuery.step must be greater than 0"),
        ({"query": "up", "rangeQuery": {**RANGE, "start": "now("}}, "failed to evaluate rangeQuery.start"),
        ({"query": "up", "rangeQuery": {**RANGE, "end": "now() - duration('1h')"}}, "must not be after"),
    ],
)
def test_a_query_that_can_never_be_asked_is_a_warning(spec: dict[str, Any], says: str) -> None:
    found = check_spec({"metrics": [{"name": "m", "provider": {"prometheus": spec}}]})

    assert any(says in finding.text for finding in found if finding.severity == "warning")
    assert [finding.text for finding in found if finding.severity == "error"] == []


@pytest.mark.parametrize(
    "spec",
    [
        {"query": "up"},
        {"query": "up", "address": "{{args.address}}"},
        {"query": "up", "rangeQuery": RANGE},
        {"query": "up", "rangeQuery": {**RANGE, "start": "date('2026-01-01')"}},
        {"query": "up", "rangeQuery": {**RANGE, "end": "date('2026-01-01')"}},
        {"query": "up", "rangeQuery": {**RANGE, "start": "now() - duration('{{args.span}}')"}},
    ],
)
def test_a_query_that_can_be_asked_at_some_moment_or_with_some_argument_is_no_warning(spec: dict[str, Any]) -> None:
    found = check_spec({"metrics": [{"name": "m", "provider": {"prometheus": spec}}]})

    assert [finding.text for finding in found if "provider" in finding.text] == []


def test_a_plugin_that_is_not_installed_here_is_a_warning_and_at_run_time_an_error() -> None:
    spec = {"acme/weather": {"place": "here"}}
    found = check_spec({"metrics": [{"name": "m", "provider": {"plugin": spec}}]})

    assert [finding.severity for finding in found if "acme/weather" in finding.text] == ["warning"]
    with pytest.raises(AnalysisError, match=r"rollouts\.metric_providers"):
        PROVIDERS["plugin"].ask(spec, NOW)


# What no server should say.

HUGE = b"1" * 400


@pytest.mark.parametrize(
    ("name", "spec", "body"),
    [
        ("web", {"url": "http://x"}, HUGE),
        ("web", {"url": "http://x"}, b"1" * 5000),
        ("graphite", {"address": "http://x", "query": "a"}, b'[{"datapoints":[[%b,1]]}]' % HUGE),
        ("datadog", {"query": "a"}, b'{"series":[{"pointlist":[[1,%b]]}]}' % HUGE),
        ("wavefront", {"address": "x", "query": "a"}, b'{"timeseries":[{"data":[[1,%b]]}]}' % HUGE),
        ("newRelic", {"query": "a"}, b'{"errors":[1]}'),
        ("influxdb", {"query": "a"}, b"#datatype,string,long\n,result,_value\n,a"),
        ("influxdb", {"query": "a"}, b',_value\n,"' + b"x" * 200_000 + b'"'),
        ("influxdb", {"query": "a"}, b",_value\n,a\rb\n"),
    ],
)
def test_an_answer_that_nobody_foresaw_is_an_error_and_breaks_nothing(name: str, spec: Any, body: bytes) -> None:
    metric = read_metrics({"metrics": [{"name": "m", "provider": {name: spec}}]})[0]

    _, measured = taken(metric, MetricState("m"), HttpReply(200, body), "", 1.0, 1.0)

    assert measured.phase is Phase.ERROR
    assert measured.message


@pytest.mark.parametrize(
    ("name", "body", "condition"),
    [
        ("newRelic", b'{"data":{"actor":{"account":{"nrql":{"results":[{"rate":0}]}}}}}', "!isNaN(result.rate)"),
        ("skywalking", b'{"data":{"rate":0}}', "!isNaN(result.rate)"),
        ("cloudWatch", b'{"MetricDataResults":[{"Id":"a","Values":[0]}]}', "!isNaN(result[0].Values[0])"),
    ],
)
def test_a_whole_number_of_json_is_a_float_for_conditions(name: str, body: bytes, condition: str) -> None:
    spec = {"query": "a", "metricDataQueries": [{"id": "a", "expression": "b"}]}
    metrics = [{"name": "m", "provider": {name: spec}, "successCondition": condition}]

    _, measured = taken(read_metrics({"metrics": metrics})[0], MetricState("m"), HttpReply(200, body), "", 1.0, 1.0)

    assert (measured.phase, measured.message) == (Phase.SUCCESSFUL, "")
    assert "0.0" not in measured.value


def test_a_job_is_not_begun_with_the_place_holder_of_a_secret() -> None:
    env = [{"name": "TOKEN", "value": "{{args.key}}"}]
    pod = {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b", "env": env}]}
    spec = {"spec": {"template": {"spec": pod}}}
    args = [{"name": "key", "valueFrom": {"secretKeyRef": {"name": "api", "key": "k"}}}]
    metrics = [{"name": "m", "provider": {"job": spec}}]

    with pytest.raises(AnalysisError, match="may not use a secret argument"):
        read_metrics({"metrics": metrics, "args": args})

    assert read_metrics({"metrics": metrics, "args": [{"name": "key", "value": "x"}]})
