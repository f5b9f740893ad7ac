"""Datadog: a query over a span of time (v1), or queries and a formula (v2).

Source: Datadog API reference, "Query timeseries points" (v1) and "Query scalar data across multiple products" (v2).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from analysis.asks import HttpCall, SecretRef, home, json_text, shown, slot
from analysis.errors import AnalysisError
from analysis.providers.base import Provider, Reading, Surroundings
from analysis.providers.connection import json_of, number, part, said, span_s

WHO = "datadog"
ADDRESS = "https://api.datadoghq.com"
INTERVAL_S, TIMEOUT_S = 300.0, 10.0
AGGREGATORS = ("avg", "min", "max", "sum", "last", "percentile", "mean", "l2norm", "area")


def ask(spec: Mapping[str, Any], around: Surroundings) -> HttpCall:
    """The request of a metric's spec; address and keys come from a Secret."""
    version = str(spec.get("apiVersion") or "v1").lower()
    query, queries = str(spec.get("query") or ""), part(spec.get("queries"), "queries", WHO)
    if query and queries:
        raise AnalysisError("Cannot have both a query and queries. Please review the Analysis Template.")
    if not query and not queries:
        raise AnalysisError("Must have either a query or queries. Please review the Analysis Template.")
    since_s = around.now_s - span_s(spec, "interval", INTERVAL_S, WHO)
    timeout_s = span_s(spec, "requestTimeout", TIMEOUT_S, WHO)
    key = _secret(part(spec.get("secretRef"), "secretRef", WHO))
    headers = (
        ("Content-Type", "application/json"), ("DD-API-KEY", key("api-key")), ("DD-APPLICATION-KEY", key("app-key")),
    )  # fmt: skip
    address = key("address")
    if version == "v1":
        return _v1(spec, f"{address}/api/v1/query", (since_s, around.now_s), headers, timeout_s)
    if version != "v2":
        raise AnalysisError(f"datadog apiVersion must be v1 or v2, got {version[:16]}")
    body = _scalar(spec, queries or {"query": query}, since_s, around.now_s)
    return HttpCall(f"{address}/api/v2/query/scalar", "POST", headers=headers, body=body, timeout_s=timeout_s)


def read(answer: Any, spec: Mapping[str, Any]) -> Reading:
    """The last point of the first series (v1), the number or those of all groups (v2); nil where there is no data."""
    body = json_of(answer)
    if not isinstance(body, Mapping):
        raise AnalysisError("bad_response: the answer is no object")
    if body.get("status") == "error" or body.get("error"):
        raise AnalysisError(f"There were errors in your query: {str(body.get('error') or body.get('errors'))[:256]}")
    inner = body.get("data")
    if complaint := body.get("errors") or (inner.get("errors") if isinstance(inner, Mapping) else None):
        raise AnalysisError(f"There were errors in your query: {str(complaint)[:256]}")
    value = _last_point(body) if "series" in body else _columns(body)
    return Reading(value, "[]" if value is None else said(value))


def metadata(spec: Mapping[str, Any]) -> Mapping[str, str]:
    """The queries as they were asked."""
    queries = spec.get("queries")
    found = {"query": spec["query"]} if spec.get("query") else dict(queries) if isinstance(queries, Mapping) else {}
    shown_all = {name: shown(str(text)) for name, text in found.items()}
    if not shown_all:
        return {}
    only = next(iter(shown_all.values())) if spec.get("query") else json.dumps(shown_all)
    formula = {"ResolvedDatadogFormula": shown(str(spec["formula"]))} if spec.get("formula") else {}
    return {"ResolvedDatadogQuery" if spec.get("query") else "ResolvedDatadogQueries": only, **formula}


PROVIDER = Provider(ask, read, metadata)


def _secret(ref: Mapping[str, Any]) -> Any:
    """Where a key of the account comes from: beside the run if it says so, else beside the controller."""
    name = str(ref.get("name") or "datadog")
    if ref.get("namespaced") is True:
        return lambda key: slot(SecretRef(name, key))
    return lambda key: home(name, key, ADDRESS if key == "address" else None)


def _v1(
    spec: Mapping[str, Any],
    url: str,
    span: tuple[float, float],
    headers: tuple[tuple[str, str], ...],
    timeout_s: float,
) -> HttpCall:
    if spec.get("queries") or spec.get("formula") or spec.get("aggregator"):
        raise AnalysisError("Query is empty or queries, formula and aggregator are used. API Version v1 needs a query.")
    params = (("query", str(spec["query"])), ("from", f"{span[0]:.0f}"), ("to", f"{span[1]:.0f}"))
    return HttpCall(url, params=params, headers=headers, timeout_s=timeout_s)


def _scalar(spec: Mapping[str, Any], queries: Mapping[str, Any], since_s: float, now_s: float) -> str:
    formula, aggregator = str(spec.get("formula") or ""), str(spec.get("aggregator") or "last")
    if aggregator not in AGGREGATORS:
        raise AnalysisError(f"datadog aggregator must be one of {', '.join(AGGREGATORS)}, got {aggregator[:32]}")
    if len(queries) > 1 and not formula:
        raise AnalysisError("When multiple queries are provided you must include a formula.")
    asked = [
        {"aggregator": aggregator, "data_source": "metrics", "name": name, "query": str(text)}
        for name, text in queries.items()
    ]
    attributes = {
        "from": round(since_s * 1000), "to": round(now_s * 1000), "queries": asked,
        "formulas": [{"formula": formula or next(iter(queries))}],
    }  # fmt: skip
    return json_text({"data": {"type": "scalar_request", "attributes": attributes}})


def _last_point(body: Mapping[str, Any]) -> float | None:
    series = body["series"]
    if not series:
        return None
    points = series[0].get("pointlist") if isinstance(series, list) and isinstance(series[0], Mapping) else None
    if not points:
        return None
    try:
        value = points[-1][1]
    except (IndexError, TypeError, KeyError):
        raise AnalysisError("bad_response: a point is not a time and a number") from None
    return None if value is None else number(value)


def _columns(body: Mapping[str, Any]) -> float | list[float] | None:
    """The number of a query, or those of all groups of one `by {tag}`; None where there is none."""
    try:
        columns = body["data"]["attributes"]["columns"] or ()
        values = next((column["values"] for column in columns if column.get("type", "number") == "number"), ())
        is_grouped = any(column.get("type") == "group" for column in columns)
    except (KeyError, TypeError, AttributeError):
        raise AnalysisError("bad_response: the answer has no columns") from None
    known = [number(value) for value in values if value is not None]
    if not known:
        return None
    return known if is_grouped else known[0]
