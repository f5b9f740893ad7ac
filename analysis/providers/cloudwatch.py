"""Amazon CloudWatch: GetMetricData, signed with the controller's own credentials.

Source: Amazon CloudWatch API Reference, GetMetricData (AWS JSON 1.0 protocol).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from analysis.asks import HttpCall, Sigv4, json_text, shown
from analysis.errors import AnalysisError
from analysis.providers.base import Provider, Reading, Surroundings
from analysis.providers.connection import floats, json_of, part, said, span_s

WHO = "cloudWatch"
INTERVAL_S = 300.0
QUERIES_MAX = 500
TARGET = "GraniteServiceVersion20100801.GetMetricData"


def ask(spec: Mapping[str, Any], around: Surroundings) -> HttpCall:
    """The request of a metric's spec."""
    since_s = around.now_s - span_s(spec, "interval", INTERVAL_S, WHO)
    body = {
        "StartTime": round(since_s),
        "EndTime": round(around.now_s),
        "MetricDataQueries": list(_queries(spec.get("metricDataQueries"))),
    }
    return HttpCall(
        url="https://monitoring.{region}.amazonaws.com/",
        method="POST",
        headers=(("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", TARGET)),
        body=json_text(body),
        sigv4=Sigv4("monitoring"),
        timeout_s=30.0,
    )


def read(answer: Any, spec: Mapping[str, Any]) -> Reading:
    """The results as a list of objects: `result[0].Values[0]`."""
    body = json_of(answer)
    results = body.get("MetricDataResults") if isinstance(body, Mapping) else None
    if not isinstance(results, list) or not all(isinstance(each, Mapping) for each in results):
        raise AnalysisError("bad_response: the answer has no MetricDataResults")
    for each in results:
        if each.get("StatusCode") not in (None, "Complete", "PartialData"):
            raise AnalysisError(f"cloudWatch {str(each.get('Id'))[:64]}: {str(each.get('StatusCode'))[:64]}")
    values = [{"Values": [], **each} for each in results]
    return Reading(floats(values), said([{"Id": each.get("Id"), "Values": each["Values"]} for each in values]))


def metadata(spec: Mapping[str, Any]) -> Mapping[str, str]:
    """The queries as they were asked."""
    return {"ResolvedCloudWatchQuery": shown(json_text(spec.get("metricDataQueries") or []))[:2048]}


PROVIDER = Provider(ask, read, metadata)


def _queries(queries: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(queries, list | tuple) or not queries:
        raise AnalysisError("cloudWatch metricDataQueries is empty")
    if len(queries) > QUERIES_MAX:
        raise AnalysisError(f"cloudWatch takes {QUERIES_MAX} metricDataQueries at most")
    for query in queries:
        given = part(query, "metricDataQueries", WHO)
        asked = {
            "Id": given.get("id"), "Expression": given.get("expression"), "Label": given.get("label"),
            "Period": _whole(given.get("period"), "period"), "ReturnData": given.get("returnData"),
            "MetricStat": _stat(part(given.get("metricStat"), "metricStat", WHO)),
        }  # fmt: skip
        yield {name: value for name, value in asked.items() if value is not None}


def _stat(given: Mapping[str, Any]) -> dict[str, Any] | None:
    if not given:
        return None
    metric = part(given.get("metric"), "metricStat.metric", WHO)
    dimensions = [{"Name": each.get("name"), "Value": each.get("value")} for each in metric.get("dimensions") or ()]
    named = {"Namespace": metric.get("namespace"), "MetricName": metric.get("metricName"), "Dimensions": dimensions}
    asked = {
        "Metric": {name: value for name, value in named.items() if value},
        "Period": _whole(given.get("period"), "metricStat.period"),
        "Stat": given.get("stat"),
        "Unit": given.get("unit") or None,
    }
    return {name: value for name, value in asked.items() if value is not None}


def _whole(value: Any, name: str) -> int | None:
    if value is None:
        return None
    try:
        return int(str(value))
    except ValueError:
        raise AnalysisError(f"cloudWatch {name} must be a number of seconds, got {str(value)[:32]}") from None
